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

/// Hands a part of the result out before the whole is there: JSON, or text. Those who watch the call as a job have it at once; the answer
/// has to be whole all the same.
///
/// # Errors
/// It is longer than 65,536 bytes.
pub fn partial(value: impl AsRef<str>) -> Result<(), String> {
    hand_out(value.as_ref())
}

#[cfg(target_arch = "wasm32")]
fn hand_out(value: &str) -> Result<(), String> {
    crate::host::hostel::backend::progress::partial(value)
}

#[cfg(not(target_arch = "wasm32"))]
fn hand_out(value: &str) -> Result<(), String> {
    crate::__private::print(format_args!("{value}"));
    Ok(())
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
