//! Where a session's instance rests. It has one owner at any time: the slot, or the [`Loan`] of the one call that runs.
//! Calls that wait stand in a bounded queue, first come first served.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::engine::{Instance, NoSnapshot};
use crate::error::{Error, ErrorCode, Result};

use super::saved::{Saved, in_words};
use super::shelf::Shelved;
use super::{EndReason, Session, SessionState};

pub(super) struct Slot(Mutex<Inner>);

struct Inner {
    place: Place,
    since: SystemTime,
    /// Of a session that is suspended: its state is in the archive.
    is_archived: bool,
    waiting: VecDeque<oneshot::Sender<Result<Loan>>>,
}

enum Place {
    Starting,
    Here(Box<Instance>),
    Lent,
    /// There is no instance; the state is on disk.
    Suspended(Shelved),
    /// The guest's state is lost; a checkpoint can bring an earlier one back.
    Broken(ErrorCode, String),
    /// The keeper waits for the instance.
    Wanted(oneshot::Sender<Box<Instance>>),
    Gone,
}

/// The answer to a call that wants the instance.
pub(super) enum Borrowed {
    Now(Loan),
    /// Its turn comes later.
    Wait(oneshot::Receiver<Result<Loan>>),
    /// The queue is full.
    Full {
        waiting: usize,
    },
    /// Its turn comes later, and the caller wakes the session up first.
    Wake(oneshot::Receiver<Result<Loan>>, Shelved),
    /// Only a checkpoint can bring the session back.
    Broken(ErrorCode, String),
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
            is_archived: false,
            waiting: VecDeque::new(),
        }))
    }

    /// Of a session that comes back with its state on disk.
    pub(super) fn suspended(state: Shelved) -> Self {
        Self(Mutex::new(Inner {
            place: Place::Suspended(state),
            since: SystemTime::now(),
            is_archived: false,
            waiting: VecDeque::new(),
        }))
    }

    /// The instance, if it rests here: nobody waits, and nobody is woken up.
    pub(super) fn borrow_now(session: &Arc<Session>) -> Option<Loan> {
        let mut inner = session.slot.inner();
        match std::mem::replace(&mut inner.place, Place::Lent) {
            Place::Here(instance) => Some(Self::lent(session, inner, instance)),
            other => {
                inner.place = other;
                None
            }
        }
    }

    fn lent(
        session: &Arc<Session>,
        mut inner: MutexGuard<'_, Inner>,
        instance: Box<Instance>,
    ) -> Loan {
        inner.since = SystemTime::now();
        drop(inner);
        session.lease().enter();
        Loan {
            session: session.clone(),
            instance: Some(instance),
            spoiled: None,
        }
    }

    pub(super) fn borrow(session: &Arc<Session>) -> Borrowed {
        let mut inner = session.slot.inner();
        match std::mem::replace(&mut inner.place, Place::Lent) {
            Place::Here(instance) => Borrowed::Now(Self::lent(session, inner, instance)),
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
            Place::Suspended(shelved) => {
                inner.place = Place::Starting;
                inner.since = SystemTime::now();
                let (sender, receiver) = oneshot::channel();
                inner.waiting.push_back(sender);
                Borrowed::Wake(receiver, shelved)
            }
            Place::Broken(code, message) => {
                inner.place = Place::Broken(code, message.clone());
                Borrowed::Broken(code, message)
            }
            ending @ (Place::Wanted(_) | Place::Gone) => {
                inner.place = ending;
                Borrowed::Gone
            }
        }
    }

    /// The place of a broken instance, for one that a checkpoint brings back. None: it is not broken.
    pub(super) fn borrow_broken(session: &Arc<Session>) -> Option<Loan> {
        let mut inner = session.slot.inner();
        let (code, message) = match std::mem::replace(&mut inner.place, Place::Lent) {
            Place::Broken(code, message) => (code, message),
            whole => {
                inner.place = whole;
                return None;
            }
        };
        drop(inner);
        session.lease().enter();
        Some(Loan {
            session: session.clone(),
            instance: None,
            spoiled: Some((code, Cow::Owned(message))),
        })
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
                match waiter.send(Ok(loan)) {
                    // The caller left before its turn: nothing has run.
                    Err(Ok(unwanted)) => {
                        session.lease().leave(Instant::now());
                        loan = unwanted;
                    }
                    Ok(()) | Err(Err(_)) => return,
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
            Place::Starting
            | Place::Lent
            | Place::Here(_)
            | Place::Broken(..)
            | Place::Suspended(_) => inner.place = Place::Here(instance),
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
            Place::Suspended(_) | Place::Broken(..) | Place::Wanted(_) | Place::Gone => Place::Gone,
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
            Place::Suspended(_) if inner.is_archived => SessionState::Archived,
            Place::Suspended(_) => SessionState::Suspended,
            Place::Broken(..) => SessionState::Failed,
            Place::Wanted(_) | Place::Gone => SessionState::Released,
        };
        (state, inner.since, inner.waiting.len())
    }

    /// The session has no instance from now on. Those who came meanwhile need one: the first of them is to wake it up.
    /// False: the session has ended, and nobody needs the state.
    pub(super) fn suspend(&self, shelved: Shelved) -> bool {
        let mut inner = self.inner();
        match inner.place {
            Place::Gone | Place::Wanted(_) => {
                inner.place = Place::Gone;
                false
            }
            _ => {
                inner.since = SystemTime::now();
                inner.is_archived = false;
                inner.place = Place::Suspended(shelved);
                true
            }
        }
    }

    /// The state from which somebody who waits needs the session woken up.
    pub(super) fn wanted_awake(&self) -> Option<Shelved> {
        let mut inner = self.inner();
        let wanted = inner.waiting.iter().any(|waiter| !waiter.is_closed());
        match &inner.place {
            Place::Suspended(shelved) if wanted => {
                let shelved = shelved.clone();
                inner.place = Place::Starting;
                Some(shelved)
            }
            _ => None,
        }
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.state_on_disk().is_some()
    }

    /// The state is in the archive, unless somebody woke the session up meanwhile.
    pub(super) fn mark_archived(&self) {
        let mut inner = self.inner();
        if matches!(inner.place, Place::Suspended(_)) {
            inner.since = SystemTime::now();
            inner.is_archived = true;
        }
    }

    /// The state of a session that is suspended.
    pub(super) fn state_on_disk(&self) -> Option<Shelved> {
        match &self.inner().place {
            Place::Suspended(shelved) => Some(shelved.clone()),
            _ => None,
        }
    }

    /// The session could not be woken up: it is as it was, and those who wait are told why.
    pub(super) fn sleep_on(&self, shelved: Shelved, error: &Error) {
        let mut inner = self.inner();
        if matches!(inner.place, Place::Starting) {
            inner.since = SystemTime::now();
            inner.place = Place::Suspended(shelved);
        } else if matches!(inner.place, Place::Wanted(_)) {
            inner.place = Place::Gone;
        }
        for waiter in inner.waiting.drain(..) {
            // It may have left.
            let _ = waiter.send(Err(error.clone()));
        }
    }

    /// The state on disk is of no use. Those who wait are told why.
    pub(super) fn lose_state(&self, can_go_back: bool, error: &Error) {
        let mut inner = self.inner();
        inner.since = SystemTime::now();
        inner.place = match inner.place {
            Place::Starting if can_go_back => {
                Place::Broken(error.code(), error.message().to_owned())
            }
            _ => Place::Gone,
        };
        for waiter in inner.waiting.drain(..) {
            // It may have left.
            let _ = waiter.send(Err(error.clone()));
        }
    }

    fn lose(&self) {
        let mut inner = self.inner();
        inner.place = Place::Gone;
        inner.waiting.clear();
    }

    /// The instance is lost and the session is not. Those who wait are told.
    fn break_down(&self, code: ErrorCode, message: String) {
        let mut inner = self.inner();
        if matches!(inner.place, Place::Wanted(_) | Place::Gone) {
            inner.place = Place::Gone;
        } else {
            inner.since = SystemTime::now();
            inner.place = Place::Broken(code, message);
        }
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

    /// Puts another instance in the place of this one, which is dropped: the session goes on with it.
    pub(super) fn replace(&mut self, instance: Box<Instance>) {
        self.instance = Some(instance);
        self.spoiled = None;
    }

    /// Takes the guest's state. A guest that does not survive it is lost, and its session fails.
    ///
    /// # Errors
    /// `unsupported_snapshot` for what cannot be carried; the session goes on.
    pub(super) async fn save(&mut self) -> Result<Saved> {
        match Saved::of(self.enter()).await {
            Ok(saved) => {
                self.keep();
                Ok(saved)
            }
            Err(NoSnapshot::Broken(fault)) => {
                let error = fault.into_error("a snapshot");
                self.spoil(error.code(), error.message().to_owned());
                Err(error)
            }
            Err(harmless) => {
                self.keep();
                Err(in_words(harmless))
            }
        }
    }

    /// Takes the instance out. The slot has none from now on, and whoever took it says what it has instead.
    pub(super) fn take(&mut self) -> Option<Box<Instance>> {
        self.spoiled = None;
        self.instance.take()
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
        let instance = self.instance.take();
        if instance.is_some() || self.spoiled.is_some() {
            self.session.lease().leave(Instant::now());
        }
        match (instance, self.spoiled.take()) {
            (None, None) => {}
            (Some(instance), None) => Slot::put(&self.session, instance),
            (instance, Some((code, message))) => {
                drop(instance);
                let message = message.into_owned();
                if self.session.has_checkpoints() {
                    self.session.slot.break_down(code, message);
                    return;
                }
                self.session.end(EndReason::Failed { code, message });
                self.session.slot.lose();
            }
        }
    }
}
