//! Jobs: calls that nobody has to wait for. Each has an event log behind every way of reading it, and one end: an answer, an error, or
//! that it was cancelled. `job/table.rs` finds jobs and forgets them in time; who runs the call is `host/jobs.rs`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::ids::{IdempotencyKey, JobId, RequestId, SessionId, SessionName, WorkerId};
use crate::session::Executed;
use crate::watch::{EventKind, EventPage, Watch};

mod table;

pub(crate) use table::{Begun, Jobs, NewJob};
pub use table::{JobPage, JobQuery};

/// What is kept of jobs.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    /// How long answers and events stay after the end. Default 10 minutes.
    pub keep: Duration,
    /// Jobs of one worker, finished ones included; the oldest of those give way. Default 1,000.
    pub per_worker: usize,
    /// Bytes of all answers and events that are kept after their jobs' ends; the oldest of workers with more than their share give way. Default 64 MiB.
    pub kept_bytes: usize,
    /// Bytes of one job's event log; the oldest events give way. Default 256 KiB.
    pub event_bytes: usize,
}

impl Default for JobLimits {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(600),
            per_worker: 1_000,
            kept_bytes: 64 << 20,
            event_bytes: 256 << 10,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for the session, for an instance or for the backend's warmup.
    Queued,
    Running,
    /// The tool answered, be it with its own error.
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How a job ended.
#[derive(Clone, Debug)]
pub enum JobOutcome {
    Answer(Arc<Executed>),
    /// It failed, or it was cancelled; the error's details say what became of the session.
    Error(Error),
}

/// A call with a name of its own.
#[derive(Debug)]
pub struct Job {
    id: JobId,
    /// Counts jobs of this host: newest first is highest first.
    serial: u64,
    worker: WorkerId,
    /// It was begun with this session's token, which opens it, too.
    only: Option<SessionId>,
    /// `backend:tool`.
    action: String,
    request_id: RequestId,
    key: Option<Key>,
    created_at: SystemTime,
    watch: Arc<Watch>,
    end: Mutex<Option<End>>,
}

/// The caller's own name for the request, and what the request was.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) key: IdempotencyKey,
    pub(crate) request: blake3::Hash,
}

#[derive(Debug)]
struct End {
    at: SystemTime,
    state: JobState,
    /// None: it was not kept for so long.
    outcome: Option<JobOutcome>,
}

/// A job at one moment.
#[derive(Clone, Debug)]
pub struct JobInfo {
    pub id: JobId,
    pub action: String,
    pub state: JobState,
    pub worker: WorkerId,
    pub request_id: RequestId,
    /// Where it runs; none until it has begun, and for one in an instance of its own.
    pub session: Option<(SessionId, SessionName)>,
    pub created_at: SystemTime,
    pub started_at: Option<SystemTime>,
    pub finished_at: Option<SystemTime>,
    /// The guest's newest report: done, total, message.
    pub progress: Option<(u64, Option<u64>, String)>,
    /// The number of the newest event.
    pub events: u64,
    pub cancel_requested: bool,
    /// None before the end, and when it is no longer kept.
    pub outcome: Option<JobOutcome>,
}

impl Job {
    pub fn id(&self) -> &JobId {
        &self.id
    }

    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub fn info(&self) -> JobInfo {
        let started = self.watch.started();
        let (state, finished_at, outcome) = {
            let end = self.end();
            let kept = end.as_ref();
            let outcome = kept.and_then(|end| end.outcome.clone());
            (self.state_at(&end), kept.map(|end| end.at), outcome)
        };
        let progress = match self.watch.events.progress() {
            Some(EventKind::Progress {
                done,
                total,
                message,
            }) => Some((done, total, message.into())),
            _ => None,
        };
        JobInfo {
            id: self.id.clone(),
            action: self.action.clone(),
            state,
            worker: self.worker.clone(),
            request_id: self.request_id.clone(),
            session: started.and_then(|started| started.session.clone()),
            created_at: self.created_at,
            started_at: started.map(|started| started.at),
            finished_at,
            progress,
            events: self.watch.events.last(),
            cancel_requested: self.watch.is_stopping(),
            outcome,
        }
    }

    /// Events after number `after`, at most `limit`.
    pub fn page(&self, after: u64, limit: usize) -> EventPage {
        self.watch.events.page(after, limit)
    }

    /// Waits until there is an event after number `after`, or there will be none.
    pub async fn grown(&self, after: u64) {
        self.watch.events.grown(after).await;
    }

    /// Waits for the end.
    pub async fn ended(&self) {
        self.watch.events.ended().await;
    }

    /// Asks the call to stop; its end says what became of it.
    pub(crate) fn stop(&self) {
        self.watch.stop();
    }

    pub(crate) fn watch(&self) -> Arc<Watch> {
        self.watch.clone()
    }

    /// True once, for whoever ends it.
    fn finish(&self, outcome: Result<Executed>) -> bool {
        let mut end = self.end();
        if end.is_some() {
            return false;
        }
        let (state, outcome) = match outcome {
            Ok(mut executed) => {
                // It is kept for long.
                executed.called.answer.json.shrink_to_fit();
                (JobState::Succeeded, JobOutcome::Answer(Arc::new(executed)))
            }
            Err(error) if self.watch.was_stopped() => {
                (JobState::Cancelled, JobOutcome::Error(error))
            }
            Err(error) => (JobState::Failed, JobOutcome::Error(error)),
        };
        metrics::counter!("hostel_jobs_total", "state" => state.as_str()).increment(1);
        *end = Some(End {
            at: SystemTime::now(),
            state,
            outcome: Some(outcome),
        });
        drop(end);
        self.watch.events.push(EventKind::End);
        true
    }

    fn state(&self) -> JobState {
        self.state_at(&self.end())
    }

    fn state_at(&self, end: &Option<End>) -> JobState {
        match (end, self.watch.started()) {
            (Some(end), _) => end.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::Queued,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.end().is_some()
    }

    /// Bytes of its answer or error, and of its events.
    fn bytes(&self) -> usize {
        let end = self.end();
        let outcome = end.as_ref().and_then(|end| end.outcome.as_ref());
        let answer = match outcome {
            Some(JobOutcome::Answer(executed)) => executed.called.answer.json.len(),
            Some(JobOutcome::Error(error)) => {
                error.message().len() + error.hint_text().map_or(0, str::len)
            }
            _ => 0,
        };
        drop(end);
        answer + self.watch.events.bytes()
    }

    /// What is left says that it was, and how it ended.
    fn forget_answer(&self) {
        if let Some(end) = &mut *self.end() {
            end.outcome = None;
        }
        self.watch.events.forget();
    }

    fn end(&self) -> MutexGuard<'_, Option<End>> {
        self.end
            .lock()
            .expect("no code panics while it holds a job's end")
    }
}
