//! What the names of `ids.rs` look like, as patterns for schemas: the parsers there decide, and clients read these.

/// What `BackendName::parse` accepts.
pub(in crate::api) const BACKEND: &str = "^[a-z][a-z0-9_-]{0,63}$";
/// No control characters.
pub(in crate::api) const PRINTABLE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
