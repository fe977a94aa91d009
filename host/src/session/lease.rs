//! When does a session end? Pure arithmetic on the clock; the keeper does the waiting.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::EndReason;

/// A session's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    /// The session ends when this passes without a call or a keep-alive. None: never. Default 300 s.
    pub idle_timeout: Option<Duration>,
    /// The session ends when it is this old, suspended or not. None: never. Default 30 min.
    pub max_lifetime: Option<Duration>,
    pub on_idle: OnIdle,
    /// A session that was suspended for so long is moved to the archive. None: never, the default.
    pub archive_after: Option<Duration>,
}

/// What becomes of a session whose `idle_timeout` has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnIdle {
    /// It ends.
    #[default]
    Release,
    /// It is parked on disk and wakes up on its next call.
    Suspend,
}

impl OnIdle {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Suspend => "suspend",
        }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(300)),
            max_lifetime: Some(Duration::from_secs(1800)),
            on_idle: OnIdle::default(),
            archive_after: None,
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
    /// Since when the session is suspended; the idle timer stands meanwhile, too.
    parked: Option<Instant>,
    is_archived: bool,
}

impl Lease {
    /// The lease of a session that starts now; [`Lease::leave`] says that it has started.
    pub(super) fn new(timers: Timers, now: Instant) -> Self {
        Self {
            timers,
            last: timers.max_lifetime.and_then(|most| now.checked_add(most)),
            touched: now,
            busy: 1,
            parked: None,
            is_archived: false,
        }
    }

    /// The lease of a suspended session that comes back after a restart. `left`: of its lifetime, if that has an end.
    pub(super) fn resumed(timers: Timers, now: Instant, left: Option<Duration>) -> Self {
        Self {
            timers,
            last: left.and_then(|left| now.checked_add(left)),
            touched: now,
            busy: 0,
            parked: Some(now),
            is_archived: false,
        }
    }

    /// What is left of the lifetime, if that has an end.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        self.last.map(|last| last.saturating_duration_since(now))
    }

    /// The session is suspended.
    pub(super) fn park(&mut self, now: Instant) {
        self.parked = Some(now);
        self.is_archived = false;
    }

    /// Its state is in the archive: there is nothing more to do for it.
    pub(super) fn archive(&mut self) {
        self.is_archived = true;
    }

    /// True when the session is to be moved to the archive now.
    pub(super) fn is_due_to_archive(&self, now: Instant) -> bool {
        self.archive_at().is_some_and(|at| at <= now)
    }

    fn archive_at(&self) -> Option<Instant> {
        let parked = self.parked.filter(|_| !self.is_archived)?;
        parked.checked_add(self.timers.archive_after?)
    }

    /// The session is awake again.
    pub(super) fn unpark(&mut self, now: Instant) {
        self.parked = None;
        self.touch(now);
    }

    pub(super) fn timers(&self) -> Timers {
        self.timers
    }

    /// A call or a keep-alive: the idle timer starts anew.
    pub(super) fn touch(&mut self, now: Instant) {
        self.touched = self.touched.max(now);
    }

    /// The same, and the session is not over for being idle before `left` has passed. It ends with its lifetime all the same.
    pub(super) fn extend(&mut self, now: Instant, left: Duration) {
        let more = left.saturating_sub(self.timers.idle_timeout.unwrap_or(left));
        self.touch(now.checked_add(more).unwrap_or(now));
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
        let sleeps = self.timers.on_idle == OnIdle::Suspend;
        let idle_ends = if sleeps || self.is_busy() {
            None
        } else {
            self.idle_end()
        };
        earliest(idle_ends, self.last)
    }

    /// When to look again. A running call may end at any moment, but the idle timer then has its whole length before it.
    pub(super) fn look_at(&self, now: Instant) -> Option<Instant> {
        let idle = if self.is_busy() {
            self.timers
                .idle_timeout
                .and_then(|timeout| now.checked_add(timeout))
        } else {
            self.idle_end()
        };
        earliest(earliest(idle, self.archive_at()), self.last)
    }

    /// The reason to end now, if there is one.
    pub(super) fn over(&self, now: Instant) -> Option<EndReason> {
        if self.last.is_some_and(|last| last <= now) {
            return Some(EndReason::Lifetime);
        }
        (self.is_idle(now) && self.timers.on_idle == OnIdle::Release).then_some(EndReason::Idle)
    }

    /// True when the session is to be suspended now.
    pub(super) fn is_due_to_sleep(&self, now: Instant) -> bool {
        self.is_idle(now) && self.timers.on_idle == OnIdle::Suspend
    }

    fn is_idle(&self, now: Instant) -> bool {
        !self.is_busy() && self.idle_end().is_some_and(|end| end <= now)
    }

    fn is_busy(&self) -> bool {
        self.busy > 0 || self.parked.is_some()
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
            ..Timers::default()
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
    fn an_extension_lasts_longer_than_the_idle_time_and_never_shortens_it() {
        let (mut lease, start) = lease(Some(10), Some(60));
        lease.extend(start, seconds(25));
        assert_eq!(lease.ends_at(), Some(start + seconds(25)));
        lease.touch(start + seconds(5));
        assert_eq!(lease.ends_at(), Some(start + seconds(25)));
        lease.extend(start + seconds(20), seconds(1));
        assert_eq!(lease.ends_at(), Some(start + seconds(30)));
        lease.extend(start + seconds(20), seconds(3600));
        assert_eq!(lease.ends_at(), Some(start + seconds(60)));
    }

    #[test]
    fn a_suspended_session_is_not_idle_but_it_grows_old() {
        let (mut lease, start) = lease(Some(10), Some(60));
        lease.park(start);
        assert_eq!(lease.over(start + seconds(59)), None);
        assert_eq!(lease.over(start + seconds(60)), Some(EndReason::Lifetime));
        lease.unpark(start + seconds(30));
        assert_eq!(lease.over(start + seconds(40)), Some(EndReason::Idle));
    }

    #[test]
    fn no_timers_means_for_ever() {
        let (lease, start) = lease(None, None);
        assert_eq!(lease.look_at(start), None);
        assert_eq!(lease.over(start + seconds(1 << 30)), None);
    }
}
