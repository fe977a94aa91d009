//! The data directory: code cache and workspaces. Each process has a folder of workspaces of its own; those of dead ones are removed.

use std::fs::File;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Below the data directory: compiled code and warm images.
pub(crate) const CACHE_FOLDER: &str = "cache";
const LOCK_FILE: &str = ".lock";

pub(super) struct DataDir {
    root: PathBuf,
    workspaces: PathBuf,
    /// Held until the process ends, however it ends.
    _lock: File,
}

impl DataDir {
    /// # Errors
    /// In words for the operator.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| {
            format!("cannot use the data directory: {error}; choose another with --data-dir")
        };
        let parent = root.join("workspaces");
        fs::create_dir_all(&parent).map_err(failed)?;
        remove_abandoned(&parent);
        let own = tempfile::Builder::new()
            .prefix("host-")
            .tempdir_in(&parent)
            .map_err(failed)?;
        let lock = File::create(own.path().join(LOCK_FILE)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            workspaces: own.keep(),
            _lock: lock,
        })
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.root.join(CACHE_FOLDER)
    }

    pub(super) fn workspaces(&self) -> PathBuf {
        self.workspaces.clone()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.workspaces) {
            tracing::warn!(%error, "cannot remove this host's workspaces");
        }
    }
}

/// A process that was killed has left its folder, and nobody holds its lock.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let abandoned = File::open(path.join(LOCK_FILE)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(%error, "cannot remove the workspaces of a host that is gone");
        }
    }
}
