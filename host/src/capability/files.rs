//! Folders: the session's own workspace and what the operator granted, each a preopened directory that nothing escapes from.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::error::Context as _;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::ids::SessionId;
use crate::policy::{FolderAccess, Grants};

pub(crate) mod tree;

/// Where the guest sees the session's own folder.
const WORKSPACE: &str = "/workspace";

/// A folder that one instance owns, removed when it is dropped.
pub struct Workspace {
    path: PathBuf,
    /// It outlives this process.
    is_kept: AtomicBool,
    /// Nothing was in it when it was made.
    is_new: bool,
    /// What was copied into it when it was made.
    copied_bytes: u64,
}

impl Workspace {
    /// Makes a new folder below `parent`. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be made, by its path.
    pub fn create(parent: &Path) -> std::io::Result<Self> {
        fs_err::create_dir_all(parent)?;
        let path = parent.join(SessionId::random().as_str());
        fs_err::create_dir(&path)?;
        Ok(Self {
            path,
            is_kept: AtomicBool::new(false),
            is_new: true,
            copied_bytes: 0,
        })
    }

    /// The folder of a session that was saved. It stays when this is dropped.
    pub fn reopen(path: PathBuf) -> Self {
        Self {
            path,
            is_kept: AtomicBool::new(true),
            is_new: false,
            copied_bytes: 0,
        }
    }

    /// Bytes that were copied into it when it was made.
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    /// True when nothing was in it when it was made.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it stays when this is dropped.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Removes the folder, kept or not.
    pub fn remove(self) {
        self.is_kept.store(false, Ordering::Relaxed);
    }

    /// A second folder beside this one with the same in it: files, folders and symbolic links. Blocks on the disk.
    ///
    /// # Errors
    /// The first thing that cannot be copied, by its path; nothing is left of the copy.
    pub fn copy(&self) -> std::io::Result<Self> {
        let mut copy = Self::create(self.path.parent().unwrap_or(Path::new(".")))?;
        copy.is_new = false;
        copy.copied_bytes = tree::copy(&self.path, &copy.path)?;
        Ok(copy)
    }

    /// True when nothing was put into it. A folder that cannot be read counts as used.
    pub fn is_empty(&self) -> bool {
        fs_err::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if self.is_kept.load(Ordering::Relaxed) {
            return;
        }
        let path = std::mem::take(&mut self.path);
        let remove = move || {
            if let Err(error) = tree::remove(&path) {
                tracing::warn!(%error, path = %path.display(), "cannot remove a workspace");
            }
        };
        // A large folder takes long to remove, and instances are dropped where guests run.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

pub(super) fn mount(
    builder: &mut WasiCtxBuilder,
    grants: &Grants,
    workspace: Option<&Workspace>,
) -> wasmtime::Result<()> {
    if let Some(workspace) = workspace {
        builder
            .preopened_dir(&workspace.path, WORKSPACE, FsPerms::ReadWrite)
            .with_context(|| format!("cannot open the workspace {}", workspace.path.display()))?;
    }
    for folder in &grants.folders {
        let access = match folder.access {
            FolderAccess::ReadOnly => FsPerms::ReadOnly,
            FolderAccess::ReadWrite => FsPerms::ReadWrite,
        };
        builder
            .preopened_dir(&folder.host, &folder.guest, access)
            .with_context(|| format!("cannot open the granted folder {}", folder.host.display()))?;
    }
    Ok(())
}
