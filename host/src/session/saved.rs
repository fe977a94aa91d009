//! A session's state at one moment, held in memory: what its guest remembers, and its folder.

use std::sync::Arc;

use crate::capability::Workspace;
use crate::capability::log::LogRing;
use crate::engine::{Instance, Module, NoSnapshot, Revival, Snapshot};
use crate::error::{Error, ErrorCode, Result};

use super::Session;

pub(super) struct Saved {
    pub(super) snapshot: Snapshot,
    /// The code that it is the state of.
    pub(super) module: Arc<Module>,
    /// None: no folder is granted, or it was empty.
    pub(super) workspace: Option<Arc<Workspace>>,
}

impl Saved {
    /// Takes the state of a guest that is at rest.
    ///
    /// # Errors
    /// Why there is none; see [`NoSnapshot`].
    pub(super) async fn of(instance: &mut Instance) -> Result<Self, NoSnapshot> {
        let snapshot = instance.capture().await?;
        let workspace = match instance.workspace() {
            Some(workspace) if !workspace.is_empty() => Some(copied(workspace).await?),
            _ => None,
        };
        Ok(Self {
            snapshot,
            module: instance.module().clone(),
            workspace,
        })
    }

    /// Bytes in memory, and in its folder.
    pub(super) fn bytes(&self) -> u64 {
        let folder = self.workspace.as_ref();
        self.snapshot.bytes() as u64 + folder.map_or(0, |folder| folder.copied_bytes())
    }

    /// An instance that goes on from here; the state can be used again.
    ///
    /// # Errors
    /// `overloaded`, `limit_exceeded`, `internal`.
    pub(super) async fn revive(
        &self,
        session: &Session,
        log: Arc<LogRing>,
    ) -> Result<Box<Instance>> {
        let workspace = match &self.workspace {
            Some(workspace) => Some(copied(workspace).await.map_err(in_words)?),
            None => None,
        };
        let revival = Revival {
            snapshot: &self.snapshot,
            limits: &session.limits,
            log,
            workspace,
            lane: session.account.lane(),
        };
        session.backend.revive(&self.module, revival).await
    }
}

async fn copied(workspace: &Arc<Workspace>) -> Result<Arc<Workspace>, NoSnapshot> {
    let workspace = workspace.clone();
    let copy = tokio::task::spawn_blocking(move || workspace.copy()).await;
    let failed = |cause: String| NoSnapshot::Failed {
        doing: "cannot copy the session's folder",
        cause,
    };
    match copy {
        Ok(Ok(copy)) => Ok(Arc::new(copy)),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// What a caller is told of a guest that is still whole.
pub(super) fn in_words(none: NoSnapshot) -> Error {
    match none {
        NoSnapshot::Unsupported(what) => Error::new(ErrorCode::UnsupportedSnapshot, what).hint(
            "the session goes on as it is; have the guest close what it holds before its call ends, and try again",
        ),
        NoSnapshot::Failed { doing, cause } => Error::internal(doing, cause),
        NoSnapshot::Broken(fault) => fault.into_error("a snapshot"),
    }
}
