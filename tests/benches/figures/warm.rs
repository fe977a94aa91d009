//! The guest `warm`: how a host is told to load it, and what it must answer.

use crate::bench::Bench;

/// Room for a table of 64 MiB and the guest around it.
pub(crate) const MEMORY_BYTES: usize = 128 << 20;

const WORDS_PER_MIB: u64 = (1 << 20) / 8;
const WORDS_PER_KIB: u64 = (1 << 10) / 8;
const WORDS_PER_PAGE: usize = 4096 / 8;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A backend of this name with a table of so many MiB, as a piece of `hostel.toml`.
pub(crate) fn backend(bench: &Bench, name: &str, mib: u64) -> String {
    let path = bench.component("warm");
    format!(
        "[backends.{name}]\npath = {path:?}\nenv = {{ WARM_MIB = \"{mib}\" }}\nlimits = {{ memory_bytes = {MEMORY_BYTES} }}\n"
    )
}

/// What `read_all` answers.
pub(crate) fn sum(mib: u64) -> u64 {
    let firsts = (1..=mib * WORDS_PER_MIB).step_by(WORDS_PER_PAGE);
    firsts.fold(0, |sum, place| sum.wrapping_add(place.wrapping_mul(STEP)))
}

/// What `lookup` answers, within the first MiB.
pub(crate) fn word(at: u32) -> u64 {
    (u64::from(at) + 1).wrapping_mul(STEP)
}

/// What `change` and, from then on, `checksum` answer.
pub(crate) fn noise_checksum(kib: u32, seed: u32) -> u64 {
    let places = 1..=u64::from(kib) * WORDS_PER_KIB;
    let words = places.map(|place| {
        let word = u64::from(seed).wrapping_add(place).wrapping_mul(STEP);
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word ^ (word >> 27)
    });
    words.fold(0, |sum: u64, word| sum.rotate_left(5) ^ word)
}
