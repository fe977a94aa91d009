//! One JavaScript interpreter with its memory: runs a source, answers with an outcome.
//!
//! Owns the interpreter's context and the order of things in a call: plan, declare, evaluate, settle what is pending,
//! describe. Knows nothing of tools, sessions or the host.

mod limits;
mod prepared;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::rc::Rc;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsString, JsValue, Script, Source};

use crate::code::{Outcome, ScriptError, Variable};
use crate::event_loop::{EventLoop, Settled};
use crate::failure::{self, Origin};
use crate::globals::{self, Console};
use crate::hooks::Hooks;
use crate::inspect::{self, inspect, kind};
use crate::json;
use crate::nesting;
use crate::rewrite::{self, Edits, Known, Plan};

pub(crate) use limits::Limits;

const PREVIEW_CHARS_MAX: usize = 120;

pub(crate) struct Engine {
    context: Context,
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
        let started = self.context.clock().now();
        self.calls += 1;
        let evaluated = nesting::check(source).and_then(|()| self.evaluate(source));
        let mut outcome = self.present(evaluated);
        let elapsed = (self.context.clock().now() - started).as_nanos() / 1000;
        outcome.duration_us = u64::try_from(elapsed).unwrap_or(u64::MAX);
        outcome
    }

    /// What the scripts have declared, sorted by name.
    pub(crate) fn variables(&mut self) -> Vec<Variable> {
        let global = self.context.global_object();
        let keys = global
            .own_property_keys(&mut self.context)
            .unwrap_or_default();
        let new = keys.into_iter().filter(|key| !self.builtins.contains(key));
        let globals = new.filter_map(|key| match key {
            PropertyKey::String(name) => Some(name.to_std_string_lossy()),
            PropertyKey::Symbol(_) | PropertyKey::Index(_) => None,
        });
        let names: BTreeSet<String> = globals.chain(self.declared.iter().cloned()).collect();
        names
            .into_iter()
            .filter_map(|name| self.variable(name))
            .collect()
    }

    fn variable(&mut self, name: String) -> Option<Variable> {
        // Only an identifier can be looked up, which every declared name is; a property set by hand need not be.
        let value = self.context.eval(Source::from_bytes(&name)).ok()?;
        let shown = inspect(&value, &mut self.context);
        let preview = inspect::shorten(&inspect::in_one_line(&shown), PREVIEW_CHARS_MAX);
        Some(Variable {
            name,
            kind: kind(&value).to_owned(),
            preview,
        })
    }

    fn evaluate(&mut self, source: &str) -> Evaluated {
        let plan = rewrite::plan(source, |name| self.known(name))
            .map_err(|error| failure::syntax(&error, source))?;
        self.declare(&plan.declares);
        let label = format!("call {}", self.calls);
        let value = self.start(&plan, &label);
        let settled = match &value {
            Ok(value) => self.settle(value, &plan),
            Err(_) => self.settle(&JsValue::undefined(), &plan),
        };
        let (value, uncaught) = match value {
            Ok(value) => (
                settled.value.map(|settled| settled.unwrap_or(value)),
                settled.uncaught,
            ),
            Err(thrown) => (Err(thrown), settled.uncaught),
        };
        let origin = Origin {
            label: &label,
            text: source,
            edits: &plan.edits,
        };
        let mut describe =
            |error: &JsError| failure::describe(error, &origin, &self.limits, &mut self.context);
        let errors: Vec<ScriptError> = uncaught.iter().map(&mut describe).collect();
        let value = value.map_err(|error| describe(&error));
        self.report(errors, value, settled.timeout)
    }

    /// The script's value. Errors that nobody caught count if the script itself went well; the others are printed.
    fn report(
        &mut self,
        uncaught: Vec<ScriptError>,
        value: Evaluated,
        timeout: Option<ScriptError>,
    ) -> Evaluated {
        let mut errors = uncaught.into_iter();
        let outcome = match (value, timeout) {
            (Ok(_), Some(timeout)) => Err(timeout),
            (Ok(value), None) => errors.next().map_or(Ok(value), Err),
            (Err(error), _) => Err(error),
        };
        let console = Console::of(&self.context);
        for error in errors {
            console.complain(&format!("Uncaught {}", one_line(&error)));
        }
        outcome
    }

    fn known(&self, name: &str) -> Known {
        if self.declared.contains(name) {
            return Known::Lexical;
        }
        let key = PropertyKey::from(JsString::from(name));
        if self
            .context
            .global_object()
            .borrow()
            .properties()
            .contains_key(&key)
        {
            Known::Global
        } else {
            Known::New
        }
    }

    /// Declares names apart from their values, so that a source which throws half-way leaves no name unusable.
    fn declare(&mut self, names: &[String]) {
        for name in names {
            // A name that cannot be declared (`undefined`) is no variable; assigning to it does what the language says.
            if self
                .context
                .eval(Source::from_bytes(&format!("let {name}")))
                .is_ok()
            {
                self.declared.insert(name.clone());
            }
        }
    }

    fn start(&mut self, plan: &Plan, label: &str) -> Result<JsValue, JsError> {
        let source = Source::from_bytes(&plan.text).with_path(Path::new(label));
        let value = Script::parse(source, None, &mut self.context)?.evaluate(&mut self.context)?;
        Ok(if plan.has_value || plan.is_async {
            value
        } else {
            JsValue::undefined()
        })
    }

    /// Runs what the script left pending: promises, timers.
    fn settle(&mut self, value: &JsValue, plan: &Plan) -> Settlement {
        let promise = value.as_promise();
        let ended =
            self.event_loop
                .settle(promise.as_ref(), self.limits.wait_ms, &mut self.context);
        let Settled {
            mut uncaught,
            timeout,
        } = ended;
        uncaught.extend(self.hooks.take_unhandled(promise.as_deref()));
        let timeout = timeout.map(|message| ScriptError {
            name: "TimeoutError".into(),
            message,
            ..ScriptError::default()
        });
        Settlement {
            value: promise
                .map(|promise| settled_value(&promise, plan))
                .transpose(),
            uncaught,
            timeout,
        }
    }

    fn present(&mut self, evaluated: Evaluated) -> Outcome {
        let output_bytes = self.limits.output_bytes;
        let mut outcome = match evaluated {
            Ok(value) => {
                let json = json::text(&value, &mut self.context);
                let too_long = json.as_ref().is_some_and(|json| json.len() > output_bytes);
                let text = if value.is_undefined() {
                    String::new()
                } else {
                    inspect::display(&value, &mut self.context)
                };
                let value_kind = kind(&value).to_owned();
                Outcome {
                    value: json.filter(|_| !too_long),
                    text,
                    kind: value_kind,
                    truncated: too_long,
                    ..Outcome::default()
                }
            }
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

    fn build(limits: Limits) -> Result<Self, String> {
        let event_loop = Rc::new(EventLoop::default());
        let hooks = Rc::new(Hooks::default());
        let mut context = Context::builder()
            .job_executor(Rc::clone(&event_loop))
            .host_hooks(Rc::clone(&hooks))
            .module_loader(Rc::new(boa_engine::module::IdleModuleLoader))
            .build()
            .map_err(|error| format!("cannot build the interpreter: {error}"))?;
        globals::install(&mut context)
            .map_err(|error| format!("cannot define the globals: {error}"))?;
        let global = context.global_object();
        let keys = global
            .own_property_keys(&mut context)
            .map_err(|error| format!("cannot list the globals: {error}"))?;
        let builtins = keys.into_iter().collect();
        let mut engine = Self {
            context,
            event_loop,
            hooks,
            limits,
            declared: BTreeSet::new(),
            builtins,
            calls: 0,
        };
        engine.apply_limits();
        Ok(engine)
    }

    fn apply_limits(&mut self) {
        let limits = self.context.runtime_limits_mut();
        limits.set_recursion_limit(self.limits.call_depth);
        limits.set_stack_size_limit(self.limits.value_stack());
        Console::of(&self.context).set_limit(self.limits.output_bytes);
    }
}

struct Settlement {
    /// What the script's promise came to, if it was one.
    value: Result<Option<JsValue>, JsError>,
    uncaught: Vec<JsError>,
    timeout: Option<ScriptError>,
}

fn settled_value(promise: &JsPromise, plan: &Plan) -> Result<JsValue, JsError> {
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        // Of a script that awaits, the promise is our own, and nothing is left that could fulfil it.
        PromiseState::Pending if plan.is_async => Err(failure::never_settled()),
        PromiseState::Pending => Ok(JsValue::from(promise.clone())),
    }
}

/// The mistake in `source`, if there is one.
pub(crate) fn check(source: &str) -> Option<ScriptError> {
    let parsed = nesting::check(source).and_then(|()| {
        let plan = rewrite::plan(source, |_| Known::New);
        plan.map(|_| Edits::default())
            .map_err(|error| failure::syntax(&error, source))
    });
    parsed.err()
}

/// `TypeError: x is not a function (line 3, column 5)`.
pub(crate) fn one_line(error: &ScriptError) -> String {
    let ScriptError {
        name,
        message,
        line,
        column,
        ..
    } = error;
    let place = match (line, column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    format!("{name}: {message}{place}")
}

#[cfg(test)]
mod tests;
