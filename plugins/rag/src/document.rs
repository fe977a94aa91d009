//! A document in memory: its text by lines, and the headings above each of them.

use crate::folder::{File, Format};
use crate::outline::{self, Section};

/// A document as it is searched and read.
pub(crate) struct Document {
    /// The path below the folder.
    pub(crate) source: String,
    pub(crate) title: String,
    /// The size of the file.
    pub(crate) bytes: u64,
    /// How many passages it has been divided into.
    pub(crate) passages: u32,
    text: String,
    /// Where each line begins, in bytes.
    starts: Vec<u32>,
    sections: Vec<Section>,
}

impl Document {
    pub(crate) fn new(file: &File, content: &[u8]) -> Self {
        let content = String::from_utf8_lossy(content);
        let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
        let text = if file.format == Format::Html {
            outline::html_to_text(content)
        } else {
            content.to_owned()
        };
        let lines: Vec<&str> = text.lines().collect();
        let outline = outline::outline(&lines, file.format);
        let name = file.source.rsplit('/').next().unwrap_or(&file.source);
        let title = outline.title.unwrap_or_else(|| name.to_owned());
        let starts = starts(&text);
        let sections = outline.sections;
        Self {
            source: file.source.clone(),
            title,
            bytes: file.bytes,
            passages: 0,
            text,
            starts,
            sections,
        }
    }

    pub(crate) fn line_count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// The lines from `first` to `last`, both from 1 and both included.
    pub(crate) fn lines(&self, first: u32, last: u32) -> &str {
        let start = self
            .start(first.saturating_sub(1))
            .unwrap_or(self.text.len());
        let end = self.start(last).unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default()
    }

    /// The headings above a line, outermost first.
    pub(crate) fn heading(&self, line: u32) -> String {
        let after = self
            .sections
            .partition_point(|section| section.first_line <= line);
        after
            .checked_sub(1)
            .and_then(|index| self.sections.get(index))
            .map(|section| section.heading.clone())
            .unwrap_or_default()
    }

    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn start(&self, index: u32) -> Option<usize> {
        let start = self.starts.get(usize::try_from(index).ok()?)?;
        usize::try_from(*start).ok()
    }
}

fn starts(text: &str) -> Vec<u32> {
    let ends = text
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .filter(|start| *start < text.len());
    let first = (!text.is_empty()).then_some(0);
    first
        .into_iter()
        .chain(ends)
        .map(|start| u32::try_from(start).unwrap_or(u32::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Document;
    use crate::folder::{File, Format};

    fn document(source: &str, format: Format, content: &str) -> Document {
        let file = File {
            path: PathBuf::new(),
            source: source.to_owned(),
            format,
            bytes: content.len() as u64,
        };
        Document::new(&file, content.as_bytes())
    }

    #[test]
    fn lines_are_counted_from_one() {
        let document = document("a/b.txt", Format::Plain, "one\r\ntwo\n\nfour");
        assert_eq!(document.line_count(), 4);
        assert_eq!(document.lines(2, 3), "two\n\n");
        assert_eq!(document.lines(4, 9), "four");
        assert_eq!(document.title, "b.txt");
    }

    #[test]
    fn an_empty_document_has_no_lines() {
        let document = document("a.md", Format::Markdown, "");
        assert_eq!((document.line_count(), document.lines(1, 1)), (0, ""));
    }

    #[test]
    fn the_heading_of_a_line_is_that_of_its_section() {
        let document = document(
            "a.md",
            Format::Markdown,
            "# Title\nintro\n## Part\ntext\n### Detail\nmore",
        );
        assert_eq!(document.title, "Title");
        assert_eq!(
            [1, 2, 4, 6].map(|line| document.heading(line)),
            ["", "", "Part", "Part > Detail"]
        );
    }
}
