//! `POST /api/v1/execute/batch`: several calls, one after the other or side by side.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument;

use crate::api::http::batch::{CALLS_MAX, in_turn, side_by_side, succeeded};
use crate::api::http::body::parse;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Execute, Executed, Host, SessionChoice};
use crate::ids::RequestId;

use super::Door;
use super::asked::Asked;
use super::codes::{self, Code};
use super::envelope::{
    Origin, Tag, Trace, respond, respond_refusal, write_executed, write_head, write_meta,
};
use super::execute::{Call, execute_of, run, span, write_not_executed};

/// What a batch is called in `meta`.
const TOOL: &str = "batch:execute";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody<'a> {
    #[serde(borrow)]
    worker_id: Cow<'a, str>,
    #[serde(borrow)]
    actions: Vec<ActionBody<'a>>,
    /// Side by side; calls of one session still run one at a time.
    #[serde(default)]
    parallel: bool,
    /// The first call that fails is the last; calls side by side have begun by then.
    #[serde(default = "yes")]
    stop_on_error: bool,
    trace_id: Option<Tag>,
    message_id: Option<Tag>,
    /// A place that every message has, and nothing to put there: each action has its worker's session.
    #[serde(rename = "session_id")]
    _session_id: Option<()>,
    #[serde(rename = "message_type")]
    _kind: Option<IgnoredAny>,
    #[serde(rename = "timestamp")]
    _sent_at: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    /// Seconds.
    timeout: Option<f64>,
}

fn yes() -> bool {
    true
}

struct Plan {
    caller: Caller,
    /// Checked before the first one runs.
    calls: Vec<Execute>,
    parallel: bool,
    stop_on_error: bool,
}

/// One call of the batch that was run.
struct Ran {
    action: String,
    outcome: Result<Executed>,
    took: Duration,
}

pub(super) async fn batch(door: Arc<Door>, asked: Asked) -> Response {
    let (plan, trace) = match parse::<BatchBody<'_>>(&asked.body) {
        Ok(body) => {
            let plan = body.checked(&door, &asked);
            (plan, Trace::of(body.trace_id, body.message_id))
        }
        Err(error) => (Err(error), Trace::of(None, None)),
    };
    let (host, id) = (&door.api.host, &asked.visitor.request_id);
    let mut out = Vec::with_capacity(1024);
    match plan {
        Ok(plan) => {
            let (total, caller) = (plan.calls.len(), plan.caller.clone());
            let ran = plan.run(host, id).instrument(span(&trace)).await;
            let code = verdict(&ran, total);
            write_head(&mut out, code, &message(&ran, code));
            write_results(&mut out, &ran, total, (host, &caller), &trace, id);
            write_meta(&mut out, &origin(&asked), &trace);
            out.push(b'}');
            respond(code.status(), out, None)
        }
        Err(error) => {
            write_not_executed(
                &mut out,
                None,
                TOOL,
                &error,
                asked.began.elapsed(),
                &trace,
                id,
            );
            respond_refusal(codes::status(&error), out, &error)
        }
    }
}

impl BatchBody<'_> {
    fn checked(&self, door: &Door, asked: &Asked) -> Result<Plan> {
        if self.actions.len() > CALLS_MAX {
            let message = format!(
                "/actions: {} actions; a batch has at most {CALLS_MAX}",
                self.actions.len()
            );
            return Err(
                Error::new(ErrorCode::InvalidRequest, message).detail("pointer", "/actions")
            );
        }
        let calls = self.actions.iter().map(|action| {
            let choice = SessionChoice::Any;
            execute_of(
                &action.action,
                action.params,
                action.timeout,
                &asked.body,
                choice,
            )
        });
        Ok(Plan {
            caller: asked.caller(&door.api.host, &self.worker_id)?,
            calls: calls.collect::<Result<_>>()?,
            parallel: self.parallel,
            stop_on_error: self.stop_on_error,
        })
    }
}

impl Plan {
    async fn run(self, host: &Host, id: &RequestId) -> Vec<Ran> {
        let calls = self.calls.into_iter().map(|execute| {
            let caller = self.caller.clone();
            Box::pin(run_one(host, id, Call { caller, execute }))
        });
        if self.parallel {
            side_by_side(calls).await
        } else {
            in_turn(calls, |ran| !self.stop_on_error || succeeded(&ran.outcome)).await
        }
    }
}

async fn run_one(host: &Host, id: &RequestId, call: Call) -> Ran {
    let began = Instant::now();
    let action = call.execute.action.clone();
    let outcome = run(host, id, call).await;
    Ran {
        action,
        outcome,
        took: began.elapsed(),
    }
}

fn good(ran: &[Ran]) -> usize {
    ran.iter().filter(|ran| succeeded(&ran.outcome)).count()
}

fn verdict(ran: &[Ran], total: usize) -> Code {
    match good(ran) {
        good if good == total => Code::Success,
        0 => Code::AllRequestsFailed,
        _ => Code::PartialFailure,
    }
}

fn message(ran: &[Ran], code: Code) -> String {
    match code {
        Code::Success => "success".to_owned(),
        Code::AllRequestsFailed => "All actions failed".to_owned(),
        _ => format!(
            "{} out of {} actions failed",
            ran.len() - good(ran),
            ran.len()
        ),
    }
}

fn write_results(
    out: &mut Vec<u8>,
    ran: &[Ran],
    total: usize,
    asker: (&Host, &Caller),
    trace: &Trace,
    id: &RequestId,
) {
    out.extend_from_slice(b"{\"results\":[");
    for (place, ran) in ran.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match &ran.outcome {
            Ok(executed) => write_executed(out, executed, ran.took, trace),
            Err(error) => {
                let asker = Some(asker);
                write_not_executed(out, asker, &ran.action, error, ran.took, trace, id);
            }
        }
    }
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        "],\"total\":{total},\"executed\":{},\"success_count\":{}}}",
        ran.len(),
        good(ran)
    );
}

fn origin(asked: &Asked) -> Origin<'static> {
    Origin {
        tool: Some(TOOL),
        took: asked.began.elapsed(),
        ..Origin::default()
    }
}
