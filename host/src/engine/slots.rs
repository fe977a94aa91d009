//! Room for instances. When all of it is taken, those who need some wait in a bounded line, in which workers take turns. Those who end an
//! instance have a line of the same kind, without a bound: nobody is turned away from it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Fault;
use super::line::Line;

/// Those who may wait at once. One more takes the place of somebody whose worker has more in the line, or is turned away.
const LINE_MAX: usize = 1024;
/// How long each of them waits.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Slots {
    line_max: usize,
    /// None: for ever.
    patience: Option<Duration>,
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// How often one was given back.
    releases: u64,
    line: Line<oneshot::Sender<Slot>>,
}

/// The right to one instance, given back when it is dropped.
pub(crate) struct Slot {
    /// None: it is nobody's any more.
    slots: Option<Arc<Slots>>,
}

/// Somebody who needs a slot.
pub(super) struct Turn<'a> {
    slots: &'a Arc<Slots>,
    lane: u64,
    /// Since it had to wait.
    until: Option<Instant>,
    /// Releases when it last had a slot.
    had_at: Option<u64>,
}

impl Slots {
    pub(super) fn new(instances: u32) -> Arc<Self> {
        Self::with(instances, LINE_MAX, Some(PATIENCE))
    }

    /// A line in which everybody waits, for as long as it takes.
    pub(crate) fn endless(at_once: u32) -> Arc<Self> {
        Self::with(at_once, usize::MAX, None)
    }

    /// Waits in an endless line.
    pub(crate) async fn wait(self: &Arc<Self>, lane: u64) -> Option<Slot> {
        self.turn(lane).slot().await.ok()
    }

    fn with(instances: u32, line_max: usize, patience: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            line_max,
            patience,
            state: Mutex::new(State {
                free: instances as usize,
                releases: 0,
                line: Line::default(),
            }),
        })
    }

    /// `lane`: the worker for whom it is.
    pub(super) fn turn(self: &Arc<Self>, lane: u64) -> Turn<'_> {
        Turn {
            slots: self,
            lane,
            until: None,
            had_at: None,
        }
    }

    /// A slot if one is free now.
    pub(super) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state();
        state.free = state.free.checked_sub(1)?;
        drop(state);
        Some(self.slot())
    }

    fn slot(self: &Arc<Self>) -> Slot {
        Slot {
            slots: Some(self.clone()),
        }
    }

    /// One is given back, and goes to whoever is next.
    fn release(self: &Arc<Self>) {
        let mut state = self.state();
        state.free += 1;
        state.releases += 1;
        while state.free > 0
            && let Some(next) = state.line.pop()
        {
            state.free -= 1;
            let mut refused = next.send(self.slot());
            if let Err(slot) = &mut refused {
                // Whoever waited has left. The guard is ours: the slot must not give itself back.
                slot.slots = None;
                state.free += 1;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the slots")
    }
}

impl Turn<'_> {
    /// A slot, at once if one is free. Asked again, the slot before was of no use, for a component can need more than one memory or table:
    /// then this waits until another instance is gone.
    ///
    /// # Errors
    /// [`Fault::Exhausted`] when the line is full or nothing became free in time.
    pub(super) async fn slot(&mut self) -> Result<Slot, Fault> {
        let (until, waiting) = {
            let mut state = self.slots.state();
            // The one that was of no use has been released as well.
            let is_due = self.had_at.is_none_or(|had_at| state.releases > had_at + 1);
            if is_due && state.free > 0 {
                state.free -= 1;
                self.had_at = Some(state.releases);
                drop(state);
                return Ok(self.slots.slot());
            }
            if let (None, Some(patience)) = (self.until, self.slots.patience) {
                self.until = Some(Instant::now() + patience);
            }
            (self.until, state.line_up(self.lane, self.slots.line_max)?)
        };
        let slot = match until {
            Some(until) => timeout_at(until, waiting).await.ok().and_then(Result::ok),
            None => waiting.await.ok(),
        };
        let slot = slot.ok_or(Fault::Exhausted)?;
        self.had_at = Some(self.slots.state().releases);
        Ok(slot)
    }
}

impl State {
    /// Takes a place in the line.
    fn line_up(&mut self, lane: u64, line_max: usize) -> Result<oneshot::Receiver<Slot>, Fault> {
        if self.line.len() >= line_max {
            self.line.retain(|waiter| !waiter.is_closed());
        }
        // Dropped, the sender tells who waited that there is no room.
        if self.line.len() >= line_max && self.line.give_way(lane).is_none() {
            return Err(Fault::Exhausted);
        }
        let (sender, receiver) = oneshot::channel();
        self.line.push(lane, sender);
        Ok(receiver)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_when_all_are_taken_waits_for_one_and_not_for_ever() {
        let slots = Slots::new(1);
        let first = slots.turn(1).slot().await.unwrap();
        let mut turn = slots.turn(1);
        let second = turn.slot();
        let release = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, release);
        let second = second.expect("it waited for the first");
        let start = Instant::now();
        assert!(matches!(slots.turn(1).slot().await, Err(Fault::Exhausted)));
        assert_eq!(start.elapsed(), PATIENCE);
        drop(second);
        slots.turn(1).slot().await.expect("nobody holds one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_was_of_no_use_is_followed_by_the_next_that_is_released() {
        let slots = Slots::new(2);
        let other = slots.turn(1).slot().await.unwrap();
        let mut turn = slots.turn(1);
        let useless = turn.slot().await.unwrap();
        let start = Instant::now();
        let again = async {
            drop(useless);
            turn.slot().await
        };
        let release = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(other);
        };
        let (again, ()) = tokio::join!(again, release);
        again.expect("another was released");
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_bounded_and_a_crowd_gives_way_to_who_comes_alone() {
        let slots = Slots::new(1);
        let _only = slots.turn(1).slot().await.unwrap();
        let mut crowd: Vec<_> = (0..LINE_MAX)
            .map(|_| slots.state().line_up(1, LINE_MAX).ok().unwrap())
            .collect();
        let start = Instant::now();
        assert!(matches!(slots.turn(1).slot().await, Err(Fault::Exhausted)));
        assert_eq!(start.elapsed(), Duration::ZERO);
        let alone = slots.state().line_up(2, LINE_MAX);
        assert!(alone.is_ok(), "the newest of the crowd gave way");
        let newest = crowd.pop().unwrap().await;
        assert!(newest.is_err(), "and was told");
        drop(crowd);
        assert!(
            slots.state().line_up(1, LINE_MAX).is_ok(),
            "those who left take no room"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_crowd_of_another_worker_is_served_second() {
        let slots = Slots::new(1);
        let held = slots.turn(1).slot().await.unwrap();
        let served = Mutex::new(Vec::new());
        let visit = |lane: u64| {
            let (slots, served) = (&slots, &served);
            async move {
                let slot = slots.turn(lane).slot().await.unwrap();
                served.lock().unwrap().push(lane);
                drop(slot);
            }
        };
        let crowd = futures_util::future::join_all((0..20).map(|_| visit(1)));
        let release = async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(held);
        };
        tokio::join!(crowd, visit(2), release);
        let served = served.into_inner().unwrap();
        assert_eq!(served.len(), 21);
        let place = served.iter().position(|lane| *lane == 2).unwrap();
        assert!(place <= 1, "{served:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_on_its_way_to_somebody_who_leaves_is_not_lost() {
        let slots = Slots::new(1);
        let held = slots.turn(1).slot().await.unwrap();
        let left = slots.state().line_up(1, LINE_MAX).ok().unwrap();
        let waiting = slots.state().line_up(1, LINE_MAX).ok().unwrap();
        drop(left);
        drop(held);
        drop(waiting);
        assert_eq!(slots.state().free, 1);
    }
}
