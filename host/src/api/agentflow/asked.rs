//! A request of this door: who sent it, what it says, and when it came. What is wrong with it is said in the door's own form.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::api::doorway::Visitor;
use crate::api::http::body;
use crate::api::http::problem::Refused;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Host};
use crate::ids::RequestId;

use super::Door;
use super::control::{Control, refused};
use super::envelope::{Tag, Trace};
use super::unanswered::Signature;

pub(super) struct Asked {
    pub(super) visitor: Visitor,
    pub(super) body: Bytes,
    pub(super) began: Instant,
    pub(super) signature: Signature,
}

/// What any message may say of itself. The kind and the time are the sender's own notes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    message_id: Option<Tag>,
}

impl Asked {
    /// Who calls. A worker is always named; a token must be one of its sessions'.
    ///
    /// # Errors
    /// Those of the doorway, and `invalid_request` for a token that is another worker's.
    pub(super) fn caller(&self, host: &Host, worker_id: &str) -> Result<Caller> {
        let caller = self.visitor.caller(host, Some(worker_id))?;
        if caller.worker.as_str() == worker_id {
            return Ok(caller);
        }
        let message = format!("/worker_id: the token is not one of worker {worker_id:?}");
        Err(Error::new(ErrorCode::InvalidRequest, message).detail("pointer", "/worker_id"))
    }

    /// Reads the body of a control call, and begins its answer.
    pub(super) fn control<T: DeserializeOwned>(&self, tool: &'static str) -> (Control, Result<T>) {
        let (message, body) = match self.read() {
            Ok((message, body)) => (message, Ok(body)),
            Err(error) => (Message::default(), Err(error)),
        };
        let trace = Trace::of(None, message.message_id);
        let request_id = self.visitor.request_id.clone();
        (Control::new(tool, self.began, request_id, trace), body)
    }

    fn read<T: DeserializeOwned>(&self) -> Result<(Message, T)> {
        match body::parse(&self.body) {
            Ok(body) => Ok((Message::default(), body)),
            Err(error) => self.read_message().unwrap_or(Err(error)),
        }
    }

    /// Reads a body in which the message speaks of itself. None: it does not.
    fn read_message<T: DeserializeOwned>(&self) -> Option<Result<(Message, T)>> {
        let mut members: Map<String, Value> = body::parse(&self.body).ok()?;
        let mut own = Map::new();
        for name in ["message_id", "message_type", "timestamp"] {
            if let Some(value) = members.remove(name) {
                own.insert(name.to_owned(), value);
            }
        }
        // Every message has a place for it, and it means nothing here.
        let session_id = members.get("session_id");
        let has_place =
            session_id.is_some_and(Value::is_null) && members.remove("session_id").is_some();
        if own.is_empty() && !has_place {
            return None;
        }
        let text = |members| Value::Object(members).to_string();
        let message = body::parse(text(own).as_bytes());
        Some(message.and_then(|message| Ok((message, body::parse(text(members).as_bytes())?))))
    }
}

/// Who asks for what has no body.
pub(super) struct Onlooker(Visitor);

impl Onlooker {
    /// Who it is, and the request's id.
    pub(super) fn caller(self, door: &Door) -> Result<(Caller, RequestId), Refused> {
        let Self(visitor) = self;
        let caller = visitor.known(&door.api.host)?;
        Ok((caller, visitor.request_id))
    }
}

impl FromRequestParts<Arc<Door>> for Onlooker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, &door.api).await;
        let visitor = visitor.map_err(|Refused(error, id)| refused(&error, None, &id))?;
        Ok(Self(visitor))
    }
}

impl FromRequest<Arc<Door>> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Response> {
        let began = Instant::now();
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, &door.api).await;
        let visitor = visitor.map_err(|Refused(error, id)| refused(&error, None, &id))?;
        let signature = Signature::of(&parts);
        let body = body::collect(&parts, body, &door.api, door.api.body_bytes_max).await;
        let body = body.map_err(|error| refused(&error, None, &visitor.request_id))?;
        Ok(Self {
            visitor,
            signature: signature.with(body.clone()),
            body,
            began,
        })
    }
}
