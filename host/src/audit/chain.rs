//! The chain: what a line's hash is of, and how a line is read back. A line ends with `,"hash":"…"}`, and the hash is that of everything
//! before those words; `prev` is part of it.

use serde::Deserialize;

/// What the first line of all names as the one before.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const WORDS: &[u8] = b",\"hash\":\"";
const CLOSE: &[u8] = b"\"}";
const DIGITS: usize = 64;

/// The end of a chain: its last line's number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub seq: u64,
    pub hash: String,
}

impl Link {
    pub(super) fn beginning() -> Self {
        Self {
            seq: 0,
            hash: BEGINNING.to_owned(),
        }
    }
}

/// A line that is what its hash says. Where it stands is another question.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) seq: u64,
    pub(super) prev: String,
    pub(super) hash: String,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
    prev: String,
}

/// Closes the JSON object `body` with its hash, and the line with it. Answers with the hash.
pub(super) fn sealed(body: &[u8], out: &mut Vec<u8>) -> String {
    let open = body.strip_suffix(b"}").unwrap_or(body);
    let hash = blake3::hash(open).to_hex().to_string();
    for part in [open, WORDS, hash.as_bytes(), CLOSE, b"\n"] {
        out.extend_from_slice(part);
    }
    hash
}

/// Reads a line without its line feed.
///
/// # Errors
/// Why it is no line of the log, or not the one that was written.
pub(super) fn whole(line: &[u8]) -> Result<Whole, &'static str> {
    const NO_LINE: &str = "it is no line of an audit log";
    let open = line.strip_suffix(CLOSE).ok_or(NO_LINE)?;
    let split = open.len().checked_sub(DIGITS).ok_or(NO_LINE)?;
    let (open, hash) = open.split_at_checked(split).ok_or(NO_LINE)?;
    let open = open.strip_suffix(WORDS).ok_or(NO_LINE)?;
    let found = blake3::hash(open).to_hex();
    if found.as_bytes() != hash {
        return Err("its hash is not that of what it says");
    }
    let Numbered { seq, prev } = serde_json::from_slice(line).map_err(|_| NO_LINE)?;
    Ok(Whole {
        seq,
        prev,
        hash: found.to_string(),
    })
}
