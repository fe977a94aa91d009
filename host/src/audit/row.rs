//! One line before it stands in the chain, and how it is written.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::ids::{RequestId, SessionId};

use super::Actor;
use super::chain::{Link, sealed};

/// What was done. The list is closed: whoever reads the log can rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Execute,
    Transaction,
    CreateSession,
    ChangeSession,
    DestroySession,
    Fork,
    Checkpoint,
    Restore,
    Suspend,
    Resume,
    CancelJob,
    LoadBackend,
    PutBackend,
    DeleteBackend,
    Warmup,
    ChangePolicy,
    /// A request that came to no verb.
    Denied,
    StartHost,
    StopHost,
    RequestStop,
    /// The chain goes on from another file.
    ContinueLog,
    /// Lines are missing: there was no room for them.
    LoseLines,
}

impl Verb {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Transaction => "transaction",
            Self::CreateSession => "create_session",
            Self::ChangeSession => "change_session",
            Self::DestroySession => "destroy_session",
            Self::Fork => "fork",
            Self::Checkpoint => "checkpoint",
            Self::Restore => "restore",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::CancelJob => "cancel_job",
            Self::LoadBackend => "load_backend",
            Self::PutBackend => "put_backend",
            Self::DeleteBackend => "delete_backend",
            Self::Warmup => "warmup",
            Self::ChangePolicy => "change_policy",
            Self::Denied => "denied",
            Self::StartHost => "start_host",
            Self::StopHost => "stop_host",
            Self::RequestStop => "request_stop",
            Self::ContinueLog => "continue_log",
            Self::LoseLines => "lose_lines",
        }
    }
}

/// A line whose place in the chain is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Row {
    verb: Verb,
    actor: Option<Actor>,
    at: SystemTime,
    took: Option<Duration>,
    outcome: &'static str,
    pub(super) request_id: Option<RequestId>,
    pub(super) action: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) session: Option<SessionId>,
    pub(super) params: Option<Fingerprint>,
    pub(super) result: Option<Fingerprint>,
    pub(super) details: Option<Map<String, Value>>,
}

/// What is told of bytes: enough to know them again, and not what they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint {
    bytes: usize,
    hash: blake3::Hash,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at: &'a str,
    verb: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Map<String, Value>>,
    /// Last, for the seal comes after it.
    prev: &'a str,
}

#[derive(Serialize)]
struct Bytes {
    bytes: usize,
    blake3: String,
}

impl Fingerprint {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len(),
            hash: blake3::hash(bytes),
        }
    }

    fn shown(self) -> Bytes {
        Bytes {
            bytes: self.bytes,
            blake3: self.hash.to_hex().to_string(),
        }
    }
}

impl Row {
    pub(super) fn new(verb: Verb, actor: Option<Actor>, request_id: Option<RequestId>) -> Self {
        Self {
            verb,
            actor,
            at: SystemTime::now(),
            took: None,
            outcome: "ok",
            request_id,
            action: None,
            digest: None,
            session: None,
            params: None,
            result: None,
            details: None,
        }
    }

    /// `at` is when it ended: lines stand in this order.
    pub(super) fn end(&mut self, outcome: &'static str, took: Duration) {
        self.at = SystemTime::now();
        self.outcome = outcome;
        self.took = Some(took);
    }

    /// Whether such lines come one at a time.
    pub(super) fn is_rare(&self) -> bool {
        !matches!(self.verb, Verb::Execute | Verb::Denied)
    }

    /// A line of the log's own.
    pub(super) fn of_log(verb: Verb, name: &str, value: impl Into<Value>) -> Self {
        let mut row = Self::new(verb, None, None);
        row.details = Some(Map::from_iter([(name.to_owned(), value.into())]));
        row
    }

    /// Writes the line after the link before it, and answers with its own.
    pub(super) fn write(&self, before: &Link, out: &mut Vec<u8>) -> Link {
        let seq = before.seq + 1;
        let at = humantime::format_rfc3339_micros(self.at).to_string();
        let line = Line {
            seq,
            at: &at,
            verb: self.verb.as_str(),
            request_id: self.request_id.as_ref().map(RequestId::as_str),
            worker: self.actor.as_ref().map(|actor| actor.worker.as_str()),
            credential: self.actor.as_ref().map(|actor| &*actor.credential),
            action: self.action.as_deref(),
            digest: self.digest.as_deref(),
            session: self.session.as_ref().map(SessionId::as_str),
            outcome: self.outcome,
            duration_us: self.took.map(|took| took.as_micros()),
            params: self.params.map(Fingerprint::shown),
            result: self.result.map(Fingerprint::shown),
            details: self.details.as_ref(),
            prev: &before.hash,
        };
        let body = serde_json::to_vec(&line).expect("a line has no keys but strings");
        let hash = sealed(&body, out);
        Link { seq, hash }
    }
}
