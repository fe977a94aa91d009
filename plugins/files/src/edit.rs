//! Editing: exact pieces of a text become other pieces, all of them or none.

mod diff;

pub(crate) use diff::diff;

use crate::files::Replacement;

/// How many line numbers a message lists.
const LINES_TOLD_MAX: usize = 10;

/// How long a text, and how many lines of it, are compared to find what comes close to an edit.
const HINT_BYTES_MAX: usize = 1024 * 1024;
const HINT_LINES_MAX: usize = 200;

/// A text after its edits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    /// How many pieces were replaced.
    pub(crate) replacements: u32,
}

/// Applies the edits one after the other, each to what the one before it made. `name` is the file, for messages.
pub(crate) fn apply(
    name: &str,
    text: &str,
    edits: &[Replacement],
    bytes_max: usize,
) -> Result<Outcome, String> {
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
            let count = count(name, &before.text, edit, bytes_max);
            let count = count.map_err(|refusal| match edits.len() {
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
fn count(name: &str, text: &str, edit: &Replacement, bytes_max: usize) -> Result<u32, String> {
    let Replacement { old, new, all } = edit;
    if old.is_empty() {
        let refusal = "`old` is empty: name the text to replace, or use `write` for a new file";
        return Err(refusal.to_owned());
    }
    if old == new {
        return Err("`old` and `new` are the same: nothing would change".to_owned());
    }
    let count = text.matches(old.as_str()).count();
    if count == 0 {
        return Err(format!(
            "`old` does not occur in {name}: {}",
            nearest(text, old)
        ));
    }
    if count > 1 && *all != Some(true) {
        return Err(format!(
            "`old` occurs {count} times in {name}, at lines {}: add text around it until it occurs once, or set `all`",
            told_lines(text, old)
        ));
    }
    let bytes = (text.len() - count * old.len()).saturating_add(count.saturating_mul(new.len()));
    if bytes > bytes_max {
        return Err(format!(
            "{name} would have {bytes} bytes: {bytes_max} are the most"
        ));
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn told_lines(text: &str, old: &str) -> String {
    let mut places = text
        .match_indices(old)
        .map(|(at, _)| line_of(text, at).to_string());
    let told: Vec<String> = places.by_ref().take(LINES_TOLD_MAX).collect();
    let more = if places.next().is_some() {
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
    if let Some(first) = like(text, &wanted) {
        let last = first + wanted.len() - 1;
        return format!("lines {first} to {last} differ from it in white space only");
    }
    match like(text, wanted.get(..1).unwrap_or_default()) {
        Some(line) => format!("its first line is line {line}, but what follows differs"),
        None => "read the file again and copy the text exactly".to_owned(),
    }
}

/// The number of the line where lines like `wanted` begin, white space around them aside. Long texts are not looked through.
fn like(text: &str, wanted: &[&str]) -> Option<usize> {
    if wanted.is_empty() || wanted.len() > HINT_LINES_MAX || text.len() > HINT_BYTES_MAX {
        return None;
    }
    let mut rest = text.lines().map(str::trim);
    let mut number = 1;
    while !rest.clone().take(wanted.len()).eq(wanted.iter().copied()) {
        rest.next()?;
        number += 1;
    }
    Some(number)
}

#[cfg(test)]
mod tests;
