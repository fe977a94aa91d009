//! Snapshots: what a guest remembers between two calls, held apart from its instance. A snapshot is the difference to a pristine
//! instance of the same module, so it is as large as what the guest changed; applied to a fresh instance, it makes a second one of the first.
//!
//! Only a guest at rest has one: after a trap nobody knows what its memory means. What lies outside of memory and globals is given anew
//! (`places.rs`) or refused by name.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::capability::{HeldByRep, Kept};

use super::Fault;

mod dirty;
mod memory;

pub(super) use memory::{Reach, WASM_PAGE, contents, rebased};

/// The state of one instance between two calls.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) about: About,
    /// What the memory has otherwise than a pristine one, in ascending order.
    pub(crate) runs: Vec<Run>,
}

/// Everything but the memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct About {
    /// Pages of 64 KiB.
    pub(super) memory_pages: u32,
    /// Every mutable global, eight bytes each, as the guest's own accessors write them.
    pub(super) globals: Vec<u8>,
    pub(super) held: HeldByRep,
    pub(super) kept: Kept,
    /// Nanoseconds of the guest's clock.
    pub(super) taken_at: u64,
    /// The guest's own resources that the host holds for it.
    pub(super) resources: Resources,
}

/// A part of a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Offset in bytes.
    pub(crate) at: u32,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Resources {
    /// The number behind the `session` resource.
    pub(super) session: Option<OwnResource>,
    /// The number of the newest handle that a caller was given.
    pub(super) last: u64,
    /// By the number in the caller's handle.
    pub(super) handles: Vec<(u64, String, OwnResource)>,
}

/// A resource that the guest defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnResource {
    /// Which of the component's resources.
    pub(super) kind: usize,
    /// The guest's own number for it.
    pub(super) rep: u32,
}

/// Why there is no snapshot.
#[derive(Debug)]
pub(crate) enum NoSnapshot {
    /// The guest is unharmed. In words: what cannot be carried.
    Unsupported(String),
    /// The host's own failure. The guest is unharmed.
    Failed { doing: &'static str, cause: String },
    /// The guest did not survive it: a bug.
    Broken(Fault),
}

impl Snapshot {
    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let memory: usize = self.runs.iter().map(|run| run.bytes.len()).sum();
        memory + self.about.globals.len() + self.about.kept.bytes() + size_of::<Self>()
    }
}
