//! The backend that the benchmark calls: tools that do almost nothing, so that what is measured is the host, and kernels that do
//! nothing but compute, so that what is measured is the guest's own speed.

mod json;
mod kernel;

/// Small tools for measurements.
#[hostel::backend]
mod bench {
    use std::time::{Duration, Instant};

    use crate::{json, kernel};

    /// What to look for.
    pub struct Query {
        text: String,
        limit: u32,
    }

    /// A page that fits.
    pub struct Hit {
        id: u32,
        title: String,
        score: f64,
        tags: Vec<String>,
    }

    /// Counts, so that a call that reached the wrong instance, or none, shows in its answer.
    pub struct Session {
        count: u64,
    }

    impl Session {
        pub fn new() -> Self {
            Self { count: 0 }
        }

        /// Counts one further.
        pub fn incr(&mut self) -> u64 {
            self.count += 1;
            self.count
        }

        /// Answers with the text.
        pub fn echo(&mut self, text: String) -> String {
            text
        }

        /// Adds two numbers.
        pub fn add(&mut self, a: i64, b: i64) -> i64 {
            a.wrapping_add(b)
        }

        /// Counts bytes.
        pub fn len(&mut self, data: Vec<u8>) -> u32 {
            data.len() as u32
        }

        /// Counts the bytes of a text.
        pub fn text_len(&mut self, text: String) -> u32 {
            text.len() as u32
        }

        /// A record in, many records out.
        pub fn lookup(&mut self, query: Query) -> Vec<Hit> {
            (0..query.limit)
                .map(|id| Hit {
                    id,
                    title: format!("{} {id}", query.text),
                    score: 1.0 / f64::from(id + 1),
                    tags: vec!["bench".to_owned(), "page".to_owned()],
                })
                .collect()
        }

        /// Ends the instance.
        pub fn trap(&mut self) {
            panic!("the benchmark wanted a trap");
        }

        /// Computes for this long and answers with the number of rounds.
        pub fn spin(&mut self, ms: u32) -> u64 {
            let (start, most) = (Instant::now(), Duration::from_millis(ms.into()));
            let mut rounds = 0;
            // Many rounds for each look at the clock: the guest is to compute, not to call the host.
            while start.elapsed() < most {
                rounds = kernel::spin(rounds, 20_000);
            }
            rounds
        }
    }

    impl Drop for Session {
        // The farewell of a session: the host calls into the guest once more.
        fn drop(&mut self) {
            self.count = 0;
        }
    }

    /// Answers with the text.
    pub fn mirror(text: String) -> String {
        text
    }

    /// Calls and branches.
    pub fn fib(n: u32) -> u64 {
        kernel::fib(n)
    }

    /// A tight loop over 1 MiB.
    pub fn fnv(rounds: u32) -> u64 {
        kernel::fnv(rounds)
    }

    /// Parses a document of about 140 KB and answers with the number of its values.
    pub fn parse(rounds: u32) -> u64 {
        json::parse_often(rounds)
    }

    /// Sorts words and counts them: comparisons, moves and small allocations.
    pub fn words(rounds: u32) -> u64 {
        kernel::words(rounds)
    }
}
