//! Sums over everything that a worker has had since the host started.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::tool::Usage;

#[derive(Debug, Default)]
pub(super) struct Totals {
    calls: AtomicU64,
    errors: AtomicU64,
    duration_us: AtomicU64,
    host_calls: AtomicU64,
    memory_bytes_max: AtomicU64,
    sessions: AtomicU64,
    jobs: AtomicU64,
    refusals: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerTotals {
    /// Answered, with a value, a tool's own error or an error of the host.
    pub calls: u64,
    /// Of those, the ones that ended with an error of either kind.
    pub errors: u64,
    /// In guests and in host calls on their behalf.
    pub duration: Duration,
    pub host_calls: u64,
    /// The most that one of its instances had after a call.
    pub memory_bytes_max: u64,
    /// Begun, forks included.
    pub sessions: u64,
    /// Begun.
    pub jobs: u64,
    /// Times that one of its limits said no.
    pub refusals: u64,
}

impl Totals {
    pub(super) fn count_usage(&self, usage: &Usage) {
        let duration_us = u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX);
        self.duration_us.fetch_add(duration_us, Ordering::Relaxed);
        self.host_calls
            .fetch_add(usage.host_calls, Ordering::Relaxed);
        // Nearly always a read alone.
        if self.memory_bytes_max.load(Ordering::Relaxed) < usage.memory_bytes {
            self.memory_bytes_max
                .fetch_max(usage.memory_bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn count_call(&self, is_error: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_sessions(&self, started: u64) {
        self.sessions.fetch_add(started, Ordering::Relaxed);
    }

    pub(super) fn count_job(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refusal(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> WorkerTotals {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        WorkerTotals {
            calls: read(&self.calls),
            errors: read(&self.errors),
            duration: Duration::from_micros(read(&self.duration_us)),
            host_calls: read(&self.host_calls),
            memory_bytes_max: read(&self.memory_bytes_max),
            sessions: read(&self.sessions),
            jobs: read(&self.jobs),
            refusals: read(&self.refusals),
        }
    }
}
