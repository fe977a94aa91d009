//! Room for instances. When all of it is taken, those who need some wait in a bounded line, and the one who came first is served first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::Fault;

/// Those who may wait at once; one more is turned away.
const LINE_MAX: usize = 1024;
/// How long each of them waits.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Slots {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How often one was given back, and the news of it.
    releases: AtomicU64,
    released: Notify,
}

/// The right to one instance, given back when it is dropped.
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

/// Somebody who needs a slot.
pub(super) struct Turn<'a> {
    slots: &'a Arc<Slots>,
    /// Since it had to wait.
    line: Option<(Place<'a>, Instant)>,
    /// Releases when it last had a slot.
    had_at: Option<u64>,
}

impl Slots {
    pub(super) fn new(instances: u32) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(instances as usize)),
            waiting: AtomicUsize::new(0),
            releases: AtomicU64::new(0),
            released: Notify::new(),
        })
    }

    pub(super) fn turn(self: &Arc<Self>) -> Turn<'_> {
        Turn {
            slots: self,
            line: None,
            had_at: None,
        }
    }

    /// A slot if one is free now.
    pub(super) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(self.slot(permit))
    }

    fn slot(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Slot {
        Slot {
            permit: Some(permit),
            slots: self.clone(),
        }
    }
}

impl<'a> Turn<'a> {
    /// A slot, at once if one is free. Asked again, the slot before was of no use, for a component can need more than one memory or table:
    /// then this waits until another instance is gone.
    ///
    /// # Errors
    /// [`Fault::Exhausted`] when the line is full or nothing became free in time.
    pub(super) async fn slot(&mut self) -> Result<Slot, Fault> {
        let slots = self.slots;
        let had_at = self.had_at.replace(slots.releases.load(Ordering::Acquire));
        if had_at.is_none()
            && let Ok(permit) = slots.free.clone().try_acquire_owned()
        {
            return Ok(slots.slot(permit));
        }
        let until = self.line_up()?;
        if let Some(had_at) = had_at {
            let released = slots.released.notified();
            // The one that was of no use has been released as well.
            if slots.releases.load(Ordering::Acquire) <= had_at + 1 {
                timeout_at(until, released)
                    .await
                    .map_err(|_| Fault::Exhausted)?;
            }
        }
        match timeout_at(until, slots.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(slots.slot(permit)),
            // Time is up; the semaphore is never closed.
            Err(_) | Ok(Err(_)) => Err(Fault::Exhausted),
        }
    }

    /// Takes a place in the line, if it has none, and says until when it may wait.
    fn line_up(&mut self) -> Result<Instant, Fault> {
        if let Some((_, until)) = self.line {
            return Ok(until);
        }
        let place = Place(&self.slots.waiting);
        if self.slots.waiting.fetch_add(1, Ordering::Relaxed) >= LINE_MAX {
            return Err(Fault::Exhausted);
        }
        let until = Instant::now() + PATIENCE;
        self.line = Some((place, until));
        Ok(until)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.slots.releases.fetch_add(1, Ordering::Release);
        self.slots.released.notify_waiters();
    }
}

/// A place in the line.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_when_all_are_taken_waits_for_one_and_not_for_ever() {
        let slots = Slots::new(1);
        let first = slots.turn().slot().await.unwrap();
        let mut turn = slots.turn();
        let second = turn.slot();
        let release = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, release);
        let second = second.expect("it waited for the first");
        let start = Instant::now();
        assert!(matches!(slots.turn().slot().await, Err(Fault::Exhausted)));
        assert_eq!(start.elapsed(), PATIENCE);
        drop(second);
        slots.turn().slot().await.expect("nobody holds one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_was_of_no_use_is_followed_by_the_next_that_is_released() {
        let slots = Slots::new(2);
        let other = slots.turn().slot().await.unwrap();
        let mut turn = slots.turn();
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
    async fn the_line_is_bounded() {
        let slots = Slots::new(0);
        slots.waiting.store(LINE_MAX, Ordering::Relaxed);
        let start = Instant::now();
        assert!(matches!(slots.turn().slot().await, Err(Fault::Exhausted)));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(slots.waiting.load(Ordering::Relaxed), LINE_MAX);
    }
}
