//! One monotonic clock for all guests. It goes on from process to process, so that a moment which a guest noted before its image was
//! taken lies in the past of every instance, and `elapsed` tells the truth.
//!
//! What guests are shown is rounded down to milliseconds: a finer clock tells what neighbours have in the caches of the processor.

use std::sync::LazyLock;
#[expect(
    clippy::disallowed_types,
    reason = "one clock for every runtime of the process; guests see real time also where a test stops the host's"
)]
use std::time::Instant;
use std::time::{Duration, SystemTime};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Nanoseconds since the Unix epoch at the start of the process, and that moment.
#[expect(clippy::disallowed_types, reason = "as above")]
static START: LazyLock<(u64, Instant)> = LazyLock::new(|| {
    let epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    (nanoseconds(epoch), Instant::now())
});

/// The clock of one instance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GuestClock {
    /// Nanoseconds: more than zero after the machine's own clock was set back.
    ahead: u64,
}

impl GuestClock {
    /// A clock that never shows less than `then`, which another instance saw.
    pub(crate) fn not_before(then: u64) -> Self {
        let now = Self::default().now();
        Self {
            ahead: then.saturating_sub(now),
        }
    }

    pub(crate) fn now(self) -> u64 {
        let (epoch, start) = *START;
        epoch
            .saturating_add(nanoseconds(start.elapsed()))
            .saturating_add(self.ahead)
    }
}

/// How fine a clock shows the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Millisecond,
    Nanosecond,
}

impl Precision {
    fn step(self) -> u64 {
        match self {
            Self::Millisecond => 1_000_000,
            Self::Nanosecond => 1,
        }
    }
}

/// The monotonic clock as the guest sees it.
pub(super) struct Shown {
    pub(super) clock: GuestClock,
    pub(super) precision: Precision,
}

impl HostMonotonicClock for Shown {
    fn resolution(&self) -> u64 {
        self.precision.step()
    }

    fn now(&self) -> u64 {
        let now = self.clock.now();
        now - now % self.precision.step()
    }
}

/// The time of day as the guest sees it.
impl HostWallClock for Precision {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(self.step())
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let beyond = u64::from(now.subsec_nanos()) % self.step();
        now.saturating_sub(Duration::from_nanos(beyond))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_see_whole_milliseconds_unless_they_may_see_more() {
        let shown = |precision| Shown {
            clock: GuestClock { ahead: 1 },
            precision,
        };
        let coarse = (0..1000).map(|_| shown(Precision::Millisecond).now());
        assert!(coarse.into_iter().all(|now| now % 1_000_000 == 0));
        let fine = (0..1000).map(|_| shown(Precision::Nanosecond).now());
        assert!(fine.into_iter().any(|now| now % 1_000_000 != 0));
        assert_eq!(
            HostWallClock::now(&Precision::Millisecond).subsec_nanos() % 1_000_000,
            0
        );
        assert_eq!(shown(Precision::Millisecond).resolution(), 1_000_000);
    }

    #[test]
    fn a_moment_from_another_process_is_in_the_past() {
        let hour = 3_600_000_000_000;
        let then = GuestClock::default().now() + hour;
        assert!(GuestClock::not_before(then).now() >= then);
        let now = GuestClock::default().now();
        let same = GuestClock::not_before(now - hour);
        assert!(
            same.now() - now < hour,
            "a clock does not run ahead without need"
        );
    }
}
