//! The file of API keys: what is in it, how it is changed, and how a running host notices. It holds hashes; a key is shown when it is made.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::SystemTime;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::access::{Credential, Scope, Scopes};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{KeyId, WorkerId};

use super::{Identity, secret, unknown};

/// In the data directory.
const FILE: &str = "keys.json";
const LOCK: &str = "keys.lock";
/// A file of another version is another program's.
const VERSION: u32 = 1;
/// Keys in one file.
const KEYS_MAX: usize = 100_000;
/// How often, in milliseconds, a running host looks whether the file is another one.
const LOOK_MS: u64 = 1_000;

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct StoredKey {
    pub id: KeyId,
    pub name: Option<String>,
    pub worker: WorkerId,
    pub scopes: Scopes,
    pub created: SystemTime,
    /// None: never.
    pub expires: Option<SystemTime>,
    hash: blake3::Hash,
}

impl StoredKey {
    pub fn is_expired(&self) -> bool {
        self.expires
            .is_some_and(|expires| expires <= SystemTime::now())
    }
}

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: Option<String>,
    pub worker: WorkerId,
    pub scopes: Scopes,
    pub expires: Option<SystemTime>,
}

/// The file of a data directory. Whoever changes it holds its lock meanwhile.
#[derive(Clone, Debug)]
pub struct KeyFile {
    folder: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    keys: Vec<WrittenKey>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    worker: String,
    scopes: Vec<String>,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// BLAKE3 of the key, in hexadecimal.
    hash: String,
}

impl KeyFile {
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.to_owned(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Whether there is one, also one without keys.
    pub fn is_there(&self) -> bool {
        self.path().exists()
    }

    /// The keys, oldest first; none if there is no file.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn list(&self) -> Result<Vec<StoredKey>, String> {
        Ok(read(&self.path())?.unwrap_or_default())
    }

    /// Makes a key, and answers with what is shown this once.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn add(&self, new: NewKey) -> Result<(StoredKey, String), String> {
        let _lock = self.lock()?;
        let mut keys = self.list()?;
        if keys.len() >= KEYS_MAX {
            return Err(format!(
                "there are {KEYS_MAX} keys; revoke some before you make another"
            ));
        }
        let id = loop {
            let id = KeyId::random();
            if !keys.iter().any(|key| key.id == id) {
                break id;
            }
        };
        let shown = secret::random(&id);
        let key = StoredKey {
            hash: secret::hash(&shown),
            id,
            name: new.name,
            worker: new.worker,
            scopes: new.scopes,
            created: SystemTime::now(),
            expires: new.expires,
        };
        keys.push(key.clone());
        self.write(&keys)?;
        Ok((key, shown))
    }

    /// Takes a key out. The file stays when it was the last: a host does not open itself to everybody because nobody is left.
    ///
    /// # Errors
    /// In words for the operator, also when there is no such key.
    pub fn revoke(&self, id: &KeyId) -> Result<StoredKey, String> {
        let _lock = self.lock()?;
        let mut keys = self.list()?;
        let place = keys.iter().position(|key| key.id == *id);
        let place =
            place.ok_or_else(|| format!("there is no key {id} in {}", self.path().display()))?;
        let key = keys.remove(place);
        self.write(&keys)?;
        Ok(key)
    }

    fn lock(&self) -> Result<fs::File, String> {
        fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.folder.join(LOCK))
            .map_err(|error| error.to_string())?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| format!("cannot lock {}: {error}", file.path().display()))?;
        Ok(file)
    }

    /// A temporary file that only its owner can read, and a rename: whoever reads sees the keys before or after.
    fn write(&self, keys: &[StoredKey]) -> Result<(), String> {
        let written = Written {
            version: VERSION,
            keys: keys.iter().map(WrittenKey::of).collect(),
        };
        let mut text = serde_json::to_vec_pretty(&written).map_err(|error| error.to_string())?;
        text.push(b'\n');
        let temporary = self.folder.join(format!("{FILE}.new"));
        let put = || {
            // What an earlier attempt left behind may be readable by others.
            let _ = fs::remove_file(&temporary);
            let mut file = fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&temporary, self.path())?;
            fs::File::open(&self.folder)?.sync_all()
        };
        put().map_err(|error| error.to_string())
    }
}

impl WrittenKey {
    fn of(key: &StoredKey) -> Self {
        let time = |at| humantime::format_rfc3339_seconds(at).to_string();
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            worker: key.worker.to_string(),
            scopes: key.scopes.list().iter().map(ToString::to_string).collect(),
            created: time(key.created),
            expires: key.expires.map(time),
            hash: key.hash.to_hex().to_string(),
        }
    }

    fn checked(self) -> Result<StoredKey> {
        let time = |text: &str| {
            humantime::parse_rfc3339(text).map_err(|error| {
                Error::new(ErrorCode::InvalidRequest, format!("{text:?}: {error}"))
            })
        };
        let scopes = self.scopes.iter().map(|scope| Scope::parse(scope));
        Ok(StoredKey {
            id: KeyId::parse(&self.id)?,
            name: self.name,
            worker: WorkerId::parse(&self.worker)?,
            scopes: Scopes::of(scopes.collect::<Result<_>>()?)?,
            created: time(&self.created)?,
            expires: self.expires.as_deref().map(time).transpose()?,
            hash: blake3::Hash::from_hex(&self.hash).map_err(|_| {
                Error::new(
                    ErrorCode::InvalidRequest,
                    format!("the hash of key {} is not one", self.id),
                )
            })?,
        })
    }
}

/// None: there is no file.
fn read(path: &Path) -> Result<Option<Vec<StoredKey>>, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let broken = |why: String| {
        format!(
            "the file of keys {} cannot be used: {why}; put a good copy in its place, or make the keys anew",
            path.display()
        )
    };
    let written: Written =
        serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
    if written.version != VERSION {
        return Err(broken(format!("its version is {}", written.version)));
    }
    let keys = written.keys.into_iter().map(WrittenKey::checked);
    let keys = keys
        .collect::<Result<Vec<_>>>()
        .map_err(|error| broken(error.message().to_owned()))?;
    Ok(Some(keys))
}

/// The keys of a running host.
pub(super) struct Keys {
    path: PathBuf,
    table: RwLock<Arc<Table>>,
    begun: Instant,
    /// Milliseconds after `begun` when the file was looked at last.
    looked_ms: AtomicU64,
    /// What the file was like when it was read.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Default)]
struct Table {
    /// There is, or was, a file.
    is_there: bool,
    keys: HashMap<KeyId, StoredKey>,
}

/// What tells one file from the next under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// None: there is no file.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl Table {
    fn of(keys: Option<Vec<StoredKey>>) -> Self {
        Self {
            is_there: keys.is_some(),
            keys: keys
                .unwrap_or_default()
                .into_iter()
                .map(|key| (key.id.clone(), key))
                .collect(),
        }
    }
}

impl Keys {
    /// # Errors
    /// In words for the operator: a file that cannot be read whole is not read at all.
    pub(super) fn open(path: PathBuf) -> Result<Self, String> {
        let seen = Stamp::of(&path);
        let table = Table::of(read(&path)?);
        Ok(Self {
            table: RwLock::new(Arc::new(table)),
            begun: Instant::now(),
            looked_ms: AtomicU64::new(0),
            seen: Mutex::new(seen),
            path,
        })
    }

    pub(super) fn is_there(&self) -> bool {
        self.look_in_time();
        self.table().is_there
    }

    /// # Errors
    /// `unauthenticated`.
    pub(super) fn identify(&self, key: &str) -> Result<Identity> {
        let id = secret::id_of(key).ok_or_else(unknown)?;
        let hash = secret::hash(key);
        self.look_in_time();
        let found = match self.find(&id) {
            Some(found) => Some(found),
            None => {
                self.look();
                self.find(&id)
            }
        };
        // In constant time, as hashes compare.
        let found = found
            .filter(|found| found.hash == hash)
            .ok_or_else(unknown)?;
        match found.expires {
            Some(expires) if expires <= SystemTime::now() => Err(Error::new(
                ErrorCode::Unauthenticated,
                format!(
                    "key {id} expired at {}",
                    humantime::format_rfc3339_seconds(expires)
                ),
            )
            .hint("ask the operator for another one (`hostel keys new`)")),
            _ => Ok(Identity {
                worker: found.worker,
                scopes: found.scopes,
                credential: Credential::Key(id),
            }),
        }
    }

    pub(super) fn knows(&self, id: &KeyId) -> bool {
        self.look_in_time();
        let table = self.table();
        table.keys.get(id).is_some_and(|key| !key.is_expired())
    }

    fn find(&self, id: &KeyId) -> Option<StoredKey> {
        self.table().keys.get(id).cloned()
    }

    fn table(&self) -> Arc<Table> {
        self.table
            .read()
            .expect("no code panics while it holds the table")
            .clone()
    }

    /// Looks at the file, once a second at most.
    fn look_in_time(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.looked_ms.load(Ordering::Relaxed);
        let is_time = now.saturating_sub(last) >= LOOK_MS;
        let swap = || {
            self.looked_ms
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        if is_time && swap().is_ok() {
            self.look();
        }
    }

    /// Reads the file if it is another one than before. What cannot be read changes nothing.
    fn look(&self) {
        let mut seen = self
            .seen
            .lock()
            .expect("no code panics while it holds the stamp");
        let stamp = Stamp::of(&self.path);
        if *seen == stamp {
            return;
        }
        *seen = stamp;
        match read(&self.path) {
            Ok(None) => tracing::error!(
                file = %self.path.display(),
                "the file of keys is gone; the keys before it stay good until the host stops"
            ),
            Ok(keys) => {
                let table = Table::of(keys);
                tracing::info!(keys = table.keys.len(), "the keys were read again");
                *self
                    .table
                    .write()
                    .expect("no code panics while it holds the table") = Arc::new(table);
            }
            Err(why) => tracing::error!("{why}; until then the keys before it stay good"),
        }
    }
}
