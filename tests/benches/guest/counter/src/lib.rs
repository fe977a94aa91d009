//! A small backend, as small as one in Rust gets that has a session: ten thousand of its sessions show what one costs the host.

/// Counts.
#[hostel::backend]
mod counter {
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
    }
}
