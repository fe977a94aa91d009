//! Building an engine, ahead of time if possible: warmup leaves one in the memory that every instance starts from, and
//! the session takes it instead of building the global objects. An instance serves one session, so nobody else takes the
//! same one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use boa_engine::Context;
use boa_engine::module::IdleModuleLoader;

use super::{Engine, Limits, one_line};
use crate::clock::CallClock;
use crate::event_loop::EventLoop;
use crate::globals::{self, Console};
use crate::hooks::Hooks;

/// Fills the tables that the interpreter makes on demand. It leaves nothing behind and draws no random number: the
/// generator's state would be the same in every session.
const FIRST_RUN: &str = "void JSON.stringify([1, `${/a/.test('a')}`, new Map(), new Date(0)])";

thread_local! {
    static PREPARED: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

impl Engine {
    /// An engine that has run nothing yet.
    pub(crate) fn new(limits: Limits) -> Result<Self, String> {
        let mut engine = match PREPARED.take() {
            Some(prepared) => prepared,
            None => Self::build()?,
        };
        engine.apply(limits);
        Ok(engine)
    }

    /// Builds the engine that the next session takes.
    pub(crate) fn prepare() -> Result<(), String> {
        let mut engine = Self::build()?;
        if let Some(error) = engine.run(FIRST_RUN).error {
            return Err(format!(
                "the interpreter does not work: {}",
                one_line(&error)
            ));
        }
        engine.calls = 0;
        PREPARED.set(Some(engine));
        Ok(())
    }

    fn build() -> Result<Self, String> {
        let event_loop = Rc::new(EventLoop::default());
        let hooks = Rc::new(Hooks::default());
        let clock = Rc::new(CallClock::new());
        let mut context = Context::builder()
            .job_executor(Rc::clone(&event_loop))
            .host_hooks(Rc::clone(&hooks))
            .clock(Rc::clone(&clock))
            .module_loader(Rc::new(IdleModuleLoader))
            .build()
            .map_err(|error| format!("cannot build the interpreter: {error}"))?;
        globals::install(&mut context)
            .map_err(|error| format!("cannot define the globals: {error}"))?;
        let keys = context.global_object().own_property_keys(&mut context);
        let builtins = keys
            .map_err(|error| format!("cannot list the globals: {error}"))?
            .into_iter()
            .collect();
        let (declared, limits) = (BTreeSet::new(), Limits::default());
        Ok(Self {
            context,
            clock,
            event_loop,
            hooks,
            limits,
            declared,
            builtins,
            calls: 0,
        })
    }

    fn apply(&mut self, limits: Limits) {
        let runtime = self.context.runtime_limits_mut();
        runtime.set_recursion_limit(limits.call_depth);
        runtime.set_stack_size_limit(limits.value_stack());
        Console::of(&self.context).set_limit(limits.output_bytes);
        self.limits = limits;
    }
}
