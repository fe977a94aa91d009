//! Reading: a window of lines of a text, or a window of bytes of anything.
//!
//! Files are streamed, so that a window of a large file costs no more memory than the window.

mod window;

pub(crate) use window::Range;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use crate::files::{Bytes, Text};
use crate::workspace::Place;
use window::Window;

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    Plain,
    /// Each line behind its number and a tab.
    Numbered,
}

/// Reads the lines of `range`, but no more of them than fit into `bytes_max`.
pub(crate) fn text(
    place: &Place,
    range: Range,
    numbering: Numbering,
    bytes_max: usize,
) -> Result<Text, String> {
    if range.from == 0 {
        return Err("lines are counted from 1: `from_line` cannot be 0".to_owned());
    }
    let total_bytes = place.file()?.len();
    let file = File::open(place.path()).map_err(|error| place.cannot("read", &error))?;
    let mut window = Window::new(range, bytes_max);
    window
        .read(BufReader::with_capacity(64 * 1024, file))
        .map_err(|error| place.cannot("read", &error))?;
    let total_lines = window.lines();
    if range.from > total_lines.max(1) {
        return Err(format!(
            "{place} has {total_lines} lines: there is no line {}",
            range.from
        ));
    }
    let note = window.note();
    let last_line = window.kept_until;
    let next_line = (last_line < total_lines).then_some(last_line + 1);
    let text = utf8(window.kept).map_err(|valid| binary(place, valid))?;
    let text = match numbering {
        Numbering::Plain => text,
        Numbering::Numbered => numbered(&text, range.from),
    };
    Ok(Text {
        text,
        first_line: range.from,
        last_line,
        next_line,
        total_lines,
        total_bytes,
        truncated: note.is_some(),
        note,
    })
}

/// The text, or where it stops being one. NUL is a character, but only of files that are not text.
fn utf8(bytes: Vec<u8>) -> Result<String, usize> {
    if let Some(nul) = memchr::memchr(0, &bytes) {
        return Err(nul);
    }
    String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())
}

fn binary(place: &Place, valid: usize) -> String {
    format!(
        "{place} is not UTF-8 text (the first odd byte is byte {valid} of what was to be read): use `read_bytes`"
    )
}

fn numbered(text: &str, from: u64) -> String {
    (from..)
        .zip(text.split_inclusive('\n'))
        .map(|(line, text)| format!("{line:>6}\t{text}"))
        .collect()
}

/// Reads a whole text file that has no more than `bytes_max`.
pub(crate) fn whole(place: &Place, bytes_max: usize) -> Result<String, String> {
    let total_bytes = place.file()?.len();
    if total_bytes > bytes_max as u64 {
        return Err(format!(
            "{place} has {total_bytes} bytes: files of up to {bytes_max} bytes can be edited"
        ));
    }
    let mut bytes = Vec::new();
    File::open(place.path())
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| place.cannot("read", &error))?;
    utf8(bytes).map_err(|valid| binary(place, valid))
}

/// Reads `length` bytes from `offset` on, but no more than `bytes_max`.
pub(crate) fn bytes(
    place: &Place,
    offset: u64,
    length: Option<u32>,
    bytes_max: usize,
) -> Result<Bytes, String> {
    let total_bytes = place.file()?.len();
    if offset > total_bytes {
        return Err(format!(
            "{place} has {total_bytes} bytes: there is nothing at offset {offset}"
        ));
    }
    let wanted = length.map_or(bytes_max, |length| bytes_max.min(length as usize));
    let mut bytes = Vec::new();
    let mut file = File::open(place.path()).map_err(|error| place.cannot("read", &error))?;
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(wanted as u64).read_to_end(&mut bytes))
        .map_err(|error| place.cannot("read", &error))?;
    let end = offset + bytes.len() as u64;
    Ok(Bytes {
        bytes,
        total_bytes,
        next_offset: (end < total_bytes).then_some(end),
    })
}

#[cfg(test)]
mod tests;
