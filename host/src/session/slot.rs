//! Where a session's instance rests. It has one owner at any time: the slot, or the [`Loan`] of the one call that runs.
//! Calls that wait stand in a bounded queue, first come first served.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::engine::Instance;
use crate::error::ErrorCode;

use super::{EndReason, Session, SessionState};

pub(super) struct Slot(Mutex<Inner>);

struct Inner {
    place: Place,
    since: SystemTime,
    waiting: VecDeque<oneshot::Sender<Loan>>,
}

enum Place {
    Starting,
    Here(Box<Instance>),
    Lent,
    /// The keeper waits for the instance.
    Wanted(oneshot::Sender<Box<Instance>>),
    Gone,
}

/// The answer to a call that wants the instance.
pub(super) enum Borrowed {
    Now(Loan),
    /// Its turn comes later.
    Wait(oneshot::Receiver<Loan>),
    /// The queue is full.
    Full {
        waiting: usize,
    },
    /// The session has ended.
    Gone,
}

/// The instance, in the hands of one call. Dropped, it goes back to the slot if the call came to an orderly end;
/// otherwise the guest's state is unknown, the instance is dropped and the session fails.
pub(super) struct Loan {
    session: Arc<Session>,
    instance: Option<Box<Instance>>,
    /// None while the instance is whole; else why the session fails if the loan is dropped now.
    spoiled: Option<(ErrorCode, Cow<'static, str>)>,
}

impl Slot {
    pub(super) fn starting() -> Self {
        Self(Mutex::new(Inner {
            place: Place::Starting,
            since: SystemTime::now(),
            waiting: VecDeque::new(),
        }))
    }

    pub(super) fn borrow(session: &Arc<Session>) -> Borrowed {
        let mut inner = session.slot.inner();
        match std::mem::replace(&mut inner.place, Place::Lent) {
            Place::Here(instance) => {
                inner.since = SystemTime::now();
                drop(inner);
                session.lease().enter();
                Borrowed::Now(Loan {
                    session: session.clone(),
                    instance: Some(instance),
                    spoiled: None,
                })
            }
            occupied @ (Place::Starting | Place::Lent) => {
                inner.place = occupied;
                let waiting = inner
                    .waiting
                    .iter()
                    .filter(|waiter| !waiter.is_closed())
                    .count();
                if waiting >= session.limits.queue {
                    return Borrowed::Full { waiting };
                }
                let (sender, receiver) = oneshot::channel();
                inner.waiting.push_back(sender);
                Borrowed::Wait(receiver)
            }
            ending @ (Place::Wanted(_) | Place::Gone) => {
                inner.place = ending;
                Borrowed::Gone
            }
        }
    }

    /// Puts the instance in, at the start and after each call; the next in the queue gets it at once.
    fn put(session: &Arc<Session>, instance: Box<Instance>) {
        let mut loan = Loan {
            session: session.clone(),
            instance: Some(instance),
            spoiled: None,
        };
        let mut inner = session.slot.inner();
        if !matches!(inner.place, Place::Wanted(_) | Place::Gone) {
            while let Some(waiter) = inner.waiting.pop_front() {
                inner.place = Place::Lent;
                session.lease().enter();
                match waiter.send(loan) {
                    Ok(()) => return,
                    // The caller left before its turn: nothing has run.
                    Err(unwanted) => {
                        session.lease().leave(Instant::now());
                        loan = unwanted;
                    }
                }
            }
        }
        let Some(instance) = loan.instance.take() else {
            return;
        };
        inner.since = SystemTime::now();
        match std::mem::replace(&mut inner.place, Place::Gone) {
            Place::Wanted(keeper) => drop(keeper.send(instance)),
            Place::Gone => {}
            Place::Starting | Place::Lent | Place::Here(_) => inner.place = Place::Here(instance),
        }
    }

    pub(super) fn fill(session: &Arc<Session>, instance: Box<Instance>) {
        Self::put(session, instance);
    }

    /// Ends lending. The instance comes at once if it is here, at the end of the running call if it is lent, and never if it is lost.
    pub(super) fn close(&self) -> oneshot::Receiver<Box<Instance>> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.inner();
        inner.waiting.clear();
        inner.since = SystemTime::now();
        inner.place = match std::mem::replace(&mut inner.place, Place::Gone) {
            Place::Here(instance) => {
                // The receiver is in our hands.
                let _ = sender.send(instance);
                Place::Gone
            }
            Place::Starting | Place::Lent => Place::Wanted(sender),
            Place::Wanted(_) | Place::Gone => Place::Gone,
        };
        receiver
    }

    /// The state as seen from outside, since when, and how many calls wait.
    pub(super) fn glance(&self) -> (SessionState, SystemTime, usize) {
        let inner = self.inner();
        let state = match inner.place {
            Place::Starting => SessionState::Starting,
            Place::Here(_) => SessionState::Idle,
            Place::Lent => SessionState::Active,
            Place::Wanted(_) | Place::Gone => SessionState::Released,
        };
        (state, inner.since, inner.waiting.len())
    }

    fn lose(&self) {
        let mut inner = self.inner();
        inner.place = Place::Gone;
        inner.waiting.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0
            .lock()
            .expect("no code panics while it holds the slot")
    }
}

impl Loan {
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The instance for a call. Until [`Loan::keep`], a dropped loan fails the session: a panic, a stopped task.
    pub(super) fn enter(&mut self) -> &mut Instance {
        self.spoil(ErrorCode::Internal, "a call was interrupted by the host");
        self.instance
            .as_mut()
            .expect("a loan holds its instance until it is dropped")
    }

    pub(super) fn instance(&self) -> &Instance {
        self.instance
            .as_ref()
            .expect("a loan holds its instance until it is dropped")
    }

    /// The guest is whole: the session goes on.
    pub(super) fn keep(&mut self) {
        self.spoiled = None;
    }

    /// The guest's state is unknown, and this is why.
    pub(super) fn spoil(&mut self, code: ErrorCode, message: impl Into<Cow<'static, str>>) {
        self.spoiled = Some((code, message.into()));
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(instance) = self.instance.take() else {
            return;
        };
        self.session.lease().leave(Instant::now());
        match self.spoiled.take() {
            None => Slot::put(&self.session, instance),
            Some((code, message)) => {
                drop(instance);
                let message = message.into_owned();
                self.session.end(EndReason::Failed { code, message });
                self.session.slot.lose();
            }
        }
    }
}
