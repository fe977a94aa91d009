//! What is said to a caller whose arguments do not fit: where, what was expected, what was found.
//!
//! It knows nothing of shapes and values; `read` fills it in.

use std::fmt;

/// Arguments that do not fit the function. The message stands alone: `/d/shapes/0: expected one of "circle", "rect",
/// found "oval"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamError {
    /// A JSON pointer (RFC 6901) into the caller's arguments; empty for the arguments as a whole.
    pub(crate) pointer: String,
    /// What would have been accepted there, as a phrase: `an integer (u8, 0 to 255)`.
    pub(crate) expected: String,
    /// What was there, as a phrase: `5.5`, `the string "oval"`, `no field "id"`.
    pub(crate) found: String,
    /// A way out, where one is near: `did you mean "color"?`.
    pub(crate) hint: Option<String>,
}

/// The same before its place is known: the reader adds a segment for every level that it leaves.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) hint: Option<String>,
}

impl ParamError {
    /// `segments` from the innermost to the outermost.
    pub(super) fn new(problem: Problem, segments: &[String]) -> ParamError {
        let pointer = segments
            .iter()
            .rev()
            .map(|segment| format!("/{}", escaped(segment)))
            .collect();
        ParamError {
            pointer,
            expected: problem.expected,
            found: problem.found,
            hint: problem.hint,
        }
    }
}

/// RFC 6901, section 3.
fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// The nearest of `names` as a hint, if one is near enough to be a typing error.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    const ALIKE: f64 = 0.75;
    let wanted = clipped(wanted);
    names
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| format!("did you mean {name:?}?"))
}

/// A caller's string as it is quoted in a message: not all of a megabyte.
pub(super) fn quoted(text: &str) -> String {
    let clipped = clipped(text);
    if clipped.len() < text.len() {
        format!("{clipped:?}…")
    } else {
        format!("{text:?}")
    }
}

fn clipped(text: &str) -> &str {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParamError {}
