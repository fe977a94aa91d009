//! `GET /v1/sessions/{id}/logs`: what a session's guest has written.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::capability::log::LogLine;
use crate::ids::SessionId;

use super::problem::Refused;
use super::sessions::timestamp;
use super::tools::checked_query;

const LINES_DEFAULT: usize = 200;
const LINES_MAX: usize = 2000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct LogQuery {
    /// `next` of the page before. Default 0.
    after: Option<u64>,
    limit: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Log")]
pub(in crate::api) struct LogBody {
    lines: Vec<LineBody>,
    /// Older lines that the ring has lost.
    dropped: u64,
    /// `after` of the next page.
    next: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogLine")]
struct LineBody {
    seq: u64,
    at: String,
    /// `stdout`, `stderr`, `progress`, or the level of a log line.
    source: &'static str,
    text: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, String>,
}

impl From<LogLine> for LineBody {
    fn from(line: LogLine) -> Self {
        Self {
            seq: line.seq,
            at: timestamp(line.at),
            source: line.source.as_str(),
            text: line.text,
            fields: line.fields.into_iter().collect(),
        }
    }
}

pub(super) async fn logs(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    query: Result<Query<LogQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<LogBody>, Refused> {
    let query = checked_query(query, &visitor)?;
    let limit = query.limit.unwrap_or(LINES_DEFAULT).min(LINES_MAX);
    let page = async {
        let caller = visitor.caller(&api.host, None)?;
        let (id, after) = (SessionId::parse(&id)?, query.after.unwrap_or(0));
        api.host.session_logs(&caller, &id, after, limit).await
    };
    let page = page.await;
    let page = page.map_err(|error| Refused(error, visitor.request_id.clone()))?;
    Ok(Json(LogBody {
        lines: page.lines.into_iter().map(LineBody::from).collect(),
        dropped: page.dropped,
        next: page.next,
    }))
}
