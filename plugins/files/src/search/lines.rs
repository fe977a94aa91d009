//! The lines of one file that match, each once, with the lines around them.

use std::str::Utf8Chunk;

use regex::bytes::Regex;

/// How much of a long line is shown, and how much of that lies before the match, in bytes.
const SHOWN_BYTES_MAX: usize = 400;
const SHOWN_BEFORE_BYTES: usize = 100;

/// A line that matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Where in the line the first match begins, in characters from 1.
    pub(super) column: u64,
    /// The line without its end; a long line is cut around the match.
    pub(super) text: String,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
}

/// The lines of `text` that match, in order, with `context` lines before and after each.
pub(super) fn matches<'a>(
    pattern: &'a Regex,
    text: &'a [u8],
    context: usize,
) -> impl Iterator<Item = Line> + 'a {
    (1..)
        .zip(spans(text))
        .filter_map(move |(number, (start, end))| {
            let line = text.get(start..end)?;
            let content = line.strip_suffix(b"\r").unwrap_or(line);
            let found = pattern.find(content)?.start();
            Some(Line {
                number,
                column: 1 + characters(content.split_at(found).0),
                text: shown(line, found),
                before: before(text, start, context),
                after: after(text, end, context),
            })
        })
}

/// Where the lines begin and end, without their line ends.
fn spans(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts =
        std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|newline| newline + 1));
    // Behind the last line end there is no line.
    starts
        .take_while(|&start| start < text.len())
        .map(|start| (start, line_end(text, start)))
}

fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', text.get(..at).unwrap_or(text)).map_or(0, |newline| newline + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |newline| at + newline)
}

/// Up to `count` lines that end before the line at `start`.
fn before(text: &[u8], start: usize, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut start = start;
    while lines.len() < count && start > 0 {
        let end = start - 1;
        start = line_start(text, end);
        lines.push(shown(text.get(start..end).unwrap_or_default(), 0));
    }
    lines.reverse();
    lines
}

/// Up to `count` lines behind the line that ends at `end`.
fn after(text: &[u8], end: usize, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut end = end;
    while lines.len() < count && end + 1 < text.len() {
        let start = end + 1;
        end = line_end(text, start);
        lines.push(shown(text.get(start..end).unwrap_or_default(), 0));
    }
    lines
}

/// The line as text, without a carriage return at its end; if it is long, the part around `at`.
fn shown(line: &[u8], at: usize) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= SHOWN_BYTES_MAX {
        return String::from_utf8_lossy(line).into_owned();
    }
    let start = character_start(
        line,
        at.saturating_sub(SHOWN_BEFORE_BYTES)
            .min(line.len() - SHOWN_BYTES_MAX),
    );
    let end = character_start(line, start + SHOWN_BYTES_MAX);
    let part = String::from_utf8_lossy(line.get(start..end).unwrap_or(line));
    let (head, tail) = (
        if start > 0 { "…" } else { "" },
        if end < line.len() { "…" } else { "" },
    );
    format!("{head}{part}{tail}")
}

/// How many characters there are; what is no UTF-8 counts as one a piece.
fn characters(text: &[u8]) -> u64 {
    let count = |chunk: Utf8Chunk<'_>| {
        chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())
    };
    text.utf8_chunks().map(count).sum::<usize>() as u64
}

/// The first place from `at` on where a character begins.
fn character_start(line: &[u8], at: usize) -> usize {
    (at..line.len())
        .find(|&at| line.get(at).is_none_or(|byte| byte & 0xC0 != 0x80))
        .unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Syntax, compile};
    use super::*;

    fn found(pattern: &str, text: &str, context: usize) -> Vec<Line> {
        let pattern = compile(pattern, Syntax::Regex, Case::Sensitive).unwrap();
        matches(&pattern, text.as_bytes(), context).collect()
    }

    #[test]
    fn each_line_that_matches_comes_once() {
        type Case = (
            &'static str,
            &'static str,
            &'static [(u64, u64, &'static str)],
        );
        let cases: &[Case] = &[
            ("b", "abb\nc\nb", &[(1, 2, "abb"), (3, 1, "b")]),
            ("^b$", "ab\nb\r\nb\n", &[(2, 1, "b"), (3, 1, "b")]),
            ("x*", "a\n\nb\n", &[(1, 1, "a"), (2, 1, ""), (3, 1, "b")]),
            ("x*", "a\n\nb", &[(1, 1, "a"), (2, 1, ""), (3, 1, "b")]),
            ("^$", "a\n\n", &[(2, 1, "")]),
            ("$", "a\n", &[(1, 2, "a")]),
            ("b$", "b\r\n", &[(1, 1, "b")]),
            ("[^x]*d", "abc\nd\n", &[(2, 1, "d")]),
            (r"a\s+b", "a\nb\na b\n", &[(3, 1, "a b")]),
            ("ü", "äöü\n", &[(1, 3, "äöü")]),
            (".", "", &[]),
            ("^", "", &[]),
        ];
        for (pattern, text, expected) in cases {
            let lines = found(pattern, text, 0);
            let told: Vec<_> = lines
                .iter()
                .map(|line| (line.number, line.column, line.text.as_str()))
                .collect();
            assert_eq!(told, *expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn context_ends_with_the_file() {
        let lines = found("[acf]", "a\nb\nc\nd\ne\nf", 2);
        let around: Vec<_> = lines
            .iter()
            .map(|line| (line.before.concat(), line.after.concat()))
            .collect();
        let expected = [("", "bc"), ("ab", "de"), ("de", "")]
            .map(|(before, after)| (before.to_owned(), after.to_owned()));
        assert_eq!(around, expected);
    }

    #[test]
    fn long_lines_are_cut_around_the_match() {
        let line = format!("{}needle{}", "ä".repeat(1000), "ü".repeat(1000));
        let found = found("needle", &line, 0);
        let text = &found[0].text;
        assert_eq!(found[0].column, 1001);
        assert!(
            text.starts_with("…ä") && text.ends_with("ü…") && text.contains("needle"),
            "{text}"
        );
        assert!(
            text.len() < SHOWN_BYTES_MAX + 10 && !text.contains('\u{FFFD}'),
            "{text}"
        );
    }
}
