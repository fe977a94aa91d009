//! `/api/v1/warmup`: bare documents, without an envelope.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::http::body::parse;
use crate::api::http::problem::Refused;
use crate::error::Result;
use crate::host::{Caller, WarmUp};
use crate::ids::BackendName;
use crate::registry::Warmth;

use super::Door;
use super::asked::{Asked, Onlooker};
use super::control::refused;
use super::envelope::set;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WarmupBody {
    /// None, or none of them: all.
    backends: Option<Vec<String>>,
}

/// What each backend came to, by name; the error in words.
type Outcomes = Map<String, Value>;

pub(super) async fn warm_up(door: Arc<Door>, asked: Asked) -> Response {
    let caller = match asked.visitor.operator(&door.api.host) {
        Ok(caller) => caller,
        Err(Refused(error, id)) => return refused(&error, None, &id),
    };
    match warmed(&door, &asked, &caller).await {
        Ok((results, errors)) => {
            let status = if errors.is_empty() {
                "success"
            } else {
                "partial_error"
            };
            let mut body =
                json!({"status": status, "results": results, "summary": summary(&door, &caller)});
            if !errors.is_empty() {
                set(&mut body, "errors", Value::Object(errors));
            }
            Json(body).into_response()
        }
        Err(error) => refused(&error, None, &asked.visitor.request_id),
    }
}

/// A name that nobody has is a failure of its own and keeps no other from being warmed up.
async fn warmed(door: &Door, asked: &Asked, caller: &Caller) -> Result<(Outcomes, Outcomes)> {
    let body: WarmupBody = parse(&asked.body)?;
    let host = &door.api.host;
    let (mut results, mut errors) = (Outcomes::new(), Outcomes::new());
    let named = body.backends.filter(|names| !names.is_empty());
    let mut known = Vec::new();
    for name in named.iter().flatten() {
        let found = BackendName::parse(name).and_then(|name| host.backend_for(caller, &name));
        match found {
            Ok(backend) => known.push(backend.name),
            Err(error) => {
                results.insert(name.clone(), json!(false));
                errors.insert(name.clone(), json!(error.message()));
            }
        }
    }
    let what = WarmUp {
        backends: named.map(|_| known),
        refresh: false,
    };
    for report in host.warm_up(what).await? {
        let name = report.backend.to_string();
        if let Err(error) = &report.outcome {
            errors.insert(name.clone(), json!(error.message()));
        }
        results.insert(name, json!(report.outcome.is_ok()));
    }
    Ok((results, errors))
}

pub(super) async fn status(State(door): State<Arc<Door>>, onlooker: Onlooker) -> Response {
    let caller = match onlooker.caller(&door) {
        Ok((caller, _)) => caller,
        Err(Refused(error, id)) => return refused(&error, None, &id),
    };
    let backends: Map<String, Value> = warmths(&door, &caller)
        .map(|(name, is_warm)| (name, json!({"loaded": true, "warmed_up": is_warm})))
        .collect();
    Json(json!({"backends": backends, "summary": summary(&door, &caller)})).into_response()
}

fn summary(door: &Door, caller: &Caller) -> Value {
    let (warm, cold): (Vec<bool>, Vec<bool>) = warmths(door, caller)
        .map(|(_, is_warm)| is_warm)
        .partition(|is_warm| *is_warm);
    json!({"total": warm.len() + cold.len(), "warmed_up": warm.len(), "pending": cold.len()})
}

fn warmths(door: &Door, caller: &Caller) -> impl Iterator<Item = (String, bool)> {
    let backends = door.api.host.backends_for(caller).into_iter();
    backends.map(|backend| {
        let is_warm = matches!(backend.warmth, Warmth::Warm { .. });
        (backend.name.to_string(), is_warm)
    })
}
