//! Headings of Markdown: `# Title`, and a line of `=` or `-` below one. CommonMark 0.31, sections 4.2 and 4.3.

use super::builder::{Builder, Outline};

pub(super) fn outline(lines: &[&str]) -> Outline {
    let mut builder = Builder::new();
    let mut fence: Option<&str> = None;
    let mut previous = "";
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if let Some(marker) = fence_marker(trimmed) {
            match fence {
                None => fence = Some(marker),
                Some(open) if marker.starts_with(open) => fence = None,
                Some(_) => {}
            }
        } else if fence.is_none() {
            if let Some((level, text)) = atx(line) {
                builder.heading(level, text, index);
            } else if let Some(level) = setext(trimmed, previous) {
                builder.heading(level, previous, index - 1);
            }
        }
        previous = if fence.is_some() || line.starts_with("    ") {
            ""
        } else {
            trimmed
        };
    }
    builder.finish(lines.len())
}

fn atx(line: &str) -> Option<(usize, &str)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let text = line.trim().trim_start_matches('#');
    let level = line.trim().len() - text.len();
    let is_heading = indent < 4
        && (1..=6).contains(&level)
        && (text.is_empty() || text.starts_with([' ', '\t']));
    is_heading.then(|| (level, text.trim().trim_end_matches('#').trim_end()))
}

/// The level of the heading that `underline` makes of the line before it.
fn setext(underline: &str, previous: &str) -> Option<usize> {
    let is_text = !previous.is_empty() && !previous.starts_with(['#', '>', '-', '*', '|', '`']);
    let is_line_of =
        |char: char| underline.len() >= 2 && underline.chars().all(|other| other == char);
    match () {
        () if !is_text => None,
        () if is_line_of('=') => Some(1),
        () if is_line_of('-') => Some(2),
        () => None,
    }
}

/// The three or more characters that open or close a block of code.
fn fence_marker(line: &str) -> Option<&str> {
    let char = line
        .chars()
        .next()
        .filter(|char| matches!(char, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(char).len();
    line.get(..length).filter(|_| length >= 3)
}

#[cfg(test)]
mod tests {
    use super::outline;

    fn sections(text: &str) -> Vec<(String, u32, u32)> {
        let lines: Vec<&str> = text.lines().collect();
        let outline = outline(&lines);
        outline
            .sections
            .into_iter()
            .map(|section| (section.heading, section.first_line, section.last_line))
            .collect()
    }

    #[test]
    fn both_kinds_of_headings_nest() {
        let found =
            sections("Title\n=====\nintro\n\nPart\n----\ntext\n### Detail ###\nmore\n## Next\n");
        let expected = [
            ("", 1, 4),
            ("Part", 5, 7),
            ("Part > Detail", 8, 9),
            ("Next", 10, 10),
        ];
        assert_eq!(
            found,
            expected.map(|(heading, first, last)| (heading.to_owned(), first, last))
        );
    }

    #[test]
    fn code_is_no_heading() {
        let found = sections(
            "# Title\n```sh\n# comment\n~~~\n```\n    # indented\n#hashtag\n- item\n---\ntext",
        );
        assert_eq!(found, [(String::new(), 1, 10)]);
    }

    #[test]
    fn a_document_without_headings_is_one_section() {
        assert_eq!(sections("a\nb"), [(String::new(), 1, 2)]);
        assert_eq!(sections(""), []);
    }
}
