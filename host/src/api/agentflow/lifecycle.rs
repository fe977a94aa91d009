//! `/api/v1/lifecycle/…` and `/api/v1/worker/disconnect`: a worker as a whole.

use std::sync::Arc;
use std::time::SystemTime;

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Door;
use super::asked::Asked;
use super::control::Done;
use super::own::own;
use super::record;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerBody {
    worker_id: String,
}

/// A worker that is alive keeps its sessions alive.
pub(super) async fn heartbeat(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<WorkerBody>("session:heartbeat");
    let beaten = body.and_then(|body| {
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let alive = door.keep_all_alive(&caller, None)?;
        let types: Vec<&str> = alive.iter().map(|info| info.key.backend.as_str()).collect();
        Ok(Done::with(json!({
            "worker_id": body.worker_id,
            "active_sessions": types,
            "timestamp": record::time(SystemTime::now()),
        })))
    });
    control.answer(beaten)
}

pub(super) async fn status(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<WorkerBody>("session:status");
    let told = body.and_then(|body| {
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let own = door.own(&caller, None)?;
        let types: Vec<&str> = own.iter().map(|info| info.key.backend.as_str()).collect();
        let sessions: Map<String, Value> = own
            .iter()
            .map(|info| {
                let session = json!({
                    "session_id": info.id.as_str(),
                    "status": record::status(info),
                    "created_at": record::time(info.created_at),
                    "last_activity": record::time(info.last_transition_at),
                });
                (info.key.backend.to_string(), session)
            })
            .collect();
        Ok(Done::with(json!({
            "worker_id": body.worker_id,
            "active_resources": types,
            "sessions": sessions,
            "tools_available": door.api.host.tools_for(&caller).len(),
        })))
    });
    control.answer(told)
}

/// Ends the worker's sessions that this door has.
pub(super) async fn disconnect(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<WorkerBody>("session:disconnect");
    let disconnected = async {
        let body = body?;
        let host = &door.api.host;
        let caller = asked.caller(host, &body.worker_id)?;
        door.unanswered
            .forget_those_of(&caller.worker, &asked.signature);
        let own = own(&caller, None);
        let ended = host.destroy_sessions(&caller, &own).await?;
        Ok(Done::with(
            json!({"worker_id": body.worker_id, "sessions_cleaned": ended}),
        ))
    };
    control.answer(disconnected.await)
}
