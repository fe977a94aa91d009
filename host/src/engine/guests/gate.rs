//! Who runs next on the guests' runtime. As many guests run as there are threads; the others wait in a line in which workers take turns, and
//! a guest that gives way at a tick of the epoch goes to the back of its own worker's. So a worker's thousand busy guests cost another
//! worker's one guest a slice, and not a thousand.
//!
//! A task's own waker leads here and not to the runtime: the runtime hears only of those whose turn it is. Between two turns of guests that
//! give way it looks after its timers and its sockets, which it would not do by itself while it has work.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::yield_now;

use super::super::line::Line;

/// The turns of one runtime.
pub(super) struct Gate(Mutex<Turns>);

struct Turns {
    /// Nobody waits while there are any.
    free: usize,
    waiting: Line<Arc<Ticket>>,
}

/// A guest's work, polled when it is its turn.
pub(super) struct InTurn<F: ?Sized> {
    work: Pin<Box<F>>,
    ticket: Arc<Ticket>,
    /// Leads to the ticket.
    waker: Waker,
    /// Its turn has come, and the runtime takes a breath before it.
    breath: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

struct Ticket {
    gate: Arc<Gate>,
    lane: u64,
    place: Mutex<Place>,
}

struct Place {
    at: At,
    /// It gave way at its last turn.
    gave_way: bool,
    /// The runtime's own.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// It has nothing to do until something wakes it.
    Rest,
    /// In the line.
    Line,
    /// It is its turn, and the runtime has been told.
    Turn,
    Running,
    /// It was woken while it ran, or woke itself.
    RunningOn,
    Gone,
}

impl Gate {
    pub(super) fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Turns {
            free: threads.max(1),
            waiting: Line::default(),
        })))
    }

    pub(super) fn pass<F: Future + ?Sized>(
        self: &Arc<Self>,
        lane: u64,
        work: Pin<Box<F>>,
    ) -> InTurn<F> {
        let ticket = Arc::new(Ticket {
            gate: self.clone(),
            lane,
            place: Mutex::new(Place {
                at: At::Rest,
                gave_way: false,
                waker: None,
            }),
        });
        InTurn {
            work,
            waker: ticket.clone().into(),
            ticket,
            breath: None,
        }
    }

    /// True if it is this one's turn at once; else it is in the line.
    fn enter(&self, ticket: &Arc<Ticket>) -> bool {
        let mut turns = self.turns();
        if turns.free > 0 {
            turns.free -= 1;
            return true;
        }
        turns.waiting.push(ticket.lane, ticket.clone());
        false
    }

    /// A turn is over; `again` stands in line for another.
    fn leave(&self, mut again: Option<&Arc<Ticket>>) {
        loop {
            let mut turns = self.turns();
            if let Some(again) = again.take() {
                turns.waiting.push(again.lane, again.clone());
            }
            let Some(next) = turns.waiting.pop() else {
                turns.free += 1;
                return;
            };
            drop(turns);
            if next.call() {
                return;
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0
            .lock()
            .expect("no code panics while it holds the turns")
    }
}

impl Ticket {
    /// It is its turn. False: it is gone.
    fn call(&self) -> bool {
        let mut place = self.place();
        if place.at != At::Line {
            return false;
        }
        place.at = At::Turn;
        let waker = place.waker.clone();
        drop(place);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place
            .lock()
            .expect("no code panics while it holds a place")
    }
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut place = self.place();
        match place.at {
            At::Rest => {
                place.at = At::Line;
                drop(place);
                if self.gate.enter(self) && !self.call() {
                    self.gate.leave(None);
                }
            }
            At::Running => place.at = At::RunningOn,
            At::Line | At::Turn | At::RunningOn | At::Gone => {}
        }
    }
}

impl<F: Future + ?Sized> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        match this.ticket.turn(context.waker()) {
            Turned::NotYet => return Poll::Pending,
            Turned::Again => {
                let breath = this.breath.get_or_insert_with(|| Box::pin(yield_now()));
                if breath.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                this.breath = None;
            }
            Turned::First => {}
        }
        this.ticket.place().at = At::Running;
        // Dropped by a panic too: a turn that is not given back stops everybody.
        let turn = Turn(&this.ticket);
        let polled = this
            .work
            .as_mut()
            .poll(&mut Context::from_waker(&this.waker));
        turn.end(polled.is_ready());
        polled
    }
}

impl Ticket {
    /// Whether it is its turn; if it has just begun, it stands in line for one.
    fn turn(self: &Arc<Self>, waker: &Waker) -> Turned {
        let mut place = self.place();
        match &mut place.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        match place.at {
            At::Turn if place.gave_way => return Turned::Again,
            At::Turn => {}
            // Nobody has woken it: it has just begun.
            At::Rest => {
                place.at = At::Line;
                drop(place);
                if !self.gate.enter(self) {
                    return Turned::NotYet;
                }
                self.place().at = At::Turn;
            }
            At::Line | At::Running | At::RunningOn | At::Gone => return Turned::NotYet,
        }
        Turned::First
    }
}

enum Turned {
    NotYet,
    First,
    /// It gave way before.
    Again,
}

impl<F: ?Sized> Drop for InTurn<F> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut self.ticket.place().at, At::Gone);
        if before == At::Turn {
            self.ticket.gate.leave(None);
        }
    }
}

/// What a guest awaits at a tick: it goes to the back of its worker's line.
#[derive(Default)]
pub(in crate::engine) struct GiveWay {
    gave: bool,
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A turn that runs.
struct Turn<'a>(&'a Arc<Ticket>);

impl Turn<'_> {
    fn end(self, is_done: bool) {
        let ticket = self.0;
        std::mem::forget(self);
        let mut place = ticket.place();
        let goes_on = place.at == At::RunningOn;
        place.gave_way = goes_on;
        place.at = match (is_done, goes_on) {
            (true, _) => At::Gone,
            (false, true) => At::Line,
            (false, false) => At::Rest,
        };
        drop(place);
        let again = (goes_on && !is_done).then_some(ticket);
        ticket.gate.leave(again);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.place().at = At::Gone;
        self.0.gate.leave(None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    /// Work of so many slices.
    async fn slices(count: usize, ran: Arc<Mutex<Vec<u64>>>, lane: u64) {
        for _ in 0..count {
            ran.lock().unwrap().push(lane);
            GiveWay::default().await;
        }
    }

    #[tokio::test]
    async fn workers_take_turns_however_many_guests_they_have() {
        let (gate, ran) = (Gate::new(1), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            tasks.spawn(gate.pass(1, Box::pin(slices(20, ran.clone(), 1))));
        }
        yield_now().await;
        tasks.spawn(gate.pass(2, Box::pin(slices(10, ran.clone(), 2))));
        while tasks.join_next().await.is_some() {}
        let ran = ran.lock().unwrap();
        assert_eq!(ran.len(), 50 * 20 + 10);
        let first = ran.iter().position(|lane| *lane == 2).unwrap();
        let last = ran.iter().rposition(|lane| *lane == 2).unwrap();
        assert!(
            last - first <= 20,
            "every second slice is its own: {first} to {last}"
        );
        assert_eq!(gate.turns().free, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_turn_is_lost_whatever_happens_to_those_who_wait() {
        let (gate, done) = (Gate::new(2), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for number in 0..2000_usize {
            let done = done.clone();
            let work = async move {
                yield_now().await;
                if number % 3 == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                assert!(number % 7 != 0, "on purpose");
                GiveWay::default().await;
                done.fetch_add(1, Ordering::Relaxed);
            };
            let task = gate.pass(number as u64 % 5, Box::pin(work));
            let handle = tasks.spawn(std::panic::AssertUnwindSafe(task).catch_unwind());
            if number % 11 == 0 {
                handle.abort();
            }
        }
        while tasks.join_next().await.is_some() {}
        assert!(done.load(Ordering::Relaxed) > 1000);
        assert_eq!(gate.turns().free, 2);
        assert_eq!(gate.turns().waiting.len(), 0);
    }
}
