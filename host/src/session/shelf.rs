//! States of sessions on disk: how one is put there, found again, and what the table says about its session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::capability::Workspace;
use crate::capability::log::LogLine;
use crate::durable::{Durable, Sync, WriteError};
use crate::engine::{About, Module, Run, Snapshot};
use crate::error::{Error, ErrorCode, Result};
use crate::quota::DiskBytes;

use super::Session;
use super::saved::Saved;

/// States up to this size are written where the guest ran; larger ones would hold up its neighbours.
const INLINE_BYTES: usize = 128 << 10;

/// A state on disk.
#[derive(Clone)]
pub(super) struct Shelved {
    /// The name of its file.
    pub(super) file: Arc<str>,
    /// The warm image that it is the difference to, if it is of one. That is on disk, too.
    pub(super) image: Option<Arc<str>>,
    /// The session's folder as it was then.
    pub(super) workspace: Option<Arc<PathBuf>>,
    pub(super) saved_at: SystemTime,
    /// The code that it is the state of; found anew after a restart.
    pub(super) module: Option<Arc<Module>>,
    /// What it takes of its worker's room on disk.
    pub(super) bytes: Arc<DiskBytes>,
}

/// How much may be put on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// What the worker may have.
    OfWorker,
    /// All that there is: the host stops, and what is not saved is lost.
    Any,
}

/// Of modules without a warm image: their memory is the component's own.
const PLAIN: &str = "plain";

/// The file with the memory of a warm image.
pub(super) fn base_file(image: &str) -> String {
    format!("image-{image}")
}

/// Keeps the memory of the module's warm image, should that be another one when the session comes back: a file that warmup reads may
/// change, or the host.
async fn keep_base(durable: &Arc<Durable>, module: &Arc<Module>, sync: Sync) -> Result<()> {
    let image = module.image();
    let file = base_file(image);
    if image == PLAIN || durable.has(&file) {
        return Ok(());
    }
    let base = module.base().await;
    let base = base.map_err(|fault| fault.into_error("a warm image"))?;
    let (at, blobs): (Vec<u32>, Vec<bytes::Bytes>) =
        base.into_iter().map(|run| (run.at, run.bytes)).unzip();
    let durable = durable.clone();
    let write = move || durable.write(&file, &at, &blobs, sync);
    let written = tokio::task::spawn_blocking(write).await;
    let written = written.map_err(|error| Error::internal("cannot save a warm image", error))?;
    written
        .map(drop)
        .map_err(|error| Error::internal("cannot save a warm image", error))
}

/// # Errors
/// In words: the file is damaged or gone.
async fn read_base(durable: &Arc<Durable>, image: &str) -> Result<Vec<Run>, String> {
    if image == PLAIN {
        return Err("it was saved without one, and now there is one".to_owned());
    }
    let (durable, file) = (durable.clone(), base_file(image));
    let read = tokio::task::spawn_blocking(move || durable.read::<Vec<u32>>(&file)).await;
    let (at, blobs) = read
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    let runs = at.into_iter().zip(blobs);
    Ok(runs.map(|(at, bytes)| Run { at, bytes }).collect())
}

/// What the file says besides the memory.
#[derive(Serialize, Deserialize)]
struct Meta {
    /// A file that was renamed is another session's.
    session: String,
    /// Of the component, and of the warm image that the memory is the difference to.
    digest: String,
    image: String,
    about: About,
    /// Offset of each blob in the memory.
    at: Vec<u32>,
    log: Vec<LogLine>,
}

/// A state that came from disk.
pub(super) struct Unshelved {
    pub(super) saved: Saved,
    pub(super) log: Vec<LogLine>,
}

impl Saved {
    /// Puts the state on disk under a name of its own.
    ///
    /// # Errors
    /// `rate_limited`: the worker has too much on disk; `internal`: the disk is full, for one. Nothing is left of it.
    pub(super) async fn shelve(
        self,
        durable: &Arc<Durable>,
        session: &Session,
        name: String,
        sync: Sync,
        allowance: Allowance,
    ) -> Result<Shelved> {
        let account = &session.account;
        if allowance == Allowance::OfWorker {
            // How much it is going to be is known when it is written.
            drop(account.take_disk(1)?);
        }
        let Self {
            snapshot,
            module,
            workspace,
        } = self;
        let meta = Meta {
            session: session.id.to_string(),
            digest: session.backend.digest.clone(),
            image: module.image().to_owned(),
            at: snapshot.runs.iter().map(|run| run.at).collect(),
            about: snapshot.about,
            log: session.log_lines(),
        };
        let blobs: Vec<bytes::Bytes> = snapshot.runs.into_iter().map(|run| run.bytes).collect();
        let bytes: usize = blobs.iter().map(bytes::Bytes::len).sum();
        keep_base(durable, &module, sync).await?;
        let image = module.image();
        let image: Option<Arc<str>> = (image != PLAIN).then(|| image.into());
        let file: Arc<str> = name.into();
        let write = {
            let (durable, file) = (durable.clone(), file.clone());
            let folder = workspace.clone();
            move || {
                let written = durable.write(&file, &meta, &blobs, sync)?;
                let folder = folder.map_or(0, |folder| folder_bytes(folder.path()));
                Ok::<u64, WriteError>(written + folder)
            }
        };
        let written = if bytes <= INLINE_BYTES && sync == Sync::None && workspace.is_none() {
            write()
        } else {
            let written = tokio::task::spawn_blocking(write).await;
            written.map_err(|error| Error::internal("cannot save a session", error))?
        };
        let bytes = written.map_err(|error| Error::internal("cannot save a session", error))?;
        let bytes = match allowance {
            Allowance::Any => account.note_disk(bytes),
            Allowance::OfWorker => account
                .take_disk(bytes)
                .inspect_err(|_| durable.discard(&file))?,
        };
        let workspace = workspace.map(|workspace| {
            workspace.keep();
            Arc::new(workspace.path().to_owned())
        });
        Ok(Shelved {
            image,
            file,
            workspace,
            saved_at: SystemTime::now(),
            module: Some(module),
            bytes: Arc::new(bytes),
        })
    }
}

impl Shelved {
    /// Reads the state, which stays where it is.
    ///
    /// # Errors
    /// `unsupported_snapshot` for one of another version of the backend; `session_failed` for a file that is damaged or gone.
    pub(super) async fn read(
        &self,
        durable: &Arc<Durable>,
        session: &Session,
    ) -> Result<Unshelved> {
        let module = match &self.module {
            Some(module) => module.clone(),
            None => session.backend.warm_up().await?,
        };
        let (source, file) = (durable.clone(), self.file.clone());
        let read = tokio::task::spawn_blocking(move || source.read::<Meta>(&file)).await;
        let read = read.map_err(|error| Error::internal("cannot read a session", error))?;
        let unusable = |why: String| {
            let message = format!(
                "the saved state of session {} cannot be used: {why}",
                session.id
            );
            Error::new(ErrorCode::SessionFailed, message)
                .hint("create a new session; its id and its state are new")
        };
        let (meta, blobs) = read.map_err(|error| unusable(error.to_string()))?;
        if meta.session != session.id.as_str() || meta.at.len() != blobs.len() {
            return Err(unusable("it is another session's".to_owned()));
        }
        if meta.digest != session.backend.digest {
            let message = format!(
                "session {} was saved with another version of backend {} ({})",
                session.id, session.backend.name, meta.digest
            );
            return Err(Error::new(ErrorCode::UnsupportedSnapshot, message)
                .hint("load that version of the backend, or create a new session"));
        }
        let runs = meta.at.into_iter().zip(blobs);
        let mut snapshot = Snapshot {
            about: meta.about,
            runs: runs.map(|(at, bytes)| Run { at, bytes }).collect(),
        };
        if meta.image != module.image() {
            let base = read_base(durable, &meta.image).await;
            let base = base.map_err(|why| unusable(format!("its warm image: {why}")))?;
            let rebased = module.rebase(snapshot, &base).await;
            snapshot = rebased.map_err(|fault| fault.into_error("a saved session"))?;
        }
        let workspace = self.workspace.as_ref();
        let saved = Saved {
            snapshot,
            module,
            workspace: workspace.map(|path| Arc::new(Workspace::reopen(path.to_path_buf()))),
        };
        Ok(Unshelved {
            saved,
            log: meta.log,
        })
    }

    /// The lines that the guest had written. None: the file cannot be read.
    pub(super) async fn read_log(&self, durable: &Arc<Durable>) -> Option<Vec<LogLine>> {
        let (durable, file) = (durable.clone(), self.file.clone());
        let read = tokio::task::spawn_blocking(move || durable.read::<Meta>(&file)).await;
        read.ok()?.ok().map(|(meta, _)| meta.log)
    }

    /// Removes the state.
    pub(super) fn discard(&self, durable: &Durable) {
        durable.discard(&self.file);
        if let Some(path) = &self.workspace {
            Workspace::reopen(path.to_path_buf()).remove();
        }
    }
}

/// What is in a folder, links not followed. What cannot be read counts nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return 0;
    };
    let entries = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    entries.sum()
}
