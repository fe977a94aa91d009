//! Lines on their way to the writer. The queue is bounded, and room in it is taken before a verb begins: what was done can be written down.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::OnFailure;
use super::row::Row;

/// Lines that wait, and those whose verbs are still at work.
const ROWS_MAX: usize = 8192;
/// Requests that were denied take no more than this of it, and come no faster: anybody can send them.
const DENIED_ROWS_MAX: usize = ROWS_MAX / 4;
const DENIED_PER_SECOND: u32 = 100;

pub(super) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
    /// Tells those who wait for the disk.
    progress: watch::Sender<Progress>,
    on_failure: OnFailure,
}

#[derive(Default)]
struct State {
    rows: VecDeque<Row>,
    /// Taken by verbs that are at work.
    promised: usize,
    /// Lines ever handed in.
    pushed: u64,
    lost: u64,
    denied_unwritten: u64,
    denials: Option<Denials>,
    trouble: Option<String>,
    /// Some line is not one of a crowd: the writer does not wait for more.
    urgent: bool,
    closing: bool,
}

/// Denied requests of one second.
#[derive(Clone, Copy)]
struct Denials {
    since: Instant,
    count: u32,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    /// Of the lines handed in, so many are on disk.
    written: u64,
    trouble: Option<String>,
}

/// Room for one line, given back when it is dropped.
pub(super) struct Room(Arc<Queue>);

/// What the writer is to write.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// Lines that are missing, and denied requests that were only counted.
    pub(super) lost: u64,
    pub(super) denied: u64,
    /// As many were handed in up to the last of them.
    pub(super) upto: u64,
    pub(super) closing: bool,
}

impl Queue {
    pub(super) fn new(on_failure: OnFailure) -> Self {
        Self {
            state: Mutex::default(),
            bell: Condvar::new(),
            progress: watch::Sender::default(),
            on_failure,
        }
    }

    /// # Errors
    /// Why nothing may be done now.
    pub(super) fn room(self: &Arc<Self>) -> Result<Room, String> {
        let mut state = self.state();
        if self.on_failure == OnFailure::Refuse {
            if state.closing {
                return Err("the host is stopping".to_owned());
            }
            if let Some(trouble) = &state.trouble {
                return Err(trouble.clone());
            }
            if state.rows.len() + state.promised >= ROWS_MAX {
                return Err(format!("{ROWS_MAX} lines wait for the disk"));
            }
        }
        state.promised += 1;
        Ok(Room(self.clone()))
    }

    /// Hands a line in, and answers with its number among all that were. Without room it is counted, should there be no place.
    pub(super) fn push(&self, row: Row, room: Option<Room>) -> u64 {
        let mut state = self.state();
        let has_place = match &room {
            Some(_) if self.on_failure == OnFailure::Refuse => true,
            _ => state.rows.len() + state.promised < ROWS_MAX,
        };
        let was_urgent = state.urgent;
        if has_place && !state.closing {
            state.urgent |= row.is_rare();
            state.rows.push_back(row);
        } else {
            state.lost += 1;
        }
        state.pushed += 1;
        let is_awaited = state.rows.len() == 1 || state.urgent != was_urgent;
        let ticket = state.pushed;
        drop(state);
        drop(room);
        // The writer is awake while there are lines.
        if is_awaited {
            self.bell.notify_one();
        }
        ticket
    }

    /// Whether a request that was denied gets a line of its own.
    pub(super) fn may_deny(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let mut denials = state
            .denials
            .filter(|denials| now.duration_since(denials.since) < Duration::from_secs(1))
            .unwrap_or(Denials {
                since: now,
                count: 0,
            });
        denials.count += 1;
        state.denials = Some(denials);
        let may = denials.count <= DENIED_PER_SECOND && state.rows.len() < DENIED_ROWS_MAX;
        state.denied_unwritten += u64::from(!may);
        may
    }

    /// Waits until a line is on disk.
    ///
    /// # Errors
    /// What keeps it from getting there.
    pub(super) async fn written(&self, ticket: u64) -> Result<(), String> {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.written >= ticket || progress.trouble.is_some())
            .await;
        match reached {
            Ok(progress) if progress.written >= ticket => Ok(()),
            Ok(progress) => Err(progress.trouble.clone().unwrap_or_default()),
            Err(_) => Err("its thread is gone".to_owned()),
        }
    }

    /// Waits for lines, for the end, or for `patience` to pass.
    pub(super) fn wait(&self, patience: Option<Duration>) {
        let state = self.state();
        let is_quiet = |state: &mut State| state.rows.is_empty() && !state.closing;
        match patience {
            None => drop(self.bell.wait_while(state, is_quiet)),
            Some(patience) => drop(self.bell.wait_timeout_while(state, patience, is_quiet)),
        }
    }

    /// Lets lines come together for a while.
    pub(super) fn linger(&self, time: Duration) {
        let state = self.state();
        let may_wait = |state: &mut State| !state.urgent && !state.closing;
        drop(self.bell.wait_timeout_while(state, time, may_wait));
    }

    /// Everything that waits now.
    pub(super) fn take(&self) -> Batch {
        let mut state = self.state();
        state.urgent = false;
        Batch {
            rows: state.rows.drain(..).collect(),
            lost: std::mem::take(&mut state.lost),
            denied: std::mem::take(&mut state.denied_unwritten),
            upto: state.pushed,
            closing: state.closing,
        }
    }

    pub(super) fn is_written(&self, upto: u64) {
        let mut state = self.state();
        state.trouble = None;
        drop(state);
        self.progress.send_modify(|progress| {
            progress.written = upto;
            progress.trouble = None;
        });
    }

    pub(super) fn is_in_trouble(&self, trouble: &str) {
        self.state().trouble = Some(trouble.to_owned());
        self.progress
            .send_modify(|progress| progress.trouble = Some(trouble.to_owned()));
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.bell.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the queue")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.state().promised -= 1;
    }
}
