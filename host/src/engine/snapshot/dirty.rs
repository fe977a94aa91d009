//! Which pages of a memory were written since it was mapped. The kernel knows: what nobody wrote still belongs to the mapped file.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::LazyLock;

/// Of an entry of /proc/PID/pagemap; see proc_pid_pagemap(5).
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;

const ENTRY_BYTES: usize = 8;

static PAGEMAP: LazyLock<Option<File>> = LazyLock::new(|| {
    let opened = fs_err::File::open("/proc/self/pagemap");
    opened.map(fs_err::File::into_file).ok()
});

/// The size of the pages that [`written`] counts.
pub(super) fn page_bytes() -> usize {
    rustix::param::page_size()
}

/// The pages of a mapped memory that may differ from what was mapped there, by number, in ascending order: those that were written, and
/// those that are all zero and were read. All of them where the kernel does not say.
pub(super) fn written(memory: &[u8]) -> Vec<usize> {
    let pages = memory.len().div_ceil(page_bytes());
    let entries = PAGEMAP.as_ref().and_then(|pagemap| {
        let first = memory.as_ptr().addr() / page_bytes();
        let mut entries = vec![0; pages * ENTRY_BYTES];
        let at = u64::try_from(first * ENTRY_BYTES).ok()?;
        pagemap.read_exact_at(&mut entries, at).ok()?;
        Some(entries)
    });
    let Some(entries) = entries else {
        return (0..pages).collect();
    };
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let is_own = |entry: &[u8; ENTRY_BYTES]| {
        let entry = u64::from_ne_bytes(*entry);
        entry & (PRESENT | SWAPPED) != 0 && entry & OF_A_FILE == 0
    };
    let own = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| is_own(entry));
    own.map(|(page, _)| page).collect()
}
