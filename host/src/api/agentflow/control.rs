//! The answer of a call that is not a tool's: its name, its times, and its envelope.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::session::SessionInfo;

use super::codes::{self, Code};
use super::envelope::{
    Origin, Trace, details, respond, respond_refusal, write_failure, write_head, write_json,
    write_meta,
};
use super::record;

/// What all control calls are of, in AgentFlow's words.
const RESOURCE_TYPE: &str = "session";

pub(super) struct Control {
    /// `session:create`, as it stands in `meta`.
    tool: &'static str,
    began: Instant,
    request_id: RequestId,
    trace: Trace,
}

/// What a control call came to.
pub(super) struct Done {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) data: Value,
    /// The one session that it was about.
    pub(super) session: Option<SessionInfo>,
}

impl Done {
    pub(super) fn with(data: Value) -> Self {
        Self {
            code: Code::Success,
            message: "success".to_owned(),
            data,
            session: None,
        }
    }

    #[must_use]
    pub(super) fn about(self, session: SessionInfo) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }
}

impl Control {
    pub(super) fn new(
        tool: &'static str,
        began: Instant,
        request_id: RequestId,
        trace: Trace,
    ) -> Self {
        Self {
            tool,
            began,
            request_id,
            trace,
        }
    }

    pub(super) fn answer(&self, outcome: Result<Done>) -> Response {
        self.answer_with(outcome, Map::new())
    }

    /// `also` stands in the data of a failure.
    pub(super) fn answer_with(&self, outcome: Result<Done>, also: Map<String, Value>) -> Response {
        match outcome {
            Ok(done) => self.done(&done),
            Err(error) => self.failed(&error, also),
        }
    }

    fn done(&self, done: &Done) -> Response {
        let id = done.session.as_ref().map(|session| session.id.as_str());
        let mut out = Vec::with_capacity(512);
        write_head(&mut out, done.code, &done.message);
        write_json(&mut out, &done.data);
        let origin = Origin {
            session_id: id,
            ..self.origin()
        };
        write_meta(&mut out, &origin, &self.trace);
        if let Some(session) = &done.session {
            // AgentFlow's own client looks for them here.
            out.extend_from_slice(b",\"session_id\":");
            write_json(&mut out, &session.id.as_str().into());
            out.extend_from_slice(b",\"session_name\":");
            write_json(&mut out, &record::name(session).into());
        }
        out.push(b'}');
        respond(done.code.status(), out, None)
    }

    fn failed(&self, error: &Error, also: Map<String, Value>) -> Response {
        let mut data = details(error);
        data.extend(also);
        let origin = Origin {
            error: Some((Code::of(error), self.request_id.as_str())),
            ..self.origin()
        };
        let mut out = Vec::with_capacity(512);
        write_failure(&mut out, error, &Value::Object(data), &origin, &self.trace);
        respond_refusal(codes::status(error), out, error)
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            tool: Some(self.tool),
            took: self.began.elapsed(),
            resource_type: Some(RESOURCE_TYPE),
            ..Origin::default()
        }
    }
}

/// A request that did not come as far as a verb.
pub(in crate::api) fn refused(
    error: &Error,
    status: Option<StatusCode>,
    request_id: &RequestId,
) -> Response {
    let origin = Origin {
        error: Some((Code::of(error), request_id.as_str())),
        ..Origin::default()
    };
    let data = Value::Object(details(error));
    let mut out = Vec::with_capacity(512);
    write_failure(&mut out, error, &data, &origin, &Trace::of(None, None));
    let status = status.unwrap_or_else(|| codes::status(error));
    respond_refusal(status, out, error)
}
