//! Counts wrong credentials by the address that they came from. Only who fails is counted: a good caller pays nothing for it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Wrong ones from one address in a [`WINDOW`]; more are told to wait.
const FAILURES_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered. When there are more, all are forgotten that are over, and then the others.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Failures>>);

struct Failures {
    count: u32,
    since: Instant,
}

impl Attempts {
    /// One more. Answers with how long the address has to wait, if that was too many.
    pub(super) fn count(&self, from: Option<IpAddr>) -> Option<Duration> {
        let from = from.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), site);
        let now = Instant::now();
        let mut all = self
            .0
            .lock()
            .expect("no code panics while it holds the attempts");
        if all.len() >= ADDRESSES_MAX && !all.contains_key(&from) {
            all.retain(|_, failures| now.duration_since(failures.since) < WINDOW);
            if all.len() >= ADDRESSES_MAX {
                all.clear();
            }
        }
        let failures = all.entry(from).or_insert(Failures {
            count: 0,
            since: now,
        });
        let passed = now.duration_since(failures.since);
        if passed >= WINDOW {
            *failures = Failures {
                count: 0,
                since: now,
            };
        }
        failures.count = failures.count.saturating_add(1);
        (failures.count > FAILURES_MAX).then(|| WINDOW.saturating_sub(passed))
    }
}

/// Who has an address of version 6 has all of its lower half.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let upper = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(upper))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_twenty_first_wrong_one_in_a_minute_waits() {
        let (attempts, one) = (Attempts::default(), IpAddr::from([127, 0, 0, 1]));
        for _ in 0..FAILURES_MAX {
            assert_eq!(attempts.count(Some(one)), None);
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(attempts.count(Some(one)), Some(Duration::from_secs(40)));
        let other = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(attempts.count(Some(other)), None, "another address");
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(attempts.count(Some(one)), None, "another minute");
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(site(parse("2001:db8::1")), site(parse("2001:db8::ffff")));
        assert_ne!(site(parse("2001:db8::1")), site(parse("2001:db8:0:1::1")));
        assert_eq!(site(parse("::ffff:10.0.0.1")), parse("10.0.0.1"));
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_in_time() {
        let attempts = Attempts::default();
        for number in 0..30_000_u32 {
            attempts.count(Some(IpAddr::from(number.to_be_bytes())));
        }
        assert!(attempts.0.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
