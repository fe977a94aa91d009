//! An engine built ahead of time. Warmup leaves it in the memory that every instance starts from, so a session that
//! takes it skips building the global objects. An instance serves one session, so nobody else takes the same one.

use std::cell::RefCell;

use super::{Engine, Limits};

thread_local! {
    static PREPARED: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

impl Engine {
    /// An engine that has run nothing yet.
    pub(crate) fn new(limits: Limits) -> Result<Self, String> {
        let Some(mut engine) = PREPARED.take() else {
            return Self::build(limits);
        };
        engine.limits = limits;
        engine.apply_limits();
        Ok(engine)
    }

    /// Builds the engine that the next session takes.
    pub(crate) fn prepare() -> Result<(), String> {
        let mut engine = Self::build(Limits::default())?;
        // The first run fills tables that the interpreter makes on demand. It must leave nothing behind, and draw no
        // random number: the generator's state would be the same in every session.
        let outcome =
            engine.run("void JSON.stringify([1, `${/a/.test('a')}`, new Map(), new Date(0)])");
        if let Some(error) = outcome.error {
            return Err(format!(
                "the interpreter does not work: {}: {}",
                error.name, error.message
            ));
        }
        engine.calls = 0;
        PREPARED.set(Some(engine));
        Ok(())
    }
}
