//! Reading: a window of lines of a text, or a window of bytes of anything.
//!
//! Files are streamed, so that a window of a large file costs no more memory than the window.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use crate::files::{Bytes, Text};
use crate::workspace::Place;

/// Which lines are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// The first line, from 1.
    pub(crate) from: u64,
    /// At most so many lines; none is all.
    pub(crate) count: Option<u64>,
}

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
    let total_lines = window.line - 1;
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

/// The lines that are kept while a file streams by.
struct Window {
    range: Range,
    bytes_max: usize,
    kept: Vec<u8>,
    /// The line that the next byte belongs to, from 1.
    line: u64,
    /// Where in the file that line begins, and how long it is so far.
    line_start: u64,
    line_bytes: u64,
    /// The last line of which something is kept.
    kept_until: u64,
    cut: Option<Cut>,
}

/// Why there is less than was asked for.
enum Cut {
    BeforeLine(u64),
    /// A line that does not fit even alone: its number, and the offset of what is missing.
    InsideLine(u64, u64),
}

impl Window {
    fn new(range: Range, bytes_max: usize) -> Self {
        Self {
            range,
            bytes_max,
            kept: Vec::new(),
            line: 1,
            line_start: 0,
            line_bytes: 0,
            kept_until: range.from - 1,
            cut: None,
        }
    }

    /// Takes the whole file in. Lines are counted to its end.
    fn read(&mut self, mut file: impl BufRead) -> std::io::Result<()> {
        loop {
            let chunk = file.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let length = chunk.len();
            let mut rest = chunk;
            while !rest.is_empty() {
                let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
                let (piece, later) = rest.split_at(end.unwrap_or(rest.len()));
                self.take(piece, end.is_some());
                rest = later;
            }
            file.consume(length);
        }
        // A last line without a line end counts as a line.
        if self.line_bytes > 0 {
            self.end_line();
        }
        Ok(())
    }

    /// A piece of the current line.
    fn take(&mut self, piece: &[u8], ends_line: bool) {
        if self.cut.is_none() && self.is_wanted() {
            self.keep(piece);
        }
        self.line_bytes += piece.len() as u64;
        if ends_line {
            self.end_line();
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = self.bytes_max - self.kept.len();
        if piece.len() <= room {
            self.kept.extend_from_slice(piece);
            self.kept_until = self.line;
        } else if self.line == self.range.from {
            let start = characters_before(piece, room);
            self.kept.extend_from_slice(piece.split_at(start).0);
            self.kept_until = self.line;
            self.cut = Some(Cut::InsideLine(
                self.line,
                self.line_start + self.line_bytes + start as u64,
            ));
        } else {
            // The line does not fit: what is kept of it from an earlier piece goes, so that only whole lines are shown.
            self.kept
                .truncate(self.kept.len() - self.line_bytes as usize);
            self.kept_until = self.line - 1;
            self.cut = Some(Cut::BeforeLine(self.line));
        }
    }

    fn end_line(&mut self) {
        self.line += 1;
        self.line_start += self.line_bytes;
        self.line_bytes = 0;
    }

    fn is_wanted(&self) -> bool {
        let past = self.line.checked_sub(self.range.from);
        past.is_some_and(|past| self.range.count.is_none_or(|count| past < count))
    }

    fn note(&self) -> Option<String> {
        let bytes_max = self.bytes_max;
        Some(match self.cut.as_ref()? {
            Cut::BeforeLine(line) => {
                format!("cut after {bytes_max} bytes at most: go on with `from_line` {line}")
            }
            Cut::InsideLine(line, offset) => format!(
                "line {line} is longer than {bytes_max} bytes: read its rest with `read_bytes` from `offset` {offset}, \
                 or go on with `from_line` {}",
                line + 1
            ),
        })
    }
}

/// The longest part of `bytes` up to `limit` that does not end inside a character.
fn characters_before(bytes: &[u8], limit: usize) -> usize {
    let is_start = |at: usize| bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
    (limit.saturating_sub(3)..=limit)
        .rev()
        .find(|&at| is_start(at))
        .unwrap_or(limit)
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
