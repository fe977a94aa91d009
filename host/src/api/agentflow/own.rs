//! The worker's sessions as this door has them: one for each resource type, the host's session `default`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, SessionQuery, Started};
use crate::ids::{BackendName, SessionId, SessionName};
use crate::label::Labels;
use crate::session::{IfExists, NewSession, SessionInfo, SessionState, Timers};

use super::Door;
use super::record::NAME_LABEL;

/// A session as it is wanted, in the host's words.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) config: Option<Value>,
    pub(super) custom_name: Option<String>,
    pub(super) timers: Option<Timers>,
}

/// Which session is meant.
pub(super) enum Target {
    /// The worker's own of this resource type.
    Of(BackendName),
    /// This one, and of this resource type if that is said.
    Session(SessionId, Option<BackendName>),
}

impl Target {
    /// None: neither is said.
    pub(super) fn parse(
        resource_type: Option<&str>,
        session_id: Option<&str>,
    ) -> Result<Option<Self>> {
        let backend = resource_type.map(BackendName::parse).transpose()?;
        Ok(match (session_id, backend) {
            (Some(id), backend) => Some(Self::Session(SessionId::parse(id)?, backend)),
            (None, Some(backend)) => Some(Self::Of(backend)),
            (None, None) => None,
        })
    }
}

impl Door {
    /// The worker's session of this resource type: a new one, or the one that is there.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        backend: &BackendName,
        wish: Wish,
    ) -> Result<Started> {
        let worker = &caller.worker;
        let name = self
            .names
            .next(worker, backend, wish.custom_name.as_deref());
        let new = NewSession {
            config: wish.config,
            labels: Labels::parse(BTreeMap::from([(NAME_LABEL.to_owned(), name)]))?,
            timers: wish.timers,
            if_exists: IfExists::Return,
            ..NewSession::default()
        };
        let started = self.api.host.create_session(caller, backend, new).await?;
        if started.is_new {
            self.names.taken(worker, backend);
        } else if started.info.state == SessionState::Failed {
            let message = format!(
                "worker {worker} has a session of {backend} that has failed: {}",
                started.info.id
            );
            return Err(Error::new(ErrorCode::SessionFailed, message).hint(
                "destroy it, or take it back to a checkpoint with POST /v1/sessions/{id}/restore",
            ));
        }
        Ok(started)
    }

    /// The worker's sessions that this door has, oldest first.
    pub(super) fn own(
        &self,
        caller: &Caller,
        backend: Option<BackendName>,
    ) -> Result<Vec<SessionInfo>> {
        let page = self.api.host.list_sessions(caller, &own(caller, backend))?;
        let mut sessions = page.sessions;
        sessions.reverse();
        Ok(sessions)
    }

    pub(super) fn find(&self, target: &Target, caller: &Caller) -> Result<SessionInfo> {
        let host = &self.api.host;
        match target {
            Target::Of(backend) => host.session_named(caller, backend, SessionName::default()),
            Target::Session(id, backend) => {
                let info = host.session(caller, id)?;
                match backend {
                    Some(backend) if info.key.backend != *backend => {
                        let message = format!(
                            "/target_session_id: session {id} is one of {}, not of {backend}",
                            info.key.backend
                        );
                        Err(Error::new(ErrorCode::InvalidRequest, message)
                            .detail("pointer", "/target_session_id"))
                    }
                    _ => Ok(info),
                }
            }
        }
    }

    pub(super) fn keep_alive(
        &self,
        caller: &Caller,
        id: &SessionId,
        left: Option<Duration>,
    ) -> Result<SessionInfo> {
        match left {
            Some(left) => self.api.host.extend(caller, id, left),
            None => self.api.host.keep_alive(caller, id),
        }
    }

    /// Those that were still alive.
    pub(super) fn keep_all_alive(
        &self,
        caller: &Caller,
        left: Option<Duration>,
    ) -> Result<Vec<SessionInfo>> {
        let sessions = self.own(caller, None)?.into_iter();
        let kept = sessions.filter_map(|info| self.keep_alive(caller, &info.id, left).ok());
        Ok(kept.collect())
    }
}

/// Those that this door shows of a worker's sessions.
pub(super) fn own(caller: &Caller, backend: Option<BackendName>) -> SessionQuery {
    SessionQuery {
        worker: Some(caller.worker.clone()),
        backend,
        name: Some(SessionName::default()),
        limit: usize::MAX,
        ..SessionQuery::default()
    }
}
