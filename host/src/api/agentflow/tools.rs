//! `/api/v1/tools`: what can be called. Bare documents, without an envelope.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::http::problem::Refused;
use crate::error::{Error, ErrorCode};
use crate::tool::{Tool, ToolKind};

use super::Door;
use super::asked::Onlooker;
use super::control::refused;

/// How the description of a tool begins that is only shown to those who ask for it.
const HIDDEN: &str = "[HIDDEN]";

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    include_hidden: Option<String>,
}

impl ListQuery {
    /// As Python writes it, too: `True`.
    fn with_hidden(&self) -> Option<bool> {
        let Some(text) = &self.include_hidden else {
            return Some(false);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    onlooker: Onlooker,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Response {
    let (caller, id) = match onlooker.caller(&door) {
        Ok(known) => known,
        Err(Refused(error, id)) => return refused(&error, None, &id),
    };
    let Some(with_hidden) = query.ok().and_then(|query| query.with_hidden()) else {
        let error = Error::new(
            ErrorCode::InvalidRequest,
            "the query string: include_hidden is true or false",
        );
        return refused(&error, None, &id);
    };
    let tools = door.api.host.tools_for(&caller);
    let shown = tools.iter().filter(|tool| with_hidden || !is_hidden(tool));
    let tools: Vec<Value> = shown.map(|tool| shown_as(tool)).collect();
    Json(json!({"count": tools.len(), "tools": tools})).into_response()
}

pub(super) async fn schema(
    State(door): State<Arc<Door>>,
    onlooker: Onlooker,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let (caller, _) = match onlooker.caller(&door) {
        Ok(known) => known,
        Err(Refused(error, id)) => return refused(&error, None, &id),
    };
    let name = name.map(|Path(name)| name).unwrap_or_default();
    match door.api.host.tool_for(&caller, &name) {
        Ok(tool) => Json(shown_as(&tool)).into_response(),
        Err(error) => {
            let hint = error.hint_text().map(|hint| format!("; {hint}"));
            let message = format!("{}{}", error.message(), hint.unwrap_or_default());
            let body = json!({"status": "error", "message": message});
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    }
}

fn shown_as(tool: &Tool) -> Value {
    json!({
        "name": tool.name,
        "full_name": tool.full_name,
        "resource_type": tool.backend.as_str(),
        "stateless": tool.kind == ToolKind::Stateless,
        "description": tool.description.as_deref().unwrap_or_default(),
        "parameters": tool.input,
    })
}

fn is_hidden(tool: &Tool) -> bool {
    let description = tool.description.as_deref();
    description.is_some_and(|text| text.trim_start().starts_with(HIDDEN))
}
