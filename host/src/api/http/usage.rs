//! `GET /v1/usage`: what the caller's worker has used, and how much of what it may have.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::host::{LimitUsage, UsageReport};

use super::problem::Refused;

/// Sums since the host started, or since it forgot a worker that had nothing for long.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkerUsage")]
pub(in crate::api) struct UsageBody {
    worker: String,
    /// Answered, with a value, a tool's own error or an error of the host.
    calls: u64,
    /// Of those, the ones that ended with an error of either kind.
    errors: u64,
    /// In guests and in host calls on their behalf.
    duration_us: u64,
    /// Calls from guests into the host.
    host_calls: u64,
    /// The most that one instance had after a call.
    memory_bytes_max: u64,
    /// Forks included.
    sessions_started: u64,
    jobs_started: u64,
    /// Times that one of the limits said no.
    refusals: u64,
    /// By the key that the configuration has below `[workers]`.
    limits: BTreeMap<&'static str, LimitBody>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkerLimit")]
struct LimitBody {
    /// Now; of a rate, how much of its burst.
    used: u64,
    /// Of a rate, its burst. Null: there is no such limit.
    max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<f64>,
}

impl From<UsageReport> for UsageBody {
    fn from(report: UsageReport) -> Self {
        let totals = report.totals;
        Self {
            worker: report.worker.to_string(),
            calls: totals.calls,
            errors: totals.errors,
            duration_us: u64::try_from(totals.duration.as_micros()).unwrap_or(u64::MAX),
            host_calls: totals.host_calls,
            memory_bytes_max: totals.memory_bytes_max,
            sessions_started: totals.sessions,
            jobs_started: totals.jobs,
            refusals: totals.refusals,
            limits: report.limits.into_iter().map(named).collect(),
        }
    }
}

fn named(limit: LimitUsage) -> (&'static str, LimitBody) {
    let body = LimitBody {
        used: limit.used,
        max: limit.max,
        per_second: limit.per_second,
    };
    (limit.quota.key(), body)
}

pub(super) async fn usage(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<Json<UsageBody>, Refused> {
    let used = visitor
        .caller(&api.host, None)
        .and_then(|caller| api.host.usage(&caller));
    match used {
        Ok(report) => Ok(Json(report.into())),
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}
