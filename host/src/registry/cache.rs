//! Compiled code and listings on disk, keyed by the component's digest and by everything that the compiler's output depends on.
//! Code is native and runs with the host's rights, so nothing is loaded that this host did not write: a keyed hash seals each entry,
//! and a broken seal means that the entry is made anew.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::engine::{AuthenticCode, Compiled, Engine};

use super::Listing;

const KEY_FILE: &str = "seal.key";
const KEY_BYTES: usize = 32;

/// One folder, readable by its owner alone.
pub struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
}

/// What the seal covers. It names the code by its own hash, so code and listing cannot be mixed.
#[derive(Serialize, Deserialize)]
struct Record {
    code_hash: String,
    /// Code for the flavour of the engine that asynchronous components need.
    concurrent: bool,
    listing: Listing,
}

/// An entry whose record is authentic. Its code is checked when it is mapped.
pub(crate) struct Entry {
    pub(crate) listing: Listing,
    code: PathBuf,
    concurrent: bool,
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

    /// None when there is no entry, or none that this host wrote.
    pub(crate) fn get(&self, engine: &Engine, digest: &str) -> Option<Entry> {
        let stem = self.stem(engine, digest);
        let sealed = fs::read(stem.with_extension("json")).ok()?;
        let entry = self.unseal(&sealed).and_then(|record| {
            let code_hash = blake3::Hash::from_hex(&record.code_hash).ok()?;
            Some(Entry {
                listing: record.listing,
                code: stem.with_extension("cwasm"),
                concurrent: record.concurrent,
                code_hash,
            })
        });
        if entry.is_none() {
            tracing::warn!(file = %stem.with_extension("json").display(), "a cached listing is not this host's own: compiling anew");
        }
        entry
    }

    /// Keeps an entry. Each file is whole or not there; the record comes last.
    ///
    /// # Errors
    /// What the file system says: a full disk costs the cache and nothing else.
    pub(crate) fn put(
        &self,
        engine: &Engine,
        digest: &str,
        code: &[u8],
        concurrent: bool,
        listing: &Listing,
    ) -> std::io::Result<()> {
        let stem = self.stem(engine, digest);
        let record = Record {
            code_hash: blake3::hash(code).to_hex().to_string(),
            concurrent,
            listing: listing.clone(),
        };
        let body = serde_json::to_vec(&record)?;
        let mut sealed = self.seal(&body).to_hex().to_string().into_bytes();
        sealed.push(b'\n');
        sealed.extend_from_slice(&body);
        self.write(&stem.with_extension("cwasm"), code)?;
        self.write(&stem.with_extension("json"), &sealed)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn stem(&self, engine: &Engine, digest: &str) -> PathBuf {
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        self.folder.join(format!("{digest}-{}", engine.code_key()))
    }

    fn seal(&self, body: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.key, body)
    }

    fn unseal(&self, sealed: &[u8]) -> Option<Record> {
        let split = sealed.iter().position(|byte| *byte == b'\n')?;
        let (seal, body) = sealed.split_at_checked(split)?;
        let body = body.get(1..)?;
        let seal = blake3::Hash::from_hex(seal).ok()?;
        // `blake3::Hash` compares in constant time.
        if seal == self.seal(body) {
            serde_json::from_slice(body).ok()
        } else {
            None
        }
    }
}

impl Entry {
    /// Maps the code, if it is what the record says.
    ///
    /// # Errors
    /// Why it is not, as text; the component is then compiled anew.
    pub(crate) fn map(&self, engine: &Engine) -> Result<Compiled, String> {
        let bytes = fs::read(&self.code).map_err(|error| error.to_string())?;
        let authentic = AuthenticCode::check(&self.code_hash, &blake3::hash(&bytes))
            .ok_or("the cached code is not what this host compiled")?;
        engine.map(&self.code, self.concurrent, authentic)
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
