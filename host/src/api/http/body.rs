//! Reads bodies: bounded before the first byte is read, and told apart from what is wrong in them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use crate::api::Api;
use crate::error::{Error, ErrorCode, Result, nearest_field};
use crate::ids::RequestId;

use super::problem::Refused;

/// A client has this long to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Components are larger than anything else.
pub(super) const COMPONENT_BYTES_MAX: usize = 64 << 20;

/// The whole body, at most `body_bytes_max` of the host.
pub(super) struct Body(pub(super) Bytes);

/// The same for components.
pub(super) struct Component(pub(super) Bytes);

impl FromRequest<Arc<Api>> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        read(request, api.body_bytes_max).await.map(Self)
    }
}

impl FromRequest<Arc<Api>> for Component {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Arc<Api>) -> Result<Self, Refused> {
        read(request, COMPONENT_BYTES_MAX).await.map(Self)
    }
}

async fn read(request: Request, bytes_max: usize) -> Result<Bytes, Refused> {
    let id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_else(RequestId::next);
    collect(request, bytes_max)
        .await
        .map_err(|error| Refused(error, id))
}

pub(in crate::api) async fn collect(request: Request, bytes_max: usize) -> Result<Bytes> {
    if declared(request.headers()).is_some_and(|declared| declared > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let body = Limited::new(request.into_body(), bytes_max).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error))
            if error
                .downcast_ref::<http_body_util::LengthLimitError>()
                .is_some() =>
        {
            Err(too_large(bytes_max))
        }
        Ok(Err(error)) => Err(Error::new(
            ErrorCode::InvalidRequest,
            format!("the body did not arrive whole: {error}"),
        )),
        Err(_) => Err(Error::new(
            ErrorCode::InvalidRequest,
            format!(
                "the body did not arrive within {} s",
                BODY_TIMEOUT.as_secs()
            ),
        )),
    }
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large(bytes_max: usize) -> Error {
    Error::new(
        ErrorCode::PayloadTooLarge,
        format!("the body is larger than {bytes_max} bytes"),
    )
    .detail("limit", bytes_max)
    .hint("send less at once; the operator can raise server.body_bytes_max")
}

/// Reads a JSON document. An empty body is an empty object.
///
/// # Errors
/// `invalid_request` with a JSON pointer to the place; an unknown field is named with the nearest one that is known.
pub(in crate::api) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).or_else(|_| explain(body))
}

/// Reads again what could not be read, and keeps track of where it is: only the unlucky pay for that.
fn explain<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let message = error.inner().to_string();
        let place = if pointer.is_empty() {
            "the body"
        } else {
            pointer.as_str()
        };
        let refusal = Error::new(ErrorCode::InvalidRequest, format!("{place}: {message}"));
        let refusal = refusal.detail("pointer", pointer.as_str());
        match nearest_field(&message) {
            Some(near) => refusal.hint(format!("did you mean {near:?}?")),
            None => refusal,
        }
    })?;
    reader.end().map_err(|error| {
        Error::new(ErrorCode::InvalidRequest, format!("the body: {error}")).detail("pointer", "")
    })?;
    Ok(value)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    pointer
}
