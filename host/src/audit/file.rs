//! The file on disk: goes on where it ended, takes lines whole or not at all, and is put aside when it is large enough.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::chain::{self, Link};

/// More than the longest line takes.
const TAIL_BYTES: u64 = 1 << 20;

pub(super) struct Opened {
    path: PathBuf,
    file: std::fs::File,
    bytes: u64,
    bytes_max: u64,
    /// The last line of the chain, wherever it stands.
    pub(super) end: Link,
}

/// The end of a file.
struct Tail {
    /// None: no line is whole.
    last: Option<Link>,
    /// What follows the last line feed.
    torn: u64,
}

impl Opened {
    /// Answers also with how many bytes of a torn line were cut off.
    ///
    /// # Errors
    /// In words for the operator.
    pub(super) fn open(path: &Path, bytes_max: u64) -> Result<(Self, u64), String> {
        let failed = |error: std::io::Error| format!("cannot open the audit log: {error}");
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        let mut file = append(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(format!(
                "{}: another hostel process writes this audit log; give each host a file of its own ([audit] file)",
                path.display()
            ));
        }
        let tail = tail(&mut file).map_err(|error| at(path, &error))?;
        let bytes = file.metadata().map_err(failed)?.len() - tail.torn;
        if tail.torn > 0 {
            file.set_len(bytes).map_err(failed)?;
        }
        let end = match tail.last {
            Some(link) => link,
            None => end_of_older(path)?,
        };
        let opened = Self {
            path: path.to_owned(),
            file,
            bytes,
            bytes_max,
            end,
        };
        Ok((opened, tail.torn))
    }

    /// Appends lines. What an error leaves of them is gone before the next ones are written.
    pub(super) fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        // What an earlier try has left would be a torn line in the middle.
        if self.file.metadata()?.len() != self.bytes {
            self.file.set_len(self.bytes)?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    /// Puts the file aside under the next number and begins a new one. Answers with the name that it has now.
    pub(super) fn put_aside(&mut self) -> std::io::Result<String> {
        self.sync()?;
        let number = older(&self.path).last().map_or(1, |(number, _)| number + 1);
        let aside = numbered(&self.path, number);
        // It may have been put aside already, and the new one could not be made.
        if self.path.try_exists()? {
            fs::rename(&self.path, &aside)?;
        }
        let file = append(&self.path)?;
        file.try_lock()?;
        self.file = file;
        self.bytes = 0;
        let name = aside.file_name().unwrap_or_default();
        Ok(name.to_string_lossy().into_owned())
    }
}

/// The files of one log, oldest first; those of a folder for a folder. `path` is the one that is written to.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    let path = if path.is_dir() {
        path.join("audit.jsonl")
    } else {
        path.to_owned()
    };
    let mut files: Vec<PathBuf> = older(&path).into_iter().map(|(_, path)| path).collect();
    files.push(path);
    files
}

/// The last line of the log that is written to `path`.
///
/// # Errors
/// It cannot be read, or its last line is not whole.
pub fn head(path: &Path) -> Result<Link, String> {
    let newest_first = files_of(path).into_iter().rev();
    for path in newest_first {
        let mut file = std::fs::File::open(&path).map_err(|error| at(&path, &error.to_string()))?;
        if let Some(link) = tail(&mut file).map_err(|error| at(&path, &error))?.last {
            return Ok(link);
        }
    }
    Ok(Link::beginning())
}

fn at(path: &Path, message: &str) -> String {
    format!("{}: {message}", path.display())
}

fn append(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| std::io::Error::new(error.kind(), at(path, &error.to_string())))
}

fn tail(file: &mut std::fs::File) -> Result<Tail, String> {
    let text = |error: std::io::Error| error.to_string();
    let length = file.metadata().map_err(text)?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from)).map_err(text)?;
    let mut bytes = Vec::new();
    // What is no file has no length, and may have no end.
    file.take(length - from)
        .read_to_end(&mut bytes)
        .map_err(text)?;
    let Some(feed) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        if from > 0 {
            return Err("it is no audit log: its last line has no end".to_owned());
        }
        let torn = bytes.len() as u64;
        return Ok(Tail { last: None, torn });
    };
    let (lines, torn) = bytes.split_at(feed);
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or(lines);
    let last = chain::whole(last).map_err(|reason| {
        format!("the last line cannot be gone on from: {reason}; `hostel audit verify` says more; move the file away to begin a new log")
    })?;
    Ok(Tail {
        last: Some(Link {
            seq: last.seq,
            hash: last.hash,
        }),
        torn: torn.len() as u64 - 1,
    })
}

fn end_of_older(path: &Path) -> Result<Link, String> {
    let Some((_, newest)) = older(path).pop() else {
        return Ok(Link::beginning());
    };
    let mut file = std::fs::File::open(&newest).map_err(|error| at(&newest, &error.to_string()))?;
    let tail = tail(&mut file).map_err(|error| at(&newest, &error))?;
    Ok(tail.last.unwrap_or_else(Link::beginning))
}

/// Files that were put aside, by their numbers.
fn older(path: &Path) -> Vec<(u32, PathBuf)> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = number_of(path, &name)?;
            Some((number, path.with_file_name(name)))
        })
        .collect();
    found.sort_unstable();
    found
}

fn number_of(path: &Path, name: &str) -> Option<u32> {
    let rest = name.strip_prefix(path.file_stem()?.to_str()?)?;
    let rest = match path.extension() {
        Some(extension) => rest.strip_suffix(extension.to_str()?)?.strip_suffix('.')?,
        None => rest,
    };
    let digits = rest.strip_prefix('.')?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// `audit.jsonl` → `audit.000001.jsonl`
fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}.{number:06}.{}", extension.to_string_lossy()),
        None => format!("{stem}.{number:06}"),
    };
    path.with_file_name(name)
}
