//! A session without an instance: suspended, its state on disk and only its place in the table left. The next call wakes it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::capability::log::{LogPage, LogRing};
use crate::durable::Sync;
use crate::engine::Instance;
use crate::error::{Error, ErrorCode, Result};

use super::shelf::Shelved;
use super::slot::{Borrowed, Loan, Slot};
use super::table::Sessions;
use super::{EndReason, Session};

/// Of a host that stops.
const SUSPENSIONS_AT_ONCE: usize = 8;

impl Sessions {
    /// Parks the session on disk: it holds no instance and no memory until its next call. One that is suspended already stays so.
    ///
    /// # Errors
    /// `unsupported_snapshot` for what cannot be carried, `internal` for a disk that is full: the session goes on.
    pub(crate) async fn suspend(self: &Arc<Self>, session: &Arc<Session>) -> Result<()> {
        session.check_alive()?;
        if session.slot.is_suspended() {
            return Ok(());
        }
        let loan = self.turn(session).await?;
        self.suspend_loan(session, loan, Sync::Disk).await
    }

    pub(super) async fn suspend_loan(
        self: &Arc<Self>,
        session: &Arc<Session>,
        loan: Loan,
        sync: Sync,
    ) -> Result<()> {
        let (sessions, session) = (self.clone(), session.clone());
        let pace = session.clone();
        let work = async move { sessions.put_away(&session, loan, sync).await };
        self.at_work(&pace, work).await
    }

    async fn put_away(
        self: &Arc<Self>,
        session: &Arc<Session>,
        mut loan: Loan,
        sync: Sync,
    ) -> Result<()> {
        let allowance = self.check_beds(session)?;
        let saved = loan.save().await?;
        let file = format!("{}-s{}", session.id, session.checkpoints().next_park());
        let shelved = saved.shelve(&self.durable, session, file, sync, allowance);
        let shelved = shelved.await?;
        let before = session.checkpoints().park(shelved.clone());
        if let Err(error) = self.record(session) {
            // The row still names the state before.
            let mut checkpoints = session.checkpoints();
            match before {
                Some(before) => drop(checkpoints.park(before)),
                None => checkpoints.unpark(),
            }
            shelved.discard(&self.durable);
            return Err(error);
        }
        if sync == Sync::Disk {
            let durable = self.durable.clone();
            // What it cannot bring to the disk is in the log.
            let _ = tokio::task::spawn_blocking(move || durable.sync_table()).await;
        }
        if let Some(before) = before {
            before.discard(&self.durable);
        }
        session.lease().park(Instant::now());
        session.forget_log();
        let instance = loan.take();
        if session.slot.suspend(shelved) {
            self.asleep(&session.key.worker, 1);
            tracing::info!(session = %session.id, "session suspended");
        }
        session.lease().leave(Instant::now());
        drop(instance);
        drop(loan);
        if let Some(shelved) = session.slot.wanted_awake() {
            self.begin_waking(session, shelved);
        }
        Ok(())
    }

    /// Brings the session back into memory. One that is awake stays so.
    ///
    /// # Errors
    /// Those of waking it up, and of waiting for it.
    pub(crate) async fn resume(self: &Arc<Self>, session: &Arc<Session>) -> Result<()> {
        session.check_alive()?;
        self.turn(session).await.map(drop)
    }

    /// Suspends every session whose state can be saved, at most `patience` long. No new ones begin from now on.
    pub(crate) async fn suspend_all(self: &Arc<Self>, patience: Duration) {
        let awake = self.stop_entries();
        let count = AtomicUsize::new(0);
        let suspensions = awake.iter().map(|session| async {
            let Some(loan) = Slot::borrow_now(session) else {
                return;
            };
            match self.suspend_loan(session, loan, Sync::None).await {
                Ok(()) => drop(count.fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    tracing::info!(session = %session.id, %error, "a session ends with the host");
                }
            }
        });
        let all = futures_util::stream::iter(suspensions)
            .buffer_unordered(SUSPENSIONS_AT_ONCE)
            .for_each(|()| std::future::ready(()));
        if timeout(patience, all).await.is_err() {
            tracing::warn!("not every session could be saved in time");
        }
        let count = count.into_inner();
        if count > 0 {
            let durable = self.durable.clone();
            // What it cannot bring to the disk is in the log.
            let _ = tokio::task::spawn_blocking(move || durable.sync_all()).await;
            tracing::info!(
                count,
                "sessions are saved, and come back with the next start"
            );
        }
    }

    /// The session's instance, after the calls that came before; wakes it up if it is suspended.
    ///
    /// # Errors
    /// `session_busy`, `deadline_exceeded` after the session's limit for calls, and those of waking it up.
    pub(super) async fn turn(self: &Arc<Self>, session: &Arc<Session>) -> Result<Loan> {
        session.check_alive()?;
        let most = session.limits.call;
        self.turn_until(session, Instant::now() + most, most).await
    }

    /// As [`Sessions::turn`], by a deadline that is `most` after the caller asked.
    pub(super) async fn turn_until(
        self: &Arc<Self>,
        session: &Arc<Session>,
        deadline: Instant,
        most: Duration,
    ) -> Result<Loan> {
        let turn = match Slot::borrow(session) {
            Borrowed::Now(loan) => return Ok(loan),
            Borrowed::Wait(turn) => turn,
            Borrowed::Wake(turn, shelved) => {
                self.begin_waking(session, shelved);
                turn
            }
            Borrowed::Full { waiting } => {
                let error = Error::new(
                    ErrorCode::SessionBusy,
                    format!("{waiting} calls wait for session {} already", session.id),
                );
                return Err(error
                    .hint("nothing was run; wait for earlier calls, or use several sessions")
                    .retry_after(Duration::from_secs(1)));
            }
            Borrowed::Broken(code, message) => return Err(session.broken_error(code, &message)),
            Borrowed::Gone => return Err(session.gone_error()),
        };
        match timeout_at(deadline, turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => Err(session.gone_error()),
            Err(_) => {
                let message = format!(
                    "session {} was busy for {} ms",
                    session.id,
                    most.as_millis()
                );
                Err(Error::new(ErrorCode::DeadlineExceeded, message).hint("nothing was run; calls of one session run one at a time, so use several sessions for work side by side"))
            }
        }
    }

    /// Wakes the session up; those who wait for it get their turn, or are told why they do not.
    fn begin_waking(self: &Arc<Self>, session: &Arc<Session>, shelved: Shelved) {
        let (sessions, session) = (self.clone(), session.clone());
        let guests = self.guests.clone();
        guests.start(session.account.lane(), async move {
            if let Err(error) = sessions.awake_again(&session) {
                session.slot.sleep_on(shelved, &error);
                return;
            }
            match sessions.wake(&session, &shelved).await {
                Ok(instance) => {
                    session.lease().unpark(Instant::now());
                    tracing::debug!(session = %session.id, "session woken up");
                    Slot::fill(&session, instance);
                }
                Err(error) => {
                    tracing::warn!(session = %session.id, %error, cause = error.cause(), "a session was not woken up");
                    if error.code() != ErrorCode::SessionFailed {
                        sessions.asleep(&session.key.worker, 1);
                        session.slot.sleep_on(shelved, &error);
                        return;
                    }
                    // Its file is of no use. A checkpoint may be.
                    session.lease().unpark(Instant::now());
                    session.slot.lose_state(session.has_checkpoints(), &error);
                    if !session.has_checkpoints() {
                        session.end(EndReason::Failed {
                            code: error.code(),
                            message: error.message().to_owned(),
                        });
                    }
                }
            }
        });
    }

    /// Moves the state of a session that has slept for long to the archive. What goes wrong is tried again after the same time.
    pub(super) async fn archive(self: &Arc<Self>, session: &Arc<Session>) {
        let Some(state) = session.slot.state_on_disk() else {
            return;
        };
        let (durable, file) = (self.durable.clone(), state.file.clone());
        let moved = tokio::task::spawn_blocking(move || durable.archive(&file)).await;
        let moved = moved.map_err(std::io::Error::other).flatten();
        match moved {
            Ok(()) => {
                session.lease().archive();
                session.slot.mark_archived();
                tracing::info!(session = %session.id, "session archived");
            }
            Err(error) => {
                session.lease().park(Instant::now());
                tracing::warn!(session = %session.id, %error, "a session cannot be archived");
            }
        }
    }

    /// What the session's guest has written, from line `after` on. One that is suspended is not woken up for that.
    ///
    /// # Errors
    /// None today.
    pub(crate) async fn log_page(
        &self,
        session: &Session,
        after: u64,
        limit: usize,
    ) -> Result<LogPage> {
        let log = match (session.log(), session.slot.state_on_disk()) {
            (Some(log), _) => Some(log),
            (None, Some(state)) => {
                let lines = state.read_log(&self.durable).await;
                lines.map(|lines| Arc::new(LogRing::resume(usize::MAX, lines)))
            }
            (None, None) => None,
        };
        let empty = LogPage {
            lines: Vec::new(),
            dropped: 0,
            next: after,
        };
        Ok(log.map_or(empty, |log| log.page(after, limit)))
    }

    async fn wake(&self, session: &Arc<Session>, shelved: &Shelved) -> Result<Box<Instance>> {
        let unshelved = shelved.read(&self.durable, session).await?;
        let log = Arc::new(LogRing::resume(session.limits.log_bytes, unshelved.log));
        session.set_log(log.clone());
        unshelved.saved.revive(session, log).await
    }
}

impl Session {
    /// Its guest is lost, its checkpoints are not.
    pub(super) fn broken_error(&self, code: ErrorCode, message: &str) -> Error {
        let there: Vec<String> = self
            .checkpoint_list()
            .iter()
            .map(super::CheckpointInfo::id)
            .collect();
        let hint = format!(
            "go back to one of its checkpoints ({}) with POST /v1/sessions/{}/restore",
            there.join(", "),
            self.id
        );
        Error::new(
            ErrorCode::SessionFailed,
            format!("session {} failed: {message}", self.id),
        )
        .detail("session", self.id.as_str())
        .detail("cause", code.as_str())
        .detail("candidates", there)
        .hint(hint)
    }
}
