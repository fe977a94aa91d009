//! Calls that somebody follows: notices of progress while they run, and the `tasks` extension for those that take long. Behind both are
//! Hostel's jobs; a task is a job, and its id the job's.

use std::time::{Duration, SystemTime};

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, DetailedTask, ErrorCode, JsonObject, ProgressNotificationParam, ProgressToken,
    Task, TaskPayload, TaskStatus,
};
use rmcp::service::{Peer, RoleServer};
use serde_json::{Value, json};

use crate::api::http::problem::document;
use crate::api::http::sessions::timestamp;
use crate::error::Error;
use crate::host::{Job, JobInfo, JobOutcome, JobState};
use crate::watch::EventKind;

use super::menu::Offered;
use super::result;
use super::revision::Revision;

/// A call that is not done by then becomes a task, for clients that know tasks. Most calls are done long before.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How often a client should ask.
const POLL_INTERVAL_MS: u64 = 500;
const EVENTS_AT_ONCE: usize = 100;

/// Sends what the guest says of its progress, until the job is done. Only what is further than before: a client may rely on that.
pub(super) async fn follow(job: &Job, peer: &Peer<RoleServer>, token: &ProgressToken) {
    let (mut after, mut furthest) = (0, None);
    loop {
        job.grown(after).await;
        let page = job.page(after, EVENTS_AT_ONCE);
        for event in page.events {
            let EventKind::Progress {
                done,
                total,
                message,
            } = event.kind
            else {
                continue;
            };
            if furthest.is_some_and(|furthest| done <= furthest) {
                continue;
            }
            furthest = Some(done);
            let mut notice = ProgressNotificationParam::new(token.clone(), float(done));
            notice.total = total.map(float);
            notice.message = Some(message.into()).filter(|message: &String| !message.is_empty());
            if peer.notify_progress(notice).await.is_err() {
                // The client is gone; the job is not its prisoner.
                return job.ended().await;
            }
        }
        after = page.next;
        if page.is_done {
            return;
        }
    }
}

/// What the call came to, once it is done.
pub(super) fn ended(job: &Job, revision: Revision) -> CallToolResult {
    match job.info().outcome {
        Some(JobOutcome::Answer(executed)) => {
            result::answered(&Offered::of(&executed.tool), &executed, revision)
        }
        Some(JobOutcome::Error(error)) => result::refused(&error, job.request_id()),
        None => result::refused(&forgotten(), job.request_id()),
    }
}

/// The task that a job is.
pub(super) fn task(info: &JobInfo, keep: Duration) -> Task {
    let changed = info.finished_at.or(info.started_at);
    let mut task = Task::new(
        info.id.as_str(),
        status(info.state),
        timestamp(info.created_at),
        timestamp(changed.unwrap_or(info.created_at)),
    )
    .with_poll_interval_ms(POLL_INTERVAL_MS);
    task.ttl_ms = info.finished_at.map(|at| kept(info.created_at, at, keep));
    if let (Some((done, total, message)), false) = (&info.progress, info.state.is_end()) {
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        task.status_message = Some(format!("{done}{of} {message}").trim_end().to_owned());
    }
    task
}

/// The task with what came of it.
pub(super) fn detailed(job: &Job, keep: Duration, revision: Revision) -> DetailedTask {
    let info = job.info();
    let payload = match (info.state, &info.outcome) {
        (JobState::Queued | JobState::Running, _) => TaskPayload::Working,
        (JobState::Cancelled, _) => TaskPayload::Cancelled,
        (_, Some(JobOutcome::Answer(_))) => TaskPayload::Completed {
            result: object(json!(ended(job, revision))),
        },
        (_, Some(JobOutcome::Error(error))) => failed(error, &info),
        (_, None) => failed(&forgotten(), &info),
    };
    DetailedTask::new(task(&info, keep), payload)
}

fn failed(error: &Error, info: &JobInfo) -> TaskPayload {
    let problem = document(error, &info.request_id);
    let message = format!("{}: {}", error.code(), error.message());
    let error = ErrorData::new(ErrorCode::INTERNAL_ERROR, message, Some(problem));
    TaskPayload::Failed {
        error: object(json!(error)),
    }
}

fn status(state: JobState) -> TaskStatus {
    match state {
        JobState::Queued | JobState::Running => TaskStatus::Working,
        JobState::Succeeded => TaskStatus::Completed,
        JobState::Failed => TaskStatus::Failed,
        JobState::Cancelled => TaskStatus::Cancelled,
    }
}

/// Milliseconds from the job's beginning until nobody knows of its answer any more.
fn kept(created: SystemTime, finished: SystemTime, keep: Duration) -> u64 {
    let ran = finished.duration_since(created).unwrap_or_default();
    u64::try_from((ran + keep).as_millis()).unwrap_or(u64::MAX)
}

fn forgotten() -> Error {
    Error::new(
        crate::error::ErrorCode::JobNotFound,
        "the answer of the call is no longer kept",
    )
    .hint("call again")
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(members) => members,
        _ => JsonObject::new(),
    }
}

/// JSON has one kind of numbers; nobody counts to 2^53.
#[expect(clippy::cast_precision_loss, reason = "progress is for people")]
fn float(number: u64) -> f64 {
    number as f64
}
