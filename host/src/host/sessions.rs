//! The verbs on sessions.

use std::sync::Arc;

use crate::capability::log::LogPage;
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{BackendName, SessionId};
use crate::label::Labels;
use crate::session::{
    EndReason, Farewell, NewSession, Session, SessionInfo, SessionPage, SessionQuery,
};

use super::{Caller, Host, forbidden};

/// A session that was asked for.
pub struct Started {
    pub info: SessionInfo,
    /// Shown this once; none if the session was there already.
    pub token: Option<String>,
}

impl Host {
    /// Begins a session.
    ///
    /// # Errors
    /// `backend_not_found`, `session_exists`, `invalid_params` for a config that does not fit or that the guest refuses, `policy_denied`,
    /// `overloaded`, `rate_limited`, and what ended the guest's `initialize`. None of them leaves a session.
    pub async fn create_session(
        &self,
        caller: &Caller,
        backend: &BackendName,
        new: NewSession,
    ) -> Result<Started> {
        let _running = self.calls.token();
        self.check_open()?;
        if caller.only.is_some() {
            return Err(forbidden("a session's token creates no sessions"));
        }
        let backend = self.registry.catalogue().backend(backend)?.clone();
        let opened = self
            .sessions
            .open(caller.worker.clone(), &backend, new)
            .await?;
        Ok(Started {
            info: opened.session.info(),
            token: opened.token,
        })
    }

    pub fn list_sessions(&self, caller: &Caller, query: &SessionQuery) -> Result<SessionPage> {
        if caller.only.is_some() {
            return Err(forbidden("a session's token lists no sessions"));
        }
        Ok(self.sessions.list(query))
    }

    /// # Errors
    /// `session_not_found`, `session_ended`, `session_failed`, `forbidden`.
    pub fn session(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        self.own(caller, id).map(|session| session.info())
    }

    /// # Errors
    /// As [`Host::session`].
    pub fn label_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        labels: Labels,
    ) -> Result<SessionInfo> {
        let session = self.own(caller, id)?;
        session.check_alive()?;
        session.set_labels(labels);
        Ok(session.info())
    }

    /// Starts the idle timer anew, also during a call.
    ///
    /// # Errors
    /// As [`Host::session`]; an expired session is never revived.
    pub fn keep_alive(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        let session = self.own(caller, id)?;
        session.keep_alive()?;
        Ok(session.info())
    }

    /// Ends a session, stops its running call, and waits for its cleanup.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub async fn destroy_session(
        &self,
        caller: &Caller,
        id: &SessionId,
    ) -> Result<(SessionInfo, Farewell)> {
        let session = self.own(caller, id)?;
        session.check_alive()?;
        session.end(EndReason::Released);
        let farewell = session.ended().await;
        Ok((session.info(), farewell))
    }

    /// What the session's guest has written, from line `after` on.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub fn session_logs(
        &self,
        caller: &Caller,
        id: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<LogPage> {
        let session = self.own(caller, id)?;
        let empty = LogPage {
            lines: Vec::new(),
            dropped: 0,
            next: after,
        };
        Ok(session.log().map_or(empty, |log| log.page(after, limit)))
    }

    /// Saving state is not part of this host yet.
    ///
    /// # Errors
    /// `unsupported_snapshot` for a session of the caller's; else as [`Host::session`].
    pub fn refuse_snapshot(&self, caller: &Caller, id: &SessionId, verb: &str) -> Result<()> {
        let session = self.own(caller, id)?;
        Err(Error::new(
            ErrorCode::UnsupportedSnapshot,
            format!(
                "session {} cannot be saved: this version of Hostel has no {verb}",
                session.id
            ),
        )
        .hint("the session itself goes on; keep what must outlive it outside of it"))
    }

    fn own(&self, caller: &Caller, id: &SessionId) -> Result<Arc<Session>> {
        if caller.only.as_ref().is_some_and(|own| own != id) {
            return Err(forbidden(
                "a session's token allows calls on that session alone",
            ));
        }
        self.sessions.find(&caller.worker, id)
    }
}
