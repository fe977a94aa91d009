//! What the table on disk says about sessions that have a state there, and how they come back from it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::{KeyId, SessionId, SessionName, TokenHash, WorkerId};
use crate::label::Labels;
use crate::policy::{LimitRequest, Limits};
use crate::quota::{Account, DiskBytes};
use crate::registry::Backend;

use super::checkpoints::{Checkpoint, Checkpoints};
use super::lease::Lease;
use super::shelf::{Shelved, base_file};
use super::slot::Slot;
use super::table::Sessions;
use super::{Capability, CheckpointInfo, CheckpointMode, ForkedFrom, Session, SessionKey, Timers};

/// A session as the table on disk has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    id: String,
    worker: String,
    backend: String,
    name: String,
    /// The version that its states fit.
    digest: String,
    /// A hash of the token.
    token: [u8; 32],
    /// The API key that the token was made with. None also where an older host wrote this.
    made_with: Option<String>,
    labels: BTreeMap<String, String>,
    timers: Timers,
    limits: LimitsRecord,
    mode: CheckpointMode,
    forked_from: Option<ForkedFrom>,
    created_at: SystemTime,
    /// None: its lifetime has no end.
    ends_at: Option<SystemTime>,
    calls: u64,
    duration_us: u64,
    host_calls: u64,
    parks: u64,
    parked: Option<StateRecord>,
    checkpoints: Vec<(CheckpointInfo, StateRecord)>,
}

/// What the session may use at most; a tighter policy is obeyed when it comes back.
#[derive(Serialize, Deserialize)]
struct LimitsRecord {
    call: Duration,
    cpu: Duration,
    memory_bytes: usize,
    result_bytes: usize,
    /// None: an older host wrote this.
    workspace_bytes: Option<u64>,
    workspace_files: Option<u64>,
    queue: usize,
}

#[derive(Serialize, Deserialize)]
struct StateRecord {
    saved_at: SystemTime,
    file: String,
    image: Option<String>,
    workspace: Option<PathBuf>,
    /// What it takes on disk.
    #[serde(default)]
    bytes: u64,
}

/// Sessions whose backend is not loaded, or not in their version: they wait for it.
#[derive(Default)]
pub(super) struct Dormant(Mutex<HashMap<SessionId, Waiting>>);

struct Waiting {
    record: Record,
    /// Its worker's, until it is back.
    _bytes: Option<DiskBytes>,
}

impl Sessions {
    /// Writes down which states the session has on disk. A session without any is not in the table.
    ///
    /// # Errors
    /// `internal`: the disk is full, for one.
    pub(super) fn record(&self, session: &Session) -> Result<()> {
        let put = self.durable.put(session.id.as_str(), &session.record());
        put.map_err(|cause| Error::internal("cannot write a session down", cause))
    }

    /// Removes everything that is on disk of a session that has ended.
    pub(super) fn forget_states(&self, session: &Session) {
        let states: Vec<Shelved> = session.checkpoints().all().cloned().collect();
        if states.is_empty() {
            return;
        }
        self.durable.forget(session.id.as_str());
        for state in states {
            state.discard(&self.durable);
        }
    }

    /// Reads the table of an earlier process, and removes what it left half-done. The sessions wait for their backends.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn recall(&self) -> Result<usize, String> {
        let records: Vec<Record> = self.durable.records()?;
        let now = SystemTime::now();
        let (over, alive): (Vec<Record>, Vec<Record>) = records
            .into_iter()
            .partition(|record| record.ends_at.is_some_and(|end| end <= now));
        for record in over {
            tracing::info!(
                session = record.id,
                "a session ended while the host was stopped: its maximum lifetime passed"
            );
            self.durable.forget(&record.id);
        }
        let states = || alive.iter().flat_map(Record::states);
        let images = states().filter_map(|state| state.image.as_deref().map(base_file));
        let files: HashSet<String> = states()
            .map(|state| state.file.clone())
            .chain(images)
            .collect();
        let folders: HashSet<&Path> = states()
            .filter_map(|state| state.workspace.as_deref())
            .collect();
        self.durable
            .sweep(|file| files.contains(file), |path| folders.contains(path));
        let count = alive.len();
        let mut dormant = self.dormant.records();
        for record in alive {
            match SessionId::parse(&record.id) {
                Ok(id) => {
                    let bytes = record.states().map(|state| state.bytes).sum();
                    let worker = WorkerId::parse(&record.worker).ok();
                    let _bytes = worker.map(|worker| self.accounts.of(&worker).note_disk(bytes));
                    dormant.insert(id, Waiting { record, _bytes });
                }
                Err(error) => tracing::warn!(%error, "discarded the record of a session"),
            }
        }
        Ok(count)
    }

    /// Brings the sessions back that waited for this backend, suspended.
    pub(crate) fn welcome(self: &Arc<Self>, backend: &Arc<Backend>) {
        let waiting: Vec<Waiting> = {
            let mut dormant = self.dormant.records();
            let fits = |record: &Record| {
                record.backend == backend.name.as_str() && record.digest == backend.digest
            };
            let ids: Vec<SessionId> = dormant
                .iter()
                .filter(|(_, waiting)| fits(&waiting.record))
                .map(|(id, _)| id.clone())
                .collect();
            let records = ids.iter().filter_map(|id| dormant.remove(id));
            let mut records: Vec<Waiting> = records.collect();
            // Lists of sessions are by age.
            records.sort_by_key(|waiting| waiting.record.created_at);
            records
        };
        let mut count = 0;
        for Waiting { record, _bytes } in waiting {
            let id = record.id.clone();
            match self.come_back(backend, record) {
                Ok(()) => count += 1,
                Err(error) => tracing::warn!(session = id, %error, "a session does not come back"),
            }
        }
        if count > 0 {
            tracing::info!(backend = %backend.name, count, "sessions are back, suspended");
        }
    }

    fn come_back(self: &Arc<Self>, backend: &Arc<Backend>, record: Record) -> Result<()> {
        let now = SystemTime::now();
        let left = |end: SystemTime| end.duration_since(now).unwrap_or_default();
        let limits = backend.limits().narrowed(&record.limits.into());
        let lease = Lease::resumed(record.timers, Instant::now(), record.ends_at.map(left));
        let worker = WorkerId::parse(&record.worker)?;
        let account = self.accounts.of(&worker);
        let parked = record.parked.map(|state| state.shelved(&account));
        let checkpoints = record.checkpoints.into_iter();
        let checkpoints = checkpoints.map(|(info, state)| Checkpoint {
            info,
            shelved: state.shelved(&account),
        });
        let checkpoints = Checkpoints::of(checkpoints.collect(), parked, record.parks);
        let Some(state) = checkpoints.newest().cloned() else {
            return Err(Error::new(ErrorCode::Internal, "it has no state on disk"));
        };
        let key = SessionKey {
            worker,
            backend: backend.name.clone(),
            name: SessionName::parse(&record.name)?,
        };
        let session = Session {
            mode: Mutex::new(record.mode),
            forked_from: record.forked_from.map(Box::new),
            created_at: record.created_at,
            checkpoints: Mutex::new(checkpoints),
            ..Session::new(
                SessionId::parse(&record.id)?,
                key,
                account,
                backend,
                limits,
                self.next_serial(),
                Capability {
                    hash: TokenHash::from_bytes(record.token),
                    made_with: record.made_with.as_deref().map(KeyId::parse).transpose()?,
                },
                Labels::parse(record.labels)?,
                lease,
                Slot::suspended(state),
            )
        };
        let totals = &session.totals;
        totals.calls.store(record.calls, Ordering::Relaxed);
        totals
            .duration_us
            .store(record.duration_us, Ordering::Relaxed);
        totals
            .host_calls
            .store(record.host_calls, Ordering::Relaxed);
        let session = Arc::new(session);
        self.enter_asleep(&session)?;
        self.keep(session);
        Ok(())
    }

    /// Why a session that is on disk cannot be used now, if it is the worker's.
    pub(super) fn dormant_error(&self, worker: &WorkerId, id: &SessionId) -> Option<Error> {
        let dormant = self.dormant.records();
        let record = dormant
            .get(id)
            .map(|waiting| &waiting.record)
            .filter(|record| record.worker == worker.as_str())?;
        let message = format!(
            "session {id} is saved on disk, and its backend {} is not loaded in the version that it was saved with ({})",
            record.backend, record.digest
        );
        Some(
            Error::new(ErrorCode::UnsupportedSnapshot, message).hint(
                "load that version of the backend, and the session is back; or create a new one",
            ),
        )
    }
}

impl Dormant {
    fn records(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Waiting>> {
        self.0
            .lock()
            .expect("no code panics while it holds the records")
    }
}

impl Record {
    fn states(&self) -> impl Iterator<Item = &StateRecord> {
        let checkpoints = self.checkpoints.iter().map(|(_, state)| state);
        checkpoints.chain(&self.parked)
    }
}

impl From<LimitsRecord> for LimitRequest {
    fn from(record: LimitsRecord) -> Self {
        Self {
            call: Some(record.call),
            cpu: Some(record.cpu),
            memory_bytes: Some(record.memory_bytes),
            result_bytes: Some(record.result_bytes),
            workspace_bytes: record.workspace_bytes,
            workspace_files: record.workspace_files,
            queue: Some(record.queue),
        }
    }
}

impl From<&Limits> for LimitsRecord {
    fn from(limits: &Limits) -> Self {
        Self {
            call: limits.call,
            cpu: limits.cpu,
            memory_bytes: limits.memory_bytes,
            result_bytes: limits.result_bytes,
            workspace_bytes: Some(limits.workspace_bytes),
            workspace_files: Some(limits.workspace_files),
            queue: limits.queue,
        }
    }
}

impl StateRecord {
    fn shelved(self, account: &Arc<Account>) -> Shelved {
        Shelved {
            saved_at: self.saved_at,
            image: self.image.map(Arc::from),
            file: self.file.into(),
            workspace: self.workspace.map(Arc::new),
            module: None,
            bytes: Arc::new(account.note_disk(self.bytes)),
        }
    }
}

impl From<&Shelved> for StateRecord {
    fn from(shelved: &Shelved) -> Self {
        Self {
            saved_at: shelved.saved_at,
            image: shelved.image.as_deref().map(str::to_owned),
            file: shelved.file.to_string(),
            workspace: shelved.workspace.as_deref().cloned(),
            bytes: shelved.bytes.bytes(),
        }
    }
}

impl Session {
    fn record(&self) -> Record {
        let (timers, left) = {
            let lease = self.lease();
            (lease.timers(), lease.left(Instant::now()))
        };
        let checkpoints = self.checkpoints();
        let kept = checkpoints.iter();
        let kept = kept.map(|kept| (kept.info.clone(), (&kept.shelved).into()));
        Record {
            id: self.id.to_string(),
            worker: self.key.worker.to_string(),
            backend: self.key.backend.to_string(),
            name: self.key.name.to_string(),
            digest: self.backend.digest.clone(),
            token: *self.token.hash.as_bytes(),
            made_with: self.made_with().map(ToString::to_string),
            labels: self.labels().as_map().clone(),
            timers,
            limits: (&self.limits).into(),
            mode: self.mode(),
            forked_from: self.forked_from.as_deref().cloned(),
            created_at: self.created_at,
            ends_at: left.and_then(|left: Duration| SystemTime::now().checked_add(left)),
            calls: self.totals.calls.load(Ordering::Relaxed),
            duration_us: self.totals.duration_us.load(Ordering::Relaxed),
            host_calls: self.totals.host_calls.load(Ordering::Relaxed),
            parks: checkpoints.parks(),
            parked: checkpoints.parked().map(StateRecord::from),
            checkpoints: kept.collect(),
        }
    }
}
