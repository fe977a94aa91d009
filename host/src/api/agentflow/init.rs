//! `/api/v1/init/…`: sessions begun ahead of their first call.

use std::sync::Arc;

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::http::batch::{CALLS_MAX, side_by_side};
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Started};
use crate::ids::BackendName;

use super::Door;
use super::asked::Asked;
use super::codes::Code;
use super::control::Done;
use super::envelope::set;
use super::own::Wish;
use super::record;
use super::sessions::not_begun;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceBody {
    worker_id: String,
    resource_type: String,
    init_config: Option<Value>,
}

pub(super) async fn resource(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<ResourceBody>("init:resource");
    let begun = async {
        let body = body?;
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let started = begin(&door, &caller, &body.resource_type, body.init_config).await?;
        let mut data = json!({
            "session_id": started.info.id.as_str(),
            "resource_type": started.info.key.backend.as_str(),
            "session_status": record::status(&started.info),
            "error": null,
        });
        if let Some(note) = note(&started) {
            set(&mut data, "status", "exists");
            set(&mut data, "message", note);
        }
        Ok(Done::with(data).about(started.info))
    };
    let begun = begun.await;
    let also = begun.as_ref().err().map(not_begun).unwrap_or_default();
    control.answer_with(begun, also)
}

async fn begin(
    door: &Door,
    caller: &Caller,
    resource_type: &str,
    config: Option<Value>,
) -> Result<Started> {
    let backend = BackendName::parse(resource_type)?;
    let wish = Wish {
        config,
        ..Wish::default()
    };
    door.begin(caller, &backend, wish).await
}

/// That nothing has begun, and the config that was sent counts for nothing.
fn note(started: &Started) -> Option<&'static str> {
    (!started.is_new).then_some(
        "the session was there already, with the config that it began with; destroy it first to begin with another",
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    worker_id: String,
    resource_configs: Map<String, Value>,
    #[serde(default)]
    allocated_resources: Map<String, Value>,
    task_session_id: Option<String>,
}

pub(super) async fn batch(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<BatchBody>("init:batch");
    let begun = async {
        let body = body?;
        body.check()?;
        let caller = asked.caller(&door.api.host, &body.worker_id)?;
        let begins = body.resource_configs.into_iter();
        let begins = begins.map(|(resource_type, config)| {
            let (door, caller) = (&door, &caller);
            async move {
                let begun = match content(config) {
                    Ok(config) => begin(door, caller, &resource_type, Some(config)).await,
                    Err(error) => Err(error),
                };
                (resource_type, begun)
            }
        });
        Ok(summary(&body.worker_id, side_by_side(begins).await))
    };
    control.answer(begun.await)
}

impl BatchBody {
    fn check(&self) -> Result<()> {
        let refused = |field: &str, why: &str| {
            let message = format!("/{field}: {why}");
            Err(Error::new(ErrorCode::InvalidRequest, message)
                .detail("pointer", format!("/{field}")))
        };
        if !self.allocated_resources.is_empty() {
            return refused(
                "allocated_resources",
                "the host allocates for itself; leave it out",
            );
        }
        if self.task_session_id.is_some() {
            return refused(
                "task_session_id",
                "a session is of one worker and resource type, and of no task; leave it out",
            );
        }
        if self.resource_configs.len() > CALLS_MAX {
            return refused("resource_configs", &format!("at most {CALLS_MAX} at once"));
        }
        Ok(())
    }
}

/// The config itself stands in `content`, or for itself.
fn content(config: Value) -> Result<Value> {
    let Value::Object(mut members) = config else {
        return Ok(config);
    };
    if members.contains_key("config_file") {
        return Err(no_files("/resource_configs/config_file"));
    }
    let Some(content) = members.remove("content") else {
        return Ok(Value::Object(members));
    };
    match members.keys().next() {
        None => Ok(content),
        Some(other) => {
            let message = format!("there is {other:?} beside \"content\"");
            Err(Error::new(ErrorCode::InvalidRequest, message)
                .hint("put all of the config into \"content\""))
        }
    }
}

fn summary(worker_id: &str, begun: Vec<(String, Result<Started>)>) -> Done {
    let total = begun.len();
    let good = begun.iter().filter(|(_, begun)| begun.is_ok()).count();
    let results = begun.into_iter().map(|(resource_type, begun)| {
        let result = match begun {
            Ok(started) => {
                let mut result = json!({
                    "status": "success",
                    "session_id": started.info.id.as_str(),
                    "session_status": record::status(&started.info),
                    "error": null,
                });
                if let Some(note) = note(&started) {
                    set(&mut result, "message", note);
                }
                result
            }
            Err(error) => {
                let mut result = not_begun(&error);
                result.insert("status".to_owned(), json!("error"));
                result.insert("code".to_owned(), json!(error.code().as_str()));
                Value::Object(result)
            }
        };
        (resource_type, result)
    });
    let results: Map<String, Value> = results.collect();
    let (code, message) = match good {
        good if good == total => (Code::Success, "success".to_owned()),
        0 => (
            Code::AllRequestsFailed,
            "All resources failed to initialize".to_owned(),
        ),
        good => (
            Code::PartialFailure,
            format!("{} out of {total} resources failed", total - good),
        ),
    };
    Done {
        code,
        message,
        ..Done::with(json!({
            "worker_id": worker_id,
            "results": results,
            "total": total,
            "success_count": good,
        }))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FromConfigBody {
    worker_id: String,
    #[serde(rename = "config_path")]
    _config_path: String,
    #[serde(rename = "override_params")]
    _override_params: Option<Value>,
}

/// Refused, and no word on whether there is such a file.
pub(super) async fn from_config(door: Arc<Door>, asked: Asked) -> Response {
    let (control, body) = asked.control::<FromConfigBody>("init:from_config");
    let refused = body.and_then(|body| {
        asked.caller(&door.api.host, &body.worker_id)?;
        Err(no_files("/config_path"))
    });
    control.answer(refused)
}

fn no_files(pointer: &str) -> Error {
    let message = format!("{pointer}: the host reads none of its files for a caller");
    Error::new(ErrorCode::PolicyDenied, message)
        .detail("pointer", pointer)
        .hint(
            "send the config itself: init_config of init/resource, resource_configs of init/batch",
        )
}
