//! Compiled code on disk, with what is known about it: listings of components, restorations of warm images. Code is native and runs with
//! the host's rights, so nothing is loaded that this host did not write: a keyed hash seals each entry, its name included, and a
//! broken seal means that the entry is made anew.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::{AuthenticCode, Compiled, Engine};

const KEY_FILE: &str = "seal.key";
const KEY_BYTES: usize = 32;
const RECORD: &str = "json";
const CODE: &str = "cwasm";
/// Above this, the entries that were not used for longest are removed. Running hosts keep what they have mapped.
const BYTES_MAX: u64 = 8 << 30;

/// One folder, readable by its owner alone.
pub struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
}

/// What the seal covers. It names the entry and, by its hash, the code, so that neither can be exchanged for another.
#[derive(Serialize, Deserialize)]
struct Record<T> {
    name: String,
    code_hash: String,
    about: T,
}

/// An entry whose record is authentic. Its code is checked when it is mapped.
pub(crate) struct Entry<T> {
    pub(super) about: T,
    code: PathBuf,
    code_hash: blake3::Hash,
}

impl CodeCache {
    /// Opens or makes the folder and its key.
    ///
    /// # Errors
    /// What the file system says, by path.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let key = match read_key(&folder.join(KEY_FILE))? {
            Some(key) => key,
            None => write_key(folder)?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// None when there is no entry of this name, or none that this host wrote.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<Entry<T>> {
        let record = self.path(name, RECORD);
        let sealed = fs::read(&record).ok()?;
        let entry = self.unseal(name, &sealed).and_then(|record: Record<T>| {
            Some(Entry {
                about: record.about,
                code: self.path(name, CODE),
                code_hash: blake3::Hash::from_hex(&record.code_hash).ok()?,
            })
        });
        if entry.is_none() {
            tracing::warn!(file = %record.display(), "a cached entry is not this host's own: making it anew");
        } else {
            // Only its age is lost if this fails.
            let _ = std::fs::File::options()
                .append(true)
                .open(&record)
                .and_then(|file| file.set_modified(SystemTime::now()));
        }
        entry
    }

    /// Keeps an entry. Each file is whole or not there; the record comes last.
    ///
    /// # Errors
    /// What the file system says: a full disk costs the cache and nothing else.
    pub(super) fn put<T: Serialize>(
        &self,
        name: &str,
        about: &T,
        code: &[u8],
    ) -> std::io::Result<()> {
        let body = serde_json::to_vec(&Record {
            name: name.to_owned(),
            code_hash: blake3::hash(code).to_hex().to_string(),
            about,
        })?;
        let mut sealed = self.seal(&body).to_hex().to_string().into_bytes();
        sealed.push(b'\n');
        sealed.extend_from_slice(&body);
        self.write(&self.path(name, CODE), code)?;
        self.write(&self.path(name, RECORD), &sealed)?;
        self.tidy_up(name)
    }

    /// Names of the entries that begin with `prefix`, the newest first.
    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let mut found: Vec<_> = self
            .entries()
            .into_iter()
            .filter(|entry| entry.name.starts_with(prefix))
            .collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.used_at));
        found.into_iter().map(|entry| entry.name).collect()
    }

    /// A short name for something that an entry depends on and that may be a secret.
    pub(super) fn fingerprint(&self, text: &str) -> String {
        let mut name = self.seal(text.as_bytes()).to_hex().to_string();
        name.truncate(16);
        name
    }

    /// Removes the entries that were not used for longest, until the rest fits. `kept` stays.
    fn tidy_up(&self, kept: &str) -> std::io::Result<()> {
        let mut entries = self.entries();
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        entries.sort_by_key(|entry| entry.used_at);
        for entry in entries.iter().filter(|entry| entry.name != kept) {
            if bytes <= BYTES_MAX {
                break;
            }
            fs::remove_file(self.path(&entry.name, RECORD))?;
            fs::remove_file(self.path(&entry.name, CODE))?;
            bytes -= entry.bytes;
        }
        Ok(())
    }

    fn entries(&self) -> Vec<Used> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let records = files.filter_map(|file| {
            let path = file.path();
            if path.extension()? != RECORD {
                return None;
            }
            let record = file.metadata().ok()?;
            let code = fs::metadata(path.with_extension(CODE)).ok()?;
            Some(Used {
                name: path.file_stem()?.to_str()?.to_owned(),
                bytes: record.len() + code.len(),
                used_at: record.modified().ok()?,
            })
        });
        records.collect()
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{name}.{extension}"))
    }

    fn seal(&self, body: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.key, body)
    }

    fn unseal<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<Record<T>> {
        let split = sealed.iter().position(|byte| *byte == b'\n')?;
        let (seal, body) = sealed.split_at_checked(split)?;
        let body = body.get(1..)?;
        let seal = blake3::Hash::from_hex(seal).ok()?;
        // `blake3::Hash` compares in constant time.
        if seal != self.seal(body) {
            return None;
        }
        let record: Record<T> = serde_json::from_slice(body).ok()?;
        (record.name == name).then_some(record)
    }
}

struct Used {
    name: String,
    bytes: u64,
    used_at: SystemTime,
}

impl<T> Entry<T> {
    /// Maps the code, if it is what the record says.
    ///
    /// # Errors
    /// Why it is not, as text; the code is then made anew.
    pub(super) fn map(&self, engine: &Engine, concurrent: bool) -> Result<Compiled, String> {
        let mut hasher = blake3::Hasher::new();
        fs::File::open(&self.code)
            .and_then(|file| hasher.update_reader(file))
            .map_err(|error| error.to_string())?;
        let authentic = AuthenticCode::check(&self.code_hash, &hasher.finalize())
            .ok_or("the cached code is not what this host compiled")?;
        engine.map(&self.code, concurrent, authentic)
    }
}

fn read_key(path: &Path) -> std::io::Result<Option<[u8; KEY_BYTES]>> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_key(folder: &Path) -> std::io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let path = folder.join(KEY_FILE);
    let mut draft = tempfile::Builder::new().make_in(folder, |path| {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    })?;
    draft.write_all(&key)?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        // Another host began at the same moment: its key is the key. A key that cannot be read is replaced.
        Err(error) => match read_key(&path)? {
            Some(key) => Ok(key),
            None => {
                error.file.persist(&path).map_err(|error| error.error)?;
                Ok(key)
            }
        },
    }
}
