//! The search through files: which files, and how much of it is told. What matches within one file is in `lines`.

mod lines;

use std::fs::File;
use std::io::Read;

use regex::bytes::{Regex, RegexBuilder};

use crate::files::{Found, Match};
use crate::globs::Globs;
use crate::walk::Walk;
use crate::workspace::Place;

/// Files that are longer are not searched: they would fill the session's memory.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How much of files one search reads.
const SEARCHED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file with a NUL among its first bytes is not text.
const BINARY_CHECK_BYTES: usize = 8 * 1024;

/// How large a pattern may get when it is compiled.
const PATTERN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the pattern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Regex,
    Literal,
}

/// Whether `a` matches `A`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Sensitive,
    Insensitive,
}

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) matches_max: usize,
    /// The lines of all matches together, those around them included.
    pub(crate) bytes_max: usize,
    /// Lines before and after each match.
    pub(crate) context: usize,
}

/// The pattern, ready to be matched with lines.
pub(crate) fn compile(pattern: &str, syntax: Syntax, case: Case) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err(
            "`pattern` is empty: to find files by their names, use `list` with `globs`".to_owned(),
        );
    }
    let escaped = regex::escape(pattern);
    let (pattern, names_line_end) = match syntax {
        Syntax::Literal => (escaped.as_str(), pattern.contains('\n')),
        Syntax::Regex => (pattern, names_line_end(pattern)),
    };
    if names_line_end {
        return Err(
            "`pattern` has a line end in it: it is matched with one line at a time".to_owned(),
        );
    }
    RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Insensitive)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| {
            format!(
                "`pattern` cannot be used: {error}; set `literal` to search for the text as it is"
            )
        })
}

/// Whether the regular expression has a line end in it, as itself or as `\n`.
fn names_line_end(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == '\n' || (character == '\\' && characters.next() == Some('n')) {
            return true;
        }
    }
    false
}

/// Searches one file, or all files below a folder that `globs` choose.
pub(crate) fn search(
    place: &Place,
    globs: &Globs,
    pattern: &Regex,
    limits: Limits,
) -> Result<Found, String> {
    let mut search = Search {
        pattern,
        limits,
        found: Found::default(),
        told_bytes: 0,
        read_bytes: 0,
        buffer: Vec::new(),
    };
    if place.found()?.is_dir() {
        search.folder(place, globs)?;
    } else {
        place.file()?;
        search.file(place)?;
        if search.found.files_skipped > 0 {
            return Err(format!(
                "{place} was not searched: it is not text, or longer than {FILE_BYTES_MAX} bytes"
            ));
        }
    }
    Ok(search.found)
}

/// A search on its way.
struct Search<'a> {
    pattern: &'a Regex,
    limits: Limits,
    found: Found,
    told_bytes: usize,
    read_bytes: u64,
    /// The file at hand; kept from file to file to save the allocation.
    buffer: Vec<u8>,
}

impl Search<'_> {
    fn folder(&mut self, folder: &Place, globs: &Globs) -> Result<(), String> {
        for entry in Walk::new(folder.clone(), globs, u32::MAX) {
            let entry = entry?;
            let is_wanted = entry.kind.is_file() && globs.includes(&entry.place.to_string());
            // A file that cannot be read is no reason to keep the others from the agent.
            if is_wanted && self.file(&entry.place).is_err() {
                self.found.files_skipped += 1;
            }
            if self.found.truncated {
                break;
            }
        }
        Ok(())
    }

    fn file(&mut self, place: &Place) -> Result<(), String> {
        if self.read_bytes > SEARCHED_BYTES_MAX {
            self.cut(format!("stopped before {place}, after {SEARCHED_BYTES_MAX} bytes of files: narrow `path` or `globs`"));
            return Ok(());
        }
        if !self.read(place)? {
            self.found.files_skipped += 1;
            return Ok(());
        }
        self.found.files_searched += 1;
        // The buffer is borrowed by the matches while they are added to what was found.
        let buffer = std::mem::take(&mut self.buffer);
        for found in lines::matches(self.pattern, &buffer, self.limits.context) {
            if !self.tell(place, found) {
                break;
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Reads the file into the buffer. False if it is too long or not text.
    fn read(&mut self, place: &Place) -> Result<bool, String> {
        let cannot = |error| place.cannot("read", &error);
        let file = File::open(place.path()).map_err(cannot)?;
        let length = file.metadata().map_err(cannot)?.len();
        if length > FILE_BYTES_MAX {
            return Ok(false);
        }
        self.buffer.clear();
        // Growing step by step would take twice the memory.
        self.buffer
            .reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
        // A file that grows while it is read ends at the limit all the same.
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut self.buffer)
            .map_err(cannot)?;
        self.read_bytes += self.buffer.len() as u64;
        let head = self
            .buffer
            .get(..BINARY_CHECK_BYTES)
            .unwrap_or(&self.buffer);
        Ok(memchr::memchr(0, head).is_none())
    }

    /// Adds a match, unless that would be too much. False ends the search.
    fn tell(&mut self, place: &Place, found: lines::Line) -> bool {
        let Limits {
            matches_max,
            bytes_max,
            ..
        } = self.limits;
        let bytes = found.text.len()
            + found
                .before
                .iter()
                .chain(&found.after)
                .map(String::len)
                .sum::<usize>();
        if self.found.matches.len() == matches_max {
            self.cut(format!(
                "cut after {matches_max} matches: narrow `pattern`, `path` or `globs`"
            ));
        } else if self.told_bytes + bytes > bytes_max && !self.found.matches.is_empty() {
            self.cut(format!("cut after {bytes_max} bytes of lines: narrow `pattern`, `path` or `globs`, or ask for less `context`"));
        } else {
            self.told_bytes += bytes;
            self.found.matches.push(Match {
                path: place.to_string(),
                line: found.number,
                column: found.column,
                text: found.text,
                before: found.before,
                after: found.after,
            });
        }
        !self.found.truncated
    }

    fn cut(&mut self, note: String) {
        self.found.truncated = true;
        self.found.note = Some(note);
    }
}

#[cfg(test)]
mod tests;
