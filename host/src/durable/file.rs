//! Snapshot files. One file is one snapshot: a description (`meta`, JSON) and a list of blobs. A file is whole or not there, and only
//! what this host wrote, unchanged, is read back. This module must not know what a snapshot is of.
//!
//! All numbers are little-endian. The *content* is: the length of each blob (u64), `meta`, the blobs, without anything between them.
//! It is cut into blocks of 1 MiB, the last of which may be shorter.
//!
//! | bytes      | what                                                                                        |
//! |------------|---------------------------------------------------------------------------------------------|
//! | 8          | magic: `\x89HOSTEL\n`                                                                       |
//! | 2          | format version, u16; all that follows belongs to version 1                                  |
//! | 16         | key id: a hash of the host's key                                                            |
//! | 8          | number of blobs, u64                                                                        |
//! | 8          | length of `meta`, u64                                                                       |
//! | 8          | length of all blobs together, u64                                                           |
//! | 16         | blake3 of the bytes so far, its first half: tells a damaged head from a file cut short      |
//! | 36 × block | for each block, its stored length (u32) and the blake3 of its stored bytes (32)             |
//! | 32         | seal: keyed blake3 of all bytes so far                                                      |
//! | the rest   | the blocks: one zstd frame each, or the bytes as they are if that is not longer             |
//!
//! A block whose stored length is its length is stored as it is. Nothing is decompressed, and no memory is taken for it, before the
//! seal and the checksum of the block were found to be right.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::{Buf, Bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod key;

use head::{BLOCK_BYTES, Counts, Head, Stored};
pub(crate) use key::FileKey;

/// Names of files that are not finished begin with this. A killed process leaves them.
pub(super) const DRAFT_PREFIX: &str = ".draft-";
/// Most of what a snapshot holds is zeros or text: a higher level costs several times the time for a tenth of the size.
const COMPRESSION_LEVEL: i32 = 1;

/// What a written snapshot survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// A killed process.
    None,
    /// A power cut, too: the file and its folder are on the disk when `write` returns.
    Disk,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteLimits {
    /// Of the finished file.
    pub(crate) bytes_max: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the snapshot is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("cannot write the snapshot")]
    Io(#[source] io::Error),
}

/// Why a file gives no snapshot. The caller says which file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the snapshot file is missing")]
    Missing,
    #[error("the file is not a snapshot")]
    NotASnapshot,
    #[error("the snapshot has format version {found}; this version of hostel reads {known}")]
    FormatVersion { found: u16, known: u16 },
    #[error("the snapshot was sealed with the key of another host")]
    OtherKey,
    #[error("the snapshot file is cut short")]
    CutShort,
    #[error("the snapshot file is longer than what was written")]
    TrailingBytes,
    #[error("the head of the snapshot file is damaged")]
    DamagedHead,
    #[error("block {block} of the snapshot file is damaged")]
    Damaged { block: usize },
    #[error("the snapshot takes {bytes} bytes of memory, more than {bytes_max}")]
    TooLarge { bytes: u64, bytes_max: u64 },
    /// The file is whole: it was written by a host that describes snapshots in another way.
    #[error("the snapshot's description is not understood")]
    Meta(#[source] serde_json::Error),
    #[error("cannot read the snapshot")]
    Io(#[source] io::Error),
}

/// Writes a snapshot, in place of an older one of that name. Returns the bytes of the file, which its owner alone can read.
///
/// # Errors
/// `TooLarge` as soon as the file would pass `limits.bytes_max`; `Io`. Neither leaves a draft, and an older file stays as it was; if
/// all that fails is to bring the folder to the disk, the new file is there, whole.
pub(crate) fn write<M: Serialize>(
    path: &Path,
    key: &FileKey,
    meta: &M,
    blobs: &[Bytes],
    limits: WriteLimits,
    sync: Sync,
) -> Result<u64, WriteError> {
    let meta = serde_json::to_vec(meta).map_err(|error| WriteError::Io(error.into()))?;
    let folder = folder_of(path);
    let draft = tempfile::Builder::new()
        .prefix(DRAFT_PREFIX)
        .tempfile_in(folder)
        .map_err(WriteError::Io)?;
    let bytes = write_content(draft.as_file(), key, &meta, blobs, limits)?;
    publish(draft, path, folder, sync).map_err(WriteError::Io)?;
    Ok(bytes)
}

/// Reads a snapshot. The blobs share one allocation, which stays until the last of them is dropped.
///
/// # Errors
/// `TooLarge` if description and blobs would take more than `bytes_max` in memory; all others of [`ReadError`].
pub(crate) fn read<M: DeserializeOwned>(
    path: &Path,
    key: &FileKey,
    bytes_max: u64,
) -> Result<(M, Vec<Bytes>), ReadError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        _ => ReadError::Io(error),
    })?;
    let file_bytes = file.metadata().map_err(ReadError::Io)?.len();
    read_content(file, file_bytes, key, bytes_max)
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn publish(
    draft: tempfile::NamedTempFile,
    path: &Path,
    folder: &Path,
    sync: Sync,
) -> io::Result<()> {
    if sync == Sync::Disk {
        draft.as_file().sync_all()?;
    }
    draft.persist(path).map_err(|error| error.error)?;
    if sync == Sync::Disk {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write_content(
    file: &File,
    key: &FileKey,
    meta: &[u8],
    blobs: &[Bytes],
    limits: WriteLimits,
) -> Result<u64, WriteError> {
    let counts = Counts {
        blobs: blobs.len(),
        meta_bytes: meta.len(),
        data_bytes: blobs.iter().map(Bytes::len).sum(),
    };
    let mut preface: Vec<u8> = blobs
        .iter()
        .flat_map(|blob| (blob.len() as u64).to_le_bytes())
        .collect();
    preface.extend_from_slice(meta);

    let mut draft = Draft::begin(file, &counts, limits)?;
    let mut block = Vec::with_capacity(BLOCK_BYTES.min(preface.len() + counts.data_bytes));
    let parts = std::iter::once(preface.as_slice()).chain(blobs.iter().map(AsRef::as_ref));
    for mut part in parts {
        while !part.is_empty() {
            let (fits, later) = part.split_at(part.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(fits);
            part = later;
            if block.len() == BLOCK_BYTES {
                draft.push(&block)?;
                block.clear();
            }
        }
    }
    if !block.is_empty() {
        draft.push(&block)?;
    }
    draft.finish(key, counts).map_err(WriteError::Io)
}

/// A file in the making. The head comes first in the file and is known last, so its place is left free.
struct Draft<'f> {
    file: &'f File,
    compressor: zstd::bulk::Compressor<'static>,
    /// What is not written yet. A small snapshot stays here until it is whole and is written at once.
    buffer: Vec<u8>,
    flushed_bytes: u64,
    blocks: Vec<Stored>,
    bytes_max: u64,
}

impl<'f> Draft<'f> {
    fn begin(file: &'f File, counts: &Counts, limits: WriteLimits) -> Result<Self, WriteError> {
        let too_large = WriteError::TooLarge {
            bytes_max: limits.bytes_max,
        };
        let Some(head_bytes) = counts.head_bytes() else {
            return Err(too_large);
        };
        if head_bytes as u64 > limits.bytes_max {
            return Err(too_large);
        }
        Ok(Self {
            file,
            compressor: zstd::bulk::Compressor::new(COMPRESSION_LEVEL).map_err(WriteError::Io)?,
            buffer: vec![0; head_bytes],
            flushed_bytes: 0,
            blocks: Vec::new(),
            bytes_max: limits.bytes_max,
        })
    }

    /// `plain` is not empty, and all but the last are of `BLOCK_BYTES`.
    fn push(&mut self, plain: &[u8]) -> Result<(), WriteError> {
        let start = self.buffer.len();
        // A byte too little for the plain block: what does not get smaller does not fit.
        self.buffer.resize(start + plain.len() - 1, 0);
        let (_, room) = self.buffer.split_at_mut(start);
        if let Ok(bytes) = self.compressor.compress_to_buffer(plain, room) {
            self.buffer.truncate(start + bytes);
        } else {
            self.buffer.truncate(start);
            self.buffer.extend_from_slice(plain);
        }
        if self.flushed_bytes + self.buffer.len() as u64 > self.bytes_max {
            return Err(WriteError::TooLarge {
                bytes_max: self.bytes_max,
            });
        }
        let (_, stored) = self.buffer.split_at(start);
        self.blocks.push(Stored::of(stored));
        if self.buffer.len() >= BLOCK_BYTES {
            self.flush().map_err(WriteError::Io)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.flushed_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self, key: &FileKey, counts: Counts) -> io::Result<u64> {
        let blocks = std::mem::take(&mut self.blocks);
        let head = Head { counts, blocks }.seal(key);
        if self.flushed_bytes == 0 {
            let (room, _) = self.buffer.split_at_mut(head.len());
            room.copy_from_slice(&head);
        } else {
            self.file.write_all_at(&head, 0)?;
        }
        self.flush()?;
        Ok(self.flushed_bytes)
    }
}

fn read_content<M: DeserializeOwned>(
    mut file: impl Read,
    file_bytes: u64,
    key: &FileKey,
    bytes_max: u64,
) -> Result<(M, Vec<Bytes>), ReadError> {
    let (head, content_bytes) = Head::read(&mut file, file_bytes, key, bytes_max)?;
    let mut content = vec![0; content_bytes];
    let mut scratch = Vec::new();
    let blocks = content.chunks_mut(BLOCK_BYTES).zip(&head.blocks);
    for (index, (plain, stored)) in blocks.enumerate() {
        read_block(&mut file, stored, plain, &mut scratch)?
            .then_some(())
            .ok_or(ReadError::Damaged { block: index })?;
    }
    split_content(content.into(), &head.counts)
}

/// False: the block is not what was written.
fn read_block(
    file: &mut impl Read,
    stored: &Stored,
    plain: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<bool, ReadError> {
    let stored_bytes = stored.bytes();
    if stored_bytes == plain.len() {
        read_exact(file, plain)?;
        return Ok(stored.matches(plain));
    }
    scratch.resize(stored_bytes, 0);
    read_exact(file, scratch)?;
    Ok(stored.matches(scratch)
        && zstd::bulk::decompress_to_buffer(scratch, plain).is_ok_and(|bytes| bytes == plain.len()))
}

/// Takes `content` apart: lengths, description, blobs.
fn split_content<M: DeserializeOwned>(
    mut content: Bytes,
    counts: &Counts,
) -> Result<(M, Vec<Bytes>), ReadError> {
    let mut lengths = take(&mut content, counts.lengths_bytes())?;
    let meta = take(&mut content, Some(counts.meta_bytes))?;
    let meta = serde_json::from_slice(&meta).map_err(ReadError::Meta)?;
    let mut blobs = Vec::with_capacity(counts.blobs);
    while lengths.has_remaining() {
        blobs.push(take(
            &mut content,
            usize::try_from(lengths.get_u64_le()).ok(),
        )?);
    }
    Ok((meta, blobs))
}

/// What is sealed fits; if not, whoever sealed it was wrong.
fn take(content: &mut Bytes, bytes: Option<usize>) -> Result<Bytes, ReadError> {
    match bytes {
        Some(bytes) if bytes <= content.len() => Ok(content.split_to(bytes)),
        _ => Err(ReadError::DamagedHead),
    }
}

/// The length of the file was checked before: if it ends early, someone truncates it at this moment.
fn read_exact(file: &mut impl Read, into: &mut [u8]) -> Result<(), ReadError> {
    file.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::CutShort,
        _ => ReadError::Io(error),
    })
}

#[cfg(test)]
mod tests;
