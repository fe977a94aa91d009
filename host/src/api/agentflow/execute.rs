//! `POST /api/v1/execute`: one call of a tool.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument;

use crate::api::http::body::parse;
use crate::api::http::sessions::seconds;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Execute, Executed, Host, SessionChoice};
use crate::ids::{RequestId, SessionId};

use super::Door;
use super::asked::Asked;
use super::codes::{self, Code};
use super::envelope::{
    Origin, Tag, Trace, details, respond, respond_refusal, write_executed, write_failure,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecuteBody<'a> {
    #[serde(borrow)]
    worker_id: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    /// An object; none is the same as an empty one.
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    /// Seconds of wall-clock time, waiting included; 0: as long as the backend's limit allows.
    timeout: Option<f64>,
    /// The worker's own session in place of the one of this resource type.
    session_id: Option<String>,
    async_mode: Option<bool>,
    trace_id: Option<Tag>,
    message_id: Option<Tag>,
    #[serde(rename = "message_type")]
    _kind: Option<IgnoredAny>,
    #[serde(rename = "timestamp")]
    _sent_at: Option<IgnoredAny>,
}

/// A call that has been read.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) execute: Execute,
}

impl ExecuteBody<'_> {
    fn checked(&self, door: &Door, asked: &Asked) -> Result<Call> {
        if self.async_mode == Some(true) {
            let message = "/async_mode: the answer of execute is the tool's answer; nothing here keeps it for later";
            return Err(Error::new(ErrorCode::InvalidRequest, message)
                .detail("pointer", "/async_mode")
                .hint("leave \"async_mode\" out, and wait for the answer"));
        }
        let session = match &self.session_id {
            None => SessionChoice::Any,
            Some(id) => SessionChoice::Id(SessionId::parse(id)?),
        };
        Ok(Call {
            caller: asked.caller(&door.api.host, &self.worker_id)?,
            execute: execute_of(
                &self.action,
                self.params,
                self.timeout,
                &asked.body,
                session,
            )?,
        })
    }
}

/// The params stay in `whole`, the body that they are borrowed from.
pub(super) fn execute_of(
    action: &str,
    params: Option<&RawValue>,
    timeout: Option<f64>,
    whole: &Bytes,
    session: SessionChoice,
) -> Result<Execute> {
    Ok(Execute {
        action: action.to_owned(),
        params: params.map_or_else(Bytes::new, |params| {
            whole.slice_ref(params.get().as_bytes())
        }),
        session,
        timeout: seconds("/timeout", timeout, None)?,
    })
}

pub(super) async fn execute(door: Arc<Door>, asked: Asked) -> Response {
    let host = &door.api.host;
    let (call, action, trace, is_traced) = match parse::<ExecuteBody<'_>>(&asked.body) {
        Ok(body) => {
            let is_traced = body.trace_id.is_some();
            let call = body.checked(&door, &asked);
            let action = body.action.clone().into_owned();
            (
                call,
                action,
                Trace::of(body.trace_id, body.message_id),
                is_traced,
            )
        }
        Err(error) => (Err(error), String::new(), Trace::of(None, None), false),
    };
    let id = &asked.visitor.request_id;
    let caller = call.as_ref().ok().map(|call| call.caller.clone());
    let outcome = match call {
        // The caller will look for its own name of the call in the log.
        Ok(call) if is_traced => run(host, id, call).instrument(span(&trace)).await,
        Ok(call) => run(host, id, call).await,
        Err(error) => Err(error),
    };
    let took = asked.began.elapsed();
    match outcome {
        Ok(executed) => {
            let mut out = Vec::with_capacity(384 + executed.called.answer.json.len());
            write_executed(&mut out, &executed, took, &trace);
            respond(code_of(&executed).status(), out, None)
        }
        Err(error) => {
            let mut out = Vec::with_capacity(512);
            let asker = caller.as_ref().map(|caller| (&**host, caller));
            write_not_executed(&mut out, asker, &action, &error, took, &trace, id);
            respond_refusal(codes::status(&error), out, &error)
        }
    }
}

pub(super) async fn run(host: &Host, id: &RequestId, call: Call) -> Result<Executed> {
    host.execute(&call.caller, id, call.execute).await
}

/// The caller's own name for what it asks for, on every line of the log about it.
pub(super) fn span(trace: &Trace) -> tracing::Span {
    let name = RequestId::from_caller(&trace.trace_id);
    tracing::info_span!("agentflow", trace_id = name.as_ref().map(RequestId::as_str))
}

pub(super) fn code_of(executed: &Executed) -> Code {
    if executed.called.answer.is_error {
        Code::BusinessFailure
    } else {
        Code::Success
    }
}

/// Writes the envelope of a call that the host could not run. The tool is named in full if there is one.
pub(super) fn write_not_executed(
    out: &mut Vec<u8>,
    asker: Option<(&Host, &Caller)>,
    action: &str,
    error: &Error,
    took: Duration,
    trace: &Trace,
    request_id: &RequestId,
) {
    let tool = asker.and_then(|(host, caller)| host.tool_for(caller, action).ok());
    let named = tool.as_ref().map_or(action, |tool| &tool.full_name);
    let origin = Origin {
        tool: Some(named).filter(|name| !name.is_empty()),
        took,
        resource_type: tool.as_ref().map(|tool| tool.backend.as_str()),
        error: Some((Code::of(error), request_id.as_str())),
        ..Origin::default()
    };
    let data = Value::Object(details(error));
    write_failure(out, error, &data, &origin, trace);
}
