//! The files that a warmup read, as they were then. An image is out of date when one of them is another now.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::engine::{At, Look, Looks};

/// A change within this time of the reading may not show in the file's times.
const TIMES_ARE_COARSE: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
pub(super) struct Inputs {
    inputs: Vec<Input>,
    noted_at: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Input {
    path: PathBuf,
    seen: Seen,
}

/// What was seen of a path, by digest where it is large.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Seen {
    Nothing,
    Folder,
    File { digest: String, times: Times },
    Names { digest: String },
    Metadata { is_folder: bool, times: Times },
}

/// Two equal ones of one path mean the same contents: the time of a change of the inode cannot be set at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Times {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Inputs {
    /// Reads everything again that the guest looked at.
    ///
    /// # Errors
    /// A file that was there for the guest and cannot be read now.
    pub(super) fn note(looks: &Looks) -> std::io::Result<Self> {
        let noted_at = SystemTime::now();
        let inputs = looks.iter().map(|look| {
            Ok(Input {
                path: look.path.clone(),
                seen: look.again()?,
            })
        });
        Ok(Self {
            inputs: inputs.collect::<std::io::Result<_>>()?,
            noted_at,
        })
    }

    /// Of an outcome that depends on no file.
    pub(super) fn none() -> Self {
        Self {
            inputs: Vec::new(),
            noted_at: SystemTime::UNIX_EPOCH,
        }
    }

    /// The first path that is not as it was.
    pub(super) fn changed(&self) -> Option<&Path> {
        let changed = self.inputs.iter().find(|input| !self.is_same(input));
        changed.map(|input| input.path.as_path())
    }

    fn is_same(&self, input: &Input) -> bool {
        let at = match &input.seen {
            Seen::File { times, .. } if self.is_settled(times) => {
                if fs::metadata(&input.path).is_ok_and(|now| Times::of(&now) == *times) {
                    return true;
                }
                At::Contents
            }
            Seen::Nothing | Seen::Folder | Seen::File { .. } => At::Contents,
            Seen::Names { .. } => At::Listing,
            Seen::Metadata { .. } => At::Metadata,
        };
        let look = Look {
            path: input.path.clone(),
            at,
        };
        look.again().is_ok_and(|now| now.is_same_as(&input.seen))
    }

    fn is_settled(&self, times: &Times) -> bool {
        let changed = u64::try_from(times.changed.0).unwrap_or(u64::MAX);
        let noted = self
            .noted_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        noted.saturating_sub(TIMES_ARE_COARSE) > Duration::from_secs(changed)
    }
}

impl Look {
    fn again(&self) -> std::io::Result<Seen> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Seen::Nothing),
            Err(error) => return Err(error),
        };
        Ok(match self.at {
            At::Metadata => Seen::Metadata {
                is_folder: found.is_dir(),
                times: Times::of(&found),
            },
            At::Listing => Seen::Names {
                digest: names(&self.path)?,
            },
            At::Contents if found.is_dir() => Seen::Folder,
            At::Contents if found.is_file() => {
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(fs::File::open(&self.path)?)?;
                Seen::File {
                    digest: hasher.finalize().to_hex().to_string(),
                    times: Times::of(&found),
                }
            }
            At::Contents => {
                return Err(std::io::Error::other(format!(
                    "{} is neither a file nor a folder",
                    self.path.display()
                )));
            }
        })
    }
}

impl Seen {
    /// A file is the same when its contents are, and what a guest saw of a file from outside when its size and its time are.
    fn is_same_as(&self, then: &Self) -> bool {
        match (self, then) {
            (Self::File { digest: now, .. }, Self::File { digest: then, .. }) => now == then,
            (
                Self::Metadata {
                    is_folder: true, ..
                },
                Self::Metadata {
                    is_folder: true, ..
                },
            ) => true,
            (
                Self::Metadata {
                    is_folder: false,
                    times: now,
                },
                Self::Metadata {
                    is_folder: false,
                    times: then,
                },
            ) => (now.size, now.modified) == (then.size, then.modified),
            _ => self == then,
        }
    }
}

impl Times {
    fn of(found: &std::fs::Metadata) -> Self {
        Self {
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A digest of a folder's names, in no order.
fn names(folder: &Path) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        names.push((entry.file_name(), entry.file_type()?.is_dir()));
    }
    names.sort();
    let mut hasher = blake3::Hasher::new();
    for (name, is_folder) in names {
        hasher.update(name.as_encoded_bytes());
        // No name has a slash or a NUL in it.
        hasher.update(if is_folder { b"/\0" } else { b"\0" });
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(path: &Path, at: At) -> Look {
        Look {
            path: path.to_owned(),
            at,
        }
    }

    #[test]
    fn what_was_read_is_watched_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("read"), "one").unwrap();
        fs::write(at("ignored"), "one").unwrap();
        let looks = Looks::from([
            look(&at("read"), At::Contents),
            look(&at("missing"), At::Contents),
            look(&at("missing"), At::Metadata),
        ]);
        let inputs = Inputs::note(&looks).unwrap();
        assert_eq!(inputs.changed(), None);
        fs::write(at("ignored"), "two").unwrap();
        assert_eq!(inputs.changed(), None);
        // The same size within the same second.
        fs::write(at("read"), "two").unwrap();
        assert_eq!(inputs.changed(), Some(at("read").as_path()));
        fs::write(at("read"), "one").unwrap();
        assert_eq!(inputs.changed(), None, "it is the contents that count");
        fs::write(at("missing"), "").unwrap();
        assert_eq!(inputs.changed(), Some(at("missing").as_path()));
    }

    #[test]
    fn a_new_name_in_a_folder_that_was_listed_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "").unwrap();
        let inputs = Inputs::note(&Looks::from([look(folder.path(), At::Listing)])).unwrap();
        fs::write(folder.path().join("one"), "longer").unwrap();
        assert_eq!(inputs.changed(), None);
        fs::write(folder.path().join("two"), "").unwrap();
        assert!(inputs.changed().is_some());
    }
}
