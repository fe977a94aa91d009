//! The verbs on sessions.

use std::sync::Arc;
use std::time::Duration;

use crate::capability::log::LogPage;
use crate::error::Result;
use crate::ids::{BackendName, SessionId, SessionName};
use crate::label::Labels;
use crate::session::{
    CheckpointInfo, CheckpointMode, EndReason, Farewell, ForkRequest, NewSession, Opened, Session,
    SessionInfo, SessionPage, SessionQuery,
};

use super::{Caller, Host, forbidden};

/// A session that was asked for.
pub struct Started {
    pub info: SessionInfo,
    /// Shown this once; none if the session was there already, or if the caller may not call all of its tools: the token may.
    pub token: Option<String>,
    /// It was not there before.
    pub is_new: bool,
}

impl Host {
    /// Begins a session.
    ///
    /// # Errors
    /// `backend_not_found`, `session_exists`, `invalid_params` for a config that does not fit or that the guest refuses, `policy_denied`,
    /// `overloaded`, `rate_limited`, and what ended the guest's `initialize`. None of them leaves a session.
    pub(super) async fn begin_session(
        &self,
        caller: &Caller,
        backend: &BackendName,
        new: NewSession,
    ) -> Result<Started> {
        let entered = self.enter(caller).await?;
        caller.may_have_sessions()?;
        if caller.only.is_some() {
            return Err(forbidden("a session's token creates no sessions"));
        }
        let backend = self.catalogue(caller).backend(backend)?.clone();
        entered.account.create(1)?;
        let opened = self
            .sessions
            .open(
                entered.account.clone(),
                &backend,
                new,
                caller.credential.key().cloned(),
            )
            .await?;
        Ok(started(caller, opened))
    }

    /// # Errors
    /// `forbidden`: other workers' sessions are for administrators.
    pub fn list_sessions(&self, caller: &Caller, query: &SessionQuery) -> Result<SessionPage> {
        if caller.only.is_some() {
            return Err(forbidden("a session's token lists no sessions"));
        }
        may_query(caller, query)?;
        Ok(self.sessions.list(query))
    }

    /// # Errors
    /// `session_not_found`, `session_ended`, `session_failed`, `forbidden`.
    pub fn session(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        self.own(caller, id).map(|session| session.info())
    }

    /// Changes what a caller may change: all labels at once, and when its state is saved.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub(super) fn changed_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        labels: Option<Labels>,
        checkpoint: Option<CheckpointMode>,
    ) -> Result<SessionInfo> {
        let session = self.own(caller, id)?;
        session.check_alive()?;
        if let Some(labels) = labels {
            session.set_labels(labels);
        }
        if let Some(mode) = checkpoint {
            session.set_mode(mode);
        }
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

    /// The same, and it is not over for being idle before `left` has passed.
    ///
    /// # Errors
    /// As [`Host::keep_alive`].
    pub fn extend(&self, caller: &Caller, id: &SessionId, left: Duration) -> Result<SessionInfo> {
        let session = self.own(caller, id)?;
        session.extend(left)?;
        Ok(session.info())
    }

    /// The worker's session of this name.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub fn session_named(
        &self,
        caller: &Caller,
        backend: &BackendName,
        name: SessionName,
    ) -> Result<SessionInfo> {
        caller.may_have_sessions()?;
        let session = self.sessions.find_named(&self.key(caller, backend, name))?;
        self.own(caller, &session.id).map(|session| session.info())
    }

    /// Ends all sessions that match, stops their calls, and waits for their cleanup. Answers how many there were.
    ///
    /// # Errors
    /// `forbidden` for a session's token.
    pub(super) async fn end_sessions(
        &self,
        caller: &Caller,
        query: &SessionQuery,
    ) -> Result<usize> {
        if caller.only.is_some() {
            return Err(forbidden("a session's token destroys that session alone"));
        }
        may_query(caller, query)?;
        let sessions = self.sessions.matching(query);
        for session in &sessions {
            session.end(EndReason::Released);
        }
        for session in &sessions {
            session.ended().await;
        }
        Ok(sessions.len())
    }

    /// Workers that have sessions.
    pub fn worker_count(&self) -> usize {
        self.sessions.worker_count()
    }

    /// Ends a session, stops its running call, and waits for its cleanup.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub(super) async fn end_session(
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
    pub async fn session_logs(
        &self,
        caller: &Caller,
        id: &SessionId,
        after: u64,
        limit: usize,
    ) -> Result<LogPage> {
        let session = self.own(caller, id)?;
        self.sessions.log_page(&session, after, limit).await
    }

    /// Saves the session's state, to come back to.
    ///
    /// # Errors
    /// `unsupported_snapshot`, naming what the guest holds that cannot be carried; `limit_exceeded`; `conflict` for a session without
    /// checkpoints; else as [`Host::session`].
    pub(super) async fn save(
        &self,
        caller: &Caller,
        id: &SessionId,
        name: Option<String>,
    ) -> Result<CheckpointInfo> {
        let _entered = self.enter(caller).await?;
        let session = self.own(caller, id)?;
        self.sessions.checkpoint(&session, name).await
    }

    /// Oldest first.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub fn checkpoints(&self, caller: &Caller, id: &SessionId) -> Result<Vec<CheckpointInfo>> {
        self.own(caller, id)
            .map(|session| session.checkpoint_list())
    }

    /// Takes the session back to a checkpoint, by id or by name.
    ///
    /// # Errors
    /// `conflict` for one that there is not, or not any more; else as [`Host::session`]. The session is then as it was.
    pub(super) async fn go_back(
        &self,
        caller: &Caller,
        id: &SessionId,
        checkpoint: &str,
    ) -> Result<(SessionInfo, CheckpointInfo)> {
        let _entered = self.enter(caller).await?;
        let session = self.own(caller, id)?;
        let restored = self.sessions.restore(&session, checkpoint).await?;
        Ok((session.info(), restored))
    }

    /// Makes sessions that begin where this one is now.
    ///
    /// # Errors
    /// `unsupported_snapshot`; `session_exists`, `overloaded`, `rate_limited` when not all of them may be, and then there is none; else as
    /// [`Host::session`]. What goes wrong with one of them alone stands in its place.
    pub(super) async fn begin_forks(
        &self,
        caller: &Caller,
        id: &SessionId,
        request: &ForkRequest,
    ) -> Result<Vec<Result<Started>>> {
        let entered = self.enter(caller).await?;
        caller.may_have_sessions()?;
        if caller.only.is_some() {
            return Err(forbidden("a session's token creates no sessions"));
        }
        let session = self.own(caller, id)?;
        entered.account.create(request.count)?;
        let forks = self
            .sessions
            .fork(&session, request, caller.credential.key())
            .await?;
        let forks = forks.into_iter();
        let forks = forks.map(|fork| fork.map(|opened| started(caller, opened)));
        Ok(forks.collect())
    }

    /// Parks the session on disk until its next call.
    ///
    /// # Errors
    /// `unsupported_snapshot`; else as [`Host::session`]. The session goes on.
    pub(super) async fn park(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        let _entered = self.enter_to_give_back(caller).await?;
        let session = self.own(caller, id)?;
        self.sessions.suspend(&session).await?;
        Ok(session.info())
    }

    /// Wakes the session up without calling it.
    ///
    /// # Errors
    /// `overloaded`; `session_failed` if its state on disk is damaged; else as [`Host::session`].
    pub(super) async fn wake(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        let _entered = self.enter(caller).await?;
        let session = self.own(caller, id)?;
        self.sessions.resume(&session).await?;
        Ok(session.info())
    }

    /// Reads which sessions an earlier process left on disk. They come back as their backends are loaded.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn recall_sessions(&self) -> std::result::Result<usize, String> {
        self.sessions.recall()
    }

    fn own(&self, caller: &Caller, id: &SessionId) -> Result<Arc<Session>> {
        caller.may_have_sessions()?;
        if caller.only.as_ref().is_some_and(|own| own != id) {
            return Err(forbidden(
                "a session's token allows calls on that session alone",
            ));
        }
        self.visible(caller, id)
    }
}

/// A session's token opens all of its tools: who may not call them all does not get it.
fn started(caller: &Caller, opened: Opened) -> Started {
    let all_tools = caller.scopes.calls_all_of(&opened.session.key.backend);
    Started {
        info: opened.session.info(),
        is_new: opened.token.is_some(),
        token: opened.token.filter(|_| all_tools),
    }
}

fn may_query(caller: &Caller, query: &SessionQuery) -> Result<()> {
    caller.may_have_sessions()?;
    match &query.worker {
        Some(worker) if *worker == caller.worker => Ok(()),
        _ => caller.may_administer(),
    }
}
