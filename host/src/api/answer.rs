//! Bodies that are JSON already, on their way out of whatever door.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

pub(super) fn json_answer(status: StatusCode, body: Vec<u8>) -> Response {
    typed_answer(status, "application/json", body)
}

pub(super) fn typed_answer(
    status: StatusCode,
    media_type: &'static str,
    body: Vec<u8>,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static(media_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}
