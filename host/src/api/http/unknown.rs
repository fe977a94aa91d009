//! What is not there, said in the same form as every other error.

use axum::extract::Path;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;

use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode};

use super::problem::{Refused, problem_with};

pub(super) async fn route(visitor: Visitor, uri: Uri) -> Response {
    let error = Error::new(
        ErrorCode::InvalidRequest,
        format!("there is nothing at {}", uri.path()),
    )
    .hint("the routes begin with /v1: execute, jobs, tools, backends, warmup, sessions");
    problem_with(StatusCode::NOT_FOUND, &error, &visitor.request_id)
}

pub(super) async fn method(visitor: Visitor, method: Method, uri: Uri) -> Response {
    let error = Error::new(
        ErrorCode::InvalidRequest,
        format!("{} does not take {method}", uri.path()),
    )
    .hint("the answer's Allow header says what it takes");
    problem_with(StatusCode::METHOD_NOT_ALLOWED, &error, &visitor.request_id)
}

/// Contexts come with a later version; until then nobody has one.
pub(super) async fn context(visitor: Visitor, Path(name): Path<String>) -> Refused {
    Refused(
        Error::new(
            ErrorCode::ContextNotFound,
            format!("there is no context {name:?}"),
        ),
        visitor.request_id,
    )
}
