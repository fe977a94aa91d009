//! Windows of lines and of bytes.

use super::*;
use crate::testing::Folder;

const PLAIN: Numbering = Numbering::Plain;

fn range(from: u64, count: Option<u64>) -> Range {
    Range { from, count }
}

fn read(content: &[u8], range: Range, bytes_max: usize) -> Result<Text, String> {
    let folder = Folder::with(&[("file", content)]);
    text(&folder.place("file"), range, PLAIN, bytes_max)
}

#[test]
fn lines_are_chosen_and_counted() {
    type Case = (
        &'static str,
        u64,
        Option<u64>,
        &'static str,
        u64,
        Option<u64>,
        u64,
    );
    let cases: &[Case] = &[
        (
            "one\ntwo\nthree\n",
            1,
            None,
            "one\ntwo\nthree\n",
            3,
            None,
            3,
        ),
        ("one\ntwo\nthree", 1, None, "one\ntwo\nthree", 3, None, 3),
        ("one\ntwo\nthree\n", 2, Some(1), "two\n", 2, Some(3), 3),
        ("one\ntwo\nthree\n", 3, Some(9), "three\n", 3, None, 3),
        ("one\ntwo\nthree\n", 2, Some(0), "", 1, Some(2), 3),
        ("\n\n", 2, None, "\n", 2, None, 2),
        ("", 1, None, "", 0, None, 0),
        ("a\r\nb\r\n", 2, None, "b\r\n", 2, None, 2),
    ];
    for (content, from, count, text, last, next, total) in cases {
        let read = read(content.as_bytes(), range(*from, *count), 1000).unwrap();
        let found = (
            read.text.as_str(),
            read.first_line,
            read.last_line,
            read.next_line,
            read.total_lines,
        );
        assert_eq!(found, (*text, *from, *last, *next, *total), "{content:?}");
        assert_eq!(
            (read.truncated, read.note, read.total_bytes),
            (false, None, content.len() as u64)
        );
    }
}

#[test]
fn a_cut_shows_whole_lines_and_where_to_go_on() {
    let read = read(b"0123\n5678\nabcd\n", range(1, None), 12).unwrap();
    assert_eq!(
        (
            read.text.as_str(),
            read.last_line,
            read.next_line,
            read.total_lines
        ),
        ("0123\n5678\n", 2, Some(3), 3)
    );
    assert!(read.truncated);
    assert_eq!(
        read.note.as_deref(),
        Some("cut after 12 bytes at most: go on with `from_line` 3")
    );
}

#[test]
fn a_long_file_is_read_window_by_window() {
    let content: String = (1..=40_000).map(|line| format!("line {line}\n")).collect();
    let folder = Folder::with(&[("file", content.as_bytes())]);
    let mut all = String::new();
    let mut from = Some(1);
    while let Some(line) = from {
        let read = text(&folder.place("file"), range(line, None), PLAIN, 100_000).unwrap();
        assert_eq!(
            (read.total_lines, read.truncated),
            (40_000, read.next_line.is_some())
        );
        all.push_str(&read.text);
        from = read.next_line;
    }
    assert!(all == content);
}

#[test]
fn a_line_that_does_not_fit_is_cut_between_characters() {
    let read = read("short\nää\u{20ac}\nend\n".as_bytes(), range(2, None), 6).unwrap();
    assert_eq!(
        (read.text.as_str(), read.last_line, read.next_line),
        ("ää", 2, Some(3))
    );
    let note = read.note.unwrap();
    assert!(
        note.contains("line 2 is longer than 6 bytes")
            && note.contains("`offset` 10")
            && note.contains("`from_line` 3"),
        "{note}"
    );
}

#[test]
fn a_character_may_lie_across_two_chunks() {
    let content = format!("x{}\n", "ä".repeat(60_000));
    for bytes_max in [65_535, 65_536, 65_537] {
        let read = read(content.as_bytes(), range(1, None), bytes_max).unwrap();
        let shown = (bytes_max - 1) / 2 * 2 + 1;
        assert_eq!(read.text, content[..shown]);
        assert!(read.note.unwrap().contains(&format!("`offset` {shown}")));
    }
}

#[test]
fn a_line_longer_than_a_chunk_is_dropped_whole() {
    let content = format!("first\n{}\nlast\n", "x".repeat(200_000));
    let read = read(content.as_bytes(), range(1, None), 150_000).unwrap();
    assert_eq!(
        (read.text.as_str(), read.next_line, read.total_lines),
        ("first\n", Some(2), 3)
    );
}

#[test]
fn lines_can_carry_their_numbers() {
    let folder = Folder::with(&[("file", b"a\nb\n\nc")]);
    let read = text(
        &folder.place("file"),
        range(2, None),
        Numbering::Numbered,
        100,
    )
    .unwrap();
    assert_eq!(read.text, "     2\tb\n     3\t\n     4\tc");
}

#[test]
fn what_is_no_text_and_what_is_not_there_is_refused() {
    for (content, from, message) in [
        (
            &b"ab\xFFcd"[..],
            1,
            "file is not UTF-8 text (the first odd byte is byte 2 of what was to be read): use `read_bytes`",
        ),
        (b"ab\0cd", 1, "file is not UTF-8 text"),
        (b"a\nb\n", 3, "file has 2 lines: there is no line 3"),
        (b"a\n", 0, "lines are counted from 1"),
    ] {
        let refusal = read(content, range(from, None), 100).unwrap_err();
        assert!(refusal.contains(message), "{refusal}");
    }
    assert!(
        read(b"", range(2, None), 100)
            .unwrap_err()
            .contains("file has 0 lines")
    );
}

#[test]
fn bytes_come_in_windows() {
    let folder = Folder::with(&[("file", b"0123456789")]);
    let place = folder.place("file");
    for (offset, length, bytes_max, expected, next) in [
        (0, None, 100, &b"0123456789"[..], None),
        (4, Some(3), 100, b"456", Some(7)),
        (4, None, 3, b"456", Some(7)),
        (7, Some(3), 100, b"789", None),
        (10, None, 100, b"", None),
    ] {
        let read = bytes(&place, offset, length, bytes_max).unwrap();
        assert_eq!(
            (read.bytes.as_slice(), read.next_offset, read.total_bytes),
            (expected, next, 10)
        );
    }
    assert_eq!(
        bytes(&place, 11, None, 100).unwrap_err(),
        "file has 10 bytes: there is nothing at offset 11"
    );
}
