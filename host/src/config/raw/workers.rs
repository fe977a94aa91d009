//! The table `[workers]`: what one worker may have. `[workers.overrides.NAME]` has the same keys for one of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ids::WorkerId;
use crate::quota::{Rate, WorkerSettings, Workers};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawWorkers {
    sessions: Option<usize>,
    suspended: Option<usize>,
    temporary: Option<usize>,
    calls: Option<usize>,
    jobs: Option<usize>,
    /// 0: any.
    requests_per_second: Option<f64>,
    burst: Option<u64>,
    /// 0: any.
    creations_per_second: Option<f64>,
    creations_burst: Option<u64>,
    disk_bytes: Option<u64>,
    overrides: BTreeMap<String, Self>,
}

impl RawWorkers {
    pub(in crate::config) fn checked(mut self) -> Result<Workers, String> {
        let overrides = std::mem::take(&mut self.overrides).into_iter();
        let overrides = overrides.map(|(name, raw)| {
            let at = format!("workers.overrides.{name:?}");
            let worker = WorkerId::parse(&name).map_err(|error| format!("{at}: {error}"))?;
            if !raw.overrides.is_empty() {
                return Err(format!(
                    "{at}.overrides: one worker's limits have no overrides"
                ));
            }
            Ok((worker, raw.settings(&at)?))
        });
        Ok(Workers {
            overrides: overrides.collect::<Result<_, String>>()?,
            every: self.settings("workers")?,
        })
    }

    fn settings(&self, at: &str) -> Result<WorkerSettings, String> {
        let rate = |key: &str, per_second: Option<f64>, burst_key: &str, burst: Option<u64>| match (
            per_second, burst,
        ) {
            (Some(per_second), burst) => Rate::new(per_second, burst)
                .map(Some)
                .map_err(|error| format!("{at}.{key}: {error}")),
            (None, Some(_)) => Err(format!(
                "{at}.{burst_key}: a burst of no rate; set {key}, too"
            )),
            (None, None) => Ok(None),
        };
        Ok(WorkerSettings {
            sessions: self.sessions,
            suspended: self.suspended,
            temporary: self.temporary,
            calls: self.calls,
            jobs: self.jobs,
            requests: rate(
                "requests_per_second",
                self.requests_per_second,
                "burst",
                self.burst,
            )?,
            creations: rate(
                "creations_per_second",
                self.creations_per_second,
                "creations_burst",
                self.creations_burst,
            )?,
            disk_bytes: self.disk_bytes,
        })
    }
}
