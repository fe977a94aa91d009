//! The one task that ends a session: it waits for the lease to run out or for somebody's word, takes the instance out of the slot,
//! lets the guest say farewell within its bound, and drops it. It runs apart from doors and guests, and so do its timers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::durable::Sync;
use crate::engine::Instance;
use crate::error::ErrorCode;

use super::slot::Slot;
use super::table::Sessions;
use super::{EndReason, Farewell, Session};

/// Farewells that run at once. A storm of expiries takes its turn instead of the guests' whole time, and workers take turns: one whose
/// cleanups hang keeps no other's from running.
pub(super) const FAREWELLS_AT_ONCE: u32 = 2;
/// Over the bounds of the guest's own hooks, for the host's part.
const GRACE: Duration = Duration::from_secs(1);

impl Sessions {
    /// Starts the keeper of a session that has just begun.
    pub(super) fn keep(self: &Arc<Self>, session: Arc<Session>) {
        let sessions = self.clone();
        self.keepers.spawn_on(
            async move { sessions.watch_over(session).await },
            &self.timers,
        );
    }

    async fn watch_over(self: Arc<Self>, session: Arc<Session>) {
        loop {
            match wait_for_time(&session).await {
                Time::Over => break,
                Time::ToSleep => Box::pin(self.fall_asleep(&session)).await,
                Time::ToArchive => Box::pin(self.archive(&session)).await,
            }
        }
        // On the heap: a session that waits for its end must not hold the room for it all its life.
        Box::pin(self.conclude(session)).await;
    }

    async fn conclude(&self, session: Arc<Session>) {
        // First nobody finds it any more, then it goes.
        self.retire(&session);
        let was_asleep = session.slot.is_suspended();
        let instance = session.slot.close().await.ok();
        let shut_down = matches!(session.end.why.get(), Some((EndReason::Shutdown, _)));
        if !shut_down {
            self.forget_states(&session);
        }
        let farewell = match instance {
            Some(instance) => self.farewell(&session, instance).await,
            // Its guest has no instance to say farewell in, and none is made for that.
            None if was_asleep => {
                self.asleep(&session.key.worker, -1);
                Farewell::Clean
            }
            None => Farewell::Unclean(
                "the guest's state was unknown, so its cleanup did not run".to_owned(),
            ),
        };
        if let Some((why, _)) = session.end.why.get() {
            metrics::counter!("hostel_sessions_ended_total", "reason" => why.as_str()).increment(1);
            tracing::info!(session = %session.id, backend = %session.key.backend, worker = %session.key.worker, reason = why.as_str(), ?farewell, "session ended");
        }
        session.end.done.send_replace(Some(farewell));
    }

    /// Suspends a session that nobody has called for its idle time. One whose state cannot be saved ends instead; one that the disk has no
    /// room for stays awake for another idle time.
    async fn fall_asleep(self: &Arc<Self>, session: &Arc<Session>) {
        let Some(loan) = Slot::borrow_now(session) else {
            // Somebody came, or the guest is lost; either way its idle time begins anew.
            session.lease().touch(Instant::now());
            return;
        };
        let Err(error) = self.suspend_loan(session, loan, Sync::Disk).await else {
            return;
        };
        tracing::warn!(session = %session.id, %error, cause = error.cause(), "an idle session was not suspended");
        if error.code() == ErrorCode::UnsupportedSnapshot {
            session.end(EndReason::Idle);
        }
    }

    /// Runs the guest's own hooks and drops the instance, on the guests' runtime.
    async fn farewell(&self, session: &Session, mut instance: Box<Instance>) -> Farewell {
        let turn = self.farewells.wait(session.account.lane()).await;
        let most = instance.farewell_max() + GRACE;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.guests.start(session.account.lane(), async move {
            let farewell = match instance.close().await {
                Ok(()) => Farewell::Clean,
                Err(fault) => Farewell::Unclean(fault.into_error("cleanup").message().to_owned()),
            };
            drop(instance);
            drop(turn);
            // The keeper may have lost its patience.
            let _ = sender.send(farewell);
        });
        match tokio::time::timeout(most, receiver).await {
            Ok(Ok(farewell)) => farewell,
            Ok(Err(_)) => Farewell::Unclean("the host panicked in the guest's cleanup".to_owned()),
            Err(_) => Farewell::Unclean(format!(
                "cleanup did not end within {} ms",
                most.as_millis()
            )),
        }
    }
}

/// What it is time for.
enum Time {
    Over,
    ToSleep,
    ToArchive,
}

async fn wait_for_time(session: &Session) -> Time {
    loop {
        let now = Instant::now();
        let (over, sleeps, archives, look_at) = {
            let lease = session.lease();
            (
                lease.over(now),
                lease.is_due_to_sleep(now),
                lease.is_due_to_archive(now),
                lease.look_at(now),
            )
        };
        if let Some(reason) = over {
            session.end(reason);
        }
        if session.end.why.get().is_some() {
            return Time::Over;
        }
        if sleeps {
            return Time::ToSleep;
        }
        if archives {
            return Time::ToArchive;
        }
        let look = async {
            match look_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = session.end.begun.cancelled() => return Time::Over,
            () = look => {}
        }
    }
}

impl Session {
    /// Ends a session that has no keeper yet: its start failed.
    pub(super) fn abandon(&self, why: EndReason) {
        self.end(why);
        drop(self.slot.close());
        self.end.done.send_replace(Some(Farewell::Clean));
    }
}
