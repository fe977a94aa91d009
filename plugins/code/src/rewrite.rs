//! Turns what a caller sends into a script that keeps its variables for the next call.
//!
//! Three things stand between JavaScript and a session: `const x` may be written once only, a declaration that throws
//! leaves its name unusable for good, and `await` is not allowed at the top level of a script. So the names of the top
//! level are declared beforehand with `let`, their declarations become assignments, and a source that awaits is wrapped
//! in an async function. Lines stay lines, so positions in errors are those of the caller's text.
//!
//! Knows the syntax tree only; what is declared already is asked of the caller.

mod edits;
mod leftmost;
mod statement;

use std::collections::HashSet;

use boa_engine::ast::function::FunctionBody;
use boa_engine::ast::operations::{ContainsSymbol, contains, lexically_declared_names};
use boa_engine::ast::scope::Scope;
use boa_engine::ast::statement::Statement;
use boa_engine::ast::{Script, StatementListItem};
use boa_engine::interner::Interner;
use boa_engine::parser::{Error, Parser, Source};

pub(crate) use edits::{Edits, Place};
use statement::Rewriter;

/// What makes a source the body of an async function that is called on the spot.
const OPENING: &str = "(async()=>{";
const CLOSING: &str = "\n})()";

/// A source made ready to run.
pub(crate) struct Plan {
    /// What to evaluate.
    pub(crate) text: String,
    /// The names that `text` assigns to: to be declared first, those that are not yet.
    pub(crate) declares: Vec<String>,
    /// Evaluates to a promise of the value, as `text` is an async function called on the spot.
    pub(crate) is_async: bool,
    /// The last statement has a value to show; a declaration has none.
    pub(crate) has_value: bool,
    /// Where `text` differs from the source, to find the caller's columns again.
    pub(crate) edits: Edits,
}

/// What a name of the top level stands for before the source runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nobody has declared it.
    New,
    /// An earlier call did, with `let`, `const`, `var` or `class`.
    Lexical,
    /// It is a property of the global object: a function of an earlier call, or a built-in.
    Global,
}

/// Parses `source` and plans how to run it.
pub(crate) fn plan(source: &str, known: impl Fn(&str) -> Known) -> Result<Plan, Error> {
    let mut interner = Interner::default();
    let parsed = parse(source, &mut interner)?;
    let is_async = matches!(parsed, Parsed::Body(_));
    let has_value = last_with_value(parsed.statements()).is_some();
    let mut rewriter = Rewriter::new(source, &interner, known, is_async);
    rewriter.rewrite(parsed.statements());
    let (mut edits, declares) = rewriter.finish();
    if is_async {
        edits.wrap(OPENING, CLOSING);
    }
    let text = edits.apply(source);
    if text == source || is_script(&text) {
        return Ok(Plan {
            text,
            declares,
            is_async,
            has_value,
            edits,
        });
    }
    // A change landed in the wrong place: better no memory of the variables than a wrong program.
    let mut edits = Edits::default();
    if is_async {
        edits.wrap(OPENING, CLOSING);
    }
    Ok(Plan {
        text: edits.apply(source),
        declares: Vec::new(),
        is_async,
        has_value,
        edits,
    })
}

/// A source, as far as it is understood: a script, or what can be the body of an async function only.
enum Parsed {
    Script(Script),
    Body(FunctionBody),
}

impl Parsed {
    fn statements(&self) -> &[StatementListItem] {
        match self {
            Self::Script(script) => script.statements().statements(),
            Self::Body(body) => body.statements(),
        }
    }
}

fn parse(source: &str, interner: &mut Interner) -> Result<Parsed, Error> {
    let mentions_await = source.contains("await");
    if mentions_await
        && let Ok(body) = parse_body(source, interner)
        && contains(&body, ContainsSymbol::AwaitExpression)
    {
        return Ok(Parsed::Body(body));
    }
    let error = match parse_script(source, interner) {
        Ok(script) => return Ok(Parsed::Script(script)),
        Err(error) => error,
    };
    match parse_body(source, interner) {
        Ok(body) if !declares_twice(&body) => Ok(Parsed::Body(body)),
        // The script's complaint would be about the `await`, the body's is about the real mistake.
        Err(error) if mentions_await => Err(error),
        Ok(_) | Err(_) => Err(error),
    }
}

/// Whether `text` is a complete script of its own.
fn is_script(text: &str) -> bool {
    parse_script(text, &mut Interner::default()).is_ok()
}

fn parse_script(source: &str, interner: &mut Interner) -> Result<Script, Error> {
    Parser::new(Source::from_bytes(source)).parse_script(&Scope::new_global(), interner)
}

fn parse_body(source: &str, interner: &mut Interner) -> Result<FunctionBody, Error> {
    Parser::new(Source::from_bytes(source)).parse_function_body(interner, false, true)
}

/// The parser of function bodies lets this pass.
fn declares_twice(body: &FunctionBody) -> bool {
    let mut seen = HashSet::new();
    lexically_declared_names(body)
        .into_iter()
        .any(|name| !seen.insert(name))
}

/// The statement whose value is the script's. Functions are hoisted and `;` is nothing, so neither counts.
fn last_with_value(statements: &[StatementListItem]) -> Option<&Statement> {
    let last = statements.iter().rev().find(|item| match item {
        StatementListItem::Statement(statement) => !matches!(**statement, Statement::Empty),
        StatementListItem::Declaration(declaration) => {
            statement::function_name(declaration).is_none()
        }
    })?;
    match last {
        StatementListItem::Statement(statement) if !matches!(**statement, Statement::Var(_)) => {
            Some(statement)
        }
        StatementListItem::Statement(_) | StatementListItem::Declaration(_) => None,
    }
}

#[cfg(test)]
mod tests;
