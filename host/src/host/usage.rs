//! What a worker has used, and how much of what it may have.

use crate::error::Result;
use crate::ids::WorkerId;
use crate::quota::{Quota, Rate, WorkerTotals};

use super::{Caller, Host, forbidden};

/// A worker's usage.
#[derive(Clone, Debug)]
pub struct UsageReport {
    pub worker: WorkerId,
    /// Since the host started.
    pub totals: WorkerTotals,
    pub limits: Vec<LimitUsage>,
}

/// One of a worker's limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitUsage {
    pub quota: Quota,
    pub used: u64,
    /// Of a rate, its burst. None: there is no such limit.
    pub max: Option<u64>,
    /// Of a rate.
    pub per_second: Option<f64>,
}

impl Host {
    /// What the caller's worker has used.
    ///
    /// # Errors
    /// `forbidden` for a session's token.
    pub fn usage(&self, caller: &Caller) -> Result<UsageReport> {
        if caller.only.is_some() {
            return Err(forbidden(
                "a session's token does not show what its worker uses",
            ));
        }
        let account = self.accounts.of(&caller.worker);
        let (share, limits) = (self.sessions.share(&caller.worker), account.limits());
        let of = |quota| {
            let used = match quota {
                Quota::Sessions => share.sessions as u64,
                Quota::Suspended => share.asleep as u64,
                counted => account.used(counted),
            };
            let max = match quota {
                Quota::Sessions => Some(limits.sessions as u64),
                Quota::Suspended => Some(limits.suspended as u64),
                Quota::Temporary => Some(limits.temporary as u64),
                Quota::Calls => Some(limits.calls as u64),
                Quota::Jobs => Some(limits.jobs as u64),
                Quota::Requests => limits.requests.map(Rate::burst),
                Quota::Creations => limits.creations.map(Rate::burst),
                Quota::DiskBytes => Some(limits.disk_bytes),
            };
            let rate = match quota {
                Quota::Requests => limits.requests,
                Quota::Creations => limits.creations,
                _ => None,
            };
            LimitUsage {
                quota,
                used,
                max,
                per_second: rate.map(Rate::per_second),
            }
        };
        Ok(UsageReport {
            worker: caller.worker.clone(),
            totals: account.totals(),
            limits: Quota::ALL.map(of).to_vec(),
        })
    }
}
