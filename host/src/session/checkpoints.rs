//! Checkpoints: states of a session that it can go back to, made by word and kept on disk until others push them out. (The state before a
//! call, to which mode `call` goes back, lives in memory while the call runs; see `call.rs`.)

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::durable::Sync;
use crate::error::{Error, ErrorCode, Result};
use crate::policy::CheckpointLimits;

use super::Session;
use super::shelf::{Allowance, Shelved};
use super::slot::{Loan, Slot};
use super::table::Sessions;

/// When a session's state is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointMode {
    /// Before every call: one that traps, exceeds a limit or its time takes the session back to where it was.
    Call,
    /// By word only.
    #[default]
    Manual,
    Off,
}

impl CheckpointMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Manual => "manual",
            Self::Off => "off",
        }
    }
}

/// The states of a session that are on disk.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// The number of the newest checkpoint.
    last: u64,
    /// Oldest first.
    kept: VecDeque<Checkpoint>,
    /// The state in which it was last suspended.
    parked: Option<Shelved>,
    /// Counts the times that it was.
    parks: u64,
}

#[derive(Clone)]
pub(super) struct Checkpoint {
    pub(super) info: CheckpointInfo,
    pub(super) shelved: Shelved,
}

/// What anyone may see of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Counts from 1 within the session; spelled `c1`.
    pub number: u64,
    pub name: Option<String>,
    pub created_at: SystemTime,
    /// Calls that the session had had.
    pub call: u64,
    /// What it takes, in bytes.
    pub bytes: u64,
}

impl CheckpointInfo {
    pub fn id(&self) -> String {
        format!("c{}", self.number)
    }
}

/// What a session's checkpoints take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointUsage {
    pub count: usize,
    pub bytes: u64,
}

impl Checkpoints {
    /// Takes a checkpoint in; the oldest give way.
    fn add(&mut self, added: Checkpoint, limits: CheckpointLimits) -> Vec<Checkpoint> {
        self.last = self.last.max(added.info.number);
        self.kept.push_back(added);
        let mut dropped = Vec::new();
        while self.kept.len() > limits.count || self.usage().bytes > limits.bytes {
            dropped.extend(self.kept.pop_front());
        }
        dropped
    }

    /// A name for the next state in which the session is suspended.
    pub(super) fn next_park(&mut self) -> u64 {
        self.parks += 1;
        self.parks
    }

    /// Notes the state in which the session is suspended, and hands out the one before.
    pub(super) fn park(&mut self, parked: Shelved) -> Option<Shelved> {
        self.parked.replace(parked)
    }

    pub(super) fn unpark(&mut self) {
        self.parked = None;
    }

    pub(super) fn parks(&self) -> u64 {
        self.parks
    }

    pub(super) fn parked(&self) -> Option<&Shelved> {
        self.parked.as_ref()
    }

    /// The newest state on disk.
    pub(super) fn newest(&self) -> Option<&Shelved> {
        self.all().max_by_key(|state| state.saved_at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Checkpoint> {
        self.kept.iter()
    }

    /// What the table said about a session that comes back.
    pub(super) fn of(kept: Vec<Checkpoint>, parked: Option<Shelved>, parks: u64) -> Self {
        Self {
            last: kept.last().map_or(0, |last| last.info.number),
            kept: kept.into(),
            parked,
            parks,
        }
    }

    /// Every state that is on disk.
    pub(super) fn all(&self) -> impl Iterator<Item = &Shelved> {
        let kept = self.kept.iter().map(|kept| &kept.shelved);
        kept.chain(&self.parked)
    }

    fn usage(&self) -> CheckpointUsage {
        CheckpointUsage {
            count: self.kept.len(),
            bytes: self.kept.iter().map(|kept| kept.info.bytes).sum(),
        }
    }

    /// By id or by name; of several of one name the newest.
    fn find(&self, wanted: &str) -> Option<&Checkpoint> {
        let by_id = self.kept.iter().find(|kept| kept.info.id() == wanted);
        let named = |kept: &&Checkpoint| kept.info.name.as_deref() == Some(wanted);
        by_id.or_else(|| self.kept.iter().rev().find(named))
    }
}

impl Sessions {
    /// Saves the session's state under a new number.
    ///
    /// # Errors
    /// `unsupported_snapshot` for what cannot be carried; `limit_exceeded` for a state that is larger than all checkpoints may be
    /// together; `rate_limited` when its worker has too much on disk; those of waiting for the session.
    pub(crate) async fn checkpoint(
        self: &Arc<Self>,
        session: &Arc<Session>,
        name: Option<String>,
    ) -> Result<CheckpointInfo> {
        if session.mode() == CheckpointMode::Off {
            let message = format!("session {} was created without checkpoints", session.id);
            return Err(Error::new(ErrorCode::Conflict, message)
                .hint("create it with \"checkpoint\": \"manual\" or \"call\""));
        }
        let loan = self.turn(session).await?;
        let (sessions, session) = (self.clone(), session.clone());
        let pace = session.clone();
        let work = async move { sessions.save(&session, loan, name).await };
        self.at_work(&pace, work).await
    }

    async fn save(
        self: &Arc<Self>,
        session: &Arc<Session>,
        mut loan: Loan,
        name: Option<String>,
    ) -> Result<CheckpointInfo> {
        let saved = loan.save().await?;
        let limits = session.limits.checkpoints;
        let bytes = saved.bytes();
        if bytes > limits.bytes || limits.count == 0 {
            let message = format!(
                "a checkpoint of {bytes} bytes is more than those of a session may take together ({})",
                limits.bytes
            );
            return Err(Error::new(ErrorCode::LimitExceeded, message)
                .detail("limit", "checkpoint_bytes")
                .hint("the operator can raise limits.checkpoint_bytes"));
        }
        let info = CheckpointInfo {
            number: session.checkpoints().last + 1,
            name,
            created_at: SystemTime::now(),
            call: session.calls(),
            bytes,
        };
        // The loan is still ours: numbers are given one after the other, and what is on disk is what the guest is.
        let file = format!("{}-{}", session.id, info.id());
        let shelved = saved
            .shelve(
                &self.durable,
                session,
                file,
                Sync::None,
                Allowance::OfWorker,
            )
            .await?;
        let added = Checkpoint {
            info: info.clone(),
            shelved,
        };
        let dropped = session.checkpoints().add(added, limits);
        self.record(session)?;
        for dropped in dropped {
            dropped.shelved.discard(&self.durable);
        }
        Ok(info)
    }

    /// Takes the session back to a checkpoint, also one whose guest is lost. The checkpoint stays.
    ///
    /// # Errors
    /// `conflict` for one that there is not; those of reading it and of making an instance, after which the session is as it was.
    pub(crate) async fn restore(
        self: &Arc<Self>,
        session: &Arc<Session>,
        wanted: &str,
    ) -> Result<CheckpointInfo> {
        session.check_alive()?;
        let loan = match Slot::borrow_broken(session) {
            Some(loan) => loan,
            None => self.turn(session).await?,
        };
        let found = session.find_checkpoint(wanted)?;
        let (durable, session) = (self.durable.clone(), session.clone());
        let pace = session.clone();
        let work = async move {
            let mut loan = loan;
            let unshelved = found.shelved.read(&durable, &session).await?;
            let revived = unshelved.saved.revive(&session, session.ring()).await?;
            loan.replace(revived);
            Ok(found.info)
        };
        self.at_work(&pace, work).await
    }
}

impl Session {
    pub(super) fn has_checkpoints(&self) -> bool {
        !self.checkpoints().kept.is_empty()
    }

    pub(super) fn checkpoint_usage(&self) -> CheckpointUsage {
        self.checkpoints().usage()
    }

    /// Oldest first.
    pub(crate) fn checkpoint_list(&self) -> Vec<CheckpointInfo> {
        let checkpoints = self.checkpoints();
        checkpoints
            .kept
            .iter()
            .map(|kept| kept.info.clone())
            .collect()
    }

    /// The checkpoint of this id or name.
    ///
    /// # Errors
    /// `conflict` for one that was dropped or never was, with those that there are.
    pub(super) fn find_checkpoint(&self, wanted: &str) -> Result<Checkpoint> {
        let checkpoints = self.checkpoints();
        if let Some(found) = checkpoints.find(wanted) {
            return Ok(found.clone());
        }
        let there: Vec<String> = checkpoints.kept.iter().map(|kept| kept.info.id()).collect();
        let hint = match (
            there.is_empty(),
            wanted
                .strip_prefix('c')
                .and_then(|number| number.parse::<u64>().ok()),
        ) {
            (true, _) => {
                "the session has no checkpoints; make one with POST .../checkpoints".to_owned()
            }
            (false, Some(number)) if number <= checkpoints.last => {
                format!(
                    "it was pushed out by newer ones; there are {}",
                    there.join(", ")
                )
            }
            (false, _) => format!("there are {}", there.join(", ")),
        };
        let message = format!("session {} has no checkpoint {wanted:?}", self.id);
        let error = Error::new(ErrorCode::Conflict, message);
        Err(error.detail("candidates", there).hint(hint))
    }

    pub(super) fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        self.checkpoints
            .lock()
            .expect("no code panics while it holds the checkpoints")
    }
}
