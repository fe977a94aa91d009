//! `/v1/sessions`: create, list, look at, label, keep alive, destroy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Host, SessionPage, Started};
use crate::ids::{BackendName, SessionId, SessionName, WorkerId};
use crate::label::{LABEL_CHARS_MAX, LABELS_MAX, Labels};
use crate::policy::LimitRequest;
use crate::session::{
    CheckpointMode, Farewell, ForkedFrom, IfExists, NewSession, OnIdle, SessionInfo, SessionQuery,
    SessionState, Timers,
};

use super::body::{Body, parse, whole};
use super::patterns::{BACKEND, PRINTABLE};
use super::problem::Refused;
use super::tools::checked_query;

/// Sessions on a page.
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 1000;
/// Ten years.
const SECONDS_MAX: f64 = 315_576_000.0;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSession")]
pub(in crate::api) struct CreateBody {
    #[schemars(regex(pattern = BACKEND))]
    backend: String,
    /// Default: `default`.
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    name: Option<String>,
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    worker_id: Option<String>,
    /// An object, merged over the backend's default config.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    config: Option<Value>,
    /// At most 64; keys and values have 1 to 256 characters.
    #[serde(default)]
    #[schemars(schema_with = "labels_schema")]
    labels: BTreeMap<String, String>,
    /// Seconds without a call or a keep-alive; 0: never ends by itself.
    #[schemars(range(min = 0, max = SECONDS_MAX))]
    idle_timeout: Option<f64>,
    /// Seconds; 0: no limit.
    #[schemars(range(min = 0, max = SECONDS_MAX))]
    max_lifetime: Option<f64>,
    #[serde(default)]
    limits: LimitsBody,
    #[serde(default)]
    if_exists: IfExistsBody,
    #[serde(default)]
    #[schemars(length(max = 0))]
    contexts: Vec<Value>,
    #[serde(default)]
    checkpoint: CheckpointMode,
    /// Default: the host's.
    on_idle: Option<OnIdle>,
    /// Seconds; 0: never.
    #[schemars(range(min = 0, max = SECONDS_MAX))]
    archive_after: Option<f64>,
}

/// Labels as they are written.
pub(super) fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": LABELS_MAX,
        "propertyNames": {"minLength": 1, "maxLength": LABEL_CHARS_MAX},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": LABEL_CHARS_MAX},
    })
}

/// Only tighter than the backend's own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SessionLimits")]
struct LimitsBody {
    #[serde(default, deserialize_with = "whole")]
    call_ms: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    cpu_ms: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    memory_bytes: Option<usize>,
    #[serde(default, deserialize_with = "whole")]
    result_bytes: Option<usize>,
    #[serde(default, deserialize_with = "whole")]
    workspace_bytes: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    workspace_files: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    queue: Option<usize>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "IfExists")]
enum IfExistsBody {
    #[default]
    Error,
    Return,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(in crate::api) struct SessionBody {
    id: String,
    backend: String,
    name: String,
    worker_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    created_at: String,
    last_transition_at: String,
    /// Null: not by itself.
    expires_at: Option<String>,
    /// Seconds; null: never.
    idle_timeout: Option<f64>,
    max_lifetime: Option<f64>,
    on_idle: &'static str,
    labels: BTreeMap<String, String>,
    backend_digest: String,
    calls: u64,
    waiting: usize,
    usage: UsageBody,
    checkpoint: &'static str,
    checkpoints: CheckpointsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from: Option<ForkedFrom>,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Only in the answer to its end: `clean`, or what went wrong in its cleanup.
    #[serde(skip_serializing_if = "Option::is_none")]
    cleanup: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointUsage")]
struct CheckpointsBody {
    count: usize,
    bytes: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionUsage")]
struct UsageBody {
    duration_us: u128,
    memory_bytes: u64,
    host_calls: u64,
}

impl From<SessionInfo> for SessionBody {
    fn from(info: SessionInfo) -> Self {
        Self {
            id: info.id.to_string(),
            backend: info.key.backend.to_string(),
            name: info.key.name.to_string(),
            worker_id: info.key.worker.to_string(),
            state: info.state.as_str(),
            reason: info.reason,
            message: info.message,
            created_at: timestamp(info.created_at),
            last_transition_at: timestamp(info.last_transition_at),
            expires_at: info.expires_at.map(timestamp),
            idle_timeout: info.timers.idle_timeout.map(|time| time.as_secs_f64()),
            max_lifetime: info.timers.max_lifetime.map(|time| time.as_secs_f64()),
            on_idle: info.timers.on_idle.as_str(),
            labels: info.labels.as_map().clone(),
            backend_digest: info.backend_digest,
            calls: info.calls,
            waiting: info.waiting,
            usage: UsageBody {
                duration_us: info.usage.duration.as_micros(),
                memory_bytes: info.usage.memory_bytes,
                host_calls: info.usage.host_calls,
            },
            checkpoint: info.checkpoint.as_str(),
            checkpoints: CheckpointsBody {
                count: info.checkpoints.count,
                bytes: info.checkpoints.bytes,
            },
            forked_from: info.forked_from,
            token: None,
            cleanup: None,
        }
    }
}

impl SessionBody {
    /// A session that was begun just now.
    pub(in crate::api) fn of(started: Started) -> Self {
        Self {
            token: started.token,
            ..started.info.into()
        }
    }

    /// A session that was ended just now.
    pub(in crate::api) fn gone(info: SessionInfo, farewell: Farewell) -> Self {
        let cleanup = match farewell {
            Farewell::Clean => "clean".to_owned(),
            Farewell::Unclean(why) => why,
        };
        Self {
            cleanup: Some(cleanup),
            ..info.into()
        }
    }
}

fn optional_labels_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [labels_schema(generator), {"type": "null"}]})
}

/// RFC 3339, UTC, milliseconds.
pub(in crate::api) fn timestamp(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// 201 for a new session; 200 for one that was there, if the caller asked for that.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Body(body): Body,
) -> Result<Response, Refused> {
    let started = async {
        let body: CreateBody = parse(&body)?;
        let caller = visitor.caller(&api.host, body.worker_id.as_deref())?;
        let (backend, new) = body.checked(&api.host)?;
        api.host.create_session(&caller, &backend, new).await
    };
    match started.await {
        Ok(started) => {
            let status = if started.is_new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            Ok((status, Json(SessionBody::of(started))).into_response())
        }
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

impl CreateBody {
    /// Who calls, in the body's own words.
    pub(in crate::api) fn worker(&self) -> Option<&str> {
        self.worker_id.as_deref()
    }

    pub(in crate::api) fn checked(self, host: &Host) -> Result<(BackendName, NewSession)> {
        if let Some(context) = self.contexts.first() {
            let error = Error::new(
                ErrorCode::ContextNotFound,
                format!("there is no context {context}"),
            );
            return Err(error.hint("this version of Hostel has no contexts; leave them out, or grant the backend a folder"));
        }
        let defaults = host.timers();
        let timers = Timers {
            idle_timeout: seconds("/idle_timeout", self.idle_timeout, defaults.idle_timeout)?,
            max_lifetime: seconds("/max_lifetime", self.max_lifetime, defaults.max_lifetime)?,
            on_idle: self.on_idle.unwrap_or(defaults.on_idle),
            archive_after: seconds("/archive_after", self.archive_after, defaults.archive_after)?,
        };
        let LimitsBody {
            call_ms,
            cpu_ms,
            memory_bytes,
            result_bytes,
            workspace_bytes,
            workspace_files,
            queue,
        } = self.limits;
        let new = NewSession {
            name: self
                .name
                .as_deref()
                .map(SessionName::parse)
                .transpose()?
                .unwrap_or_default(),
            config: self.config,
            labels: Labels::parse(self.labels)?,
            timers: Some(timers),
            limits: LimitRequest {
                call: call_ms.map(Duration::from_millis),
                cpu: cpu_ms.map(Duration::from_millis),
                memory_bytes,
                result_bytes,
                workspace_bytes,
                workspace_files,
                queue,
            },
            if_exists: match self.if_exists {
                IfExistsBody::Error => IfExists::Error,
                IfExistsBody::Return => IfExists::Return,
            },
            checkpoint: self.checkpoint,
        };
        Ok((BackendName::parse(&self.backend)?, new))
    }
}

/// Zero is none: no end.
pub(in crate::api) fn seconds(
    pointer: &str,
    asked: Option<f64>,
    default: Option<Duration>,
) -> Result<Option<Duration>> {
    let Some(asked) = asked else {
        return Ok(default);
    };
    match Duration::try_from_secs_f64(asked) {
        // What is too short to be told from nothing is short, and not for ever.
        Ok(time) if asked <= SECONDS_MAX => {
            Ok((asked > 0.0).then(|| time.max(Duration::from_nanos(1))))
        }
        Ok(_) => Err(Error::new(
            ErrorCode::InvalidRequest,
            format!("{pointer}: {asked} seconds are more than ten years"),
        )
        .detail("pointer", pointer)
        .hint("0 means for ever")),
        Err(error) => Err(Error::new(
            ErrorCode::InvalidRequest,
            format!("{pointer}: {asked} is no number of seconds: {error}"),
        )
        .detail("pointer", pointer)),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ListQuery {
    /// Default: the caller. `*`: all workers.
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    worker: Option<String>,
    #[schemars(regex(pattern = BACKEND))]
    backend: Option<String>,
    #[schemars(regex(pattern = "^(starting|active|idle|suspended|archived|failed)$"))]
    state: Option<String>,
    /// `key=value,key=value`
    #[schemars(regex(pattern = "^([^,=]{1,256}=[^,]{1,256}(,[^,=]{1,256}=[^,]{1,256}){0,63})?$"))]
    labels: Option<String>,
    /// Default 50, at most 1,000.
    limit: Option<usize>,
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$"))]
    cursor: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let query = checked_query(query, &visitor)?;
    let page = visitor.caller(&api.host, None).and_then(|caller| {
        let query = query.checked(&caller)?;
        api.host.list_sessions(&caller, &query)
    });
    let page = page.map_err(|error| Refused(error, visitor.request_id.clone()))?;
    Ok(Json(page_body(page)))
}

pub(in crate::api) fn page_body(page: SessionPage) -> Value {
    let sessions: Vec<SessionBody> = page.sessions.into_iter().map(SessionBody::from).collect();
    json!({"sessions": sessions, "total": page.total, "next_cursor": page.next.map(cursor)})
}

impl ListQuery {
    pub(in crate::api) fn worker(&self) -> Option<&str> {
        self.worker.as_deref()
    }

    pub(in crate::api) fn checked(self, caller: &Caller) -> Result<SessionQuery> {
        let worker = match self.worker.as_deref() {
            None => Some(caller.worker.clone()),
            Some("*") => None,
            Some(worker) => Some(WorkerId::parse(worker)?),
        };
        let state = self.state.map(|text| {
            let invalid = || {
                Error::new(
                    ErrorCode::InvalidRequest,
                    format!("{text:?} is no state of a session"),
                )
                .hint(
                    "the states of live sessions are starting, active, idle, suspended, archived and failed",
                )
            };
            SessionState::parse(&text).ok_or_else(invalid)
        });
        Ok(SessionQuery {
            worker,
            backend: self
                .backend
                .as_deref()
                .map(BackendName::parse)
                .transpose()?,
            name: None,
            state: state.transpose()?,
            labels: self
                .labels
                .as_deref()
                .map(Labels::parse_query)
                .transpose()?
                .unwrap_or_default(),
            before: self.cursor.as_deref().map(read_cursor).transpose()?,
            limit: self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX),
        })
    }
}

/// Opaque to callers: where the page before ended.
fn cursor(serial: u64) -> String {
    URL_SAFE_NO_PAD.encode(serial.to_be_bytes())
}

fn read_cursor(text: &str) -> Result<u64> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidRequest,
            format!("{text:?} is no cursor of this host"),
        )
        .hint("use next_cursor of the page before, or none")
    })
}

pub(super) async fn get(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, Refused> {
    on_session(&api, &visitor, &id, |caller, id| {
        api.host.session(caller, id)
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SessionChange")]
pub(in crate::api) struct PatchBody {
    /// In place of all labels that it has.
    #[schemars(schema_with = "optional_labels_schema")]
    labels: Option<BTreeMap<String, String>>,
    checkpoint: Option<CheckpointMode>,
}

pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<SessionBody>, Refused> {
    on_session(&api, &visitor, &id, |caller, id| {
        let body: PatchBody = parse(&body)?;
        let labels = body.labels.map(Labels::parse).transpose()?;
        api.host.change_session(caller, id, labels, body.checkpoint)
    })
}

pub(super) async fn keep_alive(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, Refused> {
    on_session(&api, &visitor, &id, |caller, id| {
        api.host.keep_alive(caller, id)
    })
}

pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, Refused> {
    let destroyed = async {
        let caller = visitor.caller(&api.host, None)?;
        api.host
            .destroy_session(&caller, &SessionId::parse(&id)?)
            .await
    };
    match destroyed.await {
        Ok((info, farewell)) => Ok(Json(SessionBody::gone(info, farewell))),
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

fn on_session(
    api: &Api,
    visitor: &Visitor,
    id: &str,
    verb: impl FnOnce(&Caller, &SessionId) -> Result<SessionInfo>,
) -> Result<Json<SessionBody>, Refused> {
    let outcome = visitor
        .caller(&api.host, None)
        .and_then(|caller| verb(&caller, &SessionId::parse(id)?));
    outcome
        .map(|info| Json(info.into()))
        .map_err(|error| Refused(error, visitor.request_id.clone()))
}
