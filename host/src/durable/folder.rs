//! The folder of what outlives a process. One process uses it at a time; the snapshots are in a folder of their own below.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::file::DRAFT_PREFIX;
use super::store::StoreError;

const LOCK_FILE: &str = "lock";
const SNAPSHOT_FOLDER: &str = "snapshots";

pub(crate) struct Folder {
    path: PathBuf,
    snapshots: PathBuf,
    /// Held until the process ends, however it ends. It names the process.
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder, readable by its owner alone, and locks it.
    ///
    /// # Errors
    /// `InUse` if another process, or this one, has it open; `Io`.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let snapshots = path.join(SNAPSHOT_FOLDER);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&snapshots)
            .map_err(|source| StoreError::io("make the folder", &snapshots, source))?;
        Ok(Self {
            path: path.to_owned(),
            snapshots,
            _lock: lock(path)?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the snapshot of this name is, or would be.
    pub(crate) fn snapshot(&self, name: &str) -> PathBuf {
        self.snapshots.join(name)
    }

    /// Removes the snapshots whose file names `keep` refuses, and all that were not finished: call it before the first is written.
    /// Each removal is logged. Returns how many there were; what cannot be removed is logged and left.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub(crate) fn sweep(&self, keep: impl Fn(&str) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.snapshots)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let why = if name.starts_with(DRAFT_PREFIX) {
                "it was not finished"
            } else if keep(&name) {
                continue;
            } else {
                "no session refers to it"
            };
            match fs::remove_file(entry.path()) {
                Ok(()) => {
                    removed += 1;
                    tracing::warn!(file = %name, why, "discarded a snapshot");
                }
                Err(error) => tracing::warn!(%error, "cannot discard a snapshot"),
            }
        }
        Ok(removed)
    }

    /// Brings the names in the folder to the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| StoreError::io("bring to the disk", &self.path, source))
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    let failed = |source| StoreError::io("lock", &path, source);
    // Not truncated: the text in it may be the holder's.
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse {
                folder: folder.to_owned(),
                pid: holder(&file),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// None if the holder has not written it yet.
fn holder(lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("sessions");
        let folder = Folder::open(&path).unwrap();
        let Err(error) = Folder::open(&path) else {
            panic!("two users");
        };
        let pid = std::process::id();
        let path_shown = path.display();
        assert_eq!(
            error.to_string(),
            format!(
                "another hostel process (pid {pid}) uses {path_shown}; stop it or choose another --data-dir"
            )
        );
        drop(folder);
        // What a process that is gone has left in the file is nobody's.
        fs::write(path.join(LOCK_FILE), "4000000000\n").unwrap();
        let _folder = Folder::open(&path).unwrap();
        let Err(StoreError::InUse { pid: holder, .. }) = Folder::open(&path) else {
            panic!("two users");
        };
        assert_eq!(holder, Some(pid));
    }

    #[test]
    fn sweep_keeps_what_is_referred_to() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let draft = format!("{DRAFT_PREFIX}kept");
        for name in ["kept", "orphan", &draft] {
            fs::write(folder.snapshot(name), "snapshot").unwrap();
        }
        assert_eq!(folder.sweep(|name| name.ends_with("kept")).unwrap(), 2);
        let left: Vec<_> = fs::read_dir(root.path().join(SNAPSHOT_FOLDER))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["kept"]);
    }
}
