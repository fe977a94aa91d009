//! What a guest reached for and did not get: said to the session's log, to the host's, and to whoever called.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::tool::Denial;

use super::log::{Level, LogRing};

/// A guest that knocks on every door is told about this many, and so is its caller.
const PER_CALL_MAX: usize = 8;

pub(crate) struct Denials {
    log: Arc<LogRing>,
    of_call: Mutex<Vec<Denial>>,
}

impl Denials {
    pub(crate) fn new(log: Arc<LogRing>) -> Self {
        Self {
            log,
            of_call: Mutex::default(),
        }
    }

    pub(crate) fn add(&self, denial: Denial) {
        metrics::counter!("hostel_denials_total").increment(1);
        let mut of_call = self.of_call();
        if of_call.len() >= PER_CALL_MAX || of_call.contains(&denial) {
            return;
        }
        tracing::warn!(
            what = denial.what,
            why = denial.why,
            allow = denial.allow,
            "a guest was denied"
        );
        self.log.event(Level::Warn, &denial.to_string(), &[]);
        of_call.push(denial);
    }

    /// Those of the call that ends.
    pub(crate) fn take(&self) -> Vec<Denial> {
        std::mem::take(&mut *self.of_call())
    }

    fn of_call(&self) -> MutexGuard<'_, Vec<Denial>> {
        self.of_call
            .lock()
            .expect("no code panics while it holds denials")
    }
}
