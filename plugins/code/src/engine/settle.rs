//! The end of a script: its promise is waited for, its timers run, and what nobody caught is collected.

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{JsError, JsValue};

use super::Engine;
use crate::event_loop::Settled;
use crate::failure;
use crate::rewrite::Plan;

/// What a script came to when nothing was left to do.
pub(super) struct Settlement {
    /// The value, that of the promise if it was one, or what was thrown.
    pub(super) value: Result<JsValue, JsError>,
    /// What promises and timers threw beside it.
    pub(super) uncaught: Vec<JsError>,
    /// Why waiting was given up, if it was.
    pub(super) timeout: Option<String>,
}

impl Engine {
    /// Runs what a script left pending, also if it threw.
    pub(super) fn settle(&mut self, started: Result<JsValue, JsError>, plan: &Plan) -> Settlement {
        let promise = started.as_ref().ok().and_then(JsValue::as_promise);
        let wait_ms = self.limits.wait_ms;
        let Settled {
            mut uncaught,
            timeout,
        } = self
            .event_loop
            .settle(promise.as_ref(), wait_ms, &mut self.context);
        uncaught.extend(self.hooks.take_unhandled(promise.as_deref()));
        let value = promise.map_or(started, |promise| value_of(promise, plan));
        Settlement {
            value,
            uncaught,
            timeout,
        }
    }
}

fn value_of(promise: JsPromise, plan: &Plan) -> Result<JsValue, JsError> {
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        // Of a script that awaits, the promise is our own, and nothing is left that could fulfil it.
        PromiseState::Pending if plan.is_async => Err(failure::never_settled()),
        PromiseState::Pending => Ok(JsValue::from(promise)),
    }
}
