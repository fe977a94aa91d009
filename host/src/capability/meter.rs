//! Counts what one instance uses and says no at its limits. The engine asks; the answers explain a failed call afterwards.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::policy::Limits;

use super::budget::{Charge, MemoryBudget};

/// Memories, tables and host calls of one instance, and the processor time of its running call.
pub struct Meter {
    memory_bytes: Budget,
    /// The same of what all guests have together.
    charge: Charge,
    table_elements: Budget,
    instances_max: usize,
    refused: Option<Refused>,
    pub(crate) host_calls: u64,
    /// Epoch ticks that the running call may still use.
    pub(crate) ticks_left: u64,
}

/// The limit that a guest ran into. The guest only saw a failed growth; most then trap, and this tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Memory {
        bytes_max: usize,
    },
    Table {
        elements_max: usize,
    },
    /// Of all guests together.
    HostMemory {
        bytes_max: u64,
    },
}

impl Meter {
    pub fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: Budget::of(limits.memory_bytes),
            charge: Charge::default(),
            table_elements: Budget::of(limits.table_elements),
            instances_max: limits.instances,
            refused: None,
            host_calls: 0,
            ticks_left: 0,
        }
    }

    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.used as u64
    }

    pub fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Starts the account of a new call.
    pub fn open(&mut self, ticks: u64) {
        self.ticks_left = ticks;
        self.refused = None;
        self.host_calls = 0;
    }

    /// Counts its memory with that of all guests from now on. `begins_shared`: what it begins with is mapped from an image.
    pub(crate) fn charge_to(&mut self, budget: &Arc<MemoryBudget>, begins_shared: bool) {
        self.charge = Charge::of(budget.clone(), begins_shared);
    }

    /// The instance is made: what it takes from now on is its own.
    pub(crate) fn begun(&mut self) {
        self.charge.begun();
    }

    /// Adds to the memory that may be used: the host's own need, not the guest's.
    pub(crate) fn grant_memory(&mut self, bytes: usize) {
        self.memory_bytes.max = self.memory_bytes.max.saturating_add(bytes);
    }

    /// Narrows the memory that may be used from now on: a session's own limit on an instance that was made before it.
    pub fn tighten_memory(&mut self, bytes_max: usize) {
        self.memory_bytes.max = self.memory_bytes.max.min(bytes_max);
    }
}

/// So much of a thing, and how much of it is taken.
struct Budget {
    used: usize,
    max: usize,
}

impl Budget {
    fn of(max: usize) -> Self {
        Self { used: 0, max }
    }

    /// Takes what a thing grows by. What is refused is not counted.
    fn take(&mut self, current: usize, desired: usize) -> bool {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        let fits = total <= self.max;
        if fits {
            self.used = total;
        }
        fits
    }

    /// Puts back what was taken for a growth that came to nothing.
    fn give_back(&mut self, current: usize, desired: usize) {
        self.used = self.used.saturating_sub(desired.saturating_sub(current));
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = self.memory_bytes.take(current, desired);
        if !fits {
            self.refused = Some(Refused::Memory {
                bytes_max: self.memory_bytes.max,
            });
            return Ok(false);
        }
        let charged = self.charge.take(current, desired);
        if let Err(bytes_max) = charged {
            self.memory_bytes.give_back(current, desired);
            self.refused = Some(Refused::HostMemory { bytes_max });
        }
        Ok(charged.is_ok())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = self.table_elements.take(current, desired);
        if !fits {
            self.refused = Some(Refused::Table {
                elements_max: self.table_elements.max,
            });
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_all_memories() {
        let mut meter = Meter::new(&Limits {
            memory_bytes: 100,
            ..Limits::default()
        });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(
            !meter.memory_growing(0, 60, None).unwrap(),
            "a second memory counts with the first"
        );
        assert_eq!(meter.refused(), Some(Refused::Memory { bytes_max: 100 }));
        assert!(
            meter.memory_growing(60, 100, None).unwrap(),
            "what was refused is not counted"
        );
    }
}
