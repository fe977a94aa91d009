//! A backend with as large a warm image as its configuration asks for: a table that `warmup` fills and that every session can read.

use std::sync::OnceLock;

const WORDS_PER_MIB: usize = (1 << 20) / size_of::<u64>();
const WORDS_PER_PAGE: usize = 4096 / size_of::<u64>();
/// Odd, so that no place's word is zero: a page of zeros would be no part of an image.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

static WORDS: OnceLock<Vec<u64>> = OnceLock::new();

fn fill(mib: usize) {
    let places = 1..=(mib * WORDS_PER_MIB) as u64;
    WORDS.get_or_init(|| places.map(|place| place.wrapping_mul(STEP)).collect());
}

fn words() -> &'static [u64] {
    WORDS.get().expect("warmup runs before any session")
}

/// Reads a table that is there when a session begins.
#[hostel::backend]
mod warm {
    use crate::{WORDS_PER_PAGE, fill, words};

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
    }

    impl Session {
        pub fn new() -> Self {
            Self { reads: 0 }
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
    }
}
