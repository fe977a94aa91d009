//! `/api/v1/session/…`: create, destroy, list, refresh. One session for each worker and resource type; what `/v1` has besides is not touched.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Started};
use crate::ids::{BackendName, SessionId};
use crate::session::{Farewell, SessionInfo, Timers};

use super::Door;
use super::asked::Asked;
use super::control::Done;
use super::envelope::set;
use super::own::{Target, Wish};
use super::record;

/// No session is asked to live longer without a call.
const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    worker_id: String,
    resource_type: String,
    #[serde(alias = "config")]
    session_config: Option<Value>,
    custom_name: Option<String>,
    /// Seconds without a call, a refresh or a heartbeat; the host's if it is not said.
    ttl: Option<f64>,
    /// False: the session ends when it is `ttl` old, whatever happens.
    auto_extend: Option<bool>,
}

pub(super) async fn create(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<CreateBody>("session:create");
    let created = async {
        let body = body?;
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let backend = BackendName::parse(&body.resource_type)?;
        let wish = Wish {
            timers: timers(&door, body.ttl, body.auto_extend)?,
            config: body.session_config,
            custom_name: body.custom_name,
        };
        let started = door.begin(&caller, &backend, wish).await?;
        Ok(created(&door, started))
    };
    let created = created.await;
    let also = created.as_ref().err().map(not_begun).unwrap_or_default();
    control.answer_with(created, also)
}

fn timers(door: &Door, ttl: Option<f64>, auto_extend: Option<bool>) -> Result<Option<Timers>> {
    let usual = door.api.host.timers();
    let idle_timeout = match ttl {
        Some(ttl) => Some(time("/ttl", ttl)?),
        None => usual.idle_timeout,
    };
    let max_lifetime = match (auto_extend, usual.max_lifetime) {
        (Some(false), None) => idle_timeout,
        (Some(false), Some(usual)) => Some(idle_timeout.map_or(usual, |ttl| ttl.min(usual))),
        (None | Some(true), usual) => usual,
    };
    Ok(Some(Timers {
        idle_timeout,
        max_lifetime,
        ..usual
    }))
}

/// A time to live.
fn time(pointer: &str, asked: f64) -> Result<Duration> {
    let time = Duration::try_from_secs_f64(asked).ok();
    let time = time.filter(|time| !time.is_zero() && *time <= TTL_MAX);
    time.ok_or_else(|| {
        let message = format!("{pointer}: {asked} is no time to live");
        Error::new(ErrorCode::InvalidRequest, message)
            .detail("pointer", pointer)
            .hint(format!(
                "give seconds, more than 0 and at most {}",
                TTL_MAX.as_secs()
            ))
    })
}

fn created(door: &Door, started: Started) -> Done {
    let info = started.info;
    let resource_type = info.key.backend.as_str();
    let (id, name) = (info.id.as_str(), record::name(&info));
    let data = if !started.is_new {
        json!({"status": "exists", "session_id": id, "session_name": name, "resource_type": resource_type})
    } else {
        let mut data = json!({
            "session_id": id,
            "session_name": name,
            "resource_type": resource_type,
            "session_status": record::status(&info),
            "error": null,
        });
        if let Some(message) = compatibility(door, &info) {
            set(&mut data, "compatibility_mode", true);
            set(&mut data, "compatibility_message", message);
        }
        data
    };
    Done::with(data).about(info)
}

/// Why the session is of no use, if it is not.
fn compatibility(door: &Door, info: &SessionInfo) -> Option<String> {
    let backend = door.api.host.backend(&info.key.backend).ok()?;
    (!backend.listing.is_stateful()).then(|| {
        format!(
            "the tools of {:?} keep nothing from call to call: they need no session, and make no use of this one",
            info.key.backend.as_str()
        )
    })
}

/// What the data of a failure say besides.
pub(super) fn not_begun(error: &Error) -> Map<String, Value> {
    let mut also = Map::new();
    also.insert("session_id".to_owned(), Value::Null);
    also.insert("session_status".to_owned(), json!("error"));
    also.insert("error".to_owned(), json!(error.message()));
    also
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DestroyBody {
    worker_id: String,
    resource_type: String,
    /// Only if it is still this one.
    target_session_id: Option<String>,
}

pub(super) async fn destroy(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<DestroyBody>("session:destroy");
    let destroyed = async {
        let body = body?;
        let host = &door.api.host;
        let caller = asked.caller(host, &body.worker_id)?;
        let backend = BackendName::parse(&body.resource_type)?;
        let target = match &body.target_session_id {
            Some(id) => Target::Session(SessionId::parse(id)?, Some(backend)),
            None => Target::Of(backend),
        };
        let info = door.find(&target, &caller)?;
        door.unanswered
            .forget_those_of(&caller.worker, &asked.signature);
        let (info, farewell) = host.destroy_session(&caller, &info.id).await?;
        let mut data = json!({
            "message": format!("Session destroyed for {}", info.key.backend),
            "session_id": info.id.as_str(),
            "session_name": record::name(&info),
            "resource_type": info.key.backend.as_str(),
        });
        if let Farewell::Unclean(why) = farewell {
            set(&mut data, "cleanup", why);
        }
        Ok(Done::with(data).about(info))
    };
    control.answer(destroyed.await)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListBody {
    worker_id: String,
    resource_type: Option<String>,
}

pub(super) async fn list(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<ListBody>("session:list");
    let listed = body.and_then(|body| {
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let backend = body.resource_type.as_deref().map(BackendName::parse);
        let sessions = door.own(&caller, backend.transpose()?)?;
        let sessions: Vec<Value> = sessions.iter().map(record::listed).collect();
        Ok(Done::with(json!({
            "worker_id": body.worker_id,
            "count": sessions.len(),
            "sessions": sessions,
        })))
    });
    control.answer(listed)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    worker_id: String,
    /// Neither this nor an id: all of the worker's sessions.
    resource_type: Option<String>,
    target_session_id: Option<String>,
    /// Seconds from now that the session has at least; as a call gives it if it is not said.
    extend_ttl: Option<f64>,
}

pub(super) async fn refresh(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<RefreshBody>("session:refresh");
    let refreshed = body.and_then(|body| {
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let left = body.extend_ttl.map(|left| time("/extend_ttl", left));
        let left = left.transpose()?;
        let (backend, id) = (
            body.resource_type.as_deref(),
            body.target_session_id.as_deref(),
        );
        match Target::parse(backend, id)? {
            Some(target) => refresh_one(&door, &caller, &target, left),
            None => refresh_all(&door, &caller, left),
        }
    });
    control.answer(refreshed)
}

fn refresh_one(
    door: &Door,
    caller: &Caller,
    target: &Target,
    left: Option<Duration>,
) -> Result<Done> {
    let info = door.find(target, caller)?;
    let info = door.keep_alive(caller, &info.id, left)?;
    let data = json!({
        "message": format!("Session refreshed for {}", info.key.backend),
        "resource_type": info.key.backend.as_str(),
        "session_id": info.id.as_str(),
        "expires_at": record::expiry(&info),
    });
    Ok(Done::with(data).about(info))
}

fn refresh_all(door: &Door, caller: &Caller, left: Option<Duration>) -> Result<Done> {
    let refreshed = door.keep_all_alive(caller, left)?;
    let details: Map<String, Value> = refreshed
        .iter()
        .map(|info| {
            let detail = json!({"status": "refreshed", "expires_at": record::expiry(info)});
            (info.key.backend.to_string(), detail)
        })
        .collect();
    Ok(Done::with(json!({
        "message": format!("Refreshed {} sessions", refreshed.len()),
        "worker_id": caller.worker.as_str(),
        "refreshed_count": refreshed.len(),
        "details": details,
    })))
}
