//! One monotonic clock for all guests. It goes on from process to process, so that a moment which a guest noted before its image was
//! taken lies in the past of every instance, and `elapsed` tells the truth.

use std::sync::LazyLock;
#[expect(
    clippy::disallowed_types,
    reason = "one clock for every runtime of the process; guests see real time also where a test stops the host's"
)]
use std::time::Instant;
use std::time::SystemTime;

use wasmtime_wasi::HostMonotonicClock;

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

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        Self::now(*self)
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
