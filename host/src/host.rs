//! Every verb of the host, once: the doors parse and render, this decides. Routes to the session, counts, and writes one span per call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument;

use crate::access::Audience;
use crate::audit::{Audit, Entry, Verb};
use crate::auth::Guard;
use crate::capability::Outgoing;
use crate::durable::Durable;
use crate::engine::{Engine, Guests, HOSTS_OWN};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{BackendName, RequestId, SessionId, SessionName, WorkerId};
use crate::job::Jobs;
use crate::quota::{Account, Accounts, Quota, WorkerLimits, Workers};
use crate::registry::{Backend, BackendSettings, Catalogue, CodeCache, Loader, Registry};
use crate::router::Target;
use crate::session::{Session, SessionKey, Sessions, SessionsConfig, Timers, ToolRequest};
use crate::tool::{Tool, ToolKind, Tools};
use crate::watch::Watch;

mod audited;
mod backends;
mod callers;
mod jobs;
mod policy;
mod sessions;
mod supply;
mod turns;
mod usage;

pub use crate::job::{Job, JobInfo, JobLimits, JobOutcome, JobPage, JobQuery, JobState};
pub use crate::session::{CalledIn, Executed, SessionPage, SessionQuery};
pub use backends::{BackendInfo, Source, WarmUp, WarmupReport};
pub use callers::{Admitted, Caller};
pub use jobs::StartedJob;
use policy::Policies;
pub use policy::{Changed, PolicyChange, PolicySource};
pub use sessions::Started;
pub use supply::{Approval, Supply};
use turns::Turns;
pub use usage::{LimitUsage, UsageReport};

/// For each step of a stop that is to be at once.
const HASTE: Duration = Duration::from_millis(500);

/// How a host is built.
#[derive(Clone)]
pub struct HostConfig {
    /// Of sessions that do not say.
    pub timers: Timers,
    pub sessions_max: usize,
    pub sessions_per_worker: usize,
    pub suspended_max: usize,
    pub jobs: JobLimits,
    /// What each worker may have; where it does not say, the three above and [`WorkerLimits::default`].
    pub workers: Workers,
    /// Calls in flight, of all workers together.
    pub calls_max: usize,
    /// Of the machine, for the whole process.
    pub memory_bytes: u64,
    /// What outlives the process: states of sessions, and their folders.
    pub durable: Arc<Durable>,
    /// How guests' requests reach other hosts.
    pub outgoing: Outgoing,
    /// Settings of backends that the config does not name.
    pub settings: BackendSettings,
    /// Lets callers in.
    pub guard: Arc<Guard>,
    /// The backends that are not for everybody, loaded or not: also one that is sent later is for these workers alone.
    pub audiences: BTreeMap<BackendName, Audience>,
}

/// The runtimes that a host runs on, apart from that of its doors.
#[derive(Clone, Debug)]
pub struct Runtimes {
    pub guests: Handle,
    pub timers: Handle,
}

/// A call as a door hands it in.
#[derive(Clone, Debug)]
pub struct Execute {
    pub action: String,
    /// JSON text of the params; empty means none.
    pub params: Bytes,
    pub session: SessionChoice,
    /// Wall-clock time, waiting included; the backend's limit if that is shorter.
    pub timeout: Option<Duration>,
}

/// Where a stateful tool is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionChoice {
    /// In the worker's session `default` of the backend if it is live, else in a temporary one.
    #[default]
    Any,
    Id(SessionId),
    Name(SessionName),
    /// In one that is made for this call.
    Temporary,
}

/// The answers to the calls of a transaction.
#[derive(Debug)]
pub struct Transaction {
    /// Of the calls that ran, in their order; the last one may be what ended it.
    pub outcomes: Vec<Result<Executed>>,
    /// Calls that the session had had where it is again. None: every call counts.
    pub rolled_back_to: Option<u64>,
}

pub struct Host {
    config: HostConfig,
    registry: Registry,
    loader: Loader,
    policy: Policies,
    policy_source: OnceLock<PolicySource>,
    guests: Guests,
    sessions: Arc<Sessions>,
    jobs: Arc<Jobs>,
    accounts: Arc<Accounts>,
    turns: Turns,
    /// Calls that are running; draining waits for them.
    calls: TaskTracker,
    draining: AtomicBool,
    /// Cancelled when somebody asks the host to stop, and when it does.
    stop: CancellationToken,
    /// Nobody waits for running calls.
    in_haste: AtomicBool,
    /// Backends on their way out.
    retiring: TaskTracker,
    started: Instant,
    audit: Audit,
    supply: Supply,
}

impl Host {
    pub fn new(
        config: HostConfig,
        engine: Arc<Engine>,
        cache: Option<Arc<CodeCache>>,
        runtimes: Runtimes,
    ) -> Self {
        // The doors have as many threads as the guests.
        let turns = Turns::new(runtimes.guests.metrics().num_workers());
        let guests = Guests::new(runtimes.guests);
        let sessions_config = SessionsConfig {
            timers: config.timers,
            sessions_max: config.sessions_max,
            suspended_max: config.suspended_max,
        };
        let limits = WorkerLimits {
            sessions: config.sessions_per_worker,
            suspended: config.suspended_max,
            jobs: config.jobs.per_worker,
            ..WorkerLimits::default()
        };
        let accounts = Arc::new(Accounts::new(&config.workers, limits));
        let sessions = Arc::new(Sessions::new(
            sessions_config,
            guests.clone(),
            runtimes.timers,
            config.durable.clone(),
            accounts.clone(),
        ));
        let jobs = Arc::new(Jobs::new(config.jobs));
        let policy = Policies::new(&config.audiences);
        Self {
            config,
            jobs,
            accounts,
            turns,
            registry: Registry::default(),
            loader: Loader::new(engine, cache),
            policy,
            policy_source: OnceLock::new(),
            guests,
            sessions,
            calls: TaskTracker::new(),
            draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
            in_haste: AtomicBool::new(false),
            retiring: TaskTracker::new(),
            started: Instant::now(),
            audit: Audit::off(),
            supply: Supply::default(),
        }
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Any of the routing, the session and the call itself; see [`ErrorCode`]. A tool's own error is an answer.
    ///
    /// # Cancel safety
    /// A caller that leaves does not stop a call that has begun.
    pub async fn execute(
        &self,
        caller: &Caller,
        request_id: &RequestId,
        execute: Execute,
    ) -> Result<Executed> {
        let entered = self.enter(caller).await?;
        self.execute_entered(entered, caller, request_id, execute, None)
            .await
    }

    /// The same, heard of while it runs, and stopped when the watch says so (`conflict`).
    async fn execute_entered(
        &self,
        entered: Entered,
        caller: &Caller,
        request_id: &RequestId,
        execute: Execute,
        watch: Option<Arc<Watch>>,
    ) -> Result<Executed> {
        let account = &entered.account;
        let mut entry = self.entry(Verb::Execute, caller)?;
        entry.asked(request_id, &execute);
        let span = tracing::info_span!(
            "call",
            %request_id,
            action = execute.action,
            worker = %caller.worker,
            caller = %caller.credential,
        );
        let start = Instant::now();
        let outcome = self
            .route(caller, account, execute, watch, &mut entry)
            .instrument(span.clone())
            .await;
        let code = outcome_word(&outcome);
        account.count_call(code != "ok");
        match &outcome {
            Ok(executed) => executed
                .tool
                .meter
                .count(executed.called.answer.is_error, start.elapsed()),
            Err(error) => {
                metrics::counter!("hostel_call_errors_total", "code" => code).increment(1);
                if let Some(cause) = error.cause() {
                    tracing::error!(parent: &span, cause, "{}", error.message());
                }
            }
        }
        let session = outcome.as_ref().ok().and_then(Executed::session_id);
        let session = session.map(SessionId::as_str);
        tracing::debug!(parent: &span, outcome = code, session, duration_us = start.elapsed().as_micros(), "call ended");
        entry.answered(&outcome);
        entry.finish(code).await?;
        outcome
    }

    /// Calls stateful tools of one session, one after the other: all of the calls count, or none.
    ///
    /// # Errors
    /// `invalid_request` for calls that are not all of one session's; `unsupported_snapshot`; else those of reaching the session. Nothing
    /// was run.
    pub async fn transact(
        &self,
        caller: &Caller,
        request_id: &RequestId,
        calls: Vec<Execute>,
    ) -> Result<Transaction> {
        let entered = self.enter(caller).await?;
        // It takes one call's turn, and asks for as many.
        entered.account.request(calls.len().saturating_sub(1))?;
        let entries = self.entries(caller, request_id, &calls)?;
        let span = tracing::info_span!("transaction", %request_id, worker = %caller.worker, calls = calls.len());
        let work = async {
            let (session, mut requests) = self.of_one_session(caller, calls)?;
            if let Some(first) = requests.first_mut() {
                first.place = Some(entered.account.take(Quota::Calls)?);
            }
            let tools: Vec<Arc<Tool>> = requests
                .iter()
                .map(|request| request.tool.clone())
                .collect();
            let transacted = self.sessions.transact(&session, requests).await?;
            for outcome in &transacted.outcomes {
                let is_good = outcome.as_ref().is_ok_and(|called| !called.answer.is_error);
                entered.account.count_call(!is_good);
            }
            let outcomes = transacted.outcomes.into_iter().zip(tools);
            Ok(Transaction {
                outcomes: outcomes
                    .map(|(outcome, tool)| outcome.map(|called| Executed { tool, called }))
                    .collect(),
                rolled_back_to: transacted.rolled_back_to,
            })
        };
        let transacted = work.instrument(span).await;
        entries.finish(transacted).await
    }

    fn of_one_session(
        &self,
        caller: &Caller,
        calls: Vec<Execute>,
    ) -> Result<(Arc<Session>, Vec<ToolRequest>)> {
        let catalogue = self.catalogue(caller);
        let mut found: Option<Arc<Session>> = None;
        let mut requests = Vec::with_capacity(calls.len());
        for (place, execute) in calls.into_iter().enumerate() {
            let misplaced = |what: &str| {
                Error::new(ErrorCode::InvalidRequest, format!("/calls/{place}: {what}"))
                    .detail("pointer", format!("/calls/{place}"))
                    .hint("a transaction is of calls of stateful tools in one session, which each of them names")
            };
            let choice = restricted(caller, execute.session)?;
            let session = self.chosen(caller, &catalogue, &execute.action, choice)?;
            let tool = target(&catalogue, &execute.action, session.as_deref())?.tool;
            caller.may_call(&tool)?;
            let session = session.ok_or_else(|| misplaced("it names no session"))?;
            if tool.kind == ToolKind::Stateless {
                return Err(misplaced("its tool is stateless"));
            }
            if found.as_ref().is_some_and(|found| found.id != session.id) {
                return Err(misplaced(
                    "it is of another session than the calls before it",
                ));
            }
            found = Some(session);
            requests.push(ToolRequest {
                tool,
                params: execute.params,
                timeout: execute.timeout,
                watch: None,
                place: None,
            });
        }
        let session =
            found.ok_or_else(|| Error::new(ErrorCode::InvalidRequest, "there are no calls"))?;
        Ok((session, requests))
    }

    async fn route(
        &self,
        caller: &Caller,
        account: &Arc<Account>,
        execute: Execute,
        watch: Option<Arc<Watch>>,
        entry: &mut Entry,
    ) -> Result<Executed> {
        let choice = restricted(caller, execute.session)?;
        let catalogue = self.catalogue(caller);
        let session = self.chosen(caller, &catalogue, &execute.action, choice.clone())?;
        let Target { backend, tool } = target(&catalogue, &execute.action, session.as_deref())?;
        entry.calls(&backend, &tool);
        caller.may_call(&tool)?;
        let request = ToolRequest {
            tool: tool.clone(),
            params: execute.params,
            timeout: execute.timeout,
            watch,
            place: Some(account.take(Quota::Calls)?),
        };
        let session = match (tool.kind, session, choice) {
            // A stateless tool has a fresh instance for every call, whoever asks.
            (ToolKind::Stateless, _, _) => None,
            (ToolKind::Stateful, Some(session), _) => Some(session),
            (ToolKind::Stateful, None, SessionChoice::Any) => {
                self.sessions
                    .live_named(&self.key(caller, &backend.name, SessionName::default()))
            }
            (ToolKind::Stateful, None, _) => None,
        };
        if let Some(session) = &session {
            entry.session(&session.id);
        }
        let called = match session {
            // The worker's own `default` may still run an older version of the backend.
            Some(session) if !Arc::ptr_eq(&session.backend, &backend) => {
                let Target { tool, .. } = target(&catalogue, &execute.action, Some(&session))?;
                entry.calls(&session.backend, &tool);
                caller.may_call(&tool)?;
                self.sessions
                    .call(&session, ToolRequest { tool, ..request })
                    .await?
            }
            Some(session) => self.sessions.call(&session, request).await?,
            None => self.sessions.call_alone(account, &backend, request).await?,
        };
        Ok(Executed { tool, called })
    }

    /// The session that the caller names. Its backend may have been replaced or unloaded since it began.
    fn chosen(
        &self,
        caller: &Caller,
        catalogue: &Catalogue,
        action: &str,
        choice: SessionChoice,
    ) -> Result<Option<Arc<Session>>> {
        match choice {
            SessionChoice::Any | SessionChoice::Temporary => Ok(None),
            SessionChoice::Id(id) => self.visible(caller, &id).map(Some),
            SessionChoice::Name(name) => {
                let backend = match crate::router::resolve(catalogue, action) {
                    Ok(target) => target.backend.name.clone(),
                    Err(error) => crate::router::prefix(action).ok_or(error)?,
                };
                let key = self.key(caller, &backend, name);
                self.sessions.find_named(&key).and_then(|session| {
                    visible_to(caller, &session)?;
                    Ok(Some(session))
                })
            }
        }
    }

    /// All tools, by backend.
    pub fn tools(&self) -> Tools {
        self.registry.catalogue().tools()
    }

    /// Whether everybody may know of every backend.
    pub fn is_same_for_all(&self) -> bool {
        !self.registry.catalogue().is_restricted()
    }

    /// Those that the caller may know of.
    pub fn tools_for(&self, caller: &Caller) -> Tools {
        self.catalogue(caller).tools()
    }

    /// The tools, and when there are others.
    pub fn watch_tools(&self) -> watch::Receiver<Tools> {
        self.registry.watch_tools()
    }

    /// One tool, by any name that a call may use.
    ///
    /// # Errors
    /// `tool_not_found`, `tool_ambiguous`.
    pub fn tool(&self, name: &str) -> Result<Arc<Tool>> {
        crate::router::resolve(&self.registry.catalogue(), name).map(|target| target.tool)
    }

    /// The same, if the caller may know of it.
    ///
    /// # Errors
    /// As [`Host::tool`].
    pub fn tool_for(&self, caller: &Caller, name: &str) -> Result<Arc<Tool>> {
        crate::router::resolve(&self.catalogue(caller), name).map(|target| target.tool)
    }

    /// True once the host takes calls and until it stops.
    pub fn is_open(&self) -> bool {
        !self.draining.load(Ordering::Acquire)
    }

    /// Of sessions that do not say.
    pub fn timers(&self) -> Timers {
        self.config.timers
    }

    /// How long answers of jobs are kept.
    pub fn jobs_kept(&self) -> Duration {
        self.config.jobs.keep
    }

    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn session_count(&self) -> usize {
        self.sessions.count()
    }

    /// Asks the host to stop; whoever runs it sees [`Host::stopped`] and drains it.
    pub fn request_stop(&self) {
        // A host that cannot write can still be stopped.
        self.audit.by_host(Verb::RequestStop).end("ok");
        self.stop.cancel();
    }

    /// The same, and running calls are stopped.
    pub fn request_stop_at_once(&self) {
        self.in_haste.store(true, Ordering::Release);
        self.request_stop();
    }

    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Stops in order: no new calls, running calls finish within `patience`, sessions get their cleanup, backends their shutdown.
    pub async fn drain(&self, patience: Duration) {
        let patience = if self.in_haste.load(Ordering::Acquire) {
            patience.min(HASTE)
        } else {
            patience
        };
        self.draining.store(true, Ordering::Release);
        self.stop.cancel();
        self.calls.close();
        if tokio::time::timeout(patience, self.calls.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                calls = self.calls.len(),
                "calls are still running and will be stopped"
            );
        }
        self.jobs.stop_all();
        self.sessions.suspend_all(patience).await;
        if !self.sessions.end_all(patience).await {
            tracing::warn!(
                sessions = self.sessions.count(),
                "sessions did not end in time"
            );
        }
        for backend in self.registry.catalogue().backends() {
            self.retire(backend.clone());
        }
        self.retiring.close();
        if tokio::time::timeout(patience, self.retiring.wait())
            .await
            .is_err()
        {
            tracing::warn!("backends did not shut down in time");
        }
        self.guests.drained(patience).await;
        self.close_audit().await;
    }

    fn retire(&self, backend: Arc<Backend>) {
        self.guests
            .start(HOSTS_OWN, self.retiring.track_future(backend.retire()));
    }

    /// Waits for the worker's turn. Who is known by a credential waits at the doorway, whatever the request is.
    pub(crate) async fn turn(&self, worker: &WorkerId) {
        self.turns.wait(worker).await;
    }

    /// What every verb begins with that enters a guest: the host is open, has room, and the worker has not asked too often. Where nobody is
    /// asked for a credential the request may say in its body whose it is, and waits for its turn here.
    ///
    /// # Errors
    /// `shutting_down`, `overloaded`, `rate_limited`.
    async fn enter(&self, caller: &Caller) -> Result<Entered> {
        let memory_bytes = self.config.memory_bytes;
        if self.loader.engine().resident_bytes() >= memory_bytes {
            let message = format!("the host has all of its {memory_bytes} bytes of memory in use");
            return Err(Error::new(ErrorCode::Overloaded, message)
                .detail("limit", "host_memory")
                .detail("max", memory_bytes)
                .detail("key", "server.memory_bytes")
                .hint("nothing was run; destroy or suspend sessions that are not needed, or let the operator raise server.memory_bytes")
                .retry_after(Duration::from_secs(1)));
        }
        self.enter_to_give_back(caller).await
    }

    /// The same for a verb after which less memory is taken.
    async fn enter_to_give_back(&self, caller: &Caller) -> Result<Entered> {
        let running = self.calls.token();
        self.check_open()?;
        if self.calls.len() > self.config.calls_max {
            let most = self.config.calls_max;
            let message = format!("the host has all of its {most} calls in flight");
            return Err(Error::new(ErrorCode::Overloaded, message)
                .hint(
                    "nothing was run; ask again later, or let the operator raise server.max_calls",
                )
                .retry_after(Duration::from_secs(1)));
        }
        let account = self.accounts.of(&caller.worker);
        account.request(1)?;
        if !self.asks_for_credentials() {
            self.turn(&caller.worker).await;
        }
        Ok(Entered {
            account,
            _running: running,
        })
    }

    /// # Errors
    /// `shutting_down`.
    fn check_open(&self) -> Result<()> {
        if self.is_open() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::ShuttingDown, "the host is stopping")
            .hint("try again on another host, or when this one is back")
            .retry_after(Duration::from_secs(5)))
    }

    /// The backends that are there for this caller.
    fn catalogue(&self, caller: &Caller) -> Arc<Catalogue> {
        self.registry.catalogue().seen_by(&caller.worker)
    }

    /// The worker's session, unless its backend is not for this worker (any more).
    fn visible(&self, caller: &Caller, id: &SessionId) -> Result<Arc<Session>> {
        let session = self.sessions.find(&caller.worker, id)?;
        visible_to(caller, &session)?;
        Ok(session)
    }

    fn key(&self, caller: &Caller, backend: &BackendName, name: SessionName) -> SessionKey {
        SessionKey {
            worker: caller.worker.clone(),
            backend: backend.clone(),
            name,
        }
    }
}

/// A request that is served. Draining waits until it is dropped.
struct Entered {
    account: Arc<Account>,
    _running: TaskTrackerToken,
}

/// How a call ended, in logs, counters and the audit log.
fn outcome_word(outcome: &Result<Executed>) -> &'static str {
    match outcome {
        Ok(executed) if executed.called.answer.is_error => "tool_error",
        Ok(_) => "ok",
        Err(error) => error.code().as_str(),
    }
}

/// The tool that is meant: one of the session's own backend, in the version with which it began, or one out of the catalogue.
fn target(catalogue: &Catalogue, action: &str, session: Option<&Session>) -> Result<Target> {
    let Some(session) = session else {
        return crate::router::resolve(catalogue, action);
    };
    if let Some(tool) = crate::router::among(&session.backend, action) {
        return Ok(Target {
            backend: session.backend.clone(),
            tool: tool.clone(),
        });
    }
    let tool = crate::router::resolve(catalogue, action)?.tool;
    let (id, backend) = (&session.id, &session.key.backend);
    if tool.backend == *backend {
        let message = format!(
            "session {id} runs an older version of {backend}, which has no tool {:?}",
            tool.name
        );
        return Err(Error::new(ErrorCode::ToolNotFound, message)
            .hint("create a new session to use the new version"));
    }
    let message = format!(
        "session {id} is one of backend {backend}, and {} is a tool of another",
        tool.full_name
    );
    Err(Error::new(ErrorCode::InvalidRequest, message)
        .hint("name a session of the tool's own backend, or none"))
}

/// The session that the caller may use.
fn restricted(caller: &Caller, choice: SessionChoice) -> Result<SessionChoice> {
    match (&caller.only, choice) {
        (None, choice) => Ok(choice),
        (Some(own), SessionChoice::Any) => Ok(SessionChoice::Id(own.clone())),
        (Some(own), SessionChoice::Id(id)) if *own == id => Ok(SessionChoice::Id(id)),
        (Some(_), _) => Err(forbidden(
            "a session's token allows calls on that session alone",
        )),
    }
}

/// A session of a backend that is not for the worker is not there, like the backend.
fn visible_to(caller: &Caller, session: &Session) -> Result<()> {
    if session.backend.settings().workers.include(&caller.worker) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::SessionNotFound,
        format!("there is no session {:?}", session.id.as_str()),
    ))
}

fn forbidden(message: &str) -> Error {
    Error::new(ErrorCode::Forbidden, message)
        .hint("call without the token, or with that of the right session")
}
