//! Errors as `application/problem+json` (RFC 9457). The only place that knows the status of a code.

use std::any::Any;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::api::answer::typed_answer;
use crate::api::challenge;
use crate::error::{Error, ErrorCode};
use crate::ids::RequestId;

pub fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest | ErrorCode::InvalidParams => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::PolicyDenied => StatusCode::FORBIDDEN,
        ErrorCode::BackendNotFound
        | ErrorCode::ToolNotFound
        | ErrorCode::SessionNotFound
        | ErrorCode::JobNotFound
        | ErrorCode::ContextNotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict
        | ErrorCode::ToolAmbiguous
        | ErrorCode::SessionExists
        | ErrorCode::SessionFailed => StatusCode::CONFLICT,
        ErrorCode::SessionEnded => StatusCode::GONE,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::BackendInvalid | ErrorCode::UnsupportedSnapshot => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ErrorCode::SessionBusy | ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::ToolTrapped | ErrorCode::LimitExceeded => StatusCode::BAD_GATEWAY,
        ErrorCode::Overloaded | ErrorCode::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// An error on its way to the caller, with the request that it answers.
pub(in crate::api) struct Refused(pub(in crate::api) Error, pub(in crate::api) RequestId);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem(&self.0, &self.1)
    }
}

pub(in crate::api) fn problem(error: &Error, request_id: &RequestId) -> Response {
    problem_with(status(error.code()), error, request_id)
}

/// A problem whose status says more than its code does.
pub(in crate::api) fn problem_with(
    status: StatusCode,
    error: &Error,
    request_id: &RequestId,
) -> Response {
    let mut document = document(error, request_id);
    if let Some(member) = document.get_mut("status") {
        *member = json!(status.as_u16());
    }
    let mut response = respond(status, &document, error.wait().map(whole_seconds));
    challenge::mark(&mut response, error);
    response
}

/// The document itself, as it also stands in the answers of a batch.
pub(in crate::api) fn document(error: &Error, request_id: &RequestId) -> Value {
    let code = error.code();
    let mut document = Map::new();
    document.insert("type".to_owned(), json!(format!("urn:hostel:error:{code}")));
    document.insert("title".to_owned(), json!(code.as_str().replace('_', " ")));
    document.insert("status".to_owned(), json!(status(code).as_u16()));
    document.insert("code".to_owned(), json!(code.as_str()));
    document.insert("detail".to_owned(), json!(error.message()));
    if let Some(hint) = error.hint_text() {
        document.insert("hint".to_owned(), json!(hint));
    }
    document.insert("request_id".to_owned(), json!(request_id.as_str()));
    for (name, value) in error.details() {
        document.insert((*name).to_owned(), value.clone());
    }
    Value::Object(document)
}

/// What a panic in a handler becomes: the same for every caller, with the cause in the log.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        panic = text.unwrap_or("without a message"),
        "a request handler panicked"
    );
    problem(
        &Error::new(
            ErrorCode::Internal,
            "the host made a mistake while it served the request",
        ),
        &RequestId::next(),
    )
}

/// Rounded up: who comes back then is not told to wait again.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn respond(status: StatusCode, document: &Value, retry_after: Option<u64>) -> Response {
    let document = document.to_string().into_bytes();
    let mut response = typed_answer(status, "application/problem+json", document);
    if let Some(seconds) = retry_after {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
