//! How a session begins: limits, an instance, `initialize`. It exists only if all of that went well.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::time::Instant;

use crate::engine::Instance;
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{KeyId, SessionId, SessionName, Token};
use crate::label::Labels;
use crate::policy::LimitRequest;
use crate::quota::Account;
use crate::registry::Backend;

use super::lease::Lease;
use super::slot::Slot;
use super::table::{Refusal, Sessions};
use super::{
    Capability, CheckpointMode, EndReason, Session, SessionKey, SessionState, Timers, merged,
};

/// What a caller asks for.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    pub name: SessionName,
    /// An object, merged over the backend's default config.
    pub config: Option<Value>,
    pub labels: Labels,
    /// None: the host's.
    pub timers: Option<Timers>,
    pub limits: LimitRequest,
    pub if_exists: IfExists,
    pub checkpoint: CheckpointMode,
}

/// What to do when the worker has a session of this name already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Answer `session_exists`.
    #[default]
    Error,
    /// Answer with the one that is there; one that is starting is waited for.
    Return,
}

/// The session, and its token if it is new: the token is shown this once.
pub(crate) struct Opened {
    pub(crate) session: Arc<Session>,
    pub(crate) token: Option<String>,
}

impl Sessions {
    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins a session, or finds the one that is there if the caller wants that. Its token is good for as long as the key that it is
    /// `made_with`.
    ///
    /// # Errors
    /// `session_exists`, `policy_denied` for a limit wider than the policy's, `invalid_params` for a config that does not fit or that
    /// the guest refuses, `overloaded`, `rate_limited`, `shutting_down`, and whatever ends the guest's `initialize`. None of them leaves a session.
    ///
    /// # Cancel safety
    /// A caller that leaves may leave a session behind; it ends by its timers.
    pub(crate) async fn open(
        self: &Arc<Self>,
        account: Arc<Account>,
        backend: &Arc<Backend>,
        new: NewSession,
        made_with: Option<KeyId>,
    ) -> Result<Opened> {
        let limits = backend.limits().tightened(&new.limits)?;
        let config = merged(backend.default_config(), new.config)?;
        let token = Token::random();
        let key = SessionKey {
            worker: account.worker().clone(),
            backend: backend.name.clone(),
            name: new.name,
        };
        let timers = new.timers.unwrap_or(self.config.timers);
        let session = Arc::new(Session {
            mode: Mutex::new(new.checkpoint),
            ..Session::new(
                SessionId::random(),
                key,
                account,
                backend,
                limits,
                self.next_serial(),
                Capability {
                    hash: token.hash,
                    made_with,
                },
                new.labels,
                Lease::new(timers, Instant::now()),
                Slot::starting(),
            )
        });
        loop {
            match self.enter(&session) {
                Ok(()) => break,
                Err(Refusal::Exists(existing)) if new.if_exists == IfExists::Return => {
                    if existing.slot.glance().0 == SessionState::Starting {
                        // It may come to nothing, and then there is none to return.
                        let _ = self.turn(&existing).await;
                    }
                    if existing.check_alive().is_ok() {
                        return Ok(Opened {
                            session: existing,
                            token: None,
                        });
                    }
                }
                Err(Refusal::Exists(existing)) => return Err(exists(&existing)),
                Err(Refusal::Other(error)) => return Err(error),
            }
        }
        let guard = Unborn::of(self, &session);
        let lane = session.account.lane();
        let begun = begin(guard, config);
        let begun = self.guests.run(backend.pace(lane), lane, begun).await;
        begun.map_err(|panic| Error::internal("cannot start a session", panic.0))??;
        // It may have been destroyed while it started; its keeper cleans up.
        session.check_alive()?;
        metrics::counter!("hostel_sessions_started_total").increment(1);
        session.account.count_sessions(1);
        tracing::info!(session = %session.id, backend = %backend.name, worker = %session.key.worker, "session started");
        Ok(Opened {
            session,
            token: Some(token.secret),
        })
    }
}

async fn begin(mut unborn: Unborn, config: String) -> Result<()> {
    let Some(session) = unborn.session.clone() else {
        return Ok(());
    };
    match first_instance(&session, &config).await {
        Ok(instance) => {
            unborn.live();
            // The ring was made with the instance, which had no session then.
            session.set_log(instance.log().clone());
            session
                .totals
                .memory_bytes
                .store(instance.usage().memory_bytes, Ordering::Relaxed);
            // The idle time counts from now: a slow start is not the session's.
            session.lease().leave(Instant::now());
            Slot::fill(&session, instance);
            unborn.sessions.keep(session);
            Ok(())
        }
        Err(error) => {
            unborn.give_up(&error);
            Err(error)
        }
    }
}

async fn first_instance(session: &Session, config: &str) -> Result<Box<Instance>> {
    let backend = &session.backend;
    let mut instance = backend.instance(session.account.lane()).await?;
    let opened = instance
        .open(|| session.identity(false), config, &session.limits)
        .await;
    opened.map_err(|fault| fault.into_error(&format!("a session of {}", backend.name)))?;
    Ok(instance)
}

/// A session between its entry in the table and its keeper. Dropped in between, it leaves nothing behind.
pub(super) struct Unborn {
    sessions: Arc<Sessions>,
    session: Option<Arc<Session>>,
}

impl Unborn {
    pub(super) fn of(sessions: &Arc<Sessions>, session: &Arc<Session>) -> Self {
        Self {
            sessions: sessions.clone(),
            session: Some(session.clone()),
        }
    }

    /// It lives: its keeper is in charge from now on.
    pub(super) fn live(&mut self) {
        self.session = None;
    }

    pub(super) fn give_up(&mut self, error: &Error) {
        let Some(session) = self.session.take() else {
            return;
        };
        self.sessions.forget(&session);
        session.abandon(EndReason::Failed {
            code: error.code(),
            message: error.message().to_owned(),
        });
    }
}

impl Drop for Unborn {
    fn drop(&mut self) {
        self.give_up(&Error::new(
            ErrorCode::Internal,
            "its start was interrupted",
        ));
    }
}

pub(super) fn exists(existing: &Session) -> Error {
    let key = &existing.key;
    Error::new(
        ErrorCode::SessionExists,
        format!(
            "worker {} has a session {:?} of backend {} already",
            key.worker,
            key.name.as_str(),
            key.backend
        ),
    )
    .detail("session", existing.id.as_str())
    .hint("give the new one another name, destroy the old one, or send \"if_exists\": \"return\"")
}
