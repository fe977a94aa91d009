//! `POST /v1/execute`: one call.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::answer::json_answer;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Execute, Executed, Job, JobOutcome, SessionChoice};
use crate::ids::{IdempotencyKey, JobId, RequestId, SessionId, SessionName};
use crate::tool::Denial;

use super::body::{Body, parse, whole};
use super::jobs::{Reader, accepted, patience, stream_of, wants_events};
use super::patterns::PRINTABLE;
use super::problem::Refused;

/// The caller's own name for a request that must not run twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On the answer of a request that was made before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A call as it is written, alone or in a batch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Call")]
pub(in crate::api) struct CallBody<'a> {
    /// `backend:tool`.
    #[serde(borrow)]
    pub(super) action: Cow<'a, str>,
    /// An object; none is the same as an empty one.
    #[serde(borrow, default)]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    params: Option<&'a RawValue>,
    /// An id, a name, or an object that says which. Default: the caller's session `default` of the backend, or one for this call alone.
    #[serde(borrow, default)]
    #[schemars(schema_with = "session_schema")]
    session: Option<&'a RawValue>,
    /// Milliseconds of wall-clock time, waiting included.
    #[serde(default, deserialize_with = "whole")]
    timeout_ms: Option<u64>,
    /// False: answer at once with the call's job. Default true.
    #[serde(default)]
    wait: Option<bool>,
    /// Milliseconds to wait for the answer; then the call goes on as a job. Default: until it is there.
    #[serde(default, deserialize_with = "whole")]
    wait_ms: Option<u64>,
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    pub(super) worker_id: Option<Cow<'a, str>>,
}

/// What the headers say about the answer.
pub(super) struct Wishes {
    key: Option<HeaderValue>,
    /// Not one answer but the call's events, and the answer as the last of them.
    events: bool,
}

impl<S: Sync> FromRequestParts<S> for Wishes {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            key: parts.headers.get(&IDEMPOTENCY_KEY).cloned(),
            events: wants_events(&parts.headers),
        })
    }
}

/// How the caller wants to hear of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The answer is the answer, however long it takes.
    Out,
    /// So long, then the call goes on as a job.
    For(Duration),
}

/// Which session: one of id, name and temporary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionBody {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    temporary: bool,
}

/// How a session is named in a call.
fn session_schema(_: &mut SchemaGenerator) -> Schema {
    let name = json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": PRINTABLE});
    let id = json!({"type": "string"});
    let temporary = json!({"type": "boolean", "description": "One that is made for this call."});
    let (none, no) = (json!({"type": "null"}), json!({"const": false}));
    let only = |required: &[&str], id: &Value, name: &Value, temporary: &Value| {
        json!({
            "type": "object",
            "properties": {"id": id, "name": name, "temporary": temporary},
            "required": required,
            "additionalProperties": false,
        })
    };
    json_schema!({"anyOf": [
        name,
        only(&["id"], &id, &none, &no),
        only(&["name"], &none, &name, &no),
        only(&[], &none, &none, &temporary),
        none,
    ]})
}

impl CallBody<'_> {
    pub(super) fn wait(&self) -> Wait {
        match (self.wait, self.wait_ms) {
            (_, Some(wait_ms)) => Wait::For(patience(wait_ms)),
            (Some(false), None) => Wait::For(Duration::ZERO),
            (None | Some(true), None) => Wait::Out,
        }
    }

    /// `whole` is the body that this borrows from; the params stay in it.
    pub(super) fn checked(&self, whole: &Bytes) -> Result<Execute> {
        let params = self.params.map_or_else(Bytes::new, |params| {
            whole.slice_ref(params.get().as_bytes())
        });
        let session = match self.session {
            None => SessionChoice::Any,
            Some(session) => choice(session.get())?,
        };
        Ok(Execute {
            action: self.action.clone().into_owned(),
            params,
            session,
            timeout: self.timeout_ms.map(Duration::from_millis),
        })
    }
}

fn choice(json: &str) -> Result<SessionChoice> {
    if json.starts_with('"') {
        let text: String = parse(json.as_bytes())?;
        return by_text(&text);
    }
    if json == "null" {
        return Ok(SessionChoice::Any);
    }
    let session: SessionBody = parse(json.as_bytes()).map_err(|error| {
        Error::new(
            ErrorCode::InvalidRequest,
            format!("/session: {}", error.message()),
        )
        .detail("pointer", "/session")
    })?;
    match (session.id, session.name, session.temporary) {
        (Some(id), None, false) => Ok(SessionChoice::Id(SessionId::parse(&id)?)),
        (None, Some(name), false) => Ok(SessionChoice::Name(SessionName::parse(&name)?)),
        (None, None, true) => Ok(SessionChoice::Temporary),
        (None, None, false) => Ok(SessionChoice::Any),
        _ => Err(Error::new(
            ErrorCode::InvalidRequest,
            "/session: give an id, a name, or temporary, and only one of them",
        )
        .detail("pointer", "/session")),
    }
}

pub(in crate::api) fn by_text(text: &str) -> Result<SessionChoice> {
    if text.starts_with("ses_") {
        SessionId::parse(text).map(SessionChoice::Id)
    } else {
        SessionName::parse(text).map(SessionChoice::Name)
    }
}

pub(super) async fn execute(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    wishes: Wishes,
    Body(body): Body,
) -> Result<Response, Refused> {
    let id = visitor.request_id.clone();
    let answered = call(&api, &visitor, wishes, &body).await;
    answered.map_err(|error| Refused(error, id))
}

async fn call(api: &Api, visitor: &Visitor, wishes: Wishes, body: &Bytes) -> Result<Response> {
    let (caller, execute, wait) = {
        let call: CallBody<'_> = parse(body)?;
        (
            visitor.caller(&api.host, call.worker_id.as_deref())?,
            call.checked(body)?,
            call.wait(),
        )
    };
    let id = &visitor.request_id;
    let Wishes { key, events } = wishes;
    if wait == Wait::Out && key.is_none() && !events {
        let executed = api.host.execute(&caller, id, execute).await?;
        return Ok(answer(&executed, id, None));
    }
    let key = key.map(|key| IdempotencyKey::parse(key.to_str().unwrap_or_default()));
    let started = api
        .host
        .start_job(&caller, id, execute, key.transpose()?)
        .await?;
    let mut response = if events {
        stream_of(&started.job, Reader::of(&api.host, caller))
    } else {
        job_answer(&started.job, id, wait).await?
    };
    if started.is_replay {
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The answer if it is there in time, else the job.
async fn job_answer(job: &Job, id: &RequestId, wait: Wait) -> Result<Response> {
    match wait {
        Wait::Out => job.ended().await,
        // The answer says which it was.
        Wait::For(time) => drop(tokio::time::timeout(time, job.ended()).await),
    }
    match job.info().outcome {
        Some(JobOutcome::Answer(executed)) if wait != Wait::For(Duration::ZERO) => {
            Ok(answer(&executed, id, Some(job.id())))
        }
        Some(JobOutcome::Error(error)) if wait != Wait::For(Duration::ZERO) => {
            Err(error.detail("job", job.id().as_str()))
        }
        _ => Ok(accepted(job, id)),
    }
}

fn answer(executed: &Executed, id: &RequestId, job: Option<&JobId>) -> Response {
    let mut out = Vec::with_capacity(384 + executed.called.answer.json.len());
    write_envelope(&mut out, executed, id);
    if let Some(job) = job {
        out.pop();
        out.extend_from_slice(b",\"job\":");
        write_string(&mut out, job.as_str());
        out.push(b'}');
    }
    json_answer(StatusCode::OK, out)
}

/// Writes the envelope around the tool's own JSON, which is copied once and never parsed.
pub(super) fn write_envelope(out: &mut Vec<u8>, executed: &Executed, id: &RequestId) {
    let called = &executed.called;
    out.extend_from_slice(b"{\"request_id\":");
    write_string(out, id.as_str());
    out.extend_from_slice(b",\"action\":");
    write_string(out, &executed.tool.full_name);
    if let Some(session) = &called.session {
        out.extend_from_slice(b",\"session\":{\"id\":");
        match &session.id {
            Some(id) => write_string(out, id.as_str()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"name\":");
        write_string(out, session.name.as_str());
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            ",\"temporary\":{},\"call\":{}}}",
            session.id.is_none(),
            session.call
        );
    }
    out.extend_from_slice(if called.answer.is_error {
        b",\"error\":"
    } else {
        b",\"result\":"
    });
    out.extend_from_slice(&called.answer.json);
    write_denied(out, &called.answer.denied);
    let usage = &called.usage;
    let _ = write!(
        out,
        ",\"is_error\":{},\"usage\":{{\"duration_us\":{},\"queue_us\":{},\"memory_bytes\":{},\"host_calls\":{}}}}}",
        called.answer.is_error,
        usage.duration.as_micros(),
        usage.queue.as_micros(),
        usage.memory_bytes,
        usage.host_calls
    );
}

/// What the guest reached for and did not get, if there is any of it: a tool's own error rarely says that the policy is the cause.
fn write_denied(out: &mut Vec<u8>, denied: &[Denial]) {
    if denied.is_empty() {
        return;
    }
    let list: Vec<Value> = denied.iter().map(Denial::to_json).collect();
    out.extend_from_slice(b",\"denied\":");
    // Memory takes it.
    let _ = serde_json::to_writer(out, &list);
}

pub(in crate::api) fn write_string(out: &mut Vec<u8>, text: &str) {
    // Strings can always be written as JSON, and memory takes them.
    let _ = serde_json::to_writer(out, text);
}
