//! Bytes as base64 (RFC 4648, section 4): how `list<u8>` looks in JSON.
//!
//! A megabyte of bytes should cost about what a megabyte of text does, hence the vectorised library.

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Reads the standard alphabet or the URL-safe one, with or without padding. None if the text is anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let bare = unpadded(text)?;
    let decoded = STANDARD_NO_PAD.decode_to_vec(bare);
    decoded
        .or_else(|_| URL_SAFE_NO_PAD.decode_to_vec(bare))
        .ok()
}

/// Appends the standard alphabet with padding.
pub(super) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    STANDARD.encode_append(bytes, out);
}

/// How much `append` would append.
pub(super) fn length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// The text without its padding. Padding that is there must be complete.
fn unpadded(text: &str) -> Option<&str> {
    let bare = text
        .strip_suffix("==")
        .or_else(|| text.strip_suffix('='))
        .unwrap_or(text);
    (bare.len() == text.len() || text.len().is_multiple_of(4)).then_some(bare)
}
