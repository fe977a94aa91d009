//! What a guest reached for and did not get: said to the session's log, to the host's, and to whoever called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::tool::Denial;

use super::log::{Level, LogRing};

/// A guest that knocks on every door is told about this many, and so is its caller.
const PER_CALL_MAX: usize = 8;

pub(crate) struct Denials {
    log: Arc<LogRing>,
    of_call: Mutex<Vec<Denial>>,
    /// The guest asked for its folders and has none. From then on it fails by itself, and the host hears of no path.
    has_no_folder: AtomicBool,
    /// The logs have it.
    is_told: AtomicBool,
}

impl Denials {
    pub(crate) fn new(log: Arc<LogRing>) -> Self {
        Self {
            log,
            of_call: Mutex::default(),
            has_no_folder: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
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

    /// To callers it matters only if their call goes wrong: many a guest looks for files that it can do without.
    pub(crate) fn no_folder(&self) {
        self.has_no_folder.store(true, Ordering::Relaxed);
    }

    /// Those of the call that ends.
    pub(crate) fn take(&self, went_wrong: bool) -> Vec<Denial> {
        let is_unexplained = went_wrong && self.of_call().is_empty();
        if is_unexplained && self.has_no_folder.load(Ordering::Relaxed) {
            let denial = Denial {
                what: "every file".to_owned(),
                why: "the backend's policy grants no folder, and the guest has looked for one"
                    .to_owned(),
                allow: Some(
                    "workspace = true, or folders = [{ host = \"...\", guest = \"/...\" }]"
                        .to_owned(),
                ),
            };
            if self.is_told.swap(true, Ordering::Relaxed) {
                self.of_call().push(denial);
            } else {
                self.add(denial);
            }
        }
        std::mem::take(&mut *self.of_call())
    }

    fn of_call(&self) -> MutexGuard<'_, Vec<Denial>> {
        self.of_call
            .lock()
            .expect("no code panics while it holds denials")
    }
}
