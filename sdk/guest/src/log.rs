//! Structured log lines, kept with the session: `GET /v1/sessions/{id}/logs` shows them.
//!
//! ```
//! use hostel::log::{self, Level};
//!
//! log::info("index loaded");
//! log::debug(format!("{} words", 3));
//! log::event(Level::Warn, "slow answer", &[("url", "https://example.org"), ("ms", "1800")]);
//! ```
//!
//! Outside a component, as in `cargo test`, the lines go to stderr.

pub use crate::host::hostel::backend::log::Level;

/// Details that matter to nobody but the one who looks for a fault.
pub fn trace(message: impl AsRef<str>) {
    event(Level::Trace, message, &[]);
}

/// What happened inside, step by step.
pub fn debug(message: impl AsRef<str>) {
    event(Level::Debug, message, &[]);
}

/// What the owner of a session might want to know.
pub fn info(message: impl AsRef<str>) {
    event(Level::Info, message, &[]);
}

/// Something went wrong and was put right.
pub fn warn(message: impl AsRef<str>) {
    event(Level::Warn, message, &[]);
}

/// Something went wrong and stays wrong.
pub fn error(message: impl AsRef<str>) {
    event(Level::Error, message, &[]);
}

/// A line with fields, names and values that programs can filter by.
pub fn event(level: Level, message: impl AsRef<str>, fields: &[(&str, &str)]) {
    write(level, message.as_ref(), fields);
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    crate::host::hostel::backend::log::log(level, message, fields);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!(" {name}={value:?}"))
        .collect();
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    crate::__private::print(format_args!("{level}: {message}{fields}"));
}
