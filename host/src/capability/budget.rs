//! The memory of all guests together. Every instance charges here what its guest takes, and gives it back when it is dropped. When all of
//! it is taken, memory stops growing and no instance is made.
//!
//! Two things are held against the bound: what guests asked for, to the byte, and the pages that the process really has for itself, as the
//! kernel counts them. The second finds what the first cannot know: which pages of a shared warm image a guest has written to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::param::page_size;
use tokio::time::Instant;

/// How old the kernel's count may be.
const FRESH: Duration = Duration::from_millis(50);
const STATM: &str = "/proc/self/statm";

#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes_max: u64,
    used: AtomicU64,
    start: Instant,
    /// The pages of the process when they were last counted, in bytes, and when that was, in milliseconds.
    resident: AtomicU64,
    counted_at: AtomicU64,
}

impl MemoryBudget {
    pub(crate) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            used: AtomicU64::new(0),
            start: Instant::now(),
            resident: AtomicU64::new(resident_bytes()),
            counted_at: AtomicU64::new(0),
        })
    }

    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// True while an instance may be made and memory may grow.
    pub(crate) fn has_room(&self) -> bool {
        if self.bytes_max == u64::MAX {
            return true;
        }
        self.used.load(Ordering::Relaxed) < self.bytes_max && self.resident() < self.bytes_max
    }

    fn take(&self, bytes: u64) -> bool {
        if !self.has_room() {
            return false;
        }
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.bytes_max;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The process's own pages, in bytes. Counted anew when it is not fresh, by whoever comes first.
    pub(crate) fn resident(&self) -> u64 {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let counted_at = self.counted_at.load(Ordering::Relaxed);
        let is_fresh = Duration::from_millis(now.saturating_sub(counted_at)) < FRESH;
        let is_first = || {
            let taken = self.counted_at.compare_exchange(
                counted_at,
                now,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            taken.is_ok()
        };
        if is_fresh || !is_first() {
            return self.resident.load(Ordering::Relaxed);
        }
        let resident = resident_bytes();
        self.resident.store(resident, Ordering::Relaxed);
        report("hostel_memory_max_bytes", self.bytes_max);
        report(
            "hostel_guest_memory_bytes",
            self.used.load(Ordering::Relaxed),
        );
        report("hostel_resident_bytes", resident);
        resident
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody has 2^53 bytes"
)]
fn report(name: &'static str, bytes: u64) {
    metrics::gauge!(name).set(bytes as f64);
}

/// Pages that are the process's own: those of files, mapped code and images that nobody wrote to, can be dropped at any time. 0 where the
/// kernel does not say.
fn resident_bytes() -> u64 {
    let text = fs_err::read_to_string(STATM).unwrap_or_default();
    let mut pages = text.split(' ').map_while(|part| part.parse::<u64>().ok());
    let (Some(resident), Some(shared)) = (pages.nth(1), pages.next()) else {
        return 0;
    };
    resident.saturating_sub(shared) * page_size() as u64
}

/// What one instance has of the budget.
#[derive(Debug, Default)]
pub(super) struct Charge {
    /// None: nobody counts.
    budget: Option<Arc<MemoryBudget>>,
    bytes: u64,
    /// Memory that it begins with is a shared image's, mapped until it is written to.
    begins_shared: bool,
}

impl Charge {
    pub(super) fn of(budget: Arc<MemoryBudget>, begins_shared: bool) -> Self {
        Self {
            budget: Some(budget),
            bytes: 0,
            begins_shared,
        }
    }

    /// What the guest takes from now on is its own.
    pub(super) fn begun(&mut self) {
        self.begins_shared = false;
    }

    /// Takes what a memory grows by.
    ///
    /// # Errors
    /// All that there is, if that is too much.
    pub(super) fn take(&mut self, current: usize, desired: usize) -> Result<(), u64> {
        let bytes = desired.saturating_sub(current) as u64;
        let Some(budget) = self.budget.as_ref().filter(|_| !self.begins_shared) else {
            return Ok(());
        };
        if !budget.take(bytes) {
            return Err(budget.bytes_max);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: usize = 1 << 30;
    /// More than this process has in pages.
    const ENOUGH: u64 = 64 << 30;

    #[tokio::test]
    async fn what_all_have_together_is_bounded_and_given_back() {
        let budget = MemoryBudget::new(ENOUGH);
        let mut first = Charge::of(budget.clone(), false);
        let mut second = Charge::of(budget.clone(), false);
        first.take(0, 40 * GIB).unwrap();
        assert_eq!(second.take(0, 30 * GIB), Err(ENOUGH));
        second.take(0, 24 * GIB).unwrap();
        assert!(!budget.has_room());
        drop(first);
        assert!(budget.has_room());
        second.take(24 * GIB, 64 * GIB).unwrap();
    }

    #[tokio::test]
    async fn the_pages_of_an_image_are_everybodys_and_what_comes_later_is_not() {
        let budget = MemoryBudget::new(ENOUGH);
        let mut charge = Charge::of(budget.clone(), true);
        charge.take(0, 100 * GIB).unwrap();
        charge.begun();
        charge.take(100 * GIB, 101 * GIB).unwrap();
        assert_eq!(budget.used.load(Ordering::Relaxed), 1 << 30);
        charge.take(101 * GIB, 200 * GIB).unwrap_err();
    }

    #[tokio::test]
    async fn a_process_that_has_as_many_pages_makes_no_instances() {
        let budget = MemoryBudget::new(4096);
        assert!(!budget.has_room(), "this test alone has more");
        assert_eq!(Charge::of(budget, false).take(0, 1), Err(4096));
    }
}
