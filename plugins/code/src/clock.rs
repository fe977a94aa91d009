//! The clock that scripts and timers go by. It starts anew with every call: a session's memory may be put away and come
//! back on a machine that has been started later, whose own monotonic clock would seem to run backwards.

use std::cell::Cell;

use boa_engine::context::time::{Clock, JsInstant, StdClock};

pub(crate) struct CallClock(Cell<StdClock>);

impl CallClock {
    pub(crate) fn new() -> Self {
        Self(Cell::new(StdClock::new()))
    }

    /// Makes this moment the beginning.
    pub(crate) fn restart(&self) {
        self.0.set(StdClock::new());
    }
}

impl Clock for CallClock {
    fn now(&self) -> JsInstant {
        self.0.get().now()
    }

    fn system_time_millis(&self) -> i64 {
        self.0.get().system_time_millis()
    }
}
