//! `/health`, `/ready` and `/api/v1/server/shutdown`: bare documents, without an envelope.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::http::body::parse;
use crate::api::http::problem::Refused;
use crate::error::Result;
use crate::host::SessionQuery;

use super::Door;
use super::asked::Asked;
use super::control::refused;
use super::record;

/// The process runs and answers.
pub(super) async fn health() -> Json<Value> {
    Json(json!({"status": "healthy", "timestamp": record::time(SystemTime::now())}))
}

/// Calls are taken.
pub(super) async fn ready(State(door): State<Arc<Door>>) -> (StatusCode, Json<Value>) {
    let host = &door.api.host;
    let (status, word) = if host.is_open() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    };
    let body = json!({
        "status": word,
        "tools_count": host.tools().len(),
        "active_workers": host.worker_count(),
        "total_sessions": host.session_count(),
    });
    (status, Json(body))
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ShutdownBody {
    /// Running calls are stopped, and not waited for.
    force: bool,
    /// False: sessions that can be saved are, and come back with the next start.
    cleanup_sessions: bool,
}

impl Default for ShutdownBody {
    fn default() -> Self {
        Self {
            force: false,
            cleanup_sessions: true,
        }
    }
}

pub(super) async fn shutdown(door: Arc<Door>, asked: Asked) -> Response {
    if let Err(Refused(error, id)) = asked.visitor.operator(&door.api.host) {
        return refused(&error, None, &id);
    }
    match stop(&door, &asked).await {
        Ok(ended) => {
            let body = json!({"status": "success", "message": "Server shutdown initiated", "sessions_cleaned": ended});
            Json(body).into_response()
        }
        Err(error) => refused(&error, None, &asked.visitor.request_id),
    }
}

async fn stop(door: &Door, asked: &Asked) -> Result<usize> {
    let body: ShutdownBody = parse(&asked.body)?;
    let host = &door.api.host;
    let ended = if body.cleanup_sessions {
        let caller = asked.visitor.caller(host, None)?;
        host.destroy_sessions(&caller, &SessionQuery::default())
            .await?
    } else {
        0
    };
    if body.force {
        host.request_stop_at_once();
    } else {
        host.request_stop();
    }
    Ok(ended)
}
