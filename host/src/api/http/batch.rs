//! `POST /v1/execute/batch`: several calls, one after the other or side by side.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::answer::json_answer;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Execute, Executed, Transaction};
use crate::ids::WorkerId;

use super::body::{Body, parse};
use super::execute::{CallBody, Wait, write_envelope, write_string};
use super::patterns::PRINTABLE;
use super::problem::{Refused, document};

/// Calls in one batch.
pub(in crate::api) const CALLS_MAX: usize = 100;
/// Calls of a parallel batch that run at once.
const AT_ONCE: usize = 16;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Batch", extend("not" = json!({
    "properties": {"parallel": {"const": true}, "transaction": {"const": true}},
    "required": ["parallel", "transaction"],
})))]
pub(in crate::api) struct BatchBody<'a> {
    #[serde(borrow)]
    #[schemars(schema_with = "calls_schema")]
    calls: Vec<CallBody<'a>>,
    /// Side by side; calls of one session still run one at a time. Default false.
    #[serde(default)]
    parallel: bool,
    /// The first call that fails, or whose tool answers with an error, is the last. Only for calls one after the other. Default true.
    #[serde(default = "yes")]
    stop_on_error: bool,
    /// All of the calls count, or none: they are of one session, and the first that fails takes it back to where it was. Default false.
    #[serde(default)]
    transaction: bool,
    /// Of calls that do not name their own.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    worker_id: Option<Cow<'a, str>>,
}

/// Calls that are waited for.
fn calls_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut call = CallBody::json_schema(generator);
    if let Some(members) = call.get_mut("properties").and_then(Value::as_object_mut) {
        members.retain(|name, _| !name.starts_with("wait"));
    }
    json_schema!({"type": "array", "items": call, "minItems": 1, "maxItems": CALLS_MAX})
}

fn yes() -> bool {
    true
}

struct Plan {
    calls: Vec<Result<(Caller, Execute)>>,
    parallel: bool,
    stop_on_error: bool,
    transaction: bool,
}

/// 200 if every call succeeded, 207 if not: each answer says for itself.
pub(super) async fn batch(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Body(body): Body,
) -> Result<Response, Refused> {
    let plan =
        plan(&api, &visitor, &body).map_err(|error| Refused(error, visitor.request_id.clone()))?;
    let total = plan.calls.len();
    if plan.transaction {
        let transacted = transact(&api, &visitor, plan.calls).await;
        let transacted = transacted.map_err(|error| Refused(error, visitor.request_id.clone()))?;
        let end = match transacted.rolled_back_to {
            Some(call) => format!(",\"rolled_back_to\":{{\"call\":{call}}}}}"),
            None => "}".to_owned(),
        };
        return Ok(answer(&transacted.outcomes, total, &visitor, &end));
    }
    let calls = plan.calls.into_iter();
    let calls = calls.map(|call| Box::pin(run(&api, &visitor, call)));
    let outcomes = if plan.parallel {
        side_by_side(calls).await
    } else {
        in_turn(calls, |outcome| !plan.stop_on_error || succeeded(outcome)).await
    };
    Ok(answer(&outcomes, total, &visitor, "}"))
}

/// Every call is checked before the first one runs.
async fn transact(
    api: &Api,
    visitor: &Visitor,
    calls: Vec<Result<(Caller, Execute)>>,
) -> Result<Transaction> {
    let calls = calls.into_iter().collect::<Result<Vec<_>>>()?;
    let mut callers = calls.iter().map(|(caller, _)| caller.clone());
    let caller = callers
        .next()
        .ok_or_else(|| Error::new(ErrorCode::InvalidRequest, "there are no calls"))?;
    if callers.any(|other| other.worker != caller.worker) {
        let message = "/calls: a transaction is of one worker's calls";
        return Err(Error::new(ErrorCode::Conflict, message).detail("pointer", "/calls"));
    }
    let calls = calls.into_iter().map(|(_, execute)| execute).collect();
    api.host.transact(&caller, &visitor.request_id, calls).await
}

fn plan(api: &Api, visitor: &Visitor, body: &Bytes) -> Result<Plan> {
    let batch: BatchBody<'_> = parse(body)?;
    if batch.calls.is_empty() || batch.calls.len() > CALLS_MAX {
        let message = format!(
            "/calls: {} calls; a batch has 1 to {CALLS_MAX}",
            batch.calls.len()
        );
        return Err(Error::new(ErrorCode::InvalidRequest, message).detail("pointer", "/calls"));
    }
    if batch.transaction && batch.parallel {
        let message = "/transaction: the calls of a transaction run one after the other";
        return Err(Error::new(ErrorCode::InvalidRequest, message)
            .detail("pointer", "/transaction")
            .hint("leave \"parallel\" out"));
    }
    // Who cannot call at all is told so once.
    visitor.caller(&api.host, batch.worker_id.as_deref())?;
    let mut calls = Vec::with_capacity(batch.calls.len());
    for (place, call) in batch.calls.iter().enumerate() {
        if let Some(worker) = call.worker_id.as_deref() {
            WorkerId::parse(worker)?;
        }
        if call.wait() != Wait::Out {
            let message = format!("/calls/{place}: the calls of a batch are waited for");
            return Err(Error::new(ErrorCode::InvalidRequest, message)
                .detail("pointer", format!("/calls/{place}"))
                .hint("leave \"wait\" and \"wait_ms\" out, or send the call alone"));
        }
        let execute = match call.checked(body) {
            Err(malformed) if malformed.code() == ErrorCode::InvalidRequest => {
                return Err(malformed);
            }
            execute => execute,
        };
        let worker = call.worker_id.as_deref().or(batch.worker_id.as_deref());
        let caller = visitor.caller(&api.host, worker);
        calls.push(caller.and_then(|caller| Ok((caller, execute?))));
    }
    Ok(Plan {
        calls,
        parallel: batch.parallel,
        stop_on_error: batch.stop_on_error,
        transaction: batch.transaction,
    })
}

async fn run(api: &Api, visitor: &Visitor, call: Result<(Caller, Execute)>) -> Result<Executed> {
    let (caller, execute) = call.inspect_err(|error| {
        // It comes to no verb, which would write it down.
        if error.code() == ErrorCode::Forbidden {
            let audit = api.host.audit();
            audit.denied("POST /v1/execute/batch", None, error.code().as_str());
        }
    })?;
    api.host
        .execute(&caller, &visitor.request_id, execute)
        .await
}

/// Runs one after the other, to the end or to the first after which there is to be no other.
pub(in crate::api) async fn in_turn<T>(
    calls: impl Iterator<Item = impl Future<Output = T>>,
    goes_on: impl Fn(&T) -> bool,
) -> Vec<T> {
    let mut outcomes = Vec::new();
    for call in calls {
        let outcome = call.await;
        let is_last = !goes_on(&outcome);
        outcomes.push(outcome);
        if is_last {
            break;
        }
    }
    outcomes
}

/// Runs so many at once as a batch may, and answers in their order.
pub(in crate::api) async fn side_by_side<T>(
    calls: impl Iterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    futures_util::stream::iter(calls)
        .buffered(AT_ONCE)
        .collect()
        .await
}

pub(in crate::api) fn succeeded(outcome: &Result<Executed>) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|executed| !executed.called.answer.is_error)
}

fn answer(outcomes: &[Result<Executed>], total: usize, visitor: &Visitor, end: &str) -> Response {
    let good = outcomes.iter().filter(|outcome| succeeded(outcome)).count();
    let mut out = b"{\"request_id\":".to_vec();
    write_string(&mut out, visitor.request_id.as_str());
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        ",\"total\":{total},\"executed\":{},\"succeeded\":{good},\"results\":[",
        outcomes.len()
    );
    for (place, outcome) in outcomes.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match outcome {
            Ok(executed) => write_envelope(&mut out, executed, &visitor.request_id),
            Err(error) => {
                out.extend_from_slice(document(error, &visitor.request_id).to_string().as_bytes())
            }
        }
    }
    out.push(b']');
    out.extend_from_slice(end.as_bytes());
    let status = if good == total {
        StatusCode::OK
    } else {
        StatusCode::MULTI_STATUS
    };
    json_answer(status, out)
}
