//! The table of sessions on disk: an id and a record each. A row that was put survives a killed process; `sync` makes it survive a
//! power cut. What a record says is its maker's business: this module must not look into it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, ffi};

use super::Folder;

const DATABASE_FILE: &str = "sessions.db";
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, record BLOB NOT NULL) STRICT;
    PRAGMA user_version = 1;
";
/// The folder's lock keeps other hosts out; this keeps other programs out. Set before anything is read, it also spares the database
/// the shared memory that not every file system has.
const EXCLUSIVE: &str = "PRAGMA locking_mode = EXCLUSIVE";
/// The write-ahead log shrinks to the limit when a large transaction is through.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = 16777216;
";
const PUT: &str = "INSERT INTO sessions (id, record) VALUES (?1, ?2)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record";

pub(crate) struct Store {
    // Closed before the lock on the folder is let go.
    connection: Mutex<Connection>,
    database: PathBuf,
    folder: Folder,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("another hostel process{} uses {folder}; stop it or choose another --data-dir", named(*.pid))]
    InUse { folder: PathBuf, pid: Option<u32> },
    #[error(
        "{path} was written by a newer version of hostel (schema {found}, this one knows {known}); update hostel or choose another --data-dir"
    )]
    SchemaVersion {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("cannot {doing} {path}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {doing} {path}")]
    Database {
        doing: &'static str,
        path: PathBuf,
        source: rusqlite::Error,
    },
}

impl Store {
    /// Opens or makes the table in `folder`, which is this process's alone until the store is dropped. A database that is damaged is
    /// moved aside, and an empty one takes its place.
    ///
    /// # Errors
    /// `InUse`, `SchemaVersion`, and `Io` or `Database` if the disk does not let us.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::open(folder)?;
        let database = folder.path().join(DATABASE_FILE);
        let connection = match connect(&database) {
            Err(StoreError::Database { source, .. }) if is_damage(&source) => {
                move_aside(&database, &source)?;
                connect(&database)?
            }
            opened => opened?,
        };
        folder.sync()?;
        Ok(Self {
            connection: Mutex::new(connection),
            database,
            folder,
        })
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Adds a row, or replaces the record of the row that has this id.
    pub(crate) fn put(&self, id: &str, record: &[u8]) -> Result<(), StoreError> {
        self.run("write to", |connection| {
            connection.prepare_cached(PUT)?.execute((id, record))?;
            Ok(())
        })
    }

    /// All or none, as `put` does. `rows` must not use the store.
    #[cfg(test)]
    pub(crate) fn put_all<I, R>(
        &self,
        rows: impl IntoIterator<Item = (I, R)>,
    ) -> Result<(), StoreError>
    where
        I: AsRef<str>,
        R: AsRef<[u8]>,
    {
        self.run("write to", |connection| {
            let transaction = connection.transaction()?;
            let mut put = transaction.prepare_cached(PUT)?;
            for (id, record) in rows {
                put.execute((id.as_ref(), record.as_ref()))?;
            }
            drop(put);
            transaction.commit()
        })
    }

    /// A row that is not there is removed already.
    pub(crate) fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.run("remove from", |connection| {
            let mut remove = connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?;
            remove.execute([id])?;
            Ok(())
        })
    }

    /// All rows, by id. The records are as they were put, unless the disk changed them: they carry no checksum.
    pub(crate) fn load(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.run("read", |connection| {
            let mut select = connection.prepare("SELECT id, record FROM sessions ORDER BY id")?;
            let mut rows = select.query(())?;
            let mut loaded = Vec::new();
            while let Some(row) = rows.next()? {
                let id = row.get_ref(0)?;
                match id.as_str() {
                    Ok(id) => loaded.push((id.to_owned(), row.get(1)?)),
                    Err(_) => tracing::warn!(?id, "ignored a row whose id is not text"),
                }
            }
            Ok(loaded)
        })
    }

    /// Brings all that was put and removed to the disk: from here it survives a power cut.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.run("bring to the disk", |connection| {
            let mut checkpoint = connection.prepare_cached("PRAGMA wal_checkpoint(FULL)")?;
            let is_busy: bool = checkpoint.query_row((), |row| row.get(0))?;
            if is_busy {
                return Err(failure(ffi::SQLITE_BUSY, "the checkpoint was blocked"));
            }
            Ok(())
        })
    }

    fn run<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&mut self.connection())
            .map_err(|source| StoreError::database(doing, &self.database, source))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in `put_all` has rolled its transaction back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    fn database(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        Self::Database {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::database("open", path, source);
    let mut connection = Connection::open(path).map_err(failed)?;
    let found = probe(&connection).map_err(failed)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::SchemaVersion {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    prepare(&mut connection, found).map_err(failed)?;
    Ok(connection)
}

/// The schema version. Until `prepare` is through, closing the connection leaves the database and its log as they were found.
fn probe(connection: &Connection) -> rusqlite::Result<i64> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch(EXCLUSIVE)?;
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn prepare(connection: &mut Connection, schema_version: i64) -> rusqlite::Result<()> {
    connection.execute_batch(SETTINGS)?;
    // Damage that is found here costs nobody a call.
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if verdict != "ok" {
        return Err(failure(ffi::SQLITE_CORRUPT, &verdict));
    }
    if schema_version < SCHEMA_VERSION {
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.commit()?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The write-ahead log goes with its database: together they are what can be salvaged, and it must not be applied to the next one.
fn move_aside(database: &Path, why: &rusqlite::Error) -> Result<(), StoreError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let aside = sibling(database, &format!(".damaged-{now}"));
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let from = sibling(database, suffix);
        match std::fs::rename(&from, sibling(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("move aside the damaged", &from, error));
            }
            _ => {}
        }
    }
    tracing::warn!(moved_to = %aside.display(), error = %why, "the database of sessions is damaged: beginning a new one");
    Ok(())
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn failure(code: i32, message: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.to_owned()))
}

fn named(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
