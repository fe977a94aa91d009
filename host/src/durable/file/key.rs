//! The key that seals this host's snapshots. It stays on the host; files carry an id of it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use fs_err as fs;

const KEY_FILE: &str = "snapshot.key";
const KEY_BYTES: usize = 32;

pub(crate) struct FileKey {
    seal: [u8; KEY_BYTES],
    id: [u8; 16],
}

impl FileKey {
    /// Reads the key in `folder`, or makes one. Processes that do so at the same moment get the same key.
    ///
    /// # Errors
    /// What the file system says, by path; `InvalidData` for a file that is no key. It is not replaced: what it sealed would be lost.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        if !path.try_exists()? {
            make(folder, &path)?;
        }
        Ok(Self::derive(&load(&path)?))
    }

    pub(super) fn id(&self) -> &[u8; 16] {
        &self.id
    }

    pub(super) fn seal(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.seal, bytes)
    }

    fn derive(secret: &[u8; KEY_BYTES]) -> Self {
        let mut id = [0; 16];
        blake3::Hasher::new_derive_key("hostel 2026 snapshot key id")
            .update(secret)
            .finalize_xof()
            .fill(&mut id);
        Self {
            seal: blake3::derive_key("hostel 2026 snapshot seal", secret),
            id,
        }
    }
}

fn load(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    fs::read(path)?.try_into().map_err(|_| {
        let path = path.display();
        let problem = format!(
            "{path} is not a key of {KEY_BYTES} bytes; restore it, or remove it and with it all snapshots"
        );
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

/// Leaves a key that is there already.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let mut secret = [0; KEY_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    // Drafts are readable by their owner alone, and stay so.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(&secret)?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        // Snapshots reach the disk one by one; the key that they need must not come after them.
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let folder = folder.path().to_owned();
                std::thread::spawn(move || FileKey::open(&folder).unwrap())
            })
            .collect();
        let first = FileKey::open(folder.path()).unwrap();
        for thread in threads {
            let key = thread.join().unwrap();
            assert_eq!((key.seal, key.id), (first.seal, first.id));
        }
        let file = fs::metadata(folder.path().join(KEY_FILE)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        fs::write(&path, "short").unwrap();
        let Err(error) = FileKey::open(folder.path()) else {
            panic!("a key of 5 bytes");
        };
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn the_id_tells_keys_apart_and_not_the_seal() {
        let one = FileKey::derive(&[1; KEY_BYTES]);
        let other = FileKey::derive(&[2; KEY_BYTES]);
        assert_ne!(one.id, other.id);
        assert!(!one.seal.starts_with(&one.id));
    }
}
