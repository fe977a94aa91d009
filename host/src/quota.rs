//! What one worker may have at once, how fast it may ask, and what it has had so far. An [`Account`] counts for one worker and says no by
//! the name of the limit; [`Accounts`] finds it. Nothing here knows a session, a job or a guest: whoever makes one takes a place first.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::WorkerId;
use crate::tool::Usage;

mod groups;
mod rate;
mod totals;

pub(crate) use groups::Groups;
pub use rate::Rate;
use rate::{Bucket, Refill};
use totals::Totals;
pub use totals::WorkerTotals;

/// Workers without anything of theirs that are remembered: who calls may be anybody's word.
const IDLE_WORKERS_MAX: usize = 10_000;

/// What one worker may have. The defaults are wide; an operator of several tenants narrows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerLimits {
    /// Sessions, suspended ones included. Default `server.max_sessions_per_worker`.
    pub sessions: usize,
    /// Suspended sessions. Default `server.max_suspended`.
    pub suspended: usize,
    /// Calls that run in instances of their own: temporary sessions and stateless tools. Default 1,024.
    pub temporary: usize,
    /// Calls in flight, those that wait for their turn included. Default 4,096.
    pub calls: usize,
    /// Jobs that are not done. Default `jobs.per_worker`.
    pub jobs: usize,
    /// Calls, job starts and what reads or writes states. Default: any.
    pub requests: Option<Rate>,
    /// Sessions that begin, forks included. Default: any.
    pub creations: Option<Rate>,
    /// Checkpoints and suspended sessions, wherever they are kept. Default 16 GiB.
    pub disk_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            sessions: 1_000,
            suspended: 100_000,
            temporary: 1_024,
            calls: 4_096,
            jobs: 1_000,
            requests: None,
            creations: None,
            disk_bytes: 16 << 30,
        }
    }
}

/// What the configuration says of a worker's limits; what it leaves out is as for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkerSettings {
    pub sessions: Option<usize>,
    pub suspended: Option<usize>,
    pub temporary: Option<usize>,
    pub calls: Option<usize>,
    pub jobs: Option<usize>,
    /// Inside: none means any.
    pub requests: Option<Option<Rate>>,
    pub creations: Option<Option<Rate>>,
    pub disk_bytes: Option<u64>,
}

impl WorkerSettings {
    #[must_use]
    pub fn over(&self, base: WorkerLimits) -> WorkerLimits {
        WorkerLimits {
            sessions: self.sessions.unwrap_or(base.sessions),
            suspended: self.suspended.unwrap_or(base.suspended),
            temporary: self.temporary.unwrap_or(base.temporary),
            calls: self.calls.unwrap_or(base.calls),
            jobs: self.jobs.unwrap_or(base.jobs),
            requests: self.requests.unwrap_or(base.requests),
            creations: self.creations.unwrap_or(base.creations),
            disk_bytes: self.disk_bytes.unwrap_or(base.disk_bytes),
        }
    }
}

/// What the configuration says of workers.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    pub every: WorkerSettings,
    /// Over those of every worker.
    pub overrides: BTreeMap<WorkerId, WorkerSettings>,
}

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    Sessions,
    Suspended,
    Temporary,
    Calls,
    Jobs,
    Requests,
    Creations,
    DiskBytes,
}

impl Quota {
    pub const ALL: [Self; 8] = [
        Self::Sessions,
        Self::Suspended,
        Self::Temporary,
        Self::Calls,
        Self::Jobs,
        Self::Requests,
        Self::Creations,
        Self::DiskBytes,
    ];

    /// Its key below `[workers]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Suspended => "suspended",
            Self::Temporary => "temporary",
            Self::Calls => "calls",
            Self::Jobs => "jobs",
            Self::Requests => "requests_per_second",
            Self::Creations => "creations_per_second",
            Self::DiskBytes => "disk_bytes",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Suspended => "suspended sessions",
            Self::Temporary => "calls in instances of their own",
            Self::Calls => "calls in flight",
            Self::Jobs => "jobs that are not done",
            Self::Requests => "requests per second",
            Self::Creations => "new sessions per second",
            Self::DiskBytes => "bytes on disk",
        }
    }

    fn way_out(self) -> &'static str {
        match self {
            Self::Sessions => "destroy sessions that are not needed",
            Self::Suspended => "the session goes on; destroy sessions that are not needed",
            Self::Temporary | Self::Calls => "nothing was run; wait for earlier calls",
            Self::Jobs => "nothing was run; wait for some of them, or cancel them",
            Self::Requests => "nothing was run; ask again after the time in Retry-After",
            Self::Creations => "nothing was begun; ask again after the time in Retry-After",
            Self::DiskBytes => {
                "the session goes on; destroy sessions that are not needed, or keep fewer checkpoints"
            }
        }
    }
}

/// One worker's.
#[derive(Debug)]
pub struct Account {
    worker: WorkerId,
    /// Tells workers apart where they stand in line.
    lane: u64,
    limits: WorkerLimits,
    /// The configuration names this worker.
    has_own: bool,
    requests: Bucket,
    creations: Bucket,
    calls: AtomicUsize,
    temporary: AtomicUsize,
    jobs: AtomicUsize,
    disk_bytes: AtomicU64,
    totals: Totals,
    /// When it was last looked for, counted in such looks.
    seen: AtomicU64,
}

/// A place among those that a worker may have, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    account: Arc<Account>,
    quota: Quota,
}

/// Bytes of a worker's on disk, for as long as somebody refers to them.
#[derive(Debug)]
pub struct DiskBytes {
    account: Arc<Account>,
    bytes: u64,
}

impl Account {
    pub fn worker(&self) -> &WorkerId {
        &self.worker
    }

    pub fn lane(&self) -> u64 {
        self.lane
    }

    pub fn limits(&self) -> &WorkerLimits {
        &self.limits
    }

    /// Takes a place among calls, calls in instances of their own, or jobs.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn take(self: &Arc<Self>, quota: Quota) -> Result<Place> {
        let Some((count, most)) = self.counter(quota) else {
            return Err(Error::internal("cannot take a place", "it is no count"));
        };
        let used = count.fetch_add(1, Ordering::Relaxed);
        // From here on the drop gives it back.
        let place = Place {
            account: self.clone(),
            quota,
        };
        if used < most {
            return Ok(place);
        }
        drop(place);
        // Others may be on their way to the same refusal.
        Err(self.refusal(quota, most as u64, used.min(most) as u64))
    }

    /// Checks what is counted elsewhere.
    ///
    /// # Errors
    /// `rate_limited`: with `more` of them it would have too many.
    pub fn check(&self, quota: Quota, used: usize, more: usize) -> Result<()> {
        let most = match quota {
            Quota::Sessions => self.limits.sessions,
            Quota::Suspended => self.limits.suspended,
            _ => return Ok(()),
        };
        if used.saturating_add(more) <= most {
            return Ok(());
        }
        Err(self.refusal(quota, most as u64, used as u64))
    }

    /// Asks for so many requests.
    ///
    /// # Errors
    /// `rate_limited`, with the time after which there is room.
    pub fn request(&self, count: usize) -> Result<()> {
        self.spend(Quota::Requests, self.limits.requests, &self.requests, count)
    }

    /// Asks for so many new sessions.
    ///
    /// # Errors
    /// As [`Account::request`].
    pub fn create(&self, count: usize) -> Result<()> {
        let most = self.limits.creations;
        self.spend(Quota::Creations, most, &self.creations, count)
    }

    fn spend(&self, quota: Quota, most: Option<Rate>, bucket: &Bucket, count: usize) -> Result<()> {
        let Some(rate) = most else {
            return Ok(());
        };
        let Err(refill) = bucket.spend(rate, count as u64, Instant::now()) else {
            return Ok(());
        };
        let error = self.refusal(quota, rate.burst(), refill.used());
        Err(match refill {
            Refill::After { wait, .. } => error.retry_after(wait),
            Refill::Never { .. } => error.hint(format!(
                "nothing was run; ask for at most {} at once, or let the operator raise {}",
                rate.burst(),
                self.config_key(quota)
            )),
        })
    }

    /// Takes bytes on disk.
    ///
    /// # Errors
    /// `rate_limited`: it would have too many.
    pub fn take_disk(self: &Arc<Self>, bytes: u64) -> Result<DiskBytes> {
        let taken = self.note_disk(bytes);
        let used = self.disk_bytes.load(Ordering::Relaxed);
        if used <= self.limits.disk_bytes {
            return Ok(taken);
        }
        drop(taken);
        Err(self.refusal(
            Quota::DiskBytes,
            self.limits.disk_bytes,
            used.saturating_sub(bytes),
        ))
    }

    /// Counts bytes that are on disk already.
    pub fn note_disk(self: &Arc<Self>, bytes: u64) -> DiskBytes {
        self.disk_bytes.fetch_add(bytes, Ordering::Relaxed);
        DiskBytes {
            account: self.clone(),
            bytes,
        }
    }

    /// How much of this is taken.
    pub fn used(&self, quota: Quota) -> u64 {
        let now = Instant::now();
        match quota {
            Quota::DiskBytes => self.disk_bytes.load(Ordering::Relaxed),
            Quota::Requests => self
                .limits
                .requests
                .map_or(0, |rate| self.requests.used(rate, now)),
            Quota::Creations => self
                .limits
                .creations
                .map_or(0, |rate| self.creations.used(rate, now)),
            Quota::Calls | Quota::Temporary | Quota::Jobs | Quota::Sessions | Quota::Suspended => {
                let counter = self.counter(quota);
                counter.map_or(0, |(count, _)| count.load(Ordering::Relaxed) as u64)
            }
        }
    }

    /// Adds what a guest's work took.
    pub fn count_usage(&self, usage: &Usage) {
        self.totals.count_usage(usage);
    }

    /// Adds calls that are answered.
    pub fn count_call(&self, is_error: bool) {
        self.totals.count_call(is_error);
    }

    pub fn count_sessions(&self, started: u64) {
        self.totals.count_sessions(started);
    }

    pub fn count_job(&self) {
        self.totals.count_job();
    }

    /// What it has had since the host started.
    pub fn totals(&self) -> WorkerTotals {
        self.totals.read()
    }

    fn counter(&self, quota: Quota) -> Option<(&AtomicUsize, usize)> {
        match quota {
            Quota::Calls => Some((&self.calls, self.limits.calls)),
            Quota::Temporary => Some((&self.temporary, self.limits.temporary)),
            Quota::Jobs => Some((&self.jobs, self.limits.jobs)),
            Quota::Sessions
            | Quota::Suspended
            | Quota::Requests
            | Quota::Creations
            | Quota::DiskBytes => None,
        }
    }

    fn config_key(&self, quota: Quota) -> String {
        let key = quota.key();
        if self.has_own {
            return format!("workers.overrides.{:?}.{key}", self.worker.as_str());
        }
        format!("workers.{key}")
    }

    fn refusal(&self, quota: Quota, max: u64, used: u64) -> Error {
        metrics::counter!("hostel_rate_limited_total", "limit" => quota.key()).increment(1);
        self.totals.count_refusal();
        let key = self.config_key(quota);
        let message = match quota {
            Quota::Requests | Quota::Creations => {
                let rate = match quota {
                    Quota::Requests => self.limits.requests,
                    _ => self.limits.creations,
                };
                let per_second = rate.map_or(0.0, |rate| rate.per_second());
                format!(
                    "worker {} asks for more than its {per_second} {} (and {max} at once)",
                    self.worker,
                    quota.words()
                )
            }
            _ => format!(
                "worker {} has {used} of its {max} {}",
                self.worker,
                quota.words()
            ),
        };
        Error::new(ErrorCode::RateLimited, message)
            .detail("limit", quota.key())
            .detail("max", max)
            .detail("used", used)
            .detail("key", key.clone())
            .hint(format!("{}; the operator can raise {key}", quota.way_out()))
            .retry_after(Duration::from_secs(1))
    }
}

impl Place {
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((count, _)) = self.account.counter(self.quota) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl DiskBytes {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for DiskBytes {
    fn drop(&mut self) {
        let bytes = &self.account.disk_bytes;
        bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The accounts of all workers, made when one first calls.
#[derive(Debug)]
pub struct Accounts {
    every: WorkerLimits,
    own: BTreeMap<WorkerId, WorkerLimits>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_worker: HashMap<WorkerId, Arc<Account>>,
    looks: u64,
    next_lane: u64,
    /// When there are so many, those that nobody needs are forgotten.
    forget_at: usize,
}

impl Accounts {
    /// `base`: what the configuration does not say.
    pub fn new(workers: &Workers, base: WorkerLimits) -> Self {
        let every = workers.every.over(base);
        let own = workers.overrides.iter();
        Self {
            every,
            own: own
                .map(|(worker, settings)| (worker.clone(), settings.over(every)))
                .collect(),
            table: Mutex::new(Table {
                // 0 is the host's own.
                next_lane: 1,
                forget_at: 2 * IDLE_WORKERS_MAX,
                ..Table::default()
            }),
        }
    }

    pub fn of(&self, worker: &WorkerId) -> Arc<Account> {
        let mut table = self
            .table
            .lock()
            .expect("no code panics while it holds the accounts");
        table.looks += 1;
        let look = table.looks;
        if let Some(account) = table.by_worker.get(worker) {
            account.seen.store(look, Ordering::Relaxed);
            return account.clone();
        }
        if table.by_worker.len() >= table.forget_at {
            table.forget_idle();
        }
        let own = self.own.get(worker);
        let account = Arc::new(Account {
            worker: worker.clone(),
            lane: table.next_lane,
            limits: own.copied().unwrap_or(self.every),
            has_own: own.is_some(),
            requests: Bucket::default(),
            creations: Bucket::default(),
            calls: AtomicUsize::new(0),
            temporary: AtomicUsize::new(0),
            jobs: AtomicUsize::new(0),
            disk_bytes: AtomicU64::new(0),
            totals: Totals::default(),
            seen: AtomicU64::new(look),
        });
        table.next_lane += 1;
        table.by_worker.insert(worker.clone(), account.clone());
        account
    }
}

impl Table {
    /// Forgets workers that have nothing, longest unseen first, until as many are left as are remembered.
    fn forget_idle(&mut self) {
        let idle = self.by_worker.values();
        let idle = idle.filter(|account| Arc::strong_count(account) == 1 && !account.has_own);
        let mut seen: Vec<u64> = idle
            .map(|account| account.seen.load(Ordering::Relaxed))
            .collect();
        seen.sort_unstable();
        let surplus = seen.len().saturating_sub(IDLE_WORKERS_MAX);
        if let Some(newest) = surplus.checked_sub(1).and_then(|last| seen.get(last)) {
            self.by_worker.retain(|_, account| {
                Arc::strong_count(account) > 1
                    || account.has_own
                    || account.seen.load(Ordering::Relaxed) > *newest
            });
        }
        self.forget_at = self.by_worker.len() + IDLE_WORKERS_MAX;
    }
}

#[cfg(test)]
mod tests;
