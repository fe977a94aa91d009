//! The envelope around every answer: `{code, message, data, meta}`. A tool's own JSON is copied into it and never parsed.

use std::io::Write;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::answer::json_answer;
use crate::api::challenge;
use crate::api::http::execute::write_string;
use crate::error::Error;
use crate::host::Executed;

use super::codes::Code;

/// Bytes of a caller's own name for its request: it stands in every part of the answer.
const TAG_BYTES_MAX: usize = 256;

/// A caller's own name for its request.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Tag(String);

impl TryFrom<String> for Tag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() <= TAG_BYTES_MAX {
            return Ok(Self(text));
        }
        Err(format!(
            "{} bytes are too many: at most {TAG_BYTES_MAX}",
            text.len()
        ))
    }
}

/// How the caller knows its request again.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) trace_id: String,
    /// Echoed if it was sent.
    pub(super) message_id: Option<String>,
}

impl Trace {
    /// The caller's own, or a fresh one.
    pub(super) fn of(trace_id: Option<Tag>, message_id: Option<Tag>) -> Self {
        Self {
            trace_id: trace_id.map_or_else(crate::ids::trace_id, |tag| tag.0),
            message_id: message_id.map(|tag| tag.0),
        }
    }
}

/// Where an answer comes from: the rest of `meta`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin<'a> {
    pub(super) tool: Option<&'a str>,
    pub(super) took: Duration,
    pub(super) resource_type: Option<&'a str>,
    pub(super) session_id: Option<&'a str>,
    pub(super) temporary_session: bool,
    /// Of an error: the code's name and the request in the host's log.
    pub(super) error: Option<(Code, &'a str)>,
}

/// Writes the answer of a tool. Its own error is a failure here: `BUSINESS_FAILURE`.
pub(super) fn write_executed(
    out: &mut Vec<u8>,
    executed: &Executed,
    took: Duration,
    trace: &Trace,
) {
    let (tool, called) = (&executed.tool, &executed.called);
    let session = called.session.as_ref();
    let origin = Origin {
        tool: Some(&tool.full_name),
        took,
        resource_type: Some(tool.backend.as_str()),
        session_id: session.and_then(|session| session.id.as_ref().map(|id| id.as_str())),
        temporary_session: session.is_some_and(|session| session.id.is_none()),
        error: None,
    };
    if called.answer.is_error {
        let text = serde_json::from_slice::<String>(&called.answer.json);
        let message = text.unwrap_or_else(|_| format!("{} answered with an error", tool.full_name));
        write_head(out, Code::BusinessFailure, &message);
    } else {
        out.extend_from_slice(b"{\"code\":0,\"message\":\"success\",\"data\":");
    }
    out.extend_from_slice(&called.answer.json);
    write_meta(out, &origin, trace);
    out.push(b'}');
}

/// Writes what the host has to say in place of a tool or a verb.
pub(super) fn write_failure(
    out: &mut Vec<u8>,
    error: &Error,
    data: &Value,
    origin: &Origin<'_>,
    trace: &Trace,
) {
    write_head(out, Code::of(error), error.message());
    write_json(out, data);
    write_meta(out, origin, trace);
    out.push(b'}');
}

/// Up to `data`, which comes next.
pub(super) fn write_head(out: &mut Vec<u8>, code: Code, message: &str) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{{\"code\":{},\"message\":", code.number());
    write_string(out, message);
    out.extend_from_slice(b",\"data\":");
}

pub(super) fn write_json(out: &mut Vec<u8>, value: &Value) {
    // Values can always be written as JSON, and memory takes them.
    let _ = serde_json::to_writer(out, value);
}

pub(super) fn write_meta(out: &mut Vec<u8>, origin: &Origin<'_>, trace: &Trace) {
    let mut member = |name: &str, text: Option<&str>| {
        out.extend_from_slice(name.as_bytes());
        match text {
            Some(text) => write_string(out, text),
            None => out.extend_from_slice(b"null"),
        }
    };
    member(",\"meta\":{\"tool\":", origin.tool);
    member(",\"resource_type\":", origin.resource_type);
    member(",\"session_id\":", origin.session_id);
    member(",\"trace_id\":", Some(&trace.trace_id));
    if trace.message_id.is_some() {
        member(",\"message_id\":", trace.message_id.as_deref());
    }
    if let Some((code, request_id)) = origin.error {
        member(",\"error_type\":", Some(code.name()));
        member(",\"request_id\":", Some(request_id));
    }
    if origin.temporary_session {
        out.extend_from_slice(b",\"temporary_session\":true");
    }
    let took = origin.took.as_micros();
    let (ms, us) = (took / 1000, took % 1000);
    let _ = write!(out, ",\"execution_time_ms\":{ms}.{us:03}}}");
}

/// Sets a member of an object.
pub(super) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// What programs read of an error: the host's own word for it, the way out, and its details.
pub(super) fn details(error: &Error) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("code".to_owned(), json!(error.code().as_str()));
    if let Some(hint) = error.hint_text() {
        data.insert("hint".to_owned(), json!(hint));
    }
    for (name, value) in error.details() {
        data.insert((*name).to_owned(), value.clone());
    }
    data
}

/// The answer in which an error stands.
pub(super) fn respond_refusal(status: StatusCode, body: Vec<u8>, error: &Error) -> Response {
    let mut response = respond(status, body, error.wait());
    challenge::mark(&mut response, error);
    response
}

pub(super) fn respond(
    status: StatusCode,
    body: Vec<u8>,
    retry_after: Option<Duration>,
) -> Response {
    let mut response = json_answer(status, body);
    if let Some(wait) = retry_after {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
