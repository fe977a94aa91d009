//! When does a session end? Pure arithmetic on the clock; the keeper does the waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::EndReason;

/// A session's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The session ends when this passes without a call or a keep-alive. None: never. Default 300 s.
    pub idle_timeout: Option<Duration>,
    /// The session ends when it is this old. None: never. Default 30 min.
    pub max_lifetime: Option<Duration>,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(300)),
            max_lifetime: Some(Duration::from_secs(1800)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Lease {
    timers: Timers,
    /// The end of the lifetime.
    last: Option<Instant>,
    touched: Instant,
    /// Calls that are running, and the start of the session; while there are any, the idle timer stands.
    busy: usize,
}

impl Lease {
    /// The lease of a session that starts now; [`Lease::leave`] says that it has started.
    pub(super) fn new(timers: Timers, now: Instant) -> Self {
        Self {
            timers,
            last: timers.max_lifetime.and_then(|most| now.checked_add(most)),
            touched: now,
            busy: 1,
        }
    }

    pub(super) fn timers(&self) -> Timers {
        self.timers
    }

    /// A call or a keep-alive: the idle timer starts anew.
    pub(super) fn touch(&mut self, now: Instant) {
        self.touched = self.touched.max(now);
    }

    pub(super) fn enter(&mut self) {
        self.busy += 1;
    }

    pub(super) fn leave(&mut self, now: Instant) {
        self.busy = self.busy.saturating_sub(1);
        self.touch(now);
    }

    /// When the session ends if nothing more happens. None while a call runs and no lifetime is set.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        let idle_ends = if self.busy > 0 { None } else { self.idle_end() };
        earliest(idle_ends, self.last)
    }

    /// When to look again. A running call may end at any moment, but the idle timer then has its whole length before it.
    pub(super) fn look_at(&self, now: Instant) -> Option<Instant> {
        let idle = if self.busy > 0 {
            self.timers
                .idle_timeout
                .and_then(|timeout| now.checked_add(timeout))
        } else {
            self.idle_end()
        };
        earliest(idle, self.last)
    }

    /// The reason to end now, if there is one.
    pub(super) fn over(&self, now: Instant) -> Option<EndReason> {
        if self.last.is_some_and(|last| last <= now) {
            return Some(EndReason::Lifetime);
        }
        let idle_is_over = self.busy == 0 && self.idle_end().is_some_and(|end| end <= now);
        idle_is_over.then_some(EndReason::Idle)
    }

    fn idle_end(&self) -> Option<Instant> {
        self.timers
            .idle_timeout
            .and_then(|timeout| self.touched.checked_add(timeout))
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn lease(idle: Option<u64>, lifetime: Option<u64>) -> (Lease, Instant) {
        let now = Instant::now();
        let timers = Timers {
            idle_timeout: idle.map(seconds),
            max_lifetime: lifetime.map(seconds),
        };
        let mut lease = Lease::new(timers, now);
        lease.leave(now);
        (lease, now)
    }

    #[test]
    fn it_ends_exactly_when_the_idle_time_has_passed() {
        let (mut lease, start) = lease(Some(10), None);
        assert_eq!(lease.over(start + Duration::from_millis(9999)), None);
        assert_eq!(lease.over(start + seconds(10)), Some(EndReason::Idle));
        lease.touch(start + seconds(5));
        assert_eq!(lease.over(start + Duration::from_millis(14_999)), None);
        assert_eq!(lease.over(start + seconds(15)), Some(EndReason::Idle));
    }

    #[test]
    fn the_idle_timer_stands_while_a_call_runs() {
        let (mut lease, start) = lease(Some(10), None);
        lease.enter();
        assert_eq!(lease.over(start + seconds(100)), None);
        assert_eq!(lease.ends_at(), None);
        assert_eq!(
            lease.look_at(start + seconds(100)),
            Some(start + seconds(110))
        );
        lease.leave(start + seconds(100));
        assert_eq!(lease.ends_at(), Some(start + seconds(110)));
    }

    #[test]
    fn keep_alive_does_not_outlast_the_lifetime() {
        let (mut lease, start) = lease(Some(10), Some(60));
        for at in 0..12 {
            lease.touch(start + seconds(5 * at));
        }
        assert_eq!(lease.ends_at(), Some(start + seconds(60)));
        lease.enter();
        assert_eq!(
            lease.over(start + seconds(60)),
            Some(EndReason::Lifetime),
            "not even during a call"
        );
    }

    #[test]
    fn no_timers_means_for_ever() {
        let (lease, start) = lease(None, None);
        assert_eq!(lease.look_at(start), None);
        assert_eq!(lease.over(start + seconds(1 << 30)), None);
    }
}
