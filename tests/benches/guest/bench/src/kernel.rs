//! Loops whose time is the guest's own. Each answers with a number that depends on all of its work, so none of it can be left out.

use std::collections::BTreeMap;
use std::hint::black_box;

const MIB: usize = 1 << 20;

pub(crate) fn spin(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed, |sum, round| black_box(sum).wrapping_add(round & 1))
}

pub(crate) fn fib(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    fib(black_box(n - 1)) + fib(n - 2)
}

/// FNV-1a.
pub(crate) fn fnv(rounds: u32) -> u64 {
    let data: Vec<u8> = (0..MIB).map(|place| (place * 31 % 251) as u8).collect();
    (0..rounds).fold(0xcbf2_9ce4_8422_2325, |hash, _| {
        black_box(&data).iter().fold(hash, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    })
}

pub(crate) fn words(rounds: u32) -> u64 {
    let mut state = 1_u64;
    let text: Vec<String> = (0..4000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("word{}", (state >> 33) % 900)
        })
        .collect();
    (0..rounds)
        .map(|_| {
            let mut sorted = black_box(&text).clone();
            sorted.sort_unstable();
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for word in &sorted {
                *counts.entry(word).or_default() += 1;
            }
            counts.values().map(|count| count * count).sum::<u64>()
        })
        .sum()
}
