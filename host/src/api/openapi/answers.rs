//! Schemas of answers that are written without a type of their own, because a tool's JSON is copied into them. Documentation only: a test
//! holds real answers against them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::error::ErrorCode;

use super::super::http::backends::BackendBody;
use super::super::http::sessions::SessionBody;
use super::super::http::states::CheckpointBody;

/// Why a request was not served (RFC 9457). Other members say more, by code: `pointer`, `expected`, `found`, `candidates`, `session`, ...
#[derive(JsonSchema)]
pub(super) struct Problem {
    /// `urn:hostel:error:` and the code.
    r#type: String,
    title: String,
    status: u16,
    #[schemars(schema_with = "codes")]
    code: String,
    /// What went wrong, and with what.
    detail: String,
    /// What to do about it.
    #[schemars(default)]
    hint: Option<String>,
    request_id: String,
}

fn codes(_: &mut SchemaGenerator) -> Schema {
    let codes = ErrorCode::ALL.map(ErrorCode::as_str);
    json_schema!({"type": "string", "enum": codes})
}

/// The answer to a call: `result`, or the tool's own `error`.
#[derive(JsonSchema)]
pub(super) struct Answer {
    request_id: String,
    /// `backend:tool`.
    action: String,
    /// Where it ran; not there for a stateless tool.
    #[schemars(default)]
    session: Option<CalledIn>,
    /// The tool's value, as its output schema says.
    #[schemars(default)]
    result: Value,
    /// The tool's own error, as its output schema says.
    #[schemars(default)]
    error: Value,
    /// What the guest reached for and did not get, if there is any of it.
    #[schemars(default)]
    denied: Vec<Denied>,
    /// True when the tool said no.
    is_error: bool,
    usage: Usage,
    /// If the call was a job.
    #[schemars(default)]
    job: Option<String>,
}

#[derive(JsonSchema)]
struct Denied {
    /// `GET https://example.com/`
    what: String,
    why: String,
    /// What the operator can write into the backend's policy. Null: no rule could allow it.
    allow: Option<String>,
}

/// What reading the policy anew came to.
#[derive(JsonSchema)]
pub(super) struct PolicyReload {
    request_id: String,
    backends: Vec<PolicyChange>,
}

#[derive(JsonSchema)]
struct PolicyChange {
    backend: String,
    /// `nothing`; `grants`: what is asked for at each use; `reloaded`: also what instances have from their start.
    changed: String,
}

#[derive(JsonSchema)]
struct CalledIn {
    /// Null: it was temporary and is gone.
    id: Option<String>,
    name: String,
    temporary: bool,
    /// Which call of the session this was, from 1.
    call: u64,
}

/// What a call took.
#[derive(JsonSchema)]
struct Usage {
    /// Time in the guest and in host calls on its behalf.
    duration_us: u64,
    /// Time waiting for the session, an instance or a warmup.
    queue_us: u64,
    /// All memories of the instance after the call.
    memory_bytes: u64,
    /// Calls from the guest into the host.
    host_calls: u64,
}

#[derive(JsonSchema)]
pub(super) struct BatchAnswer {
    request_id: String,
    total: usize,
    executed: usize,
    /// Calls that neither failed nor had their tool say no.
    succeeded: usize,
    /// In the order of the calls.
    results: Vec<AnswerOrProblem>,
    /// Of a transaction that was not carried out.
    #[schemars(default)]
    rolled_back_to: Option<BTreeMap<String, u64>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum AnswerOrProblem {
    Answer(Answer),
    Problem(Problem),
}

/// A call that nobody has to wait for.
#[derive(JsonSchema)]
pub(super) struct Job {
    id: String,
    /// `backend:tool`.
    action: String,
    /// One of queued, running, succeeded, failed, cancelled.
    state: String,
    worker: String,
    /// Where it runs; null before it does, and for one in an instance of its own.
    session: Option<JobSession>,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// The guest's newest report.
    progress: Option<Progress>,
    /// The number of the newest event.
    events: u64,
    cancel_requested: bool,
    /// If it succeeded, and is still kept.
    #[schemars(default)]
    answer: Option<Answer>,
    /// If it failed or was cancelled, and is still kept.
    #[schemars(default)]
    error: Option<Problem>,
    /// The answer was too old or too large to be kept.
    #[schemars(default)]
    answer_dropped: Option<bool>,
}

#[derive(JsonSchema)]
struct JobSession {
    id: String,
    name: String,
}

#[derive(JsonSchema)]
struct Progress {
    done: u64,
    /// Null: not known.
    total: Option<u64>,
    message: String,
}

#[derive(JsonSchema)]
pub(super) struct JobAccepted {
    request_id: String,
    job: Job,
}

#[derive(JsonSchema)]
pub(super) struct JobList {
    jobs: Vec<Job>,
    /// On all pages.
    total: usize,
    /// Null: this is the last page.
    next_cursor: Option<String>,
}

#[derive(JsonSchema)]
pub(super) struct EventPage {
    events: Vec<JobEvent>,
    /// `after` of the next page.
    next: u64,
    /// Events before these that the log has lost.
    dropped: u64,
    /// There will be no more.
    done: bool,
}

/// What else it has depends on its type: progress has `done`, `total`, `message`; stdout and stderr `text`; log `level`, `message`, `fields`;
/// result `answer`; error and cancelled `error`; dropped `count`. The last one is result, error or cancelled.
#[derive(JsonSchema)]
struct JobEvent {
    /// From 1, without gaps.
    id: u64,
    at: String,
    /// One of queued, started, progress, stdout, stderr, log, dropped, result, error, cancelled.
    r#type: String,
    #[schemars(flatten)]
    rest: Map<String, Value>,
}

#[derive(JsonSchema)]
pub(super) struct SessionList {
    /// Newest first.
    sessions: Vec<SessionBody>,
    /// On all pages.
    total: usize,
    /// Null: this is the last page.
    next_cursor: Option<String>,
}

#[derive(JsonSchema)]
pub(super) struct Checkpoints {
    /// Oldest first.
    checkpoints: Vec<CheckpointBody>,
}

#[derive(JsonSchema)]
pub(super) struct Restored {
    #[schemars(flatten)]
    session: SessionBody,
    /// Where it is now.
    restored: CheckpointBody,
}

#[derive(JsonSchema)]
pub(super) struct Forks {
    total: usize,
    succeeded: usize,
    /// Each a session with its token, or a problem.
    forks: Vec<SessionOrProblem>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum SessionOrProblem {
    Session(Box<SessionBody>),
    Problem(Problem),
}

#[derive(JsonSchema)]
pub(super) struct Backends {
    count: usize,
    backends: Vec<BackendBody>,
    /// Components that could not be loaded, and why.
    problems: Vec<LoadProblem>,
}

#[derive(JsonSchema)]
struct LoadProblem {
    name: String,
    message: String,
}

#[derive(JsonSchema)]
pub(super) struct Warmths {
    /// By name.
    backends: BTreeMap<String, Warmth>,
}

#[derive(JsonSchema)]
pub(super) struct WarmupReport {
    request_id: String,
    /// All of them are.
    warm: bool,
    /// By name.
    backends: BTreeMap<String, Warmth>,
}

/// How warm a backend is. `start` says where its instances begin: plain, image, cached_image or without_image, and why.
#[derive(JsonSchema)]
struct Warmth {
    /// One of cold, warming, warm, failed.
    state: String,
    #[schemars(flatten)]
    rest: Map<String, Value>,
}

#[derive(JsonSchema)]
pub(super) struct Alive {
    status: String,
    version: String,
    uptime_seconds: u64,
}

#[derive(JsonSchema)]
pub(super) struct Ready {
    status: String,
    backends: usize,
    problems: usize,
    tools: usize,
    sessions: usize,
}

#[derive(JsonSchema)]
pub(super) struct Stopping {
    request_id: String,
    status: String,
}
