//! Divides a document into passages: small enough to quote, whole paragraphs as far as possible, never across headings.

use crate::document::Document;

/// What a passage aims at.
const CHARS_AIM: usize = 1000;
/// A paragraph that would make a passage longer than this begins the next one.
const CHARS_MAX: usize = 1500;

/// A part of a document that is found as one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The index of its document.
    pub(crate) document: usize,
    /// The headings above it.
    pub(crate) heading: String,
    /// From 1.
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

/// The passages of `document`, which is the one with this index. Blank lines at their ends belong to none.
pub(crate) fn divide(document: &Document, index: usize) -> Vec<Passage> {
    let mut passages = Vec::new();
    for section in document.sections() {
        for (first_line, last_line) in pieces(document, section.first_line, section.last_line) {
            passages.push(Passage {
                document: index,
                heading: section.heading.clone(),
                first_line,
                last_line,
            });
        }
    }
    passages
}

/// The lines of a section in pieces of about the size aimed at.
fn pieces(document: &Document, first: u32, last: u32) -> Vec<(u32, u32)> {
    let mut pieces = Vec::new();
    let mut piece: Option<Piece> = None;
    for number in first..=last {
        let line = document.lines(number, number);
        let size = line.chars().count();
        if line.trim().is_empty() {
            // The end of a paragraph, where a piece that is large enough may end.
            if let Some(full) = piece.take_if(|piece| piece.size >= CHARS_AIM) {
                pieces.push((full.first, full.last));
            }
            continue;
        }
        if let Some(full) = piece.take_if(|piece| piece.size + size > CHARS_MAX) {
            pieces.push((full.first, full.last));
        }
        let piece = piece.get_or_insert(Piece {
            first: number,
            last: number,
            size: 0,
        });
        piece.last = number;
        piece.size += size;
    }
    pieces.extend(piece.map(|piece| (piece.first, piece.last)));
    pieces
}

struct Piece {
    first: u32,
    last: u32,
    size: usize,
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{CHARS_MAX, divide};
    use crate::document::Document;
    use crate::folder::{File, Format};

    fn pieces(content: &str) -> Vec<(String, u32, u32)> {
        let file = File {
            path: PathBuf::new(),
            source: "a.md".into(),
            format: Format::Markdown,
            bytes: 0,
        };
        let document = Document::new(&file, content.as_bytes());
        let passages = divide(&document, 0);
        passages
            .into_iter()
            .map(|passage| (passage.heading, passage.first_line, passage.last_line))
            .collect()
    }

    #[test]
    fn short_paragraphs_stay_together_within_their_section() {
        let found = pieces("# T\n\none\n\ntwo\n\n## A\n\nthree\n\n");
        assert_eq!(found, [(String::new(), 1, 5), ("A".into(), 7, 9)]);
    }

    #[test]
    fn long_sections_are_divided_between_paragraphs() {
        let paragraph = format!("{}\n\n", "word ".repeat(110));
        let found = pieces(&paragraph.repeat(5));
        assert_eq!(
            found
                .iter()
                .map(|(_, first, last)| (*first, *last))
                .collect::<Vec<_>>(),
            [(1, 3), (5, 7), (9, 9)]
        );
    }

    #[test]
    fn a_paragraph_without_an_end_is_divided_between_lines() {
        let found = pieces(
            &"0123456789 "
                .repeat(10)
                .trim_end()
                .to_owned()
                .add_lines(100),
        );
        assert!(found.len() > 5);
        let longest = found
            .iter()
            .map(|(_, first, last)| (last - first + 1) * 110)
            .max()
            .unwrap();
        assert!(longest as usize <= CHARS_MAX);
    }

    trait AddLines {
        fn add_lines(self, count: usize) -> String;
    }

    impl AddLines for String {
        fn add_lines(self, count: usize) -> String {
            vec![self; count].join("\n")
        }
    }

    #[test]
    fn an_empty_document_has_no_passages() {
        assert_eq!(pieces(""), []);
        assert_eq!(pieces("\n \n"), []);
    }
}
