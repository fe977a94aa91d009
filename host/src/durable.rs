//! What outlives this process: a table of sessions, and the snapshots that its rows refer to. Nothing here knows what a session is;
//! records and snapshots are bytes, and whoever made them judges them again when they come back.
//!
//! All of it is blocking I/O.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) mod file;
mod folder;
pub(crate) mod store;

use file::{FileKey, ReadError, WriteLimits};
pub(crate) use file::{Sync, WriteError};
pub(crate) use folder::Folder;
use store::{Store, StoreError};

/// A snapshot's file, and its contents before compression.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;
const WORKSPACES: &str = "workspaces";
const ARCHIVE: &str = "archive";

/// The folder of what outlives a process. One process has it open at a time.
pub struct Durable {
    store: Store,
    key: FileKey,
    workspaces: PathBuf,
    archive: PathBuf,
}

impl Durable {
    /// Opens or makes the folder, with the archive in it.
    ///
    /// # Errors
    /// In words for the operator: another process uses it, a newer version wrote it, it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, String> {
        Self::with_archive(folder, &folder.join(ARCHIVE))
    }

    /// Opens or makes the folder, and an archive elsewhere: on a larger or a slower disk.
    ///
    /// # Errors
    /// As [`Durable::open`].
    pub fn with_archive(folder: &Path, archive: &Path) -> Result<Self, String> {
        let store = Store::open(folder).map_err(|error| described(&error))?;
        let key = FileKey::open(folder)
            .map_err(|error| format!("cannot use the key of snapshots: {error}"))?;
        let workspaces = folder.join(WORKSPACES);
        fs_err::create_dir_all(&workspaces).map_err(|error| error.to_string())?;
        fs_err::create_dir_all(archive).map_err(|error| error.to_string())?;
        Ok(Self {
            store,
            key,
            workspaces,
            archive: archive.to_owned(),
        })
    }

    /// Where folders of sessions are made.
    pub(crate) fn workspaces(&self) -> &Path {
        &self.workspaces
    }

    /// Writes a snapshot: whole or not at all.
    ///
    /// # Errors
    /// [`WriteError`]; an older snapshot of this name is untouched.
    pub(crate) fn write<M: Serialize>(
        &self,
        name: &str,
        meta: &M,
        blobs: &[Bytes],
        sync: Sync,
    ) -> Result<u64, WriteError> {
        let limits = WriteLimits {
            bytes_max: SNAPSHOT_BYTES_MAX,
        };
        let path = self.store.folder().snapshot(name);
        file::write(&path, &self.key, meta, blobs, limits, sync)
    }

    /// True when there is a snapshot of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.store.folder().snapshot(name).exists()
    }

    /// Reads a snapshot that this host wrote.
    ///
    /// # Errors
    /// [`ReadError`], which says what is wrong with the file.
    pub(crate) fn read<M: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<(M, Vec<Bytes>), ReadError> {
        let near = self.store.folder().snapshot(name);
        match file::read(&near, &self.key, SNAPSHOT_BYTES_MAX) {
            Err(ReadError::Missing) => {
                file::read(&self.archive.join(name), &self.key, SNAPSHOT_BYTES_MAX)
            }
            read => read,
        }
    }

    /// Moves a snapshot to the archive. Read, it is found in either place.
    ///
    /// # Errors
    /// The archive has no room, or cannot be reached; the snapshot is where it was.
    pub(crate) fn archive(&self, name: &str) -> io::Result<()> {
        let near = self.store.folder().snapshot(name);
        if !near.exists() && self.archive.join(name).exists() {
            return Ok(());
        }
        let mut draft = tempfile::Builder::new()
            .prefix(file::DRAFT_PREFIX)
            .tempfile_in(&self.archive)?;
        io::copy(&mut fs_err::File::open(&near)?, &mut draft)?;
        draft.as_file().sync_all()?;
        draft.persist(self.archive.join(name))?;
        std::fs::File::open(&self.archive)?.sync_all()?;
        fs_err::remove_file(near)
    }

    /// Removes a snapshot, if it is there.
    pub(crate) fn discard(&self, name: &str) {
        for path in [self.store.folder().snapshot(name), self.archive.join(name)] {
            match fs_err::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, "cannot remove a snapshot");
                }
                _ => {}
            }
        }
    }

    /// Puts a session's record into the table, or another in its place.
    ///
    /// # Errors
    /// In words for the log.
    pub(crate) fn put<R: Serialize>(&self, id: &str, record: &R) -> Result<(), String> {
        let record = serde_json::to_vec(record).map_err(|error| error.to_string())?;
        self.store
            .put(id, &record)
            .map_err(|error| described(&error))
    }

    /// Takes a session out of the table.
    pub(crate) fn forget(&self, id: &str) {
        if let Err(error) = self.store.remove(id) {
            tracing::warn!(error = described(&error), "cannot forget a session");
        }
    }

    /// Every record that can be read; the others are discarded, each with a line in the log.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn records<R: DeserializeOwned>(&self) -> Result<Vec<R>, String> {
        let rows = self.store.load().map_err(|error| described(&error))?;
        let mut records = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            match serde_json::from_slice(&row) {
                Ok(record) => records.push(record),
                Err(error) => {
                    tracing::warn!(session = id, %error, "discarded the record of a session: it cannot be read");
                    self.forget(&id);
                }
            }
        }
        Ok(records)
    }

    /// Removes what a killed process left half-done: snapshots and folders that no record refers to. Before anything is written.
    pub(crate) fn sweep(&self, snapshot: impl Fn(&str) -> bool, workspace: impl Fn(&Path) -> bool) {
        if let Err(error) = self.store.folder().sweep(&snapshot) {
            tracing::warn!(%error, "cannot look for snapshots that are of no use");
        }
        let is_of_use = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            snapshot(&name)
        };
        remove_others(&self.archive, is_of_use, |path| fs_err::remove_file(path));
        remove_others(
            &self.workspaces,
            workspace,
            crate::capability::remove_folder,
        );
    }

    /// Brings the table to the disk: what it says survives a power cut.
    pub(crate) fn sync_table(&self) {
        if let Err(error) = self.store.sync() {
            tracing::warn!(
                error = described(&error),
                "cannot bring the table of sessions to the disk"
            );
        }
    }

    /// The same with all snapshots, those that were written without.
    pub(crate) fn sync_all(&self) {
        let folder = std::fs::File::open(self.store.folder().path());
        let synced = folder.and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        if let Err(error) = synced {
            tracing::warn!(%error, "cannot bring snapshots to the disk");
        }
        self.sync_table();
    }
}

fn remove_others(
    folder: &Path,
    keep: impl Fn(&Path) -> bool,
    remove: impl Fn(&Path) -> io::Result<()>,
) {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if !keep(&path)
            && let Err(error) = remove(&path)
        {
            tracing::warn!(%error, "cannot remove what no session has");
        }
    }
}

fn described(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
