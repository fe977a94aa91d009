//! The machine's random numbers: one seed, one sequence, so that a run can be repeated.

/// A small generator (SplitMix64). Good enough for games, and its whole state is one number.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    #[must_use]
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, 0 to 255, all equally likely.
    pub(crate) fn byte(&mut self) -> u8 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 56) as u8
    }
}

/// A seed from the host's random source.
///
/// It asks the host each time. The standard library's hash keys would do it without a dependency, but they are drawn
/// once and kept in memory: in a warm image every session would start with the same ones.
pub(crate) fn seed_from_host() -> Result<u32, String> {
    getrandom::u32().map_err(|error| {
        format!("the host gives no random numbers ({error}): set `seed` in the config")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut random = Random::from_seed(seed);
            (0..64).map(|_| random.byte()).collect::<Vec<u8>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_byte_turns_up() {
        let mut random = Random::from_seed(0);
        let mut seen = [false; 256];
        for _ in 0..10_000 {
            seen[usize::from(random.byte())] = true;
        }
        assert!(seen.iter().all(|&seen| seen));
    }
}
