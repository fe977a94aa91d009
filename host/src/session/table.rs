//! Finds sessions: by id, by token, by worker, backend and name. Remembers the ended for an hour, so that a late caller learns why.
//! One mutex, which never leaves this file and is never held across a wait.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::durable::Durable;
use crate::engine::{Guests, Slots};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{BackendName, SessionId, SessionName, TokenHash, WorkerId};
use crate::label::Labels;
use crate::quota::{Accounts, Quota};

use super::keeper::FAREWELLS_AT_ONCE;
use super::ledger::Dormant;
use super::shelf::Allowance;
use super::{EndReason, Session, SessionInfo, SessionKey, SessionState, Timers, ended_error};

/// How long, and at most how many, ended sessions are remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
const REMEMBERED_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionsConfig {
    /// Of sessions that do not say.
    pub(crate) timers: Timers,
    /// Sessions in memory on this host.
    pub(crate) sessions_max: usize,
    /// Suspended sessions on this host.
    pub(crate) suspended_max: usize,
}

pub(crate) struct Sessions {
    pub(super) durable: Arc<Durable>,
    pub(super) dormant: Dormant,
    pub(super) accounts: Arc<Accounts>,
    pub(super) config: SessionsConfig,
    pub(super) guests: Guests,
    /// The runtime of keepers and their timers.
    pub(super) timers: Handle,
    pub(super) keepers: TaskTracker,
    pub(super) farewells: Arc<Slots>,
    pub(super) serial: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By serial: oldest first.
    live: BTreeMap<u64, Arc<Session>>,
    by_id: HashMap<SessionId, Arc<Session>>,
    by_key: HashMap<SessionKey, Arc<Session>>,
    by_token: HashMap<[u8; 32], Arc<Session>>,
    per_worker: HashMap<WorkerId, Share>,
    ended: HashMap<SessionId, Ended>,
    ended_by_key: HashMap<SessionKey, SessionId>,
    ended_in_order: VecDeque<(Instant, SessionId)>,
    draining: bool,
    /// Of the live, those that are suspended.
    asleep: usize,
}

/// What one worker has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Suspended ones included.
    pub(crate) sessions: usize,
    pub(crate) asleep: usize,
}

struct Ended {
    key: SessionKey,
    why: EndReason,
    at: SystemTime,
}

/// Which sessions to list.
#[derive(Debug, Default)]
pub struct SessionQuery {
    /// None: of all workers.
    pub worker: Option<WorkerId>,
    pub backend: Option<BackendName>,
    pub name: Option<SessionName>,
    pub state: Option<SessionState>,
    pub labels: Labels,
    /// Sessions older than this one: `next` of the page before.
    pub before: Option<u64>,
    pub limit: usize,
}

pub struct SessionPage {
    /// Newest first.
    pub sessions: Vec<SessionInfo>,
    /// All that match, on every page.
    pub total: usize,
    /// `before` of the next page.
    pub next: Option<u64>,
}

impl Sessions {
    pub(crate) fn new(
        config: SessionsConfig,
        guests: Guests,
        timers: Handle,
        durable: Arc<Durable>,
        accounts: Arc<Accounts>,
    ) -> Self {
        Self {
            durable,
            dormant: Dormant::default(),
            accounts,
            config,
            guests,
            timers,
            keepers: TaskTracker::new(),
            farewells: Slots::endless(FAREWELLS_AT_ONCE),
            serial: AtomicU64::new(0),
            inner: Mutex::new(Inner::default()),
        }
    }

    /// # Errors
    /// `session_not_found` for an id that nobody has or that is another worker's; `session_ended`, `session_failed` with when and why.
    pub(crate) fn find(&self, worker: &WorkerId, id: &SessionId) -> Result<Arc<Session>> {
        let inner = self.inner();
        let own = |session: &&Arc<Session>| session.key.worker == *worker;
        if let Some(session) = inner.by_id.get(id).filter(own).cloned() {
            drop(inner);
            return session.check_alive().map(|()| session);
        }
        match inner
            .ended
            .get(id)
            .filter(|ended| ended.key.worker == *worker)
        {
            Some(ended) => Err(ended_error(id, &ended.why, ended.at)),
            None => {
                let dormant = self.dormant_error(worker, id);
                Err(dormant.unwrap_or_else(|| not_found(&id.to_string())))
            }
        }
    }

    /// # Errors
    /// As [`Sessions::find`].
    pub(crate) fn find_named(&self, key: &SessionKey) -> Result<Arc<Session>> {
        let inner = self.inner();
        if let Some(session) = inner.by_key.get(key).cloned() {
            drop(inner);
            return session.check_alive().map(|()| session);
        }
        let ended = inner
            .ended_by_key
            .get(key)
            .and_then(|id| inner.ended.get(id).map(|ended| (id, ended)));
        match ended {
            Some((id, ended)) => Err(ended_error(id, &ended.why, ended.at)),
            None => Err(not_found(&format!(
                "named {:?} of backend {}",
                key.name.as_str(),
                key.backend
            ))),
        }
    }

    /// The session of this key, if it is live and not at its end.
    pub(crate) fn live_named(&self, key: &SessionKey) -> Option<Arc<Session>> {
        let session = self.inner().by_key.get(key).cloned()?;
        session.check_alive().is_ok().then_some(session)
    }

    /// The live session that a capability token opens.
    pub(crate) fn find_by_token(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.inner().by_token.get(token.as_bytes()).cloned()
    }

    pub(crate) fn list(&self, query: &SessionQuery) -> SessionPage {
        let matching = self.matching(query);
        let rest = matching
            .iter()
            .filter(|session| query.before.is_none_or(|before| session.serial < before));
        let page: Vec<&Arc<Session>> = rest.clone().take(query.limit).collect();
        let next = if rest.count() > page.len() {
            page.last().map(|session| session.serial)
        } else {
            None
        };
        SessionPage {
            sessions: page.iter().map(|session| session.info()).collect(),
            total: matching.len(),
            next,
        }
    }

    /// Newest first, on all pages.
    pub(crate) fn matching(&self, query: &SessionQuery) -> Vec<Arc<Session>> {
        let mut live: Vec<Arc<Session>> = self.inner().live.values().rev().cloned().collect();
        live.retain(|session| {
            query
                .worker
                .as_ref()
                .is_none_or(|worker| session.key.worker == *worker)
                && query
                    .backend
                    .as_ref()
                    .is_none_or(|backend| session.key.backend == *backend)
                && query
                    .name
                    .as_ref()
                    .is_none_or(|name| session.key.name == *name)
                && session.check_alive().is_ok()
                && session.labels().matches(&query.labels)
                && query
                    .state
                    .is_none_or(|state| session.info().state == state)
        });
        live
    }

    pub(crate) fn count(&self) -> usize {
        self.inner().live.len()
    }

    /// Workers that have sessions.
    pub(crate) fn worker_count(&self) -> usize {
        let inner = self.inner();
        let with_some = inner.per_worker.values();
        with_some.filter(|share| share.sessions > 0).count()
    }

    /// What one worker has.
    pub(crate) fn share(&self, worker: &WorkerId) -> Share {
        let inner = self.inner();
        inner.per_worker.get(worker).copied().unwrap_or_default()
    }

    /// Lets no new session in, and hands out those that there are.
    pub(super) fn stop_entries(&self) -> Vec<Arc<Session>> {
        let mut inner = self.inner();
        inner.draining = true;
        inner.live.values().cloned().collect()
    }

    /// Ends every session and waits until they are gone, at most `patience`. No new ones begin from now on.
    pub(crate) async fn end_all(&self, patience: Duration) -> bool {
        let live = self.stop_entries();
        for session in &live {
            session.end(EndReason::Shutdown);
        }
        drop(live);
        self.keepers.close();
        tokio::time::timeout(patience, self.keepers.wait())
            .await
            .is_ok()
    }

    /// Enters a session that is about to start.
    ///
    /// # Errors
    /// `session_exists`, `rate_limited`, `overloaded`, `shutting_down`.
    pub(super) fn enter(&self, session: &Arc<Session>) -> Result<(), Refusal> {
        let mut inner = self.inner();
        if inner.draining {
            return Err(Refusal::Other(stopping()));
        }
        if let Some(existing) = inner.holder(&session.key) {
            return Err(Refusal::Exists(existing));
        }
        self.check_room(&inner, 1)?;
        check_share(&inner, session, 1)?;
        inner.admit(session);
        Ok(())
    }

    /// Enters sessions that come of one fork: all of them or none.
    ///
    /// # Errors
    /// As [`Sessions::enter`].
    pub(super) fn enter_all(&self, sessions: &[Arc<Session>]) -> Result<(), Refusal> {
        let mut inner = self.inner();
        let Some(first) = sessions.first() else {
            return Ok(());
        };
        if inner.draining {
            return Err(Refusal::Other(stopping()));
        }
        for session in sessions {
            if let Some(existing) = inner.holder(&session.key) {
                return Err(Refusal::Exists(existing));
            }
        }
        self.check_room(&inner, sessions.len())?;
        check_share(&inner, first, sessions.len())?;
        for session in sessions {
            inner.admit(session);
        }
        Ok(())
    }

    /// Enters a session that comes back suspended. It takes no room until it is woken up.
    ///
    /// # Errors
    /// Another one has its name by now.
    pub(super) fn enter_asleep(&self, session: &Arc<Session>) -> Result<()> {
        let mut inner = self.inner();
        if inner.holder(&session.key).is_some() {
            let message = format!(
                "another session is called {:?} by now",
                session.key.name.as_str()
            );
            return Err(Error::new(ErrorCode::SessionExists, message));
        }
        inner.admit(session);
        inner.fall_asleep(&session.key.worker, 1);
        Ok(())
    }

    /// Counts sessions that were suspended (1), or ended in their sleep (-1).
    pub(super) fn asleep(&self, worker: &WorkerId, change: isize) {
        let mut inner = self.inner();
        inner.fall_asleep(worker, change);
        metrics::gauge!("hostel_sessions_suspended").set(gauge(inner.asleep));
    }

    /// # Errors
    /// `overloaded`: the host has as many suspended sessions as it may have; `rate_limited`: its worker has. A host that stops saves what
    /// there is, whosever it is.
    pub(super) fn check_beds(&self, session: &Session) -> Result<Allowance> {
        let most = self.config.suspended_max;
        let inner = self.inner();
        if inner.asleep < most {
            if inner.draining {
                return Ok(Allowance::Any);
            }
            let share = inner.per_worker.get(&session.key.worker);
            let own = share.map_or(0, |share| share.asleep);
            drop(inner);
            session.account.check(Quota::Suspended, own, 1)?;
            return Ok(Allowance::OfWorker);
        }
        let message = format!("the host has all of its {most} suspended sessions");
        Err(Error::new(ErrorCode::Overloaded, message)
            .hint("the session goes on; destroy sessions that are not needed, or let the operator raise server.max_suspended")
            .retry_after(Duration::from_secs(60)))
    }

    /// Makes room for a session that is woken up.
    ///
    /// # Errors
    /// `overloaded`: the session sleeps on.
    pub(super) fn awake_again(&self, session: &Session) -> Result<()> {
        let mut inner = self.inner();
        match self.check_room(&inner, 1) {
            Ok(()) => {
                inner.fall_asleep(&session.key.worker, -1);
                Ok(())
            }
            Err(Refusal::Other(error)) => Err(error),
            Err(Refusal::Exists(_)) => Ok(()),
        }
    }

    fn check_room(&self, inner: &Inner, count: usize) -> Result<(), Refusal> {
        let awake = inner.live.len() - inner.asleep.min(inner.live.len());
        if awake + count <= self.config.sessions_max {
            return Ok(());
        }
        let message = format!(
            "the host has all of its {} sessions",
            self.config.sessions_max
        );
        let error = Error::new(ErrorCode::Overloaded, message);
        Err(Refusal::Other(error.hint("destroy or suspend sessions that are not needed, or let the operator raise server.max_sessions").retry_after(Duration::from_secs(1))))
    }

    /// Takes a session whose end has begun out of sight, and remembers it.
    pub(super) fn retire(&self, session: &Arc<Session>) {
        let mut inner = self.inner();
        inner.leave(session);
        let Some((why, at)) = session.end.why.get() else {
            return;
        };
        inner.remember(session, why.clone(), *at);
    }

    /// Takes out a session that never came to be. It leaves nothing behind.
    pub(super) fn forget(&self, session: &Arc<Session>) {
        self.inner().leave(session);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no code panics while it holds the table")
    }
}

/// # Errors
/// `rate_limited`: the worker has as many sessions as it may have.
fn check_share(inner: &Inner, session: &Session, count: usize) -> Result<(), Refusal> {
    let own = inner.per_worker.get(&session.key.worker);
    let own = own.map_or(0, |share| share.sessions);
    let checked = session.account.check(Quota::Sessions, own, count);
    checked.map_err(Refusal::Other)
}

/// Why a session cannot begin.
pub(super) enum Refusal {
    Exists(Arc<Session>),
    Other(Error),
}

fn stopping() -> Error {
    Error::new(ErrorCode::ShuttingDown, "the host is stopping").retry_after(Duration::from_secs(5))
}

impl Inner {
    /// The session of this key. One whose end has begun no longer stands in the way of its successor.
    fn holder(&self, key: &SessionKey) -> Option<Arc<Session>> {
        let holder = self.by_key.get(key);
        holder
            .filter(|holder| holder.end.why.get().is_none())
            .cloned()
    }

    fn admit(&mut self, session: &Arc<Session>) {
        self.per_worker
            .entry(session.key.worker.clone())
            .or_default()
            .sessions += 1;
        self.live.insert(session.serial, session.clone());
        self.by_id.insert(session.id.clone(), session.clone());
        self.by_key.insert(session.key.clone(), session.clone());
        self.by_token
            .insert(*session.token.hash.as_bytes(), session.clone());
        metrics::gauge!("hostel_sessions").set(gauge(self.live.len()));
    }

    fn leave(&mut self, session: &Arc<Session>) {
        if self.live.remove(&session.serial).is_none() {
            return;
        }
        self.by_id.remove(&session.id);
        self.by_token.remove(session.token.hash.as_bytes());
        if self
            .by_key
            .get(&session.key)
            .is_some_and(|holder| Arc::ptr_eq(holder, session))
        {
            self.by_key.remove(&session.key);
        }
        self.change_share(&session.key.worker, |share| share.sessions -= 1);
        metrics::gauge!("hostel_sessions").set(gauge(self.live.len()));
    }

    /// Counts a suspended session (1), or one that is so no longer (-1).
    fn fall_asleep(&mut self, worker: &WorkerId, change: isize) {
        self.asleep = self.asleep.saturating_add_signed(change);
        self.change_share(worker, |share| {
            share.asleep = share.asleep.saturating_add_signed(change);
        });
    }

    fn change_share(&mut self, worker: &WorkerId, change: impl FnOnce(&mut Share)) {
        let Some(share) = self.per_worker.get_mut(worker) else {
            return;
        };
        change(share);
        if *share == Share::default() {
            self.per_worker.remove(worker);
        }
    }

    fn remember(&mut self, session: &Session, why: EndReason, at: SystemTime) {
        let now = Instant::now();
        while let Some((since, id)) = self.ended_in_order.front() {
            if self.ended_in_order.len() < REMEMBERED_MAX
                && now.duration_since(*since) < REMEMBERED_FOR
            {
                break;
            }
            if let Some(ended) = self.ended.remove(id)
                && self.ended_by_key.get(&ended.key) == Some(id)
            {
                self.ended_by_key.remove(&ended.key);
            }
            self.ended_in_order.pop_front();
        }
        self.ended_by_key
            .insert(session.key.clone(), session.id.clone());
        self.ended.insert(
            session.id.clone(),
            Ended {
                key: session.key.clone(),
                why,
                at,
            },
        );
        self.ended_in_order.push_back((now, session.id.clone()));
    }
}

fn not_found(what: &str) -> Error {
    Error::new(
        ErrorCode::SessionNotFound,
        format!("there is no session {what}"),
    )
    .hint("create it first with POST /v1/sessions, or leave the session out to use a temporary one")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody has 2^53 sessions"
)]
fn gauge(count: usize) -> f64 {
    count as f64
}
