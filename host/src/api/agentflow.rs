//! AgentFlow's sandbox protocol below `/api/v1`, so that its clients find Hostel where they look for their own server: the route table, and what
//! all of its routes share. Parse, one verb of the host, render; the shapes and the codes are AgentFlow's, the rules are the host's.
//!
//! A session of a worker and a resource type is the worker's session `default` of that backend, under the id that it has at every door.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};

use crate::error::{Error, ErrorCode};
use crate::ids::RequestId;

use super::Api;

mod asked;
mod batch;
mod codes;
mod control;
mod envelope;
mod execute;
mod init;
mod lifecycle;
mod names;
mod own;
mod record;
mod server;
mod sessions;
mod tools;
mod unanswered;
mod warmup;

use asked::Asked;
pub(super) use control::refused;
use names::Names;
use unanswered::Unanswered;

/// What the routes share.
struct Door {
    api: Arc<Api>,
    names: Names,
    unanswered: Arc<Unanswered>,
}

/// Whether a path is one of this door's.
pub(super) fn is_its(path: &str) -> bool {
    path == "/health" || path == "/ready" || path.starts_with("/api/v1/")
}

/// For any router: it brings its own state.
pub(super) fn router<S>(api: &Arc<Api>) -> Router<S> {
    let door = Arc::new(Door {
        api: api.clone(),
        names: Names::default(),
        unanswered: Arc::default(),
    });
    Router::new()
        .route("/health", get(server::health))
        .route("/ready", get(server::ready))
        .route("/api/v1/execute", post(execute::execute))
        .route("/api/v1/execute/batch", post(batch::batch))
        .route("/api/v1/session/create", post(sessions::create))
        .route("/api/v1/session/destroy", post(sessions::destroy))
        .route("/api/v1/session/list", post(sessions::list))
        .route("/api/v1/session/refresh", post(sessions::refresh))
        .route("/api/v1/lifecycle/heartbeat", post(lifecycle::heartbeat))
        .route("/api/v1/lifecycle/status", post(lifecycle::status))
        .route("/api/v1/worker/disconnect", post(lifecycle::disconnect))
        .route("/api/v1/init/resource", post(init::resource))
        .route("/api/v1/init/batch", post(init::batch))
        .route("/api/v1/init/from-config", post(init::from_config))
        .route("/api/v1/tools", get(tools::list))
        .route("/api/v1/tools/{name}/schema", get(tools::schema))
        .route("/api/v1/warmup", post(warmup::warm_up))
        .route("/api/v1/warmup/status", get(warmup::status))
        .route("/api/v1/server/shutdown", post(server::shutdown))
        .method_not_allowed_fallback(wrong_method)
        .route("/api/v1/{*rest}", any(nothing))
        .with_state(door)
}

/// A route whose verb runs once for a request, also if its client gives up waiting and asks again.
fn post<V, F>(verb: V) -> MethodRouter<Arc<Door>>
where
    V: Fn(Arc<Door>, Asked) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    axum::routing::post(
        move |State(door): State<Arc<Door>>, asked: Asked| async move {
            let (unanswered, signature) = (door.unanswered.clone(), asked.signature.clone());
            unanswered
                .answer(signature, Box::pin(verb(door, asked)))
                .await
        },
    )
}

async fn nothing(Extension(id): Extension<RequestId>, uri: Uri) -> Response {
    let message = format!("there is nothing at {}", uri.path());
    let error = Error::new(ErrorCode::InvalidRequest, message)
        .hint("AgentFlow's routes are execute, session, lifecycle, worker, init, tools, warmup and server; all else is below /v1");
    refused(&error, Some(StatusCode::NOT_FOUND), &id)
}

async fn wrong_method(Extension(id): Extension<RequestId>, method: Method, uri: Uri) -> Response {
    let message = format!("{} does not take {method}", uri.path());
    let error = Error::new(ErrorCode::InvalidRequest, message)
        .hint("the answer's Allow header says what it takes");
    refused(&error, Some(StatusCode::METHOD_NOT_ALLOWED), &id)
}
