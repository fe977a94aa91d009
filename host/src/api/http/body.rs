//! Reads bodies: bounded before the first byte is read, and told apart from what is wrong in them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as RequestBody;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::api::bodies::Incoming;
use crate::api::{Api, doorway};
use crate::error::{Error, ErrorCode, Result, nearest_field};
use crate::ids::RequestId;

use super::problem::Refused;

/// A client has this long to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Components are larger than anything else.
pub(crate) const COMPONENT_BYTES_MAX: usize = 64 << 20;

/// The whole body, at most `body_bytes_max` of the host.
pub(super) struct Body(pub(super) Bytes);

/// The same for components. Who may not send one is turned away before it is read.
pub(super) struct Component(pub(super) Bytes);

impl FromRequest<Arc<Api>> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let read = collect(&parts, body, api, api.body_bytes_max).await;
        read.map(Self).map_err(|error| {
            let id = parts.extensions.get::<RequestId>().cloned();
            Refused(error, id.unwrap_or_else(RequestId::next))
        })
    }
}

impl FromRequest<Arc<Api>> for Component {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let visitor = doorway::Visitor::from_request_parts(&mut parts, api).await?;
        visitor.operator(&api.host)?;
        let read = collect(&parts, body, api, COMPONENT_BYTES_MAX).await;
        read.map(Self)
            .map_err(|error| Refused(error, visitor.request_id))
    }
}

/// Reads the body of the request that begins with `parts`.
///
/// # Errors
/// `payload_too_large`; `overloaded` if there is no room for it; `invalid_request` for one that does not arrive whole, or in time.
pub(in crate::api) async fn collect(
    parts: &Parts,
    body: RequestBody,
    api: &Api,
    bytes_max: usize,
) -> Result<Bytes> {
    if declared(&parts.headers).is_some_and(|declared| declared > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let incoming = api.bodies.incoming(doorway::lane(api, parts));
    let body = arriving(body, incoming, bytes_max);
    let in_time = tokio::time::timeout(BODY_TIMEOUT, body).await;
    in_time.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorCode::InvalidRequest,
            format!(
                "the body did not arrive within {} s",
                BODY_TIMEOUT.as_secs()
            ),
        ))
    })
}

async fn arriving(
    mut body: RequestBody,
    mut incoming: Incoming<'_>,
    bytes_max: usize,
) -> Result<Bytes> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Error::new(
                ErrorCode::InvalidRequest,
                format!("the body did not arrive whole: {error}"),
            )
        })?;
        // Trailers mean nothing here.
        if let Ok(part) = frame.into_data() {
            if part.len() > bytes_max - incoming.length() {
                return Err(too_large(bytes_max));
            }
            if let Err(error) = incoming.push(part) {
                drop(incoming);
                drain(body, bytes_max).await;
                return Err(error);
            }
        }
    }
    Ok(incoming.whole())
}

/// Reads the rest, at most so many bytes, and keeps nothing: a client that is cut off while it writes does not see the answer.
async fn drain(mut body: RequestBody, bytes_max: usize) {
    let mut left = bytes_max;
    while let Some(Ok(frame)) = body.frame().await {
        let part = frame.into_data().map_or(0, |part| part.len());
        let Some(rest) = left.checked_sub(part) else {
            return;
        };
        left = rest;
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
    // The fields of an object could also be read from an array, in their order; nobody means that.
    if body.trim_ascii_start().starts_with(b"[") {
        let message = "the body: invalid type: sequence, expected an object";
        return Err(Error::new(ErrorCode::InvalidRequest, message).detail("pointer", ""));
    }
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

/// Reads a whole number, which JSON may write as `7` or as `7.0`, or null.
pub(super) fn whole<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    struct Whole<T>(PhantomData<T>);

    impl<'de, T: TryFrom<u64>> Visitor<'de> for Whole<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number from 0 on")
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Option<T>, E> {
            let fits = T::try_from(number).map(Some);
            fits.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Option<T>, E> {
            Err(E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Option<T>, E> {
            // Written out and read again, which is exact.
            match format!("{number:.0}").parse() {
                Ok(whole) if number.fract() == 0.0 => self.visit_u64(whole),
                _ => Err(E::invalid_value(Unexpected::Float(number), &self)),
            }
        }

        fn visit_unit<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Whole(PhantomData))
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
