//! `POST /v1/execute`: one call.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Execute, Executed, SessionChoice};
use crate::ids::{RequestId, SessionId, SessionName};

use super::body::{Body, parse};
use super::problem::Refused;

/// A call as it is written, alone or in a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallBody<'a> {
    /// `backend:tool`.
    #[serde(borrow)]
    pub(super) action: Cow<'a, str>,
    /// An object; none is the same as an empty one.
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    /// An id, a name, or an object that says which.
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    /// Milliseconds of wall-clock time, waiting included.
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(borrow, default)]
    pub(super) worker_id: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionBody {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    temporary: bool,
}

impl CallBody<'_> {
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

fn by_text(text: &str) -> Result<SessionChoice> {
    if text.starts_with("ses_") {
        SessionId::parse(text).map(SessionChoice::Id)
    } else {
        SessionName::parse(text).map(SessionChoice::Name)
    }
}

pub(super) async fn execute(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Body(body): Body,
) -> Result<Response, Refused> {
    let id = visitor.request_id.clone();
    match call(&api, &visitor, &body).await {
        Ok(executed) => Ok(answer(&executed, &id)),
        Err(error) => Err(Refused(error, id)),
    }
}

async fn call(api: &Api, visitor: &Visitor, body: &Bytes) -> Result<Executed> {
    let (caller, execute) = {
        let call: CallBody<'_> = parse(body)?;
        (
            visitor.caller(&api.host, call.worker_id.as_deref())?,
            call.checked(body)?,
        )
    };
    api.host
        .execute(&caller, &visitor.request_id, execute)
        .await
}

fn answer(executed: &Executed, id: &RequestId) -> Response {
    let mut out = Vec::with_capacity(384 + executed.called.answer.json.len());
    write_envelope(&mut out, executed, id);
    let mut response = Response::new(ResponseBody::from(out));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
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

pub(in crate::api) fn write_string(out: &mut Vec<u8>, text: &str) {
    // Strings can always be written as JSON, and memory takes them.
    let _ = serde_json::to_writer(out, text);
}
