//! One JavaScript interpreter with its memory: runs a source, answers with an outcome.
//!
//! Owns the interpreter's context and the order of things in a call: plan, declare, evaluate, settle what is pending,
//! describe. Knows nothing of tools, sessions or the host.

mod build;
mod limits;
mod present;
mod settle;
mod variables;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::rc::Rc;

use boa_engine::context::time::Clock;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsString, JsValue, Script, Source};

use crate::clock::CallClock;
use crate::code::{Outcome, ScriptError};
use crate::event_loop::EventLoop;
use crate::failure::{self, Origin};
use crate::hooks::Hooks;
use crate::nesting;
use crate::rewrite::{self, Known, Plan};

pub(crate) use limits::Limits;
pub(crate) use present::one_line;

pub(crate) struct Engine {
    context: Context,
    clock: Rc<CallClock>,
    event_loop: Rc<EventLoop>,
    hooks: Rc<Hooks>,
    limits: Limits,
    /// The names declared with `let`, `const`, `var` and `class` so far.
    declared: BTreeSet<String>,
    /// What the global object had at the start.
    builtins: HashSet<PropertyKey>,
    /// How many sources have been run; the last one's number is in the stack traces.
    calls: u32,
}

/// The value of a script, or its error, before it is made presentable.
type Evaluated = Result<JsValue, ScriptError>;

impl Engine {
    /// Runs `source`; whatever happens in it is in the outcome.
    pub(crate) fn run(&mut self, source: &str) -> Outcome {
        self.clock.restart();
        self.calls += 1;
        let evaluated = nesting::check(source).and_then(|()| self.evaluate(source));
        let mut outcome = self.present(evaluated);
        let micros = self.clock.now().nanos_since_epoch() / 1000;
        outcome.duration_us = u64::try_from(micros).unwrap_or(u64::MAX);
        outcome
    }

    fn evaluate(&mut self, source: &str) -> Evaluated {
        let plan = rewrite::plan(source, |name| self.known(name))
            .map_err(|error| failure::syntax(&error, source))?;
        self.declare(&plan.declares);
        let label = format!("call {}", self.calls);
        let started = self.start(&plan, &label);
        let settled = self.settle(started, &plan);
        let origin = Origin {
            label: &label,
            text: source,
            edits: &plan.edits,
        };
        self.report(settled, &origin)
    }

    fn start(&mut self, plan: &Plan, label: &str) -> Result<JsValue, JsError> {
        let source = Source::from_bytes(&plan.text).with_path(Path::new(label));
        let value = Script::parse(source, None, &mut self.context)?.evaluate(&mut self.context)?;
        let is_shown = plan.has_value || plan.is_async;
        Ok(if is_shown {
            value
        } else {
            JsValue::undefined()
        })
    }

    fn known(&self, name: &str) -> Known {
        if self.declared.contains(name) {
            return Known::Lexical;
        }
        let key = PropertyKey::from(JsString::from(name));
        let global = self.context.global_object();
        let is_global = global.borrow().properties().contains_key(&key);
        if is_global { Known::Global } else { Known::New }
    }

    /// Declares names apart from their values, so that a source which throws half-way leaves no name unusable.
    fn declare(&mut self, names: &[String]) {
        for name in names {
            let declaration = format!("let {name}");
            // A name that cannot be declared (`undefined`) is no variable; assigning to it does what the language says.
            if self.context.eval(Source::from_bytes(&declaration)).is_ok() {
                self.declared.insert(name.clone());
            }
        }
    }
}

/// The mistake in `source`, if there is one.
pub(crate) fn check(source: &str) -> Option<ScriptError> {
    if let Err(error) = nesting::check(source) {
        return Some(error);
    }
    let plan = rewrite::plan(source, |_| Known::New);
    plan.err().map(|error| failure::syntax(&error, source))
}

#[cfg(test)]
mod tests;
