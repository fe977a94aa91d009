//! A backend with as large a warm image as its configuration asks for: a table that `warmup` fills and that every session can read.
//! A session has noise of its own, as much as it is told: what it differs in from the image.

use std::sync::OnceLock;

const WORDS_PER_MIB: usize = (1 << 20) / size_of::<u64>();
const WORDS_PER_KIB: usize = (1 << 10) / size_of::<u64>();
const WORDS_PER_PAGE: usize = 4096 / size_of::<u64>();
/// Odd, so that no place's word is zero: a page of zeros would be no part of an image.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

static WORDS: OnceLock<Vec<u64>> = OnceLock::new();

fn fill(mib: usize) {
    let places = 1..=(mib * WORDS_PER_MIB) as u64;
    WORDS.get_or_init(|| places.map(|place| place.wrapping_mul(STEP)).collect());
}

/// Words that nothing can foretell or compress, as the benchmark's `warm.rs` makes them as well.
fn noise(kib: usize, seed: u64) -> Vec<u64> {
    let places = 1..=(kib * WORDS_PER_KIB) as u64;
    let words = places.map(|place| {
        let word = seed.wrapping_add(place).wrapping_mul(STEP);
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word ^ (word >> 27)
    });
    words.collect()
}

fn checksum(words: &[u64]) -> u64 {
    words
        .iter()
        .fold(0, |sum: u64, word| sum.rotate_left(5) ^ word)
}

fn words() -> &'static [u64] {
    WORDS.get().expect("warmup runs before any session")
}

/// Reads a table that is there when a session begins.
#[hostel::backend]
mod warm {
    use crate::{WORDS_PER_PAGE, checksum, fill, noise, words};

    /// Fills the table: `WARM_MIB` MiB, one unless it says.
    pub fn warmup() -> Result<(), String> {
        let mib = match std::env::var("WARM_MIB") {
            Ok(text) => text.parse().map_err(|_| format!("WARM_MIB is {text:?}"))?,
            Err(_) => 1,
        };
        fill(mib);
        Ok(())
    }

    pub struct Session {
        reads: u64,
        noise: Vec<u64>,
    }

    impl Session {
        pub fn new() -> Self {
            Self {
                reads: 0,
                noise: Vec::new(),
            }
        }

        /// The word at this place, counted from the start again beyond the end.
        pub fn lookup(&mut self, at: u32) -> u64 {
            self.reads += 1;
            let words = words();
            words[at as usize % words.len()]
        }

        /// Touches every page: the sum of one word of each.
        pub fn read_all(&mut self) -> u64 {
            self.reads += 1;
            let firsts = words().iter().step_by(WORDS_PER_PAGE);
            firsts.fold(0, |sum, word| sum.wrapping_add(*word))
        }

        /// Writes so many KiB of noise into the session's own memory, in place of what it had; the same for the same seed.
        pub fn change(&mut self, kib: u32, seed: u32) -> u64 {
            self.noise = noise(kib as usize, u64::from(seed));
            checksum(&self.noise)
        }

        /// The noise as it is now.
        pub fn checksum(&mut self) -> u64 {
            self.reads += 1;
            checksum(&self.noise)
        }
    }
}
