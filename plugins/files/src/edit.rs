//! Editing: exact pieces of a text become other pieces, all of them or none.

mod diff;

pub(crate) use diff::diff;

use crate::files::Replacement;

/// How many line numbers a message lists.
const LINES_TOLD_MAX: usize = 10;

/// A text after its edits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    /// How many pieces were replaced.
    pub(crate) replacements: u32,
}

/// Applies the edits one after the other, each to what the one before it made. `name` is the file, for messages.
pub(crate) fn apply(name: &str, text: &str, edits: &[Replacement]) -> Result<Outcome, String> {
    if edits.is_empty() {
        return Err("there are no edits: give at least one".to_owned());
    }
    let start = Outcome {
        text: text.to_owned(),
        replacements: 0,
    };
    edits
        .iter()
        .enumerate()
        .try_fold(start, |before, (index, edit)| {
            let count = replace(name, &before.text, edit).map_err(|refusal| match edits.len() {
                1 => refusal,
                total => format!("edit {} of {total}: {refusal}; no edit was made", index + 1),
            })?;
            Ok(Outcome {
                text: before.text.replace(&edit.old, &edit.new),
                replacements: before.replacements.saturating_add(count),
            })
        })
}

/// How many pieces `edit` replaces in `text`, if it may.
fn replace(name: &str, text: &str, edit: &Replacement) -> Result<u32, String> {
    if edit.old.is_empty() {
        return Err(
            "`old` is empty: name the text to replace, or use `write` for a new file".to_owned(),
        );
    }
    if edit.old == edit.new {
        return Err("`old` and `new` are the same: nothing would change".to_owned());
    }
    let places: Vec<usize> = text.match_indices(&edit.old).map(|(at, _)| at).collect();
    match places.len() {
        0 => Err(format!(
            "`old` does not occur in {name}: {}",
            nearest(text, &edit.old)
        )),
        1 => Ok(1),
        count if edit.all == Some(true) => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        count => Err(format!(
            "`old` occurs {count} times in {name}, at lines {}: add text around it until it occurs once, or set `all`",
            told_lines(text, &places)
        )),
    }
}

fn told_lines(text: &str, places: &[usize]) -> String {
    let told: Vec<String> = places
        .iter()
        .take(LINES_TOLD_MAX)
        .map(|at| line_of(text, *at).to_string())
        .collect();
    let more = if places.len() > LINES_TOLD_MAX {
        " and further down"
    } else {
        ""
    };
    format!("{}{more}", told.join(", "))
}

/// The number of the line that the byte at `at` is in.
fn line_of(text: &str, at: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', text.as_bytes().split_at(at).0).count()
}

/// What comes closest to `old`, for the one who has to write it anew.
fn nearest(text: &str, old: &str) -> String {
    if text.contains("\r\n") && !old.contains("\r\n") && text.contains(&old.replace('\n', "\r\n")) {
        return "the lines of the file end with \\r\\n, those of `old` with \\n".to_owned();
    }
    let wanted: Vec<&str> = old.trim().lines().map(str::trim).collect();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let alike = lines
        .windows(wanted.len().max(1))
        .position(|window| window == wanted);
    if let Some(index) = alike {
        let (first, last) = (index + 1, index + wanted.len());
        return format!("lines {first} to {last} differ from it in white space only");
    }
    let first = wanted.first().copied().unwrap_or_default();
    match lines
        .iter()
        .position(|line| !first.is_empty() && *line == first)
    {
        Some(index) => format!(
            "its first line is line {}, but what follows differs",
            index + 1
        ),
        None => "read the file again and copy the text exactly".to_owned(),
    }
}

#[cfg(test)]
mod tests;
