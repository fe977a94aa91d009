//! Makes an error of the interpreter an error that a caller can act on: its name, what it says, where it happened.

use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::parser::Error as ParseError;
use boa_engine::parser::lexer::Error as LexError;
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsString, JsValue};

use crate::code::ScriptError;
use crate::engine::Limits;
use crate::inspect;
use crate::rewrite::{Edits, Place};

const STACK_ENTRIES_MAX: usize = 10;
const MESSAGE_CHARS_MAX: usize = 2000;

/// The source at hand: what a place in a stack trace refers to.
pub(crate) struct Origin<'a> {
    /// What the traces call it.
    pub(crate) label: &'a str,
    /// As the caller wrote it.
    pub(crate) text: &'a str,
    /// What was changed in it before it ran.
    pub(crate) edits: &'a Edits,
}

/// Describes what a script threw.
pub(crate) fn describe(
    error: &JsError,
    source: &Origin<'_>,
    limits: &Limits,
    context: &mut Context,
) -> ScriptError {
    let (name, message) = name_and_message(error, limits, context);
    let entries: Vec<Entry> = entries(&error.to_string(), source);
    let place = entries.iter().find_map(|entry| entry.place);
    let is_innermost = entries.first().is_none_or(|entry| entry.place.is_some());
    let missing = message
        .strip_suffix(" is not defined")
        .filter(|_| is_innermost && name == "ReferenceError");
    let place = missing
        .and_then(|missing| find_word(source.text, missing, place))
        .or(place);
    let stack = entries
        .into_iter()
        .map(|entry| entry.text)
        .take(STACK_ENTRIES_MAX)
        .collect();
    let message = inspect::shorten(&message, MESSAGE_CHARS_MAX);
    let line = place.map(|place| place.line);
    ScriptError {
        name,
        message,
        line,
        column: place.map(|place| place.column),
        stack,
    }
}

/// Describes why `source` is not JavaScript.
pub(crate) fn syntax(error: &ParseError, source: &str) -> ScriptError {
    let place = match error {
        ParseError::Expected { span, .. } | ParseError::Unexpected { span, .. } => {
            Some(span.start())
        }
        ParseError::General { position, .. }
        | ParseError::Lex {
            err: LexError::Syntax(_, position),
        } => Some(*position),
        ParseError::AbruptEnd | ParseError::Lex { .. } | ParseError::ScopeAnalysis { .. } => None,
    };
    let (line, column) = match place {
        Some(place) => (place.line_number(), place.column_number()),
        None => end_of(source),
    };
    let message = match error {
        ParseError::AbruptEnd => "unexpected end of the source".to_owned(),
        _ => without_place(&error.to_string()).to_owned(),
    };
    let hint = if is_module_syntax(source, line) {
        " (there are no modules here: `import` and `export` do not work)"
    } else {
        ""
    };
    let message = format!("{message}{hint}");
    ScriptError {
        name: "SyntaxError".into(),
        message,
        line: Some(line),
        column: Some(column),
        stack: Vec::new(),
    }
}

/// What a script gets whose timers want to wait too long.
pub(crate) fn timeout(message: String) -> ScriptError {
    ScriptError {
        name: "TimeoutError".into(),
        message,
        ..ScriptError::default()
    }
}

/// What an awaiting script gets when it waits for something that nothing can bring about any more.
pub(crate) fn never_settled() -> JsError {
    JsNativeError::error()
        .with_message("the script awaits a promise that is never settled")
        .into()
}

fn name_and_message(error: &JsError, limits: &Limits, context: &mut Context) -> (String, String) {
    if let Some(engine) = error.as_engine() {
        return match engine {
            EngineError::RuntimeLimit(
                RuntimeLimitError::Recursion | RuntimeLimitError::StackSize,
            ) => (
                "RangeError".into(),
                format!(
                    "too much recursion: calls are nested more than {} deep",
                    limits.call_depth
                ),
            ),
            EngineError::RuntimeLimit(limit) => ("RangeError".into(), limit.to_string()),
            EngineError::Panic(panic) => (
                "InternalError".into(),
                format!("the interpreter gave up: {}", panic.message()),
            ),
        };
    }
    if let Some(native) = error.as_native() {
        return (
            native.kind().to_string(),
            without_place(native.message()).to_owned(),
        );
    }
    let thrown = error.as_opaque().cloned().unwrap_or_default();
    match thrown.as_object().filter(inspect::is_error) {
        Some(object) => (
            property(&object, "name", context),
            property(&object, "message", context),
        ),
        None => ("Thrown".into(), inspect::display(&thrown, context)),
    }
}

fn property(error: &JsObject, name: &str, context: &mut Context) -> String {
    let value = error.get(JsString::from(name), context).unwrap_or_default();
    let text = if value.is_undefined() {
        Ok(JsString::default())
    } else {
        JsValue::to_string(&value, context)
    };
    text.map(|text| text.to_std_string_lossy())
        .unwrap_or_default()
}

/// A line of a stack trace.
struct Entry {
    text: String,
    /// Where, if it is in the source at hand.
    place: Option<Place>,
}

/// Reads the trace at the end of a printed error: lines of `    at name (call 2:4:11)`.
fn entries(printed: &str, source: &Origin<'_>) -> Vec<Entry> {
    let lines: Vec<&str> = printed
        .lines()
        .rev()
        .map_while(|line| line.strip_prefix("    at "))
        .collect();
    lines
        .into_iter()
        .rev()
        .filter_map(|line| entry(line, source))
        .collect()
}

fn entry(line: &str, origin: &Origin<'_>) -> Option<Entry> {
    let (name, place) = line.strip_suffix(')')?.rsplit_once(" (")?;
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let source = parts.next()?;
    let is_here = source == origin.label;
    let place = if is_here {
        origin.edits.original(Place { line, column })
    } else {
        Place { line, column }
    };
    let text = format!("{name} ({source}:{}:{})", place.line, place.column);
    Some(Entry {
        text,
        place: is_here.then_some(place),
    })
}

/// Where `word` comes next from `start` on, or else where it came last. The interpreter keeps no place for the use of a
/// name; a trace has that of a call or an access nearby.
fn find_word(text: &str, word: &str, start: Option<Place>) -> Option<Place> {
    let start = start.unwrap_or(Place { line: 1, column: 1 });
    let mut last = None;
    for (index, line) in text.lines().enumerate() {
        for column in columns_of(line, word) {
            let place = Place {
                line: u32::try_from(index).ok()? + 1,
                column,
            };
            last = Some(place);
            if place >= start {
                return last;
            }
        }
    }
    last
}

/// Where `word` stands in a line by itself, in characters from 1.
fn columns_of(line: &str, word: &str) -> Vec<u32> {
    let is_name = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    let is_whole = |at: usize| {
        let (before, after) = line.split_at(at);
        !before.ends_with(is_name)
            && !after
                .strip_prefix(word)
                .unwrap_or_default()
                .starts_with(is_name)
    };
    let starts = line
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| is_whole(*at));
    starts
        .filter_map(|at| u32::try_from(line.split_at(at).0.chars().count() + 1).ok())
        .collect()
}

/// The parser ends its messages with ` at line 1, col 2`, which has fields of its own here.
fn without_place(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((before, place)) if place.starts_with(|char: char| char.is_ascii_digit()) => before,
        _ => message,
    }
}

fn end_of(source: &str) -> (u32, u32) {
    let lines = source.matches('\n').count() + 1;
    let column = source
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (
        u32::try_from(lines).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

fn is_module_syntax(source: &str, line: u32) -> bool {
    let index = usize::try_from(line)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let line = source.lines().nth(index).unwrap_or_default().trim_start();
    line.starts_with("import ") || line.starts_with("export ") || line.starts_with("import{")
}
