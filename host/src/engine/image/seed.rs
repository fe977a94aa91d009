//! The seed of the guest's hash maps. Rust's standard library asks the host for it once, when the first map is made, and keeps it; made in
//! `warmup`, it would be the same in every instance of the image. The host knows which two numbers it gave, finds where the guest keeps
//! them, and gives each instance its own.
//!
//! The library keeps the pair (k0 + maps made so far, k1), and each map a copy of the pair as it was for that map. So the
//! library's own is the one with the highest count, and a count of zero is not the library's.

/// More maps than this are not made in a warmup; a larger difference is chance.
const MAPS_MAX: u64 = 1 << 32;

/// Where the pair is, by offset in bytes. None if it is not there, or there are two that could be it.
pub(super) fn find(memory: &[u8], (k0, k1): (u64, u64)) -> Option<u32> {
    let (words, _) = memory.as_chunks::<8>();
    let mut best: Option<(u64, usize)> = None;
    let mut is_single = true;
    for (index, pair) in words.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        if u64::from_le_bytes(*second) != k1 {
            continue;
        }
        let maps = u64::from_le_bytes(*first).wrapping_sub(k0);
        if maps == 0 || maps > MAPS_MAX {
            continue;
        }
        match best {
            Some((most, _)) if maps < most => {}
            Some((most, _)) if maps == most => is_single = false,
            _ => (best, is_single) = (Some((maps, index)), true),
        }
    }
    let (_, index) = best.filter(|_| is_single)?;
    u32::try_from(index * 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: (u64, u64) = (u64::MAX - 1, 0x0123_4567_89ab_cdef);

    fn memory(pairs: &[(usize, u64)]) -> Vec<u8> {
        let mut memory = vec![0; 4096];
        for (at, maps) in pairs {
            memory[*at..at + 8].copy_from_slice(&SEED.0.wrapping_add(*maps).to_le_bytes());
            memory[at + 8..at + 16].copy_from_slice(&SEED.1.to_le_bytes());
        }
        memory
    }

    #[test]
    fn the_library_s_own_pair_is_the_one_that_counted_furthest() {
        assert_eq!(
            find(&memory(&[(64, 0), (160, 3), (512, 1), (1024, 2)]), SEED),
            Some(160)
        );
    }

    #[test]
    fn a_pair_that_nobody_counted_with_is_the_guest_s_own_business() {
        assert_eq!(find(&memory(&[(64, 0)]), SEED), None);
        assert_eq!(find(&memory(&[]), SEED), None);
    }

    #[test]
    fn of_two_that_could_be_it_none_is_touched() {
        assert_eq!(find(&memory(&[(64, 3), (160, 3)]), SEED), None);
    }
}
