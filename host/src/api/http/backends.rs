//! `/v1/backends` and `/v1/warmup`: what is loaded, and how warm it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::Result;
use crate::host::{Approval, BackendInfo, Caller, WarmUp, WarmupReport};
use crate::ids::BackendName;
use crate::registry::{Origin, Start, Warmth};

use super::body::{Body, Component, parse};
use super::patterns::BACKEND;
use super::problem::{Refused, document};
use super::sessions::timestamp;
use super::tools::checked_query;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Backend")]
pub(in crate::api) struct BackendBody {
    name: String,
    digest: String,
    bytes: u64,
    origin: String,
    loaded_at: String,
    /// Null: the code was in the cache.
    compiled_in_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    stateful: bool,
    tools: Vec<String>,
    skipped: Vec<Value>,
    imports: Vec<String>,
    hooks: crate::registry::HookNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_schema: Option<Value>,
    warnings: Vec<String>,
    /// What is other than in the backend that had the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Value>>,
    grants: Value,
    warmth: Value,
    sessions: usize,
}

impl From<BackendInfo> for BackendBody {
    fn from(info: BackendInfo) -> Self {
        let listing = info.listing;
        Self {
            digest: info.digest,
            bytes: info.bytes,
            origin: match info.origin {
                Origin::File(path) => path.display().to_string(),
                Origin::Uploaded => "uploaded".to_owned(),
            },
            loaded_at: timestamp(info.loaded_at),
            compiled_in_ms: info.compiled_in.map(|time| time.as_millis()),
            stateful: listing.is_stateful(),
            tools: listing
                .tools
                .iter()
                .map(|tool| format!("{}:{}", info.name, tool.name))
                .collect(),
            skipped: listing
                .skipped
                .iter()
                .map(|skipped| json!({"export": skipped.export, "reason": skipped.reason}))
                .collect(),
            changes: changes(&info.changes),
            description: listing.description,
            imports: listing.imports,
            hooks: listing.hooks,
            config_schema: listing.config,
            warnings: listing.warnings,
            grants: grants(&info.grants),
            warmth: warmth_body(&info.warmth),
            sessions: info.sessions,
            name: info.name.to_string(),
        }
    }
}

fn changes(changes: &[crate::registry::Change]) -> Option<Vec<Value>> {
    match crate::registry::changes_as_json(changes) {
        Value::Array(changes) if !changes.is_empty() => Some(changes),
        _ => None,
    }
}

/// What is granted, without the values of variables: they may be secrets.
fn grants(grants: &crate::policy::Grants) -> Value {
    let folders: Vec<Value> = grants.folders.iter().map(|folder| json!({"guest": folder.guest, "read_only": folder.access == crate::policy::FolderAccess::ReadOnly})).collect();
    json!({
        "workspace": grants.workspace,
        "folders": folders,
        "env": grants.env.keys().collect::<Vec<_>>(),
        "http": grants.http.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tcp": grants.tcp.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "secrets": grants.secrets.iter().map(|binding| json!({"secret": binding.secret.name(), "host": binding.requests.host.to_string(), "header": binding.header.as_str()})).collect::<Vec<_>>(),
        "keyvalue": grants.keyvalue,
        "precise_clock": grants.precise_clock,
    })
}

fn warmth_body(warmth: &Warmth) -> Value {
    match warmth {
        Warmth::Cold => json!({"state": "cold"}),
        Warmth::Warming => json!({"state": "warming"}),
        Warmth::Warm { at, took, start } => {
            json!({"state": "warm", "at": timestamp(*at), "took_ms": took.as_millis(), "start": start_body(start)})
        }
        Warmth::Failed { error } => {
            json!({"state": "failed", "code": error.code().as_str(), "message": error.message()})
        }
    }
}

/// How instances start: `plain`, from an `image` or a `cached_image`, or `without_image` and why.
fn start_body(start: &Start) -> Value {
    match start {
        Start::Plain => json!({"from": start.as_str()}),
        Start::CachedImage { warnings } => {
            json!({"from": start.as_str(), "warnings": warnings})
        }
        Start::Image {
            bytes,
            kept,
            warnings,
        } => {
            json!({"from": start.as_str(), "bytes": bytes, "kept": kept, "warnings": warnings})
        }
        Start::WithoutImage { reason } => json!({"from": start.as_str(), "reason": reason}),
    }
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<Json<Value>, Refused> {
    let caller = visitor.known(&api.host)?;
    let backends: Vec<BackendBody> = api
        .host
        .backends_for(&caller)
        .into_iter()
        .map(|info| shown(info, &caller))
        .collect();
    let problems: Vec<Value> = api
        .host
        .problems_for(&caller)
        .into_iter()
        .map(|problem| json!({"name": problem.name, "message": problem.message}))
        .collect();
    Ok(Json(
        json!({"count": backends.len(), "backends": backends, "problems": problems}),
    ))
}

pub(super) async fn get(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Json<BackendBody>, Refused> {
    let caller = visitor.known(&api.host)?;
    let found = BackendName::parse(&name).and_then(|name| api.host.backend_for(&caller, &name));
    found
        .map(|info| Json(shown(info, &caller)))
        .map_err(|error| Refused(error, visitor.request_id.clone()))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PutQuery {
    /// The digest that the component must have.
    digest: Option<String>,
    /// The caller has looked at what the component asks for, and at what it says of itself.
    #[serde(default)]
    approve: bool,
}

pub(super) async fn put(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(name): Path<String>,
    query: Result<Query<PutQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    Component(component): Component,
) -> Result<Json<BackendBody>, Refused> {
    let query = checked_query(query, &visitor)?;
    let loaded = async {
        let approval = if query.approve {
            Approval::Given
        } else {
            Approval::Missing
        };
        api.host
            .put_backend(
                BackendName::parse(&name)?,
                component,
                query.digest,
                if_match(&headers).as_deref(),
                approval,
            )
            .await
    };
    answer(loaded.await, &visitor)
}

pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<BackendBody>, Refused> {
    visitor.operator(&api.host)?;
    let unloaded = BackendName::parse(&name).and_then(|name| {
        api.host
            .delete_backend(&name, if_match(&headers).as_deref())
    });
    answer(unloaded, &visitor)
}

/// Where the file is on this machine is for operators.
fn shown(info: BackendInfo, caller: &Caller) -> BackendBody {
    let file = match &info.origin {
        Origin::File(path) if caller.may_administer().is_err() => path.file_name(),
        Origin::File(_) | Origin::Uploaded => None,
    };
    let file = file.map(|name| name.to_string_lossy().into_owned());
    let body = BackendBody::from(info);
    BackendBody {
        origin: file.unwrap_or(body.origin),
        ..body
    }
}

fn answer(outcome: Result<BackendInfo>, visitor: &Visitor) -> Result<Json<BackendBody>, Refused> {
    outcome
        .map(|info| Json(info.into()))
        .map_err(|error| Refused(error, visitor.request_id.clone()))
}

fn if_match(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::IF_MATCH)?.to_str().ok()?;
    Some(value.trim_matches('"').to_owned())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Warmup")]
pub(in crate::api) struct WarmupBody {
    /// None: all.
    #[schemars(inner(regex(pattern = BACKEND)))]
    backends: Option<Vec<String>>,
    /// Run `warmup` again where it has run already. Sessions go on with the image before.
    #[serde(default)]
    refresh: bool,
}

/// 200 if every backend is warm, 207 if not.
pub(super) async fn warm_up(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Body(body): Body,
) -> Result<Response, Refused> {
    visitor.operator(&api.host)?;
    let refused = |error| Refused(error, visitor.request_id.clone());
    let what = what(&body).map_err(refused)?;
    let reports = api.host.warm_up(what).await.map_err(refused)?;
    let all_warm = reports.iter().all(|report| report.outcome.is_ok());
    let status = if all_warm {
        StatusCode::OK
    } else {
        StatusCode::MULTI_STATUS
    };
    let backends: BTreeMap<String, Value> = reports
        .into_iter()
        .map(|report| (report.backend.to_string(), report_body(&report, &visitor)))
        .collect();
    Ok((status, Json(json!({"request_id": visitor.request_id.as_str(), "warm": all_warm, "backends": backends}))).into_response())
}

fn what(body: &[u8]) -> Result<WarmUp> {
    let body: WarmupBody = parse(body)?;
    let names = body
        .backends
        .map(|names| names.iter().map(|name| BackendName::parse(name)).collect());
    Ok(WarmUp {
        backends: names.transpose()?,
        refresh: body.refresh,
    })
}

fn report_body(report: &WarmupReport, visitor: &Visitor) -> Value {
    match &report.outcome {
        Ok(warmth) => warmth_body(warmth),
        Err(error) => json!({"state": "failed", "error": document(error, &visitor.request_id)}),
    }
}

pub(super) async fn warmth(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<Json<Value>, Refused> {
    let caller = visitor.known(&api.host)?;
    let backends: BTreeMap<String, Value> = api
        .host
        .backends_for(&caller)
        .into_iter()
        .map(|info| (info.name.to_string(), warmth_body(&info.warmth)))
        .collect();
    Ok(Json(json!({"backends": backends})))
}
