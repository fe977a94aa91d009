//! The lines that are kept while a file streams by: those that are asked for and fit, whole ones if possible.

use std::io::BufRead;

/// Which lines are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// The first line, from 1.
    pub(crate) from: u64,
    /// At most so many lines; none is all.
    pub(crate) count: Option<u64>,
}

/// The lines that are kept while a file streams by.
pub(super) struct Window {
    range: Range,
    bytes_max: usize,
    pub(super) kept: Vec<u8>,
    /// The line that the next byte belongs to, from 1.
    line: u64,
    /// Where in the file that line begins, and how long it is so far.
    line_start: u64,
    line_bytes: u64,
    /// How much was kept before that line.
    kept_before_line: usize,
    /// The last line of which something is kept.
    pub(super) kept_until: u64,
    cut: Option<Cut>,
}

/// Why there is less than was asked for.
enum Cut {
    BeforeLine(u64),
    /// A line that does not fit even alone: its number, and the offset of what is missing.
    InsideLine(u64, u64),
}

impl Window {
    pub(super) fn new(range: Range, bytes_max: usize) -> Self {
        Self {
            range,
            bytes_max,
            kept: Vec::new(),
            line: 1,
            line_start: 0,
            line_bytes: 0,
            kept_before_line: 0,
            kept_until: range.from - 1,
            cut: None,
        }
    }

    /// Takes the whole file in. Lines are counted to its end.
    pub(super) fn read(&mut self, mut file: impl BufRead) -> std::io::Result<()> {
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
            self.kept.extend_from_slice(piece.split_at(room).0);
            self.kept.truncate(self.kept.len() - unfinished(&self.kept));
            self.kept_until = self.line;
            let shown = self.kept.len() - self.kept_before_line;
            self.cut = Some(Cut::InsideLine(self.line, self.line_start + shown as u64));
        } else {
            // The line does not fit: what is kept of it from an earlier piece goes, so that only whole lines are shown.
            self.kept.truncate(self.kept_before_line);
            self.kept_until = self.line - 1;
            self.cut = Some(Cut::BeforeLine(self.line));
        }
    }

    fn end_line(&mut self) {
        self.line += 1;
        self.line_start += self.line_bytes;
        self.line_bytes = 0;
        self.kept_before_line = self.kept.len();
    }

    fn is_wanted(&self) -> bool {
        let past = self.line.checked_sub(self.range.from);
        past.is_some_and(|past| self.range.count.is_none_or(|count| past < count))
    }

    /// How many lines the file has, once all of it was read.
    pub(super) fn lines(&self) -> u64 {
        self.line - 1
    }

    /// Why there is less than was asked for, if so, and how to go on.
    pub(super) fn note(&self) -> Option<String> {
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

/// How many bytes at the end begin a character without ending it.
fn unfinished(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}
