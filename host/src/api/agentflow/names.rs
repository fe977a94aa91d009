//! The names of sessions, `vm_worker-7_001_mine`: readable, and counted for each worker and resource type. Nothing is found by them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::ids::{BackendName, WorkerId};

/// Characters of a worker's id, and of a caller's own name, in the name of a session.
const PART_MAX: usize = 32;
/// Workers and resource types that are counted; after so many, counting begins anew.
const COUNTED_MAX: usize = 10_000;

/// How many sessions each worker has had of each resource type.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<(WorkerId, BackendName), u32>>);

impl Names {
    /// The name of the next session, if it comes to be: see [`Names::taken`].
    pub(super) fn next(
        &self,
        worker: &WorkerId,
        backend: &BackendName,
        custom_name: Option<&str>,
    ) -> String {
        let key = (worker.clone(), backend.clone());
        let number = self.counts().get(&key).copied().unwrap_or_default() + 1;
        let base = base(worker, backend);
        match custom_name.and_then(custom) {
            Some(custom) => format!("{base}_{number:03}_{custom}"),
            None => format!("{base}_{number:03}"),
        }
    }

    /// The session has begun.
    pub(super) fn taken(&self, worker: &WorkerId, backend: &BackendName) {
        let mut counts = self.counts();
        if counts.len() >= COUNTED_MAX {
            counts.clear();
        }
        *counts.entry((worker.clone(), backend.clone())).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(WorkerId, BackendName), u32>> {
        self.0
            .lock()
            .expect("no code panics while it holds the counts")
    }
}

/// The name without its number: `vm_worker-7`.
pub(super) fn base(worker: &WorkerId, backend: &BackendName) -> String {
    let worker = plain(worker.as_str());
    let worker = match worker.trim_matches('-') {
        "" => "worker",
        worker => worker,
    };
    format!("{backend}_{}", shortened(worker))
}

fn custom(name: &str) -> Option<String> {
    let name = plain(name);
    let name = name.trim_matches(['-', '_']);
    (!name.is_empty()).then(|| shortened(name).to_owned())
}

/// Only letters, digits, `_` and `-`.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

/// What [`plain`] has made has one byte to a character.
fn shortened(text: &str) -> &str {
    text.get(..PART_MAX).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_agentflow_would_give() {
        let long = "x".repeat(40);
        let cut = "x".repeat(32);
        let cases = [
            ("w1", None, "vm_w1_001".to_owned()),
            ("w1", Some("my vm!"), "vm_w1_002_my-vm".to_owned()),
            ("w1", Some("__"), "vm_w1_003".to_owned()),
            ("-a b-", None, "vm_a-b_001".to_owned()),
            ("é", None, "vm_worker_001".to_owned()),
            (&long, Some(&long), format!("vm_{cut}_001_{cut}")),
        ];
        let names = Names::default();
        let vm = BackendName::parse("vm").unwrap();
        for (worker, custom, expected) in cases {
            let worker = WorkerId::parse(worker).unwrap();
            assert_eq!(names.next(&worker, &vm, custom), expected);
            names.taken(&worker, &vm);
        }
    }

    #[test]
    fn a_name_that_no_session_took_is_the_next_ones() {
        let (names, vm) = (Names::default(), BackendName::parse("vm").unwrap());
        let worker = WorkerId::default();
        assert_eq!(
            names.next(&worker, &vm, None),
            names.next(&worker, &vm, None)
        );
    }
}
