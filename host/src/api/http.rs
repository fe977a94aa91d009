//! HTTP, version 1: the route table and nothing else. The AgentFlow door has its own.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::{Api, agentflow, doorway, mcp, metadata, openapi};

pub(super) mod backends;
pub(super) mod batch;
pub(super) mod body;
pub(super) mod execute;
mod health;
pub(super) mod jobs;
pub(super) mod logs;
pub(super) mod patterns;
mod policy;
pub(super) mod problem;
pub(super) mod sessions;
pub(super) mod states;
pub(super) mod tools;
mod unknown;
pub(super) mod usage;

pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .merge(mcp::routes(&api))
        .merge(metadata::routes())
        .route("/v1/execute", post(execute::execute))
        .route("/v1/execute/batch", post(batch::batch))
        .route("/v1/tools", get(tools::list))
        .route("/v1/tools/{name}", get(tools::get))
        .route("/v1/backends", get(backends::list))
        .route(
            "/v1/backends/{name}",
            get(backends::get)
                .put(backends::put)
                .delete(backends::delete),
        )
        .route("/v1/warmup", get(backends::warmth).post(backends::warm_up))
        .route("/v1/sessions", get(sessions::list).post(sessions::create))
        .route(
            "/v1/sessions/{id}",
            get(sessions::get)
                .patch(sessions::patch)
                .delete(sessions::delete),
        )
        .route("/v1/sessions/{id}/keep-alive", post(sessions::keep_alive))
        .route("/v1/sessions/{id}/logs", get(logs::logs))
        .route(
            "/v1/sessions/{id}/checkpoints",
            get(states::checkpoints).post(states::checkpoint),
        )
        .route("/v1/sessions/{id}/restore", post(states::restore))
        .route("/v1/sessions/{id}/fork", post(states::fork))
        .route("/v1/sessions/{id}/suspend", post(states::suspend))
        .route("/v1/sessions/{id}/resume", post(states::resume))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::get).delete(jobs::forget))
        .route("/v1/jobs/{id}/events", get(jobs::events))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/usage", get(usage::usage))
        .route("/v1/contexts/{name}", get(unknown::context))
        .route("/v1/policy/reload", post(policy::reload))
        .route("/v1/shutdown", post(health::shutdown))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .merge(agentflow::router(&api))
        .fallback(unknown::route)
        .method_not_allowed_fallback(unknown::method)
        .layer(from_fn_with_state(api.clone(), doorway::pass))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(api)
}
