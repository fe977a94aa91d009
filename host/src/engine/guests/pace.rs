//! Who may use a door's thread: work that was quick so far. Measured in time on the processor, so a busy machine makes nobody slow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// A first slice that keeps its thread busy for longer than this is slow.
const QUICK: Duration = Duration::from_millis(1);
/// Slices that are measured on the processor's clock after one that took long on the wall's. That clock costs a system call.
const MEASURED: u32 = 8;
/// What a slow slice adds to the slowness; each quick one takes 1 away. At the bound the work goes elsewhere.
const SLOW_SLICE: u32 = 16;
const SLOWNESS_MAX: u32 = 32;
/// Calls that go to the guests' runtime from the start, until it is tried again.
const CALLS_ELSEWHERE: u32 = 256;

/// The pace of a session, or of a backend's calls outside of sessions.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    suspect: AtomicU32,
    slowness: AtomicU32,
    calls_elsewhere: AtomicU32,
}

/// The paces of a backend's calls outside of sessions, and of starts of its sessions: a worker's own for each of the first of them, so that
/// one who calls slow tools costs no other the door's thread.
#[derive(Debug)]
pub(crate) struct Paces([Pace; LANES]);

const LANES: usize = 64;

impl Default for Paces {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Pace::default()))
    }
}

impl Paces {
    pub(crate) fn of(&self, lane: u64) -> &Pace {
        let [first, ..] = &self.0;
        let place = usize::try_from(lane % LANES as u64).unwrap_or_default();
        self.0.get(place).unwrap_or(first)
    }
}

/// The clocks at the start of a slice.
pub(super) struct Start {
    wall: Instant,
    /// Of this thread; only while the work is suspect.
    processor: Option<Duration>,
}

impl Pace {
    /// True when the next call is to start on the guests' runtime.
    pub(super) fn is_slow(&self) -> bool {
        count_down(&self.calls_elsewhere)
    }

    pub(super) fn start(&self) -> Start {
        let processor = count_down(&self.suspect).then(thread_time);
        Start {
            wall: Instant::now(),
            processor,
        }
    }

    /// A slice that took long may have been kept waiting by the machine; the next ones are looked at more closely.
    pub(super) fn stop(&self, start: &Start) {
        match start.processor {
            Some(before) => self.note(thread_time().saturating_sub(before)),
            None if start.wall.elapsed() > QUICK => self.suspect.store(MEASURED, Ordering::Relaxed),
            None => {}
        }
    }

    fn note(&self, busy: Duration) {
        if busy <= QUICK {
            count_down(&self.slowness);
        } else if self.slowness.fetch_add(SLOW_SLICE, Ordering::Relaxed) + SLOW_SLICE
            >= SLOWNESS_MAX
        {
            self.slowness.store(0, Ordering::Relaxed);
            self.calls_elsewhere
                .store(CALLS_ELSEWHERE, Ordering::Relaxed);
        }
    }
}

/// Takes one away. False when there is none.
fn count_down(counter: &AtomicU32) -> bool {
    // Nearly always zero: no write to a line that other cores read.
    counter.load(Ordering::Relaxed) > 0
        && counter
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
}

/// Time that this thread has spent on the processor.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_leaves_the_doors_alone_for_a_while_and_is_tried_again() {
        let pace = Pace::default();
        pace.note(Duration::from_millis(9));
        assert!(!pace.is_slow(), "once can be chance");
        pace.note(Duration::from_millis(9));
        let elsewhere = (0..1000).take_while(|_| pace.is_slow()).count();
        assert_eq!(elsewhere, CALLS_ELSEWHERE as usize);
    }

    #[test]
    fn now_and_then_a_slow_call_among_quick_ones_changes_nothing() {
        let pace = Pace::default();
        for _ in 0..100 {
            pace.note(Duration::from_millis(9));
            (0..16).for_each(|_| pace.note(Duration::from_micros(20)));
            assert!(!pace.is_slow());
        }
    }
}
