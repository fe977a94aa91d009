//! The head of a snapshot file: how much there is of what, where each block ends, and the seal. The layout is in the parent's table.

use std::io::Read;

use super::{FileKey, ReadError, read_exact};

const MAGIC: &[u8; 8] = b"\x89HOSTEL\n";
const VERSION: u16 = 1;
/// Magic and version, the same in all versions.
const PROLOGUE_BYTES: usize = 10;
const COUNTS_BYTES: usize = 40;
const CHECK_BYTES: usize = 16;
const FIXED_BYTES: usize = PROLOGUE_BYTES + COUNTS_BYTES + CHECK_BYTES;
const STORED_BYTES: usize = 4 + blake3::OUT_LEN;
const SEAL_BYTES: usize = blake3::OUT_LEN;

/// Of the content, before compression. All blocks but the last are of this length.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

pub(super) struct Head {
    pub(super) counts: Counts,
    pub(super) blocks: Vec<Stored>,
}

#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) blobs: usize,
    pub(super) meta_bytes: usize,
    /// Of all blobs together.
    pub(super) data_bytes: usize,
}

/// A block as it is in the file.
pub(super) struct Stored {
    bytes: u32,
    checksum: blake3::Hash,
}

impl Head {
    pub(super) fn seal(&self, key: &FileKey) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(key.id());
        let Counts {
            blobs,
            meta_bytes,
            data_bytes,
        } = self.counts;
        for count in [blobs, meta_bytes, data_bytes] {
            head.extend_from_slice(&(count as u64).to_le_bytes());
        }
        head.extend_from_slice(&check(&head));
        for block in &self.blocks {
            head.extend_from_slice(&block.bytes.to_le_bytes());
            head.extend_from_slice(block.checksum.as_bytes());
        }
        let seal = key.seal(&head);
        head.extend_from_slice(seal.as_bytes());
        head
    }

    /// Reads and checks the head of a file of `file_bytes`. Returns the bytes of the content, too: not more than `bytes_max`.
    pub(super) fn read(
        file: &mut impl Read,
        file_bytes: u64,
        key: &FileKey,
        bytes_max: u64,
    ) -> Result<(Self, usize), ReadError> {
        let mut head = read_fixed(file)?;
        let (counts, key_id) = parse_fixed(&head)?;
        if key_id != key.id() {
            return Err(ReadError::OtherKey);
        }
        let content_bytes = counts.content_bytes().ok_or(ReadError::DamagedHead)?;
        let head_bytes = counts.head_bytes().ok_or(ReadError::DamagedHead)?;
        // The seal is not checked yet: the limit and the length of the file bound what is taken for the table.
        if content_bytes as u64 > bytes_max {
            return Err(ReadError::TooLarge {
                bytes: content_bytes as u64,
                bytes_max,
            });
        }
        if head_bytes as u64 > file_bytes {
            return Err(ReadError::CutShort);
        }
        head.resize(head_bytes, 0);
        let (_, table) = head.split_at_mut(FIXED_BYTES);
        read_exact(file, table)?;
        let blocks = unseal(&head, key)?;
        check_length(&blocks, content_bytes, head_bytes, file_bytes)?;
        Ok((Self { counts, blocks }, content_bytes))
    }
}

impl Counts {
    pub(super) fn lengths_bytes(&self) -> Option<usize> {
        self.blobs.checked_mul(size_of::<u64>())
    }

    /// None: more than an address space holds.
    pub(super) fn content_bytes(&self) -> Option<usize> {
        self.lengths_bytes()?
            .checked_add(self.meta_bytes)?
            .checked_add(self.data_bytes)
    }

    pub(super) fn head_bytes(&self) -> Option<usize> {
        let blocks = self.content_bytes()?.div_ceil(BLOCK_BYTES);
        blocks
            .checked_mul(STORED_BYTES)?
            .checked_add(FIXED_BYTES + SEAL_BYTES)
    }
}

impl Stored {
    pub(super) fn of(stored: &[u8]) -> Self {
        Self {
            bytes: u32::try_from(stored.len()).expect("a block is of 1 MiB at most"),
            checksum: blake3::hash(stored),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    pub(super) fn matches(&self, stored: &[u8]) -> bool {
        blake3::hash(stored) == self.checksum
    }
}

/// The part of the head whose length is always the same.
fn read_fixed(file: &mut impl Read) -> Result<Vec<u8>, ReadError> {
    let mut fixed = Vec::with_capacity(FIXED_BYTES);
    file.by_ref()
        .take(FIXED_BYTES as u64)
        .read_to_end(&mut fixed)
        .map_err(ReadError::Io)?;
    let magic_bytes = fixed.len().min(MAGIC.len());
    if !fixed.starts_with(MAGIC.split_at(magic_bytes).0) {
        return Err(ReadError::NotASnapshot);
    }
    Ok(fixed)
}

fn parse_fixed(fixed: &[u8]) -> Result<(Counts, &[u8; 16]), ReadError> {
    let mut rest = fixed;
    let _magic: &[u8; 8] = field(&mut rest)?;
    let found = u16::from_le_bytes(*field(&mut rest)?);
    if found != VERSION {
        return Err(ReadError::FormatVersion {
            found,
            known: VERSION,
        });
    }
    let key_id = field(&mut rest)?;
    let blobs = field(&mut rest)?;
    let meta_bytes = field(&mut rest)?;
    let data_bytes = field(&mut rest)?;
    let checked: &[u8; CHECK_BYTES] = field(&mut rest)?;
    let (covered, _) = fixed.split_at(PROLOGUE_BYTES + COUNTS_BYTES);
    if check(covered) != *checked {
        return Err(ReadError::DamagedHead);
    }
    let counts = Counts {
        blobs: count(blobs)?,
        meta_bytes: count(meta_bytes)?,
        data_bytes: count(data_bytes)?,
    };
    Ok((counts, key_id))
}

/// The blocks that the head tells of, if its seal is `key`'s.
fn unseal(head: &[u8], key: &FileKey) -> Result<Vec<Stored>, ReadError> {
    let (sealed, seal) = head
        .split_last_chunk::<SEAL_BYTES>()
        .ok_or(ReadError::DamagedHead)?;
    // `blake3::Hash` compares in constant time.
    if key.seal(sealed) != blake3::Hash::from_bytes(*seal) {
        return Err(ReadError::DamagedHead);
    }
    let (_, mut rest) = sealed.split_at(FIXED_BYTES);
    let mut blocks = Vec::with_capacity(rest.len() / STORED_BYTES);
    while !rest.is_empty() {
        blocks.push(Stored {
            bytes: u32::from_le_bytes(*field(&mut rest)?),
            checksum: blake3::Hash::from_bytes(*field(&mut rest)?),
        });
    }
    Ok(blocks)
}

/// Nothing is taken for the content unless the file can hold it.
fn check_length(
    blocks: &[Stored],
    content_bytes: usize,
    head_bytes: usize,
    file_bytes: u64,
) -> Result<(), ReadError> {
    let stored_bytes: u64 = blocks.iter().map(|block| u64::from(block.bytes)).sum();
    if stored_bytes > content_bytes as u64 {
        return Err(ReadError::DamagedHead);
    }
    match file_bytes.cmp(&(head_bytes as u64 + stored_bytes)) {
        std::cmp::Ordering::Less => Err(ReadError::CutShort),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(ReadError::TrailingBytes),
    }
}

fn check(covered: &[u8]) -> [u8; CHECK_BYTES] {
    *blake3::hash(covered)
        .as_bytes()
        .first_chunk()
        .expect("a hash is longer")
}

fn field<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], ReadError> {
    let (field, after) = rest.split_first_chunk().ok_or(ReadError::CutShort)?;
    *rest = after;
    Ok(field)
}

fn count(bytes: &[u8; 8]) -> Result<usize, ReadError> {
    usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| ReadError::DamagedHead)
}
