//! What the interpreter asks its host: may this text be compiled, who looks after this rejected promise, what time zone
//! is it.

use std::cell::RefCell;

use boa_engine::builtins::promise::{OperationType, Promise, PromiseState};
use boa_engine::context::HostHooks;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsPromise;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString};

use crate::nesting;

/// An allocation that fails is a trap, so arrays of bytes end well below the memory that a host usually grants.
const BUFFER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// One interpreter's view of its host.
#[derive(Default)]
pub(crate) struct Hooks {
    unhandled: RefCell<Vec<JsObject<Promise>>>,
}

impl Hooks {
    /// The reasons of the promises that were rejected and that nobody has looked after, but for `main`.
    pub(crate) fn take_unhandled(&self, main: Option<&JsObject<Promise>>) -> Vec<JsError> {
        let others = self
            .unhandled
            .take()
            .into_iter()
            .filter(|promise| Some(promise) != main);
        others.filter_map(rejection).collect()
    }
}

impl HostHooks for Hooks {
    fn promise_rejection_tracker(
        &self,
        promise: &JsObject<Promise>,
        operation: OperationType,
        _: &mut Context,
    ) {
        let mut unhandled = self.unhandled.borrow_mut();
        match operation {
            OperationType::Reject => unhandled.push(promise.clone()),
            OperationType::Handle => unhandled.retain(|other| other != promise),
        }
    }

    fn ensure_can_compile_strings(
        &self,
        _: Realm,
        parameters: &[JsString],
        body: &JsString,
        _: bool,
        _: &mut Context,
    ) -> JsResult<()> {
        for text in parameters.iter().chain([body]) {
            nesting::check(&text.to_std_string_lossy())
                .map_err(|error| JsNativeError::syntax().with_message(error.message))?;
        }
        Ok(())
    }

    /// Dates are in UTC: the component is not told where it runs.
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }

    fn max_buffer_size(&self, _: &mut Context) -> u64 {
        BUFFER_BYTES_MAX
    }
}

fn rejection(promise: JsObject<Promise>) -> Option<JsError> {
    match JsPromise::from_object(promise.upcast()).ok()?.state() {
        PromiseState::Rejected(reason) => Some(JsError::from_opaque(reason)),
        PromiseState::Pending | PromiseState::Fulfilled(_) => None,
    }
}
