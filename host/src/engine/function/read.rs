//! JSON text to values, in one pass and without a tree in between.
//!
//! `Reader` carries what a whole argument list shares: the handles that it names, how much more it may ask for, and the
//! first problem. Where the problem is comes out on the way back: every level that is left adds its segment of the pointer.
//!
//! Limits: one argument list makes at most `VALUES_MAX` values. The text nests no deeper than the type, and the validator
//! of components allows 100 levels there; the JSON parser would stop at 128.

mod bytes;
mod fields;
mod map;
mod number;
mod sequence;
mod value;
mod variant;

use std::collections::HashSet;

use serde::de;
use serde_json::de::StrRead;

use super::handles::Handles;
use super::problem::{ParamError, Problem};

pub(super) use self::bytes::{Argument, flat};
pub(super) use self::fields::{Fields, Item, Role};
pub(super) use self::value::Value;

/// How many values one argument list may make: about 80 MiB at 40 bytes each. A record counts its names as well, because
/// `{}` can stand for a record with a hundred absent fields. Bytes that take the typed path do not count.
const VALUES_MAX: usize = 2 << 20;

/// A number outside ±(2^53 - 1) may have lost digits on its way through a JSON parser, so it is written as a string.
pub(super) const SAFE_MAX: u64 = (1 << 53) - 1;

/// What the values of one argument list share while they are read.
pub(super) struct Reader<'h> {
    handles: &'h Handles,
    values_left: usize,
    /// Numbers of handles.
    consumed: HashSet<u64>,
    borrowed: HashSet<u64>,
    problem: Option<Problem>,
    /// From the innermost to the outermost; filled on the way back from a problem.
    segments: Vec<String>,
}

/// Reads all of `json` as `seed` says. Handles are consumed when everything fits, and not one of them otherwise.
pub(super) fn read<'de, S>(
    json: &'de str,
    handles: &mut Handles,
    seed: impl FnOnce(
        &mut Reader<'_>,
        &mut serde_json::Deserializer<StrRead<'de>>,
    ) -> Result<S, serde_json::Error>,
) -> Result<S, ParamError> {
    let text = if json.trim_ascii().is_empty() {
        "null"
    } else {
        json
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut reader = Reader::new(handles);
    match seed(&mut reader, &mut deserializer)
        .and_then(|values| deserializer.end().map(|()| values))
    {
        Ok(values) => {
            let consumed = reader.consumed;
            handles.consume(&consumed);
            Ok(values)
        }
        Err(error) => Err(reader.explain(&error)),
    }
}

impl<'h> Reader<'h> {
    fn new(handles: &'h Handles) -> Reader<'h> {
        Reader {
            handles,
            values_left: VALUES_MAX,
            consumed: HashSet::new(),
            borrowed: HashSet::new(),
            problem: None,
            segments: Vec::new(),
        }
    }

    /// Notes the problem. The returned error only unwinds the parser; what is said to the caller is kept here.
    fn fail<E: de::Error>(&mut self, problem: Problem) -> E {
        self.problem.get_or_insert(problem);
        E::custom("the value does not fit")
    }

    /// Counts values before they are made.
    fn spend<E: de::Error>(&mut self, values: usize) -> Result<(), E> {
        match self.values_left.checked_sub(values) {
            Some(left) => self.values_left = left,
            None => {
                let expected = format!("at most {VALUES_MAX} values in one call");
                return Err(self.fail(Problem {
                    expected,
                    found: "more".to_owned(),
                    hint: None,
                }));
            }
        }
        Ok(())
    }

    /// Adds a segment to the pointer of whatever went wrong below it.
    fn within<T, E>(
        &mut self,
        result: Result<T, E>,
        segment: impl FnOnce() -> String,
    ) -> Result<T, E> {
        if result.is_err() {
            self.segments.push(segment());
        }
        result
    }

    /// Text that is not JSON has a place too: the value that was being read, with line and column.
    fn explain(self, error: &serde_json::Error) -> ParamError {
        let problem = self.problem.unwrap_or_else(|| malformed(error));
        ParamError::new(problem, &self.segments)
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem {
        expected: "well-formed JSON".to_owned(),
        found: error.to_string(),
        hint: None,
    }
}
