//! The audit log: who did what with which outcome, one JSON line each, in a file that only grows. Every line names the hash of the line
//! before it, so a line that was changed, taken out, moved or put in breaks the chain at its place.
//!
//! A verb takes room for its line before it does anything (`Audit::begin`) and fills it in at its end. One thread writes; nobody waits for
//! the disk unless `fsync` is `always`. What is written are sizes and hashes of params and results, never they themselves.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::{RequestId, SessionId, WorkerId};

mod chain;
mod file;
mod queue;
mod request;
mod row;
mod show;
mod verify;
mod writer;

pub use chain::{BEGINNING, Link};
pub use file::{files_of, head};
use queue::{Queue, Room};
pub(crate) use request::{Asked, in_request};
use row::Row;
pub use row::Verb;
pub use show::{Query, show};
pub use verify::{Broken, Verified, verify};

/// Where the log is if nobody says.
pub const IN_DATA_DIR: &str = "audit/audit.jsonl";
/// How long a call waits for its line to be on disk before it says that it is not.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a caller may have written as a name is kept up to here.
const NAME_CHARS_MAX: usize = 256;

/// Where the log is, and how much it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file that is written to; those before it are beside it: `audit.jsonl`, `audit.000001.jsonl`. None: in the data directory.
    pub file: Option<PathBuf>,
    pub fsync: Fsync,
    pub on_failure: OnFailure,
    /// A larger file is put aside, and the chain goes on in a new one. Default 64 MiB.
    pub file_bytes_max: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            file: None,
            fsync: Fsync::default(),
            on_failure: OnFailure::default(),
            file_bytes_max: 64 << 20,
        }
    }
}

/// When a line is safe from a power failure. From a killed process it is safe some milliseconds after the call's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// When the operating system likes.
    Never,
    /// A second later.
    #[default]
    Second,
    /// Before the call is answered.
    Always,
}

/// What becomes of calls while lines cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They are refused (`overloaded`): nothing is done that is not written down.
    #[default]
    Refuse,
    /// They are served; how many lines are missing is written down later.
    Continue,
}

/// The log as verbs know it. Cheap to clone; off, it costs a comparison.
#[derive(Clone, Default)]
pub struct Audit(Option<Arc<Log>>);

struct Log {
    queue: Arc<Queue>,
    fsync: Fsync,
    on_failure: OnFailure,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Who did it, in the log's words.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) worker: WorkerId,
    /// What the caller showed: `none`, `session_token`, a key's id.
    pub(crate) credential: Cow<'static, str>,
}

/// A line whose verb is still at work. One that is dropped says that nobody waited for the outcome.
#[must_use = "a line is written when it is finished"]
pub(crate) struct Entry(Option<Box<Open>>);

struct Open {
    log: Arc<Log>,
    row: Row,
    began: Instant,
    room: Option<Room>,
}

impl Audit {
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the file, or goes on where it ends. What a killed process left of a last line is cut off, and the log says so.
    ///
    /// # Errors
    /// In words for the operator: it cannot be written, another process writes it, or its last line is not what it was.
    pub fn open(config: &AuditConfig, data_dir: &Path) -> Result<Self, String> {
        let file = config
            .file
            .clone()
            .unwrap_or_else(|| data_dir.join(IN_DATA_DIR));
        let (opened, cut) = file::Opened::open(&file, config.file_bytes_max)?;
        let queue = Arc::new(Queue::new(config.on_failure));
        let writer = writer::start(opened, queue.clone(), config.fsync, config.on_failure)
            .map_err(|error| format!("cannot start the audit log's thread: {error}"))?;
        let log = Log {
            queue,
            fsync: config.fsync,
            on_failure: config.on_failure,
            writer: Mutex::new(Some(writer)),
        };
        let audit = Self(Some(Arc::new(log)));
        let mut entry = audit.by_host(Verb::StartHost);
        entry.detail("version", env!("CARGO_PKG_VERSION"));
        if cut > 0 {
            entry.detail("cut_bytes", cut);
        }
        entry.end("ok");
        Ok(audit)
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes room for the line of a verb that is about to begin. `actor` is asked for only if there is a log; none: whoever the request is
    /// known to be from.
    ///
    /// # Errors
    /// `overloaded`: the log cannot be written, and nothing is to be done without it.
    pub(crate) fn begin(&self, verb: Verb, actor: impl FnOnce() -> Option<Actor>) -> Result<Entry> {
        let Some(log) = &self.0 else {
            return Ok(Entry(None));
        };
        let room = log.queue.room().map_err(|trouble| refused(&trouble))?;
        Ok(Entry::new(log, verb, actor(), Some(room)))
    }

    /// The line of something that the host does by itself, or that is known only when it is over: it is written if there is room.
    pub(crate) fn by_host(&self, verb: Verb) -> Entry {
        match &self.0 {
            None => Entry(None),
            Some(log) => Entry::new(log, verb, None, None),
        }
    }

    /// A request that was turned away before it came to a verb. A flood of them is counted and not written line by line.
    pub(crate) fn denied(&self, what: &str, actor: Option<Actor>, outcome: &'static str) {
        let Some(log) = &self.0 else { return };
        if !log.queue.may_deny() {
            return;
        }
        let mut entry = Entry::new(log, Verb::Denied, actor, None);
        entry.action(what);
        entry.end(outcome);
    }

    /// Writes what is queued and closes the file. Lines that come later are lost. Blocks.
    pub fn close(&self) {
        if let Some(log) = &self.0 {
            log.close();
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() {
            "Audit(on)"
        } else {
            "Audit(off)"
        })
    }
}

impl Log {
    fn close(&self) {
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .expect("no code panics while it holds the thread")
            .take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the audit log's thread ended badly");
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

impl Entry {
    fn new(log: &Arc<Log>, verb: Verb, actor: Option<Actor>, room: Option<Room>) -> Self {
        let asked = Asked::current();
        if let Some(asked) = &asked {
            asked.is_written();
        }
        let actor = actor.or_else(|| asked.as_ref().and_then(|asked| asked.actor()));
        let row = Row::new(verb, actor, asked.map(|asked| asked.request_id().clone()));
        Self(Some(Box::new(Open {
            log: log.clone(),
            row,
            began: Instant::now(),
            room,
        })))
    }

    fn row(&mut self) -> Option<&mut Row> {
        self.0.as_mut().map(|open| &mut open.row)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn request_id(&mut self, id: &RequestId) {
        if let Some(row) = self.row() {
            row.request_id = Some(id.clone());
        }
    }

    /// What was asked for, as it was written; the tool's full name once it is known.
    pub(crate) fn action(&mut self, action: &str) {
        if let Some(row) = self.row() {
            row.action = Some(action.chars().take(NAME_CHARS_MAX).collect());
        }
    }

    pub(crate) fn component(&mut self, digest: &str) {
        if let Some(row) = self.row() {
            row.digest = Some(digest.to_owned());
        }
    }

    pub(crate) fn session(&mut self, id: &SessionId) {
        if let Some(row) = self.row() {
            row.session = Some(id.clone());
        }
    }

    pub(crate) fn params(&mut self, params: &[u8]) {
        if let Some(row) = self.row() {
            row.params = Some(row::Fingerprint::of(params));
        }
    }

    pub(crate) fn result(&mut self, result: &[u8]) {
        if let Some(row) = self.row() {
            row.result = Some(row::Fingerprint::of(result));
        }
    }

    /// A member of `details`. Names and numbers of ours, never what a guest or a caller has written at length.
    pub(crate) fn detail(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(row) = self.row() {
            row.details
                .get_or_insert_with(Map::new)
                .insert(name.to_owned(), value.into());
        }
    }

    /// Hands the line in, and waits for the disk if the log is to.
    ///
    /// # Errors
    /// `overloaded`: what was asked for is done, and its line is not on disk in time.
    pub(crate) async fn finish(mut self, outcome: &'static str) -> Result<()> {
        let Some(open) = self.0.take() else {
            return Ok(());
        };
        let log = open.log.clone();
        let ticket = open.hand_in(outcome);
        if log.fsync != Fsync::Always {
            return Ok(());
        }
        let written = log.queue.written(ticket);
        let trouble = match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(trouble)) => trouble,
            Err(_) => "the disk does not answer".to_owned(),
        };
        match log.on_failure {
            OnFailure::Refuse => Err(not_on_disk(&trouble)),
            OnFailure::Continue => Ok(()),
        }
    }

    /// Hands the line in.
    pub(crate) fn end(mut self, outcome: &'static str) {
        if let Some(open) = self.0.take() {
            open.hand_in(outcome);
        }
    }

    /// Finishes the line of a verb with what it came to.
    ///
    /// # Errors
    /// That of the verb; as [`Entry::finish`].
    pub(crate) async fn with<T>(self, outcome: Result<T>) -> Result<T> {
        if !self.is_on() {
            return outcome;
        }
        self.finish(word(&outcome)).await?;
        outcome
    }

    /// The same where nobody can wait.
    ///
    /// # Errors
    /// That of the verb.
    pub(crate) fn at_once<T>(self, outcome: Result<T>) -> Result<T> {
        self.end(word(&outcome));
        outcome
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.hand_in("abandoned");
        }
    }
}

impl Open {
    fn hand_in(self: Box<Self>, outcome: &'static str) -> u64 {
        let Self {
            log,
            mut row,
            began,
            room,
        } = *self;
        row.end(outcome, began.elapsed());
        log.queue.push(row, room)
    }
}

/// The hash that a line gives of params or of a result.
pub fn fingerprint(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn word<T>(outcome: &Result<T>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(error) => error.code().as_str(),
    }
}

fn refused(trouble: &str) -> Error {
    Error::new(
        ErrorCode::Overloaded,
        format!("the audit log cannot be written: {trouble}"),
    )
    .hint("nothing is done that cannot be written down; the operator mends the disk, or sets [audit] on_failure = \"continue\"")
    .retry_after(Duration::from_secs(1))
}

fn not_on_disk(trouble: &str) -> Error {
    Error::new(
        ErrorCode::Overloaded,
        format!("this was done, and its line in the audit log is not on disk: {trouble}"),
    )
    .hint("look before you repeat it")
    .retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
