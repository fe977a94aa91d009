//! `/v1/policy/reload`: the configuration is read anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::doorway::Visitor;

use super::problem::Refused;

pub(super) async fn reload(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<Json<Value>, Refused> {
    visitor.operator(&api.host)?;
    let changes = api.host.reload_policy().await;
    let changes = changes.map_err(|error| Refused(error, visitor.request_id.clone()))?;
    let backends: Vec<Value> = changes
        .iter()
        .map(|change| json!({"backend": change.backend.as_str(), "changed": change.what.as_str()}))
        .collect();
    Ok(Json(
        json!({"request_id": visitor.request_id.as_str(), "backends": backends}),
    ))
}
