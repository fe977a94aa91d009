//! Progress of the running call, shown to the caller while it waits.
//!
//! ```
//! hostel::progress::report(3, 10_u64, "reading pages"); // 3 of 10
//! hostel::progress::report(3, None, "reading pages"); // 3, and nobody knows of how many
//! ```
//!
//! Outside a component, as in `cargo test`, it goes to stderr.

/// Says that `done` of `total` is done, and in a few words what is being done.
pub fn report(done: u64, total: impl Into<Option<u64>>, message: impl AsRef<str>) {
    write(done, total.into(), message.as_ref());
}

#[cfg(target_arch = "wasm32")]
fn write(done: u64, total: Option<u64>, message: &str) {
    crate::host::hostel::backend::progress::report(done, total, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(done: u64, total: Option<u64>, message: &str) {
    let total = total
        .map(|total| format!(" of {total}"))
        .unwrap_or_default();
    crate::__private::print(format_args!("{done}{total}: {message}"));
}
