//! `GET /v1/tools`: what can be called, with schemas.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode};
use crate::tool::{Tool, ToolKind};

use super::problem::Refused;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ListQuery {
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::api) struct ToolList {
    tools: Vec<ToolBody>,
    count: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tool")]
pub(in crate::api) struct ToolBody {
    /// `backend:tool`.
    name: String,
    backend: String,
    tool: String,
    stateful: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    input_schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<Value>,
    hints: HintsBody,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Hints")]
struct HintsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destructive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_world: Option<bool>,
}

impl From<&Tool> for ToolBody {
    fn from(tool: &Tool) -> Self {
        let hints = tool.hints;
        Self {
            name: tool.full_name.clone(),
            backend: tool.backend.to_string(),
            tool: tool.name.clone(),
            stateful: tool.kind == ToolKind::Stateful,
            title: tool.title.clone(),
            description: tool.description.clone(),
            input_schema: tool.input.clone(),
            output_schema: tool.output.clone(),
            hints: HintsBody {
                read_only: hints.read_only,
                idempotent: hints.idempotent,
                destructive: hints.destructive,
                open_world: hints.open_world,
            },
        }
    }
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ToolList>, Refused> {
    let caller = visitor.known(&api.host)?;
    let query = checked_query(query, &visitor)?;
    let tools = api.host.tools_for(&caller);
    let wanted = tools.iter().filter(|tool| {
        query
            .backend
            .as_ref()
            .is_none_or(|backend| tool.backend.as_str() == backend)
    });
    let tools: Vec<ToolBody> = wanted.map(|tool| ToolBody::from(&**tool)).collect();
    Ok(Json(ToolList {
        count: tools.len(),
        tools,
    }))
}

pub(super) async fn get(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Json<ToolBody>, Refused> {
    let caller = visitor.known(&api.host)?;
    match api.host.tool_for(&caller, &name) {
        Ok(tool) => Ok(Json(ToolBody::from(&*tool))),
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

/// A query string that cannot be read is an error of ours, not the framework's plain text.
pub(super) fn checked_query<T>(
    query: Result<Query<T>, axum::extract::rejection::QueryRejection>,
    visitor: &Visitor,
) -> Result<T, Refused> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            let message = rejection.body_text();
            let error = Error::new(
                ErrorCode::InvalidRequest,
                format!("the query string: {message}"),
            );
            let error = match crate::error::nearest_field(&message) {
                Some(near) => error.hint(format!("did you mean {near:?}?")),
                None => error,
            };
            Err(Refused(error, visitor.request_id.clone()))
        }
    }
}
