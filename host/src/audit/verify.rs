//! Reads a log from its first line to its last and says where the chain is broken, and how. A chain alone does not show that lines are
//! missing at its end, nor that all of it was written anew; a hash that was noted elsewhere does.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::chain::{self, BEGINNING, Link, Whole};

/// A line is never as long as this.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A log that is whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Verified {
    pub lines: u64,
    /// Number of the first line: 1, unless older files were left out.
    pub first: u64,
    /// What the first line names as the one before; none at the beginning of a chain.
    pub after: Option<String>,
    pub end: Link,
    /// Lines after the one whose hash was noted.
    pub since_head: Option<u64>,
}

/// The first line that is not as it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    pub file: PathBuf,
    /// From 1. None: no line is wrong, some are not there.
    pub line: Option<usize>,
    /// `changed`, `missing`, `reordered`, `torn`, `cut`, `unreadable`.
    pub how: &'static str,
    pub reason: String,
    /// Lines before it that are whole.
    pub lines: u64,
}

/// One line as it was found.
struct Found {
    file: usize,
    line: usize,
    /// Without its line feed; an error if it has none.
    text: Result<Vec<u8>, &'static str>,
}

/// Checks files of one log, in whatever order they are named. `head` is a hash that was noted earlier.
///
/// # Errors
/// Where and how the chain is broken.
pub fn verify(files: &[PathBuf], head: Option<&str>) -> Result<Verified, Broken> {
    let files = in_order(files)?;
    let mut state = Verified {
        lines: 0,
        first: 1,
        after: None,
        end: Link::beginning(),
        since_head: head.filter(|head| *head == BEGINNING).map(|_| 0),
    };
    for found in lines(&files) {
        let found = found?;
        let broken = |how, reason: String| Broken {
            file: files.get(found.file).cloned().unwrap_or_default(),
            line: Some(found.line),
            how,
            reason,
            lines: state.lines,
        };
        let text = found
            .text
            .as_ref()
            .map_err(|reason| broken("torn", (*reason).to_owned()))?;
        let whole = chain::whole(text).map_err(|reason| broken("changed", reason.to_owned()))?;
        if state.lines == 0 {
            state.first = whole.seq;
            state.after = (whole.prev != BEGINNING).then(|| whole.prev.clone());
        } else if let Err((how, reason)) = follows(&state.end, &whole, &files) {
            return Err(broken(how, reason));
        }
        state.lines += 1;
        state.since_head = match head {
            Some(head) if head == whole.hash => Some(0),
            _ => state.since_head.map(|lines| lines + 1),
        };
        state.end = Link {
            seq: whole.seq,
            hash: whole.hash,
        };
    }
    if head.is_some() && state.since_head.is_none() {
        return Err(Broken {
            file: files.last().cloned().unwrap_or_default(),
            line: None,
            how: "cut",
            reason: "no line has the hash that was noted: lines are missing at the end, or the log was written anew".to_owned(),
            lines: state.lines,
        });
    }
    Ok(state)
}

/// Whether a line that is whole in itself stands after the one before.
fn follows(end: &Link, whole: &Whole, files: &[PathBuf]) -> Result<(), (&'static str, String)> {
    let expected = end.seq + 1;
    if whole.seq == expected {
        return if whole.prev == end.hash {
            Ok(())
        } else {
            let reason = "it names another line as the one before: one of the two was put in";
            Err(("changed", reason.to_owned()))
        };
    }
    if whole.seq <= end.seq {
        let reason = format!("it is line {} and stands after line {}", whole.seq, end.seq);
        return Err(("reordered", reason));
    }
    let numbers: HashMap<u64, String> = lines(files)
        .filter_map(Result::ok)
        .filter_map(|found| {
            let text = found.text.ok()?;
            let file = files.get(found.file)?.display().to_string();
            Some((
                chain::whole(&text).ok()?.seq,
                format!("{file}:{}", found.line),
            ))
        })
        .filter(|(seq, _)| *seq == expected)
        .collect();
    Err(match numbers.get(&expected) {
        Some(place) => (
            "reordered",
            format!(
                "it is line {}, and line {expected}, which belongs here, stands at {place}",
                whole.seq
            ),
        ),
        None if whole.seq == expected + 1 => {
            ("missing", format!("line {expected} is missing before it"))
        }
        None => (
            "missing",
            format!(
                "lines {expected} to {} are missing before it",
                whole.seq - 1
            ),
        ),
    })
}

/// Files by the numbers of their first lines. What cannot be read as a line comes where it was named.
fn in_order(files: &[PathBuf]) -> Result<Vec<PathBuf>, Broken> {
    let mut numbered: Vec<(Option<u64>, PathBuf)> = Vec::new();
    for path in files {
        let first = first_line(path).map_err(|error| unreadable(path, &error))?;
        let seq = first.and_then(|line| chain::whole(&line).ok().map(|whole| whole.seq));
        numbered.push((seq, path.clone()));
    }
    if numbered.iter().all(|(seq, _)| seq.is_some()) {
        numbered.sort();
    }
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

fn first_line(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut reader = BufReader::new(std::fs::File::open(path)?);
    Ok(next_line(&mut reader)?.and_then(Result::ok))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Broken {
    Broken {
        file: path.to_owned(),
        line: None,
        how: "unreadable",
        reason: error.to_string(),
        lines: 0,
    }
}

/// All lines of all files.
fn lines(files: &[PathBuf]) -> impl Iterator<Item = Result<Found, Broken>> {
    files.iter().enumerate().flat_map(|(file, path)| {
        let mut reader = std::fs::File::open(path).map(BufReader::new);
        let mut line = 0;
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let read = match &mut reader {
                Ok(reader) => next_line(reader),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            match read {
                Ok(None) => None,
                Ok(Some(text)) => {
                    line += 1;
                    Some(Ok(Found { file, line, text }))
                }
                Err(error) => {
                    is_over = true;
                    Some(Err(unreadable(path, &error)))
                }
            }
        })
    })
}

/// A line without its line feed, an error for one that has none, or none at the end of the file.
pub(super) fn next_line(
    reader: &mut impl BufRead,
) -> std::io::Result<Option<Result<Vec<u8>, &'static str>>> {
    let mut line = Vec::new();
    let most = LINE_BYTES_MAX as u64;
    std::io::Read::take(&mut *reader, most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() == Some(b'\n') {
        return Ok(Some(Ok(line)));
    }
    Ok(Some(Err(
        "it has no end: it was cut off, or is being written just now",
    )))
}
