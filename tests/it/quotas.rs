//! What one worker may have, what all of them may have together, and what a host does when they want more.

mod fairness;
mod host_memory;
mod overload;
mod usage;
mod workers;

use hostel_host::error::{Error, ErrorCode};
use hostel_host::quota::{WorkerSettings, Workers};
use serde_json::Value;

/// Limits of every worker.
fn every(change: impl FnOnce(&mut WorkerSettings)) -> Workers {
    let mut workers = Workers::default();
    change(&mut workers.every);
    workers
}

fn detail<'a>(error: &'a Error, name: &str) -> Option<&'a Value> {
    let found = error.details().iter().find(|(own, _)| *own == name)?;
    Some(&found.1)
}

/// A refusal by a worker's own limit says which, how much it is, how much is used, where it is set, and when to come back.
fn assert_limited(error: &Error, limit: &str, max: u64, used: u64) {
    assert_eq!(error.code(), ErrorCode::RateLimited, "{error}");
    assert_eq!(detail(error, "limit"), Some(&limit.into()), "{error:?}");
    assert_eq!(detail(error, "max"), Some(&max.into()), "{error:?}");
    assert_eq!(detail(error, "used"), Some(&used.into()), "{error:?}");
    let key = format!("workers.{limit}");
    assert_eq!(detail(error, "key"), Some(&key.clone().into()), "{error:?}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains(&key)));
    assert!(error.wait().is_some(), "{error:?}");
}
