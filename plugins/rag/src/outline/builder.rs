//! Collects headings in the order of the lines and makes sections of what lies between them.

const HEADING_CHARS_MAX: usize = 120;

/// The title and the sections of a document.
pub(crate) struct Outline {
    pub(crate) title: Option<String>,
    pub(crate) sections: Vec<Section>,
}

/// Lines under the same headings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The headings below the title, outermost first, joined by ` > `.
    pub(crate) heading: String,
    /// From 1.
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

pub(super) struct Builder {
    title: Option<String>,
    sections: Vec<Section>,
    /// The headings above the current line, with their levels. The title is the first and has the lowest level.
    above: Vec<(usize, String)>,
    /// The index of the first line of the current section.
    start: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            title: None,
            sections: Vec::new(),
            above: Vec::new(),
            start: 0,
        }
    }

    /// A heading that begins at the line with this index. A lower level is further out.
    pub(super) fn heading(&mut self, level: usize, text: &str, index: usize) {
        if self.title.is_none() && !text.trim().is_empty() {
            self.title = Some(shortened(text));
        }
        self.description(level, text, index);
    }

    /// A line that heads what follows it as a heading does, but that no document is called after.
    pub(super) fn description(&mut self, level: usize, text: &str, index: usize) {
        self.cut(index);
        self.above.retain(|(other, _)| *other < level);
        self.above.push((level, shortened(text)));
    }

    /// The headings of this level and further in end before the line with this index.
    pub(super) fn end(&mut self, level: usize, index: usize) {
        if self.above.iter().any(|(other, _)| *other >= level) {
            self.cut(index);
            self.above.retain(|(other, _)| *other < level);
        }
    }

    pub(super) fn finish(mut self, line_count: usize) -> Outline {
        self.cut(line_count);
        Outline {
            title: self.title,
            sections: self.sections,
        }
    }

    fn cut(&mut self, index: usize) {
        if index > self.start {
            // The title is said already, of the document as a whole.
            let is_title = |text: &String| self.title.as_ref() == Some(text);
            let headings = self
                .above
                .iter()
                .enumerate()
                .filter(|(place, (_, text))| *place > 0 || !is_title(text));
            let headings: Vec<&str> = headings.map(|(_, (_, text))| text.as_str()).collect();
            self.sections.push(Section {
                heading: headings.join(" > "),
                first_line: number(self.start + 1),
                last_line: number(index),
            });
            self.start = index;
        }
    }
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(HEADING_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
