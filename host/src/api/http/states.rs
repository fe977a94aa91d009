//! `/v1/sessions/{id}/checkpoints`, `restore`, `fork`, `suspend`, `resume`: the state of a session, held and handed on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::doorway::Visitor;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Started};
use crate::ids::{RequestId, SessionId, SessionName};
use crate::label::Labels;
use crate::session::{CheckpointInfo, ForkRequest};

use super::body::{Body, parse, whole};
use super::patterns::PRINTABLE;
use super::problem::{Refused, document};
use super::sessions::{SessionBody, labels_schema, timestamp};

/// Characters in the name of a checkpoint.
const NAME_CHARS_MAX: usize = 128;

type Answer<T> = Result<T, Refused>;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Checkpoint")]
pub(in crate::api) struct CheckpointBody {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    created_at: String,
    /// Calls that the session had had.
    call: u64,
    bytes: u64,
}

impl From<CheckpointInfo> for CheckpointBody {
    fn from(info: CheckpointInfo) -> Self {
        Self {
            id: info.id(),
            created_at: timestamp(info.created_at),
            name: info.name,
            call: info.call,
            bytes: info.bytes,
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "NewCheckpoint")]
pub(in crate::api) struct NewCheckpointBody {
    #[schemars(length(min = 1, max = 128), regex(pattern = PRINTABLE))]
    name: Option<String>,
}

/// 201 and the checkpoint. It is on disk when this answers.
pub(super) async fn checkpoint(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<(StatusCode, Json<Value>)> {
    let made = async {
        let (caller, id) = asked(&api, &visitor, &id)?;
        let body: NewCheckpointBody = parse_or_default(&body)?;
        let name = body.name.map(checked_name).transpose()?;
        let info = api.host.checkpoint(&caller, &id, name).await?;
        Ok((StatusCode::CREATED, Json(json!(CheckpointBody::from(info)))))
    };
    made.await
        .map_err(|error| Refused(error, visitor.request_id))
}

/// Oldest first.
pub(super) async fn checkpoints(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let listed =
        asked(&api, &visitor, &id).and_then(|(caller, id)| api.host.checkpoints(&caller, &id));
    let listed = listed.map_err(|error| Refused(error, visitor.request_id))?;
    let listed: Vec<CheckpointBody> = listed.into_iter().map(CheckpointBody::from).collect();
    Ok(Json(json!({"checkpoints": listed})))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Restore")]
pub(in crate::api) struct RestoreBody {
    /// An id such as `c3`, or a name.
    checkpoint: String,
}

/// The session, and in `restored` the checkpoint that it is at.
pub(super) async fn restore(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<Json<Value>> {
    let restored = async {
        let (caller, id) = asked(&api, &visitor, &id)?;
        let body: RestoreBody = parse(&body)?;
        let (info, checkpoint) = api.host.restore(&caller, &id, &body.checkpoint).await?;
        let mut body = json!(SessionBody::from(info));
        if let Some(body) = body.as_object_mut() {
            let checkpoint = json!(CheckpointBody::from(checkpoint));
            body.insert("restored".to_owned(), checkpoint);
        }
        Ok(Json(body))
    };
    restored
        .await
        .map_err(|error| Refused(error, visitor.request_id))
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Fork")]
pub(in crate::api) struct ForkBody {
    /// Default 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(deserialize_with = "whole")]
    count: Option<usize>,
    /// With several forks, each has a number behind it.
    #[schemars(length(min = 1, max = 120), regex(pattern = PRINTABLE))]
    name: Option<String>,
    /// Over those of the parent.
    #[schemars(schema_with = "labels_schema")]
    labels: BTreeMap<String, String>,
}

impl ForkBody {
    pub(in crate::api) fn checked(self) -> Result<ForkRequest> {
        Ok(ForkRequest {
            count: self.count.unwrap_or(1),
            name: self.name.as_deref().map(SessionName::parse).transpose()?,
            labels: Labels::parse(self.labels)?,
        })
    }
}

/// Each fork stands for itself, a session or an error.
pub(in crate::api) fn forks_body(
    forks: Vec<Result<Started>>,
    request_id: &RequestId,
    shown: impl Fn(Started) -> SessionBody,
) -> Value {
    let (total, good) = (
        forks.len(),
        forks.iter().filter(|fork| fork.is_ok()).count(),
    );
    let forks = forks.into_iter().map(|fork| match fork {
        Ok(started) => json!(shown(started)),
        Err(error) => document(&error, request_id),
    });
    let forks: Vec<Value> = forks.collect();
    json!({"total": total, "succeeded": good, "forks": forks})
}

/// 201 if every fork is there, 207 if not: each stands for itself, a session with its token or an error.
pub(super) async fn fork(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<(StatusCode, Json<Value>)> {
    let forked = async {
        let (caller, id) = asked(&api, &visitor, &id)?;
        let body: ForkBody = parse_or_default(&body)?;
        api.host.fork(&caller, &id, &body.checked()?).await
    };
    match forked.await {
        Ok(forks) => {
            let status = if forks.iter().all(|fork| fork.is_ok()) {
                StatusCode::CREATED
            } else {
                StatusCode::MULTI_STATUS
            };
            let body = forks_body(forks, &visitor.request_id, SessionBody::of);
            Ok((status, Json(body)))
        }
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

pub(super) async fn suspend(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer<Json<SessionBody>> {
    let suspended = async {
        let (caller, id) = asked(&api, &visitor, &id)?;
        api.host.suspend(&caller, &id).await
    };
    match suspended.await {
        Ok(info) => Ok(Json(info.into())),
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Answer<Json<SessionBody>> {
    let resumed = async {
        let (caller, id) = asked(&api, &visitor, &id)?;
        api.host.resume(&caller, &id).await
    };
    match resumed.await {
        Ok(info) => Ok(Json(info.into())),
        Err(error) => Err(Refused(error, visitor.request_id)),
    }
}

fn asked(api: &Api, visitor: &Visitor, id: &str) -> Result<(Caller, SessionId)> {
    Ok((visitor.caller(&api.host, None)?, SessionId::parse(id)?))
}

/// All fields have defaults, so a body that is not there is one without fields.
fn parse_or_default<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T> {
    if body.is_empty() {
        return Ok(T::default());
    }
    parse(body)
}

fn checked_name(name: String) -> Result<String> {
    if name.is_empty()
        || name.chars().count() > NAME_CHARS_MAX
        || name.chars().any(char::is_control)
    {
        let message = format!("/name: {name:?} is no name for a checkpoint");
        return Err(Error::new(ErrorCode::InvalidRequest, message)
            .detail("pointer", "/name")
            .hint(format!(
                "a name has 1 to {NAME_CHARS_MAX} printable characters"
            )));
    }
    Ok(name)
}
