//! For the code that the macros generate; no promise is made about anything here.

use std::io::Write;

pub use wit_bindgen;

/// What a program has printed must leave the guest before a snapshot is taken of it: a buffer that is part of the
/// snapshot would be printed again by every instance.
pub fn flush() {
    // A closed stream is no reason to fail a warmup.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// A line on stderr, for what has no host to go to.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn print(line: std::fmt::Arguments<'_>) {
    // A test runner that closed stderr does not want the line.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
