//! How many files and connections the process may have open. Shells and service managers give 1,024 for the sake of programs that use
//! `select`, and let a program that does not raise it itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Less than this is too little for a busy host: connections, and the folders and files of guests.
const ENOUGH: u64 = 16_384;

/// Takes as many as the process may have.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the number of open files cannot be raised");
        }
    }
    if most < ENOUGH {
        tracing::warn!(
            most,
            "few files and connections may be open at once; raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd)"
        );
    }
}
