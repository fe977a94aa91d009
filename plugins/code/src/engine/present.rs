//! Makes an outcome of what a script came to: errors described, the value as JSON and as text, the console's output.

use boa_engine::{JsError, JsValue};

use super::settle::Settlement;
use super::{Engine, Evaluated};
use crate::code::{Outcome, ScriptError};
use crate::failure::{self, Origin};
use crate::globals::Console;
use crate::inspect::{self, kind};
use crate::json::{self, Json};

const TEXT_CHARS_MAX: usize = 10_000;

impl Engine {
    /// The script's value, or the error that counts: its own, then that of waiting in vain, then the first that nobody
    /// caught. The other ones are printed.
    pub(super) fn report(&mut self, settled: Settlement, origin: &Origin<'_>) -> Evaluated {
        let mut describe =
            |error: JsError| failure::describe(&error, origin, &self.limits, &mut self.context);
        let value = settled.value.map_err(&mut describe);
        let uncaught: Vec<ScriptError> = settled.uncaught.into_iter().map(describe).collect();
        let mut uncaught = uncaught.into_iter();
        let timeout = settled.timeout.map(failure::timeout);
        let evaluated =
            value.and_then(|value| timeout.or_else(|| uncaught.next()).map_or(Ok(value), Err));
        let console = Console::of(&self.context);
        for error in uncaught {
            console.complain(&format!("Uncaught {}", one_line(&error)));
        }
        evaluated
    }

    pub(super) fn present(&mut self, evaluated: Evaluated) -> Outcome {
        let mut outcome = match evaluated {
            Ok(value) => self.present_value(&value),
            Err(error) => Outcome {
                kind: "undefined".into(),
                error: Some(error),
                ..Outcome::default()
            },
        };
        let printed = Console::of(&self.context).take();
        outcome.stdout = printed.stdout;
        outcome.stderr = printed.stderr;
        outcome.truncated |= printed.truncated;
        outcome
    }

    fn present_value(&mut self, value: &JsValue) -> Outcome {
        let kind = kind(value).to_owned();
        if value.is_undefined() {
            return Outcome {
                kind,
                ..Outcome::default()
            };
        }
        let (json, truncated) = match json::text(value, self.limits.output_bytes, &mut self.context)
        {
            Json::Text(text) => (Some(text), false),
            Json::TooLong => (None, true),
            Json::Inexpressible => (None, false),
        };
        let text = inspect::shorten(&inspect::display(value, &mut self.context), TEXT_CHARS_MAX);
        Outcome {
            value: json,
            text,
            kind,
            truncated,
            ..Outcome::default()
        }
    }
}

/// `TypeError: x is not a function (line 3, column 5)`.
pub(crate) fn one_line(error: &ScriptError) -> String {
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    format!("{}: {}{place}", error.name, error.message)
}
