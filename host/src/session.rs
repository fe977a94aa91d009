//! Sessions: one component instance each, owned by one worker, ended by exactly one task. What others may see of them is here;
//! `slot` holds the instance, `lease` knows when time is up, `keeper` ends a session, `table` finds it, `call` runs a tool in it. `saved`
//! is a state in memory, `shelf` one on disk; `checkpoints`, `fork` and `park` use them, and `ledger` writes down who has any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::capability::log::{LogLine, LogRing};
use crate::engine::{Pace, SessionIdentity};
use crate::error::{Error, ErrorCode};
use crate::ids::{BackendName, KeyId, SessionId, SessionName, TokenHash, WorkerId};
use crate::label::Labels;
use crate::policy::Limits;
use crate::quota::Account;
use crate::registry::Backend;
use crate::tool::Usage;

pub(crate) mod call;
mod checkpoints;
mod config;
mod fork;
mod keeper;
mod lease;
mod ledger;
mod open;
mod park;
mod saved;
mod shelf;
mod slot;
mod table;
mod transaction;

pub(crate) use call::ToolRequest;
pub use call::{Called, CalledIn, Executed};
use checkpoints::Checkpoints;
pub use checkpoints::{CheckpointInfo, CheckpointMode, CheckpointUsage};
pub(crate) use config::merged;
pub use fork::{ForkRequest, ForkedFrom};
use lease::Lease;
pub use lease::{OnIdle, Timers};
pub(crate) use open::Opened;
pub use open::{IfExists, NewSession};
use slot::Slot;
pub use table::{SessionPage, SessionQuery};
pub(crate) use table::{Sessions, SessionsConfig};

/// Who a session belongs to and what it is called there: unique among the live.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub worker: WorkerId,
    pub backend: BackendName,
    pub name: SessionName,
}

/// A live session. Its instance is in the slot, or lent to the one call that runs.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) key: SessionKey,
    /// Its worker's.
    pub(crate) account: Arc<Account>,
    pub(crate) backend: Arc<Backend>,
    pub(crate) limits: Limits,
    /// Counts sessions of this host: newest first is highest first.
    pub(crate) serial: u64,
    pub(crate) created_at: SystemTime,
    token: Capability,
    labels: Mutex<Labels>,
    /// None while the session starts, and while it is suspended.
    log: Mutex<Option<Arc<LogRing>>>,
    mode: Mutex<CheckpointMode>,
    checkpoints: Mutex<Checkpoints>,
    forked_from: Option<Box<ForkedFrom>>,
    lease: Mutex<Lease>,
    slot: Slot,
    totals: Totals,
    pace: Pace,
    end: End,
    /// Its backend outlives it.
    _backend_in_use: TaskTrackerToken,
}

/// What opens a session without any other credential.
struct Capability {
    hash: TokenHash,
    /// It is good for as long as the API key that it was made with.
    made_with: Option<KeyId>,
}

/// Sums over the calls of a session.
#[derive(Default)]
struct Totals {
    calls: AtomicU64,
    duration_us: AtomicU64,
    host_calls: AtomicU64,
    memory_bytes: AtomicU64,
}

/// How a session comes to its end. Set once; whoever comes first says why.
struct End {
    why: OnceLock<(EndReason, SystemTime)>,
    /// Stops the running call, if there is one.
    stop: CancellationToken,
    /// Wakes the keeper.
    begun: CancellationToken,
    done: watch::Sender<Option<Farewell>>,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner destroyed it.
    Released,
    /// `idle_timeout` passed without a call or a keep-alive.
    Idle,
    /// `max_lifetime` passed.
    Lifetime,
    /// A call left the guest in an unknown state.
    Failed { code: ErrorCode, message: String },
    /// The host stopped.
    Shutdown,
}

/// What the guest's own farewell came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// `cleanup` and all destructors ran, or there were none.
    Clean,
    /// The instance was dropped without them, or they failed; the text says why.
    Unclean(String),
}

/// A session's place in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    Starting,
    /// A call is running.
    Active,
    /// No call is running, and the idle timer counts.
    Idle,
    /// There is no instance: the state is on disk, and the next call wakes the session up.
    Suspended,
    /// The same in the archive.
    Archived,
    Released,
    /// The guest's state is lost. A checkpoint can bring an earlier one back; without any, the session has ended.
    Failed,
}

impl SessionState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Starting,
            Self::Active,
            Self::Idle,
            Self::Suspended,
            Self::Archived,
            Self::Released,
            Self::Failed,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

impl EndReason {
    /// `released`, `idle_timeout`, `max_lifetime`, `failed`, `shutdown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Idle => "idle_timeout",
            Self::Lifetime => "max_lifetime",
            Self::Failed { .. } => "failed",
            Self::Shutdown => "shutdown",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Released => "it was destroyed".to_owned(),
            Self::Idle => "its idle timeout passed".to_owned(),
            Self::Lifetime => "its maximum lifetime passed".to_owned(),
            Self::Failed { message, .. } => message.clone(),
            Self::Shutdown => "the host stopped".to_owned(),
        }
    }

    fn state(&self) -> SessionState {
        match self {
            Self::Failed { .. } => SessionState::Failed,
            Self::Released | Self::Idle | Self::Lifetime | Self::Shutdown => SessionState::Released,
        }
    }
}

/// What anyone may see of a session.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub id: SessionId,
    pub key: SessionKey,
    pub state: SessionState,
    pub reason: Option<&'static str>,
    pub message: Option<String>,
    pub created_at: SystemTime,
    pub last_transition_at: SystemTime,
    /// None while a call runs and no lifetime is set.
    pub expires_at: Option<SystemTime>,
    pub timers: Timers,
    pub labels: Labels,
    pub backend_digest: String,
    pub waiting: usize,
    pub calls: u64,
    pub usage: Usage,
    pub checkpoint: CheckpointMode,
    pub checkpoints: CheckpointUsage,
    pub forked_from: Option<ForkedFrom>,
}

impl Session {
    #[expect(
        clippy::too_many_arguments,
        reason = "the one place that knows all parts of a session"
    )]
    fn new(
        id: SessionId,
        key: SessionKey,
        account: Arc<Account>,
        backend: &Arc<Backend>,
        limits: Limits,
        serial: u64,
        token: Capability,
        labels: Labels,
        lease: Lease,
        slot: Slot,
    ) -> Self {
        Self {
            id,
            key,
            account,
            backend: backend.clone(),
            limits,
            serial,
            created_at: SystemTime::now(),
            token,
            labels: Mutex::new(labels),
            log: Mutex::default(),
            mode: Mutex::default(),
            checkpoints: Mutex::default(),
            forked_from: None,
            lease: Mutex::new(lease),
            slot,
            totals: Totals::default(),
            pace: Pace::default(),
            end: End {
                why: OnceLock::new(),
                stop: CancellationToken::new(),
                begun: CancellationToken::new(),
                done: watch::Sender::new(None),
            },
            _backend_in_use: backend.in_use(),
        }
    }

    /// The API key that its token was made with.
    pub(crate) fn made_with(&self) -> Option<&KeyId> {
        self.token.made_with.as_ref()
    }

    pub(crate) fn info(&self) -> SessionInfo {
        let (lease, now) = (self.lease(), Instant::now());
        let expires_at = lease
            .ends_at()
            .map(|at| SystemTime::now() + at.saturating_duration_since(now));
        let timers = lease.timers();
        drop(lease);
        let (mut state, mut last_transition_at, waiting) = self.slot.glance();
        let (mut reason, mut message) = (None, None);
        if let Some((why, at)) = self.end.why.get() {
            (state, last_transition_at) = (why.state(), *at);
            (reason, message) = (Some(why.as_str()), Some(why.sentence()));
        }
        let totals = &self.totals;
        SessionInfo {
            id: self.id.clone(),
            key: self.key.clone(),
            state,
            reason,
            message,
            created_at: self.created_at,
            last_transition_at,
            expires_at,
            timers,
            labels: self.labels(),
            backend_digest: self.backend.digest.clone(),
            waiting,
            calls: totals.calls.load(Ordering::Relaxed),
            usage: Usage {
                duration: Duration::from_micros(totals.duration_us.load(Ordering::Relaxed)),
                queue: Duration::ZERO,
                memory_bytes: totals.memory_bytes.load(Ordering::Relaxed),
                host_calls: totals.host_calls.load(Ordering::Relaxed),
            },
            checkpoint: self.mode(),
            checkpoints: self.checkpoint_usage(),
            forked_from: self.forked_from.as_deref().cloned(),
        }
    }

    pub(crate) fn mode(&self) -> CheckpointMode {
        *self
            .mode
            .lock()
            .expect("no code panics while it holds the mode")
    }

    pub(crate) fn set_mode(&self, mode: CheckpointMode) {
        *self
            .mode
            .lock()
            .expect("no code panics while it holds the mode") = mode;
    }

    /// Calls that have run in it.
    fn calls(&self) -> u64 {
        self.totals.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn labels(&self) -> Labels {
        self.labels
            .lock()
            .expect("no code panics while it holds the labels")
            .clone()
    }

    pub(crate) fn set_labels(&self, labels: Labels) {
        *self
            .labels
            .lock()
            .expect("no code panics while it holds the labels") = labels;
    }

    /// The guest's output; none while the session starts, and while it is suspended.
    pub(crate) fn log(&self) -> Option<Arc<LogRing>> {
        self.log_place().clone()
    }

    fn set_log(&self, log: Arc<LogRing>) {
        *self.log_place() = Some(log);
    }

    fn forget_log(&self) {
        *self.log_place() = None;
    }

    /// The guest's output, for an instance that takes another one's place.
    fn ring(&self) -> Arc<LogRing> {
        let mut place = self.log_place();
        let ring = place.get_or_insert_with(|| Arc::new(LogRing::new(self.limits.log_bytes)));
        ring.clone()
    }

    fn log_lines(&self) -> Vec<LogLine> {
        self.log().map(|log| log.lines()).unwrap_or_default()
    }

    fn log_place(&self) -> std::sync::MutexGuard<'_, Option<Arc<LogRing>>> {
        self.log
            .lock()
            .expect("no code panics while it holds the log")
    }

    /// Puts the idle timer back to its start, also during a call.
    ///
    /// # Errors
    /// `session_ended` or `session_failed`: an expired session is never revived.
    pub(crate) fn keep_alive(&self) -> Result<(), Error> {
        self.check_alive()?;
        self.lease().touch(Instant::now());
        Ok(())
    }

    /// The same, for at least `left` from now.
    ///
    /// # Errors
    /// As [`Session::keep_alive`].
    pub(crate) fn extend(&self, left: Duration) -> Result<(), Error> {
        self.check_alive()?;
        self.lease().extend(Instant::now(), left);
        Ok(())
    }

    /// # Errors
    /// `session_ended` or `session_failed`, with when and why.
    pub(crate) fn check_alive(&self) -> Result<(), Error> {
        if let Some(reason) = self.lease().over(Instant::now()) {
            self.end(reason);
        }
        match self.end.why.get() {
            Some((why, at)) => Err(ended_error(&self.id, why, *at)),
            None => Ok(()),
        }
    }

    /// Begins the end; the keeper does the rest. The first reason stands.
    pub(crate) fn end(&self, why: EndReason) {
        let stops_the_call = matches!(why, EndReason::Released | EndReason::Shutdown);
        if self.end.why.set((why, SystemTime::now())).is_ok() {
            if stops_the_call {
                self.end.stop.cancel();
            }
            self.end.begun.cancel();
        }
    }

    /// Waits until the session has been ended, and tells how its farewell went.
    pub(crate) async fn ended(&self) -> Farewell {
        let mut done = self.end.done.subscribe();
        match done.wait_for(Option::is_some).await {
            Ok(farewell) => farewell.clone().unwrap_or(Farewell::Clean),
            Err(_) => Farewell::Unclean("the host stopped".to_owned()),
        }
    }

    fn identity(&self, temporary: bool) -> SessionIdentity {
        SessionIdentity {
            id: self.id.to_string(),
            name: self.key.name.to_string(),
            worker: self.key.worker.to_string(),
            labels: self
                .labels()
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            temporary,
        }
    }

    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        self.lease
            .lock()
            .expect("no code panics while it holds the lease")
    }
}

impl Session {
    /// The session ended while the caller waited.
    fn gone_error(&self) -> Error {
        match self.check_alive() {
            Err(error) => error,
            Ok(()) => Error::new(
                ErrorCode::SessionFailed,
                format!("session {} is gone", self.id),
            ),
        }
    }
}

fn ended_error(id: &SessionId, why: &EndReason, at: SystemTime) -> Error {
    let ended_at = humantime::format_rfc3339_millis(at).to_string();
    let error = match why {
        EndReason::Failed { code, message } => Error::new(
            ErrorCode::SessionFailed,
            format!("session {id} failed: {message}"),
        )
        .detail("cause", code.as_str()),
        EndReason::Released | EndReason::Idle | EndReason::Lifetime | EndReason::Shutdown => {
            Error::new(
                ErrorCode::SessionEnded,
                format!("session {id} ended: {}", why.sentence()),
            )
        }
    };
    error
        .detail("session", id.as_str())
        .detail("reason", why.as_str())
        .detail("ended_at", ended_at)
        .hint("create a new session; its id and its state are new")
}
