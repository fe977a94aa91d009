//! Changes to a text that keep its lines, and the way back from a column of the new text to one of the old.

/// Changes to one text, in any order, none overlapping.
#[derive(Default)]
pub(crate) struct Edits {
    changes: Vec<Change>,
    prefix: String,
    suffix: &'static str,
}

struct Change {
    /// Where, in bytes of the old text.
    at: usize,
    /// How many bytes of the old text go.
    removed: usize,
    inserted: String,
    /// Where, as a line and a column in characters, both from 1.
    line: u32,
    column: u32,
}

/// A place in a text, both numbers from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Edits {
    /// Writes `inserted` in place of `removed` bytes at `at`, which is `place`.
    pub(super) fn replace(&mut self, at: usize, removed: usize, inserted: String, place: Place) {
        self.changes.push(Change {
            at,
            removed,
            inserted,
            line: place.line,
            column: place.column,
        });
    }

    /// Puts `text` before everything else, on the first line.
    pub(super) fn prepend(&mut self, text: &str) {
        self.prefix.push_str(text);
    }

    /// Encloses everything, earlier prefixes included. `opening` has no line break.
    pub(super) fn wrap(&mut self, opening: &str, closing: &'static str) {
        self.prefix.insert_str(0, opening);
        self.suffix = closing;
    }

    pub(super) fn apply(&mut self, text: &str) -> String {
        self.changes.sort_by_key(|change| change.at);
        let mut edited = self.prefix.clone();
        let mut copied = 0;
        for change in &self.changes {
            edited.push_str(text.get(copied..change.at).unwrap_or_default());
            edited.push_str(&change.inserted);
            copied = change.at + change.removed;
        }
        edited.push_str(text.get(copied..).unwrap_or_default());
        edited.push_str(self.suffix);
        edited
    }

    /// The place in the old text of a place in the new one. All that was inserted is ASCII, so its bytes are its columns.
    pub(crate) fn original(&self, place: Place) -> Place {
        let Place { line, column } = place;
        let prefix = if line == 1 {
            columns(self.prefix.len())
        } else {
            0
        };
        let mut column = column.saturating_sub(prefix).max(1);
        for change in self.changes.iter().filter(|change| change.line == line) {
            let grown = columns(change.inserted.len()).saturating_sub(columns(change.removed));
            if change.column < column {
                column = column.saturating_sub(grown).max(change.column);
            }
        }
        Place { line, column }
    }
}

fn columns(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
