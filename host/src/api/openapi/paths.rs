//! Every route, in the order in which a reader meets them.

use serde_json::json;

use crate::error::ErrorCode::{
    self, BackendInvalid, BackendNotFound, Conflict, ContextNotFound, DeadlineExceeded,
    InvalidParams, JobNotFound, LimitExceeded, Overloaded, PolicyDenied, SessionBusy, SessionEnded,
    SessionExists, SessionFailed, SessionNotFound, ToolAmbiguous, ToolNotFound, ToolTrapped,
    UnsupportedSnapshot,
};

use super::super::http::backends::{BackendBody, PutQuery, WarmupBody};
use super::super::http::batch::BatchBody;
use super::super::http::execute::CallBody;
use super::super::http::jobs::{EventsQuery, ListQuery as JobsQuery, WaitQuery};
use super::super::http::logs::{LogBody, LogQuery};
use super::super::http::sessions::{
    CreateBody, ListQuery as SessionsQuery, PatchBody, SessionBody,
};
use super::super::http::states::{CheckpointBody, ForkBody, NewCheckpointBody, RestoreBody};
use super::super::http::tools::{ListQuery as ToolsQuery, ToolBody, ToolList};
use super::super::http::usage::UsageBody;
use super::answers::{
    Alive, Answer, Backends, BatchAnswer, Checkpoints, EventPage, Forks, Job, JobAccepted, JobList,
    PolicyReload, Ready, Restored, SessionList, Stopping, Warmths, WarmupReport,
};
use super::operation::Operation;

/// What a session's route can say of the session.
const OF_SESSION: [ErrorCode; 3] = [SessionNotFound, SessionEnded, SessionFailed];
/// What reaching a session's guest can come to.
const OF_GUEST: [ErrorCode; 6] = [
    SessionBusy,
    DeadlineExceeded,
    LimitExceeded,
    ToolTrapped,
    Overloaded,
    UnsupportedSnapshot,
];
const OF_CALL: [ErrorCode; 6] = [
    InvalidParams,
    ToolNotFound,
    ToolAmbiguous,
    BackendNotFound,
    BackendInvalid,
    Conflict,
];

pub(super) fn all() -> Vec<Operation> {
    [
        calls(),
        jobs(),
        tools(),
        sessions(),
        states(),
        backends(),
        machines(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn calls() -> Vec<Operation> {
    let answer = json!({"request_id": "req_0123456789abcdef00000001", "action": "vm:screenshot", "result": {"width": 320, "height": 200}, "is_error": false,
        "usage": {"duration_us": 180, "queue_us": 2, "memory_bytes": 1_179_648, "host_calls": 1}});
    let key = json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"});
    vec![
        Operation::new("post", "/v1/execute", "execute", "Call a tool")
            .describe("Waits for the answer unless `wait` or `wait_ms` say otherwise; then the call goes on as a job. With `Accept: text/event-stream` the answer is the job's events as they happen, the result as the last of them.")
            .header("Idempotency-Key", "The same request with the same key runs once, however often it is sent.", key)
            .body::<CallBody<'_>>(json!({"action": "code:run", "params": {"source": "1 + 1"}}))
            .answer::<Answer>(200, "The tool's answer; one that says no has `is_error`.", Some(answer))
            .other_answer(200, "Events.", "text/event-stream")
            .answer::<JobAccepted>(202, "The call goes on, and this is its job.", None)
            .errors(OF_CALL)
            .errors(OF_SESSION)
            .errors(OF_GUEST)
            .errors([PolicyDenied]),
        Operation::new("post", "/v1/execute/batch", "execute_batch", "Make several calls")
            .body::<BatchBody<'_>>(json!({"calls": [{"action": "code:run", "params": {"source": "1 + 1"}}], "parallel": true}))
            .answer::<BatchAnswer>(200, "Every call succeeded.", None)
            .answer::<BatchAnswer>(207, "Not every call did: each answer says for itself.", None)
            .errors(OF_CALL)
            .errors(OF_SESSION)
            .errors(OF_GUEST),
    ]
}

fn jobs() -> Vec<Operation> {
    let last = json!({"type": "string", "pattern": "^[0-9]{1,18}$"});
    vec![
        Operation::new("get", "/v1/jobs", "list_jobs", "List jobs, newest first")
            .query::<JobsQuery>()
            .answer::<JobList>(200, "A page of the caller's jobs, without their answers.", None)
            .errors([SessionNotFound]),
        Operation::new("get", "/v1/jobs/{id}", "get_job", "Look at a job, or wait for it")
            .query::<WaitQuery>()
            .answer::<Job>(200, "The job; with its answer or its error if it is done.", None)
            .errors([JobNotFound]),
        Operation::new("delete", "/v1/jobs/{id}", "forget_job", "Forget a job that is done")
            .other_answer(204, "It is forgotten.", "")
            .errors([JobNotFound, Conflict]),
        Operation::new("get", "/v1/jobs/{id}/events", "read_events", "Read a job's events, page by page or as a stream")
            .describe("With `Accept: text/event-stream` it is a stream of server-sent events that ends with the job, and goes on after `Last-Event-ID`.")
            .query::<EventsQuery>()
            .header("Last-Event-ID", "The number of the last event that was seen.", last)
            .answer::<EventPage>(200, "Events.", None)
            .other_answer(200, "Events.", "text/event-stream")
            .errors([JobNotFound]),
        Operation::new("post", "/v1/jobs/{id}/cancel", "cancel_job", "Stop a job's guest")
            .describe("Answers when the guest has stopped. A job that is done stays as it is.")
            .answer::<Job>(200, "The job; its error says what became of the session.", None)
            .errors([JobNotFound]),
    ]
}

fn tools() -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            "/v1/tools",
            "list_tools",
            "List tools with their schemas",
        )
        .query::<ToolsQuery>()
        .answer::<ToolList>(200, "All tools, by backend.", None),
        Operation::new(
            "get",
            "/v1/tools/{name}",
            "get_tool",
            "Look at a tool, by any of its names",
        )
        .answer::<ToolBody>(200, "The tool.", None)
        .errors([ToolNotFound, ToolAmbiguous]),
    ]
}

fn sessions() -> Vec<Operation> {
    let one = "/v1/sessions/{id}";
    vec![
        Operation::new(
            "get",
            "/v1/sessions",
            "list_sessions",
            "List sessions, newest first",
        )
        .query::<SessionsQuery>()
        .answer::<SessionList>(200, "A page of live sessions.", None),
        Operation::new("post", "/v1/sessions", "create_session", "Begin a session")
            .body::<CreateBody>(
                json!({"backend": "code", "name": "mine", "labels": {"app": "chat"}}),
            )
            .answer::<SessionBody>(
                201,
                "The session, with its token, which is shown this once.",
                None,
            )
            .errors([SessionNotFound])
            .answer::<SessionBody>(200, "It was there, and `if_exists` is `return`.", None)
            .errors([
                BackendNotFound,
                BackendInvalid,
                Conflict,
                SessionExists,
                InvalidParams,
                PolicyDenied,
                ContextNotFound,
                Overloaded,
            ])
            .errors([
                ToolTrapped,
                LimitExceeded,
                DeadlineExceeded,
                UnsupportedSnapshot,
            ]),
        Operation::new("get", one, "get_session", "Look at a session")
            .answer::<SessionBody>(200, "The session.", None)
            .errors(OF_SESSION),
        Operation::new(
            "patch",
            one,
            "change_session",
            "Change a session's labels, or when its state is saved",
        )
        .optional_body::<PatchBody>(json!({"labels": {"app": "chat"}, "checkpoint": "call"}))
        .answer::<SessionBody>(200, "The session.", None)
        .errors(OF_SESSION),
        Operation::new("delete", one, "destroy_session", "End a session")
            .answer::<SessionBody>(
                200,
                "The session as it was; `cleanup` says how its guest took it.",
                None,
            )
            .errors(OF_SESSION),
        Operation::new(
            "post",
            "/v1/sessions/{id}/keep-alive",
            "keep_alive",
            "Put off a session's end",
        )
        .answer::<SessionBody>(200, "The session.", None)
        .errors(OF_SESSION),
        Operation::new(
            "get",
            "/v1/sessions/{id}/logs",
            "read_log",
            "Read what a session's guest has written",
        )
        .query::<LogQuery>()
        .answer::<LogBody>(200, "Lines.", None)
        .errors(OF_SESSION),
    ]
}

fn states() -> Vec<Operation> {
    let checkpoints = "/v1/sessions/{id}/checkpoints";
    vec![
        Operation::new(
            "get",
            checkpoints,
            "list_checkpoints",
            "List a session's checkpoints",
        )
        .answer::<Checkpoints>(200, "Oldest first.", None)
        .errors(OF_SESSION),
        Operation::new("post", checkpoints, "checkpoint", "Save a session's state")
            .optional_body::<NewCheckpointBody>(json!({"name": "before the upgrade"}))
            .answer::<CheckpointBody>(201, "The checkpoint, on disk.", None)
            .errors(OF_SESSION)
            .errors(OF_GUEST),
        Operation::new(
            "post",
            "/v1/sessions/{id}/restore",
            "restore",
            "Go back to a checkpoint",
        )
        .body::<RestoreBody>(json!({"checkpoint": "c1"}))
        .answer::<Restored>(200, "The session, and the checkpoint that it is at.", None)
        .errors(OF_SESSION)
        .errors(OF_GUEST),
        Operation::new(
            "post",
            "/v1/sessions/{id}/fork",
            "fork",
            "Make sessions that begin where this one is",
        )
        .optional_body::<ForkBody>(json!({"count": 3, "name": "idea"}))
        .answer::<Forks>(201, "Every fork is there.", None)
        .answer::<Forks>(207, "Not every fork is: each stands for itself.", None)
        .errors(OF_SESSION)
        .errors(OF_GUEST)
        .errors([SessionExists]),
        Operation::new(
            "post",
            "/v1/sessions/{id}/suspend",
            "suspend",
            "Park a session on disk until its next call",
        )
        .answer::<SessionBody>(200, "The session.", None)
        .errors(OF_SESSION)
        .errors(OF_GUEST),
        Operation::new(
            "post",
            "/v1/sessions/{id}/resume",
            "resume",
            "Bring a session back into memory",
        )
        .answer::<SessionBody>(200, "The session.", None)
        .errors(OF_SESSION)
        .errors(OF_GUEST),
    ]
}

fn backends() -> Vec<Operation> {
    let one = "/v1/backends/{name}";
    let digest = || json!({"type": "string", "pattern": "^[!-~]+$"});
    vec![
        Operation::new(
            "get",
            "/v1/backends",
            "list_backends",
            "List backends, and what could not be loaded",
        )
        .answer::<Backends>(200, "By name.", None),
        Operation::new("get", one, "get_backend", "Look at a backend")
            .answer::<BackendBody>(200, "The backend.", None)
            .errors([BackendNotFound]),
        Operation::new(
            "put",
            one,
            "put_backend",
            "Load a component, in place of an older one",
        )
        .describe("Sessions of the older one go on with it until they end. The answer says what is other than in that one; where the host asks for it, what imports more or says other things needs `approve`.")
        .query::<PutQuery>()
        .header(
            "If-Match",
            "Replace just the component with this digest.",
            digest(),
        )
        .component()
        .answer::<BackendBody>(200, "The backend.", None)
        .errors([BackendInvalid, Conflict, PolicyDenied]),
        Operation::new("delete", one, "delete_backend", "Unload a backend")
            .header(
                "If-Match",
                "Unload just the component with this digest.",
                digest(),
            )
            .answer::<BackendBody>(200, "The backend as it was.", None)
            .errors([BackendNotFound, Conflict]),
        Operation::new(
            "get",
            "/v1/warmup",
            "get_warmth",
            "See how warm the backends are",
        )
        .answer::<Warmths>(200, "By name.", None),
        Operation::new("post", "/v1/warmup", "warm_up", "Warm backends up")
            .optional_body::<WarmupBody>(json!({"backends": ["code"]}))
            .answer::<WarmupReport>(200, "Every one of them is warm.", None)
            .answer::<WarmupReport>(207, "Not every one is: each says why.", None)
            .errors([BackendNotFound]),
    ]
}

fn machines() -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            "/v1/contexts/{name}",
            "get_context",
            "Look at a context",
        )
        .without_caller()
        .describe("Contexts come with a later version; until then nobody has one.")
        .errors([ContextNotFound]),
        Operation::new("post", "/v1/policy/reload", "reload_policy", "Read the configuration anew")
            .describe("New grants hold from the next call on, also in live sessions; what is no longer granted is gone.")
            .answer::<PolicyReload>(200, "What changed, by backend.", None)
            .errors([Conflict]),
        Operation::new(
            "get",
            "/v1/usage",
            "get_usage",
            "See what a worker has used",
        )
        .answer::<UsageBody>(
            200,
            "The caller's own, with the limits and how much of each is used.",
            None,
        ),
        Operation::new("post", "/v1/shutdown", "shutdown", "Ask the host to stop")
            .answer::<Stopping>(
                202,
                "It finishes the calls that run, saves the sessions and stops.",
                None,
            ),
        Operation::new("get", "/healthz", "healthz", "The process runs")
            .without_caller()
            .answer::<Alive>(200, "It does.", None),
        Operation::new("get", "/readyz", "readyz", "Calls are taken")
            .without_caller()
            .answer::<Ready>(200, "They are.", None),
        Operation::new(
            "get",
            "/metrics",
            "metrics",
            "Counters, in the format of Prometheus",
        )
        .other_answer(200, "Counters.", "text/plain"),
        Operation::new("get", "/openapi.json", "openapi", "This document")
            .without_caller()
            .other_answer(200, "The document.", "application/json"),
        Operation::new("get", "/docs", "docs", "This document, for people").other_answer(
            200,
            "A page.",
            "text/html",
        ),
    ]
}
