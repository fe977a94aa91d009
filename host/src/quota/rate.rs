//! A rate with a burst, by the generic cell rate algorithm: one number says when the next request conforms, so asking is one atomic
//! exchange. (ATM Forum, Traffic Management 4.1, section 4.4.)

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

const SECOND: f64 = 1e9;

/// So many a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: u64,
}

impl Rate {
    /// `burst`: none means what comes in a second, 1 at least. No rate at all for 0 a second.
    ///
    /// # Errors
    /// In words for the operator: it is no rate.
    pub fn new(per_second: f64, burst: Option<u64>) -> Result<Option<Self>, String> {
        if per_second == 0.0 {
            return Ok(None);
        }
        if !(1e-3..=1e9).contains(&per_second) {
            return Err(format!(
                "{per_second} is no rate; from 0.001 to 1e9, or 0 for any"
            ));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the bounds were checked"
        )]
        let burst = burst.unwrap_or(per_second.ceil() as u64);
        if burst == 0 || burst > 1_000_000_000 {
            return Err(format!("{burst} is no burst; from 1 to 1e9"));
        }
        Ok(Some(Self { per_second, burst }))
    }

    pub fn per_second(self) -> f64 {
        self.per_second
    }

    pub fn burst(self) -> u64 {
        self.burst
    }

    /// Nanoseconds between two requests.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1 and at most 1e12"
    )]
    fn interval(self) -> u64 {
        (SECOND / self.per_second).max(1.0) as u64
    }
}

/// When the next request would conform if nobody had saved up, in nanoseconds since the first look at the clock.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

/// There is not enough in the bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refill {
    After {
        wait: Duration,
        used: u64,
    },
    /// More was asked for than it ever holds.
    Never {
        used: u64,
    },
}

impl Refill {
    pub(super) fn used(&self) -> u64 {
        match self {
            Self::After { used, .. } | Self::Never { used } => *used,
        }
    }
}

impl Bucket {
    /// Takes `count`, all or none.
    pub(super) fn spend(&self, rate: Rate, count: u64, now: Instant) -> Result<(), Refill> {
        let (now, interval) = (nanoseconds(now), rate.interval());
        let full = interval.saturating_mul(rate.burst);
        let cost = interval.saturating_mul(count);
        let mut next = self.0.load(Ordering::Relaxed);
        loop {
            let after = next.max(now).saturating_add(cost);
            let Some(excess) = after
                .checked_sub(now.saturating_add(full))
                .filter(|excess| *excess > 0)
            else {
                match self.0.compare_exchange_weak(
                    next,
                    after,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return Ok(()),
                    Err(changed) => {
                        next = changed;
                        continue;
                    }
                }
            };
            let used = self.used_at(rate, now);
            return Err(if count > rate.burst {
                Refill::Never { used }
            } else {
                Refill::After {
                    wait: Duration::from_nanos(excess),
                    used,
                }
            });
        }
    }

    /// How much of the burst is taken.
    pub(super) fn used(&self, rate: Rate, now: Instant) -> u64 {
        self.used_at(rate, nanoseconds(now))
    }

    fn used_at(&self, rate: Rate, now: u64) -> u64 {
        let ahead = self.0.load(Ordering::Relaxed).saturating_sub(now);
        ahead.div_ceil(rate.interval()).min(rate.burst)
    }
}

fn nanoseconds(now: Instant) -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = now.saturating_duration_since(*START);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64, burst: u64) -> Rate {
        Rate::new(per_second, Some(burst)).unwrap().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served_and_then_the_rate() {
        let (bucket, rate) = (Bucket::default(), rate(10.0, 5));
        let spent = |count| bucket.spend(rate, count, Instant::now());
        for _ in 0..5 {
            spent(1).unwrap();
        }
        let Err(Refill::After { wait, used }) = spent(1) else {
            panic!("a sixth");
        };
        assert_eq!((wait, used), (Duration::from_millis(100), 5));
        tokio::time::advance(wait).await;
        spent(1).unwrap();
        spent(1).unwrap_err();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(bucket.used(rate, Instant::now()), 0);
        spent(5).expect("a pause fills the burst");
        spent(1).expect_err("and no more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn all_or_none_and_what_never_fits_says_so() {
        let (bucket, rate) = (Bucket::default(), rate(1.0, 3));
        let spent = |count| bucket.spend(rate, count, Instant::now());
        spent(2).unwrap();
        assert!(matches!(spent(2), Err(Refill::After { .. })));
        spent(1).expect("the refused took nothing");
        assert_eq!(spent(4), Err(Refill::Never { used: 3 }));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        assert_eq!(Rate::new(0.0, None).unwrap(), None);
        let burst = Rate::new(2.5, None).unwrap().map(Rate::burst);
        assert_eq!(burst, Some(3), "the burst is a second's worth");
        for (per_second, burst) in [(-1.0, None), (f64::NAN, None), (1e10, None), (1.0, Some(0))] {
            Rate::new(per_second, burst).expect_err("it is no rate");
        }
    }
}
