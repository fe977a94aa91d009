//! The difference between two texts as a unified diff. The library finds the changes; it is written out here.

use std::fmt::Write;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

/// The longest diff that is told, in bytes.
const BYTES_MAX: usize = 16 * 1024;

/// The longest text that is compared, in lines: each takes memory, and an empty one no less than others.
const LINES_MAX: usize = 100_000;

/// How many lines that did not change stand before and behind those that did.
const CONTEXT: usize = 2;

/// What changed, as a unified diff; cut where it gets long.
#[must_use]
pub(crate) fn diff(name: &str, before: &str, after: &str) -> String {
    let mut text = format!("--- {name}\n+++ {name}\n");
    if line_count(before).max(line_count(after)) > LINES_MAX {
        text.push_str("(not shown: the file is too long to be compared)\n");
        return text;
    }
    let input = InternedInput::new(before, after);
    let mut changes = Diff::compute(Algorithm::Histogram, &input);
    changes.postprocess_lines(&input);
    let before: Vec<&str> = before.split_inclusive('\n').collect();
    let after: Vec<&str> = after.split_inclusive('\n').collect();

    let mut told = text.len();
    for group in groups(changes.hunks()) {
        write_group(&mut text, &group, &before, &after);
        if text.len() > BYTES_MAX {
            cut(&mut text, told);
            break;
        }
        told = text.len();
    }
    text
}

fn line_count(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

/// A change: these lines of the old text became those of the new one.
struct Change {
    before: Range<usize>,
    after: Range<usize>,
}

impl From<Hunk> for Change {
    fn from(Hunk { before, after }: Hunk) -> Self {
        let lines = |range: Range<u32>| range.start as usize..range.end as usize;
        Self {
            before: lines(before),
            after: lines(after),
        }
    }
}

/// Joins changes whose context would touch or overlap.
fn groups(hunks: impl Iterator<Item = Hunk>) -> Vec<Vec<Change>> {
    let mut groups: Vec<Vec<Change>> = Vec::new();
    for change in hunks.map(Change::from) {
        match groups.last_mut() {
            Some(group)
                if group
                    .last()
                    .is_some_and(|last| change.before.start <= last.before.end + 2 * CONTEXT) =>
            {
                group.push(change)
            }
            _ => groups.push(vec![change]),
        }
    }
    groups
}

fn write_group(text: &mut String, group: &[Change], before: &[&str], after: &[&str]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    let lead = CONTEXT.min(first.before.start);
    let tail = CONTEXT.min(before.len() - last.before.end);
    let old = first.before.start - lead..last.before.end + tail;
    let new = first.after.start - lead..last.after.end + tail;
    writeln!(text, "@@ -{} +{} @@", place(&old), place(&new))
        .expect("a string takes what is written to it");
    let mut at = old.start;
    for change in group {
        write_lines(text, ' ', before, at..change.before.start);
        write_lines(text, '-', before, change.before.clone());
        write_lines(text, '+', after, change.after.clone());
        at = change.before.end;
    }
    write_lines(text, ' ', before, at..old.end);
}

/// `start,count`, where lines count from 1 and no lines stand behind the line `start`.
fn place(lines: &Range<usize>) -> String {
    let start = if lines.is_empty() {
        lines.start
    } else {
        lines.start + 1
    };
    format!("{start},{}", lines.len())
}

fn write_lines(text: &mut String, sign: char, lines: &[&str], range: Range<usize>) {
    for line in lines.get(range).unwrap_or_default() {
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// Shortens a text that got too long in what was written behind `told`, at a line, and says so.
fn cut(text: &mut String, told: usize) {
    let end = text.floor_char_boundary(BYTES_MAX);
    let end = text
        .split_at(end)
        .0
        .rfind('\n')
        .map_or(told, |newline| newline + 1);
    text.truncate(end);
    text.push_str("(cut: more has changed)\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, expected: &str) {
        assert_eq!(
            diff("a", before, after),
            format!("--- a\n+++ a\n{expected}"),
            "{before:?} to {after:?}"
        );
    }

    #[test]
    fn changes_stand_between_their_neighbours() {
        check("", "x\n", "@@ -0,0 +1,1 @@\n+x\n");
        check("x\n", "", "@@ -1,1 +0,0 @@\n-x\n");
        check(
            "1\n2\n3\n4\n5\n6\n",
            "1\n2\n3\nx\n5\n6\n",
            "@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+x\n 5\n 6\n",
        );
        check("1\n2\n3\n", "1\n2\n3\n4\n", "@@ -2,2 +2,3 @@\n 2\n 3\n+4\n");
        check("1\n2\n", "2\n", "@@ -1,2 +1,1 @@\n-1\n 2\n");
        check(
            "1\n2",
            "1\nx",
            "@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+x\n\\ No newline at end of file\n",
        );
        check("same\n", "same\n", "");
    }

    #[test]
    fn changes_near_each_other_are_told_together() {
        let numbers: String = (1..=12).map(|number| format!("{number}\n")).collect();
        let near = numbers.replace("3\n", "x\n").replace("8\n", "y\n");
        check(
            &numbers,
            &near,
            "@@ -1,10 +1,10 @@\n 1\n 2\n-3\n+x\n 4\n 5\n 6\n 7\n-8\n+y\n 9\n 10\n",
        );
        let far = numbers.replace("3\n", "x\n").replace("9\n", "y\n");
        check(
            &numbers,
            &far,
            "@@ -1,5 +1,5 @@\n 1\n 2\n-3\n+x\n 4\n 5\n@@ -7,5 +7,5 @@\n 7\n 8\n-9\n+y\n 10\n 11\n",
        );
    }

    #[test]
    fn texts_of_too_many_lines_are_not_compared() {
        let before = "\n".repeat(LINES_MAX);
        check(
            &format!("{before}\n"),
            "x",
            "(not shown: the file is too long to be compared)\n",
        );
        check(
            &before,
            &format!("x{before}"),
            "@@ -1,3 +1,3 @@\n-\n+x\n \n \n",
        );
    }

    #[test]
    fn a_long_diff_is_cut_at_a_line() {
        let before: String = (0..3000).map(|line| format!("line {line} ä\n")).collect();
        let diff = diff("a", &before, &before.replace("line", "row"));
        assert!(diff.len() < BYTES_MAX + 100);
        assert!(diff.ends_with("ä\n(cut: more has changed)\n"), "{diff}");
    }
}
