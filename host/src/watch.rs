//! What is heard of one call while it runs, and the word that stops it. A call that nobody watches has none and pays nothing for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::sync::Notify;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::{SessionId, SessionName};

mod events;

pub(crate) use events::EventLog;
pub use events::{Event, EventKind, EventPage, Stream};

/// One call, watched.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) events: EventLog,
    /// Somebody asked the call to stop.
    is_stopping: AtomicBool,
    asked: Notify,
    was_stopped: AtomicBool,
    started: OnceLock<Started>,
}

/// When the guest was entered, and where.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) at: SystemTime,
    /// None: in an instance of its own.
    pub(crate) session: Option<(SessionId, SessionName)>,
}

impl Watch {
    /// `event_bytes_max`: of its log; the oldest events give way.
    pub(crate) fn new(event_bytes_max: usize) -> Self {
        Self {
            events: EventLog::new(event_bytes_max),
            is_stopping: AtomicBool::new(false),
            asked: Notify::new(),
            was_stopped: AtomicBool::new(false),
            started: OnceLock::new(),
        }
    }

    pub(crate) fn start(&self, session: Option<(SessionId, SessionName)>) {
        let at = SystemTime::now();
        if self.started.set(Started { at, session }).is_ok() {
            self.events.push(EventKind::Started);
        }
    }

    pub(crate) fn started(&self) -> Option<&Started> {
        self.started.get()
    }

    /// Asks the call to stop. One that is at its end already stays as it is.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.asked.notify_waiters();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// True when the call came to its end because it was asked to stop.
    pub(crate) fn was_stopped(&self) -> bool {
        self.was_stopped.load(Ordering::Acquire)
    }

    /// Waits for the word to stop, and obeys: whoever awaits this ends the call.
    pub(crate) async fn stopped(&self) {
        loop {
            let asked = self.asked.notified();
            tokio::pin!(asked);
            // Before the look, so that no word is missed between the two.
            asked.as_mut().enable();
            if self.is_stopping() {
                break;
            }
            asked.await;
        }
        self.was_stopped.store(true, Ordering::Release);
    }
}

/// Runs a step of a call that stops when its watch says so.
///
/// # Errors
/// `conflict`: the call was cancelled.
pub(crate) async fn unless_stopped<T>(
    watch: Option<&Watch>,
    step: impl Future<Output = T>,
) -> Result<T> {
    let Some(watch) = watch else {
        return Ok(step.await);
    };
    tokio::select! {
        biased; // What is done is done.
        done = step => Ok(done),
        () = watch.stopped() => Err(cancelled()),
    }
}

/// What whoever waits for a cancelled call is told.
pub(crate) fn cancelled() -> Error {
    Error::new(ErrorCode::Conflict, "the call was cancelled")
}
