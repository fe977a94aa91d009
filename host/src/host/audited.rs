//! The verbs that leave a line in the audit log: each takes room for its line, does what it is asked, and writes down what came of it.
//! What they do is beside them, in `sessions.rs`, `jobs.rs` and `backends.rs`; calls of tools are in `host.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::audit::{Actor, Asked, Audit, Entry, Verb, in_request};
use crate::error::Result;
use crate::ids::{BackendName, JobId, RequestId, SessionId};
use crate::label::Labels;
use crate::registry::Backend;
use crate::session::{
    CheckpointInfo, CheckpointMode, Executed, Farewell, ForkRequest, NewSession, SessionInfo,
    SessionQuery,
};
use crate::tool::Tool;

use super::{
    Approval, BackendInfo, Caller, Changed, Execute, Host, Job, PolicyChange, Source, Started,
    Transaction, WarmUp, WarmupReport,
};

/// Of a backend that was replaced, so many changes are named in its line.
const CHANGES_MAX: usize = 32;

/// A caller in the log's words.
pub(crate) fn actor(caller: &Caller) -> Actor {
    Actor {
        worker: caller.worker.clone(),
        credential: Cow::Owned(caller.credential.to_string()),
    }
}

impl Caller {
    /// Says that it is this caller who asks for what the request comes to. Verbs on the whole host are not told who.
    pub(crate) fn asks(&self) {
        Asked::by(|| actor(self));
    }
}

/// The lines of a transaction: one for each call, and one for the whole.
pub(super) struct Entries {
    whole: Entry,
    calls: Vec<Entry>,
}

impl Host {
    /// Writes down what happens from now on.
    #[must_use]
    pub fn with_audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The line of a verb that begins now.
    ///
    /// # Errors
    /// `overloaded`: the log cannot be written.
    pub(super) fn entry(&self, verb: Verb, caller: &Caller) -> Result<Entry> {
        self.audit.begin(verb, || Some(actor(caller)))
    }

    /// The line of a verb on the whole host: by whoever the request is from, or by the host itself.
    ///
    /// # Errors
    /// As [`Host::entry`].
    fn operator_entry(&self, verb: Verb) -> Result<Entry> {
        self.audit.begin(verb, || None)
    }

    pub(super) fn entries(
        &self,
        caller: &Caller,
        request_id: &RequestId,
        calls: &[Execute],
    ) -> Result<Entries> {
        let mut whole = self.entry(Verb::Transaction, caller)?;
        whole.request_id(request_id);
        whole.detail("calls", calls.len());
        let mut entries = Entries {
            whole,
            calls: Vec::new(),
        };
        if self.audit.is_on() {
            for call in calls {
                let mut entry = self.entry(Verb::Execute, caller)?;
                entry.asked(request_id, call);
                entry.detail("in_transaction", true);
                entries.calls.push(entry);
            }
        }
        Ok(entries)
    }

    /// Runs verbs that are not told which request they are part of, for doors that answer requests in tasks of their own.
    pub(crate) async fn in_request<T>(&self, id: &RequestId, work: impl Future<Output = T>) -> T {
        if !self.audit.is_on() {
            return work.await;
        }
        in_request(Asked::new(id.clone()), work).await
    }

    pub(super) async fn close_audit(&self) {
        self.audit.by_host(Verb::StopHost).end("ok");
        let audit = self.audit.clone();
        // A thread that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || audit.close()).await;
    }

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
        let mut entry = self.entry(Verb::CreateSession, caller)?;
        entry.action(backend.as_str());
        let started = self.begin_session(caller, backend, new).await;
        if let Ok(started) = &started {
            entry.session(&started.info.id);
        }
        entry.with(started).await
    }

    /// Changes what a caller may change: all labels at once, and when its state is saved.
    ///
    /// # Errors
    /// As [`Host::session`].
    pub fn change_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        labels: Option<Labels>,
        checkpoint: Option<CheckpointMode>,
    ) -> Result<SessionInfo> {
        let mut entry = self.entry(Verb::ChangeSession, caller)?;
        entry.session(id);
        entry.at_once(self.changed_session(caller, id, labels, checkpoint))
    }

    /// Ends all sessions that match, stops their calls, and waits for their cleanup. Answers how many there were.
    ///
    /// # Errors
    /// `forbidden` for a session's token.
    pub async fn destroy_sessions(&self, caller: &Caller, query: &SessionQuery) -> Result<usize> {
        let mut entry = self.entry(Verb::DestroySession, caller)?;
        let ended = self.end_sessions(caller, query).await;
        if let Ok(count) = &ended {
            entry.detail("sessions", *count);
        }
        entry.with(ended).await
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
        let mut entry = self.entry(Verb::DestroySession, caller)?;
        entry.session(id);
        entry.with(self.end_session(caller, id).await).await
    }

    /// Saves the session's state, to come back to.
    ///
    /// # Errors
    /// `unsupported_snapshot`, naming what the guest holds that cannot be carried; `limit_exceeded`; `conflict` for a session without
    /// checkpoints; else as [`Host::session`].
    pub async fn checkpoint(
        &self,
        caller: &Caller,
        id: &SessionId,
        name: Option<String>,
    ) -> Result<CheckpointInfo> {
        let mut entry = self.entry(Verb::Checkpoint, caller)?;
        entry.session(id);
        entry.with(self.save(caller, id, name).await).await
    }

    /// Takes the session back to a checkpoint, by id or by name.
    ///
    /// # Errors
    /// `conflict` for one that there is not, or not any more; else as [`Host::session`]. The session is then as it was.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &SessionId,
        checkpoint: &str,
    ) -> Result<(SessionInfo, CheckpointInfo)> {
        let mut entry = self.entry(Verb::Restore, caller)?;
        entry.session(id);
        entry.with(self.go_back(caller, id, checkpoint).await).await
    }

    /// Makes sessions that begin where this one is now.
    ///
    /// # Errors
    /// `unsupported_snapshot`; `session_exists`, `overloaded`, `rate_limited` when not all of them may be, and then there is none; else as
    /// [`Host::session`]. What goes wrong with one of them alone stands in its place.
    pub async fn fork(
        &self,
        caller: &Caller,
        id: &SessionId,
        request: &ForkRequest,
    ) -> Result<Vec<Result<Started>>> {
        let mut entry = self.entry(Verb::Fork, caller)?;
        entry.session(id);
        let forks = self.begin_forks(caller, id, request).await;
        if let Ok(forks) = &forks {
            let ids = forks.iter().flatten().map(|fork| fork.info.id.as_str());
            entry.detail("forks", ids.collect::<Vec<_>>());
        }
        entry.with(forks).await
    }

    /// Parks the session on disk until its next call.
    ///
    /// # Errors
    /// `unsupported_snapshot`; else as [`Host::session`]. The session goes on.
    pub async fn suspend(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        let mut entry = self.entry(Verb::Suspend, caller)?;
        entry.session(id);
        entry.with(self.park(caller, id).await).await
    }

    /// Wakes the session up without calling it.
    ///
    /// # Errors
    /// `overloaded`; `session_failed` if its state on disk is damaged; else as [`Host::session`].
    pub async fn resume(&self, caller: &Caller, id: &SessionId) -> Result<SessionInfo> {
        let mut entry = self.entry(Verb::Resume, caller)?;
        entry.session(id);
        entry.with(self.wake(caller, id).await).await
    }

    /// Stops a job's guest and waits until it is done. One that is done stays as it is.
    ///
    /// # Errors
    /// `job_not_found`.
    pub async fn cancel_job(&self, caller: &Caller, id: &JobId) -> Result<Arc<Job>> {
        let mut entry = self.entry(Verb::CancelJob, caller)?;
        entry.detail("job", id.as_str());
        entry.with(self.stop_job(caller, id).await).await
    }

    /// Loads a component from a file. Takes the time of a compilation unless its code is cached.
    ///
    /// # Errors
    /// `backend_invalid`, naming the file and what is wrong with it; it is also listed as a problem.
    pub async fn load(&self, source: Source) -> Result<BackendInfo> {
        let mut entry = self.operator_entry(Verb::LoadBackend)?;
        entry.action(source.name.as_str());
        let loaded = self.load_file(source).await;
        if let Ok(info) = &loaded {
            entry.loaded(info);
        }
        entry.with(loaded).await
    }

    /// Loads a component that a client sent. A backend of this name is replaced; its sessions go on with the old version.
    ///
    /// # Errors
    /// `backend_invalid`; `conflict` when the backend's digest is not `if_match`; `policy_denied` for changes that have to be approved, or that
    /// are not those of `hostel.lock`.
    pub async fn put_backend(
        &self,
        name: BackendName,
        component: Bytes,
        pin: Option<String>,
        if_match: Option<&str>,
        approval: Approval,
    ) -> Result<BackendInfo> {
        let mut entry = self.operator_entry(Verb::PutBackend)?;
        entry.action(name.as_str());
        entry.params(&component);
        if approval == Approval::Given {
            entry.detail("approved", true);
        }
        let put = self.take_component(name, component, pin, if_match, approval);
        let put = put.await;
        if let Ok(info) = &put {
            entry.loaded(info);
        }
        entry.with(put).await
    }

    /// Unloads a backend. Its sessions run on until they end; then it gets its shutdown.
    ///
    /// # Errors
    /// `backend_not_found`, `conflict`.
    pub fn delete_backend(
        &self,
        name: &BackendName,
        if_match: Option<&str>,
    ) -> Result<BackendInfo> {
        let mut entry = self.operator_entry(Verb::DeleteBackend)?;
        entry.action(name.as_str());
        let deleted = self.unload(name, if_match);
        if let Ok(info) = &deleted {
            entry.component(&info.digest);
        }
        entry.at_once(deleted)
    }

    /// Warms backends up, side by side.
    ///
    /// # Errors
    /// `backend_not_found`, before anything is done. What each warmup comes to is in its report.
    pub async fn warm_up(&self, what: WarmUp) -> Result<Vec<WarmupReport>> {
        let mut entry = self.operator_entry(Verb::Warmup)?;
        let reports = self.warm(what).await;
        if let Ok(reports) = &reports {
            let failed = reports.iter().filter(|report| report.outcome.is_err());
            entry.detail("failed", failed.count());
            entry.detail("backends", reports.len());
        }
        entry.with(reports).await
    }

    /// Reads the configuration anew and applies it to the backends that are loaded: new grants hold from the next call on, also in sessions
    /// that are live, and what is no longer granted is gone.
    ///
    /// # Errors
    /// `conflict` for a host without a configuration file; `invalid_request` for one that is not fully understood. Nothing has changed then.
    pub async fn reload_policy(&self) -> Result<Vec<PolicyChange>> {
        let mut entry = self.operator_entry(Verb::ChangePolicy)?;
        let changes = self.read_policy().await;
        if let Ok(changes) = &changes {
            let changed = changes
                .iter()
                .filter(|change| change.what != Changed::Nothing);
            let names: Vec<&str> = changed.map(|change| change.backend.as_str()).collect();
            entry.detail("backends", names);
        }
        entry.with(changes).await
    }
}

impl Entry {
    /// What a call is of.
    pub(super) fn asked(&mut self, request_id: &RequestId, execute: &Execute) {
        if self.is_on() {
            self.request_id(request_id);
            self.action(&execute.action);
            self.params(&execute.params);
        }
    }

    /// Which tool that is.
    pub(super) fn calls(&mut self, backend: &Backend, tool: &Tool) {
        if self.is_on() {
            self.action(&tool.full_name);
            self.component(&backend.digest);
        }
    }

    /// Which component a backend has now, and what is other than in the one before.
    fn loaded(&mut self, info: &BackendInfo) {
        if !self.is_on() {
            return;
        }
        self.component(&info.digest);
        if !info.changes.is_empty() {
            let changes = info.changes.iter().take(CHANGES_MAX);
            let words: Vec<String> = changes
                .map(|change| {
                    let name = change.name.as_deref().unwrap_or_default();
                    format!("{} {name}", change.what.as_str())
                        .trim_end()
                        .to_owned()
                })
                .collect();
            self.detail("changes", words);
        }
    }

    pub(super) fn answered(&mut self, outcome: &Result<Executed>) {
        let Ok(executed) = outcome else { return };
        if !self.is_on() {
            return;
        }
        self.result(&executed.called.answer.json);
        if let Some(session) = &executed.called.session {
            match &session.id {
                Some(id) => self.session(id),
                None => self.detail("session", "temporary"),
            }
        }
    }
}

impl Entries {
    pub(super) async fn finish(self, transacted: Result<Transaction>) -> Result<Transaction> {
        let Self { mut whole, calls } = self;
        let outcomes = transacted
            .as_ref()
            .map_or(&[][..], |transaction| &transaction.outcomes);
        let mut outcomes = outcomes.iter();
        for mut entry in calls {
            let Some(outcome) = outcomes.next() else {
                entry.end("not_run");
                continue;
            };
            if let Ok(executed) = outcome {
                entry.action(&executed.tool.full_name);
            }
            entry.answered(outcome);
            entry.end(super::outcome_word(outcome));
        }
        if let Ok(transaction) = &transacted
            && let Some(call) = transaction.rolled_back_to
        {
            whole.detail("rolled_back_to", call);
        }
        whole.with(transacted).await
    }
}
