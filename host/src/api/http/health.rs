//! `/healthz`, `/readyz`, `/metrics`, and the request to stop.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode};

use super::problem::Refused;

/// The process runs and answers.
pub(super) async fn alive(State(api): State<Arc<Api>>) -> Json<Value> {
    Json(
        json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": api.host.uptime().as_secs()}),
    )
}

/// Calls are taken.
pub(super) async fn ready(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<Json<Value>, Refused> {
    if !api.host.is_open() {
        return Err(Refused(
            Error::new(ErrorCode::ShuttingDown, "the host is stopping"),
            visitor.request_id,
        ));
    }
    let (backends, problems) = (api.host.backends().len(), api.host.problems().len());
    Ok(Json(
        json!({"status": "ready", "backends": backends, "problems": problems, "tools": api.host.tools().len(), "sessions": api.host.session_count()}),
    ))
}

pub(super) async fn metrics(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refused> {
    visitor.operator(&api.host)?;
    let text = api
        .metrics
        .as_ref()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// Begins to stop, as SIGTERM does.
pub(super) async fn shutdown(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refused> {
    visitor.operator(&api.host)?;
    api.host.request_stop();
    let body = json!({"request_id": visitor.request_id.as_str(), "status": "stopping"});
    Ok((StatusCode::ACCEPTED, Json(body)))
}
