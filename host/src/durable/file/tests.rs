use fs_err as fs;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Too short to be compressed.
const LAST_BLOCK: &[u8] = b"%x";
const NO_LIMIT: u64 = u64::MAX;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meta {
    name: String,
    pages: Vec<u32>,
}

struct Bench {
    folder: tempfile::TempDir,
    key: FileKey,
    path: std::path::PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = FileKey::open(folder.path()).unwrap();
        let path = folder.path().join("snapshot");
        Self { folder, key, path }
    }

    fn write(&self, blobs: &[Bytes], bytes_max: u64) -> Result<u64, WriteError> {
        let limits = WriteLimits { bytes_max };
        write(&self.path, &self.key, &meta(), blobs, limits, Sync::None)
    }

    fn read(&self) -> Result<(Meta, Vec<Bytes>), ReadError> {
        read(&self.path, &self.key, NO_LIMIT)
    }

    fn decode(&self, file: &[u8]) -> Result<(Meta, Vec<Bytes>), ReadError> {
        read_content(file, file.len() as u64, &self.key, NO_LIMIT)
    }

    /// A file of two blocks, the second one stored as it is.
    fn small(&self) -> (Vec<Bytes>, Vec<u8>) {
        let preface_bytes = 3 * 8 + serde_json::to_vec(&meta()).unwrap().len();
        let blobs = vec![
            Bytes::from(vec![0; BLOCK_BYTES - preface_bytes]),
            Bytes::from_static(LAST_BLOCK),
            Bytes::new(),
        ];
        self.write(&blobs, NO_LIMIT).unwrap();
        (blobs, fs::read(&self.path).unwrap())
    }

    fn files(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn meta() -> Meta {
    Meta {
        name: "ses_1".to_owned(),
        pages: vec![0, 7],
    }
}

fn noise(bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise.into()
}

#[test]
fn what_was_written_is_read() {
    let bench = Bench::new();
    let three = 3 << 20;
    let cases = [
        (vec![], 300),
        (vec![Bytes::new()], 300),
        (vec![Bytes::new(), noise(1), Bytes::new()], 300),
        (vec![noise(16 << 10)], 17 << 10),
        (vec![noise(three)], three + 1024),
        (vec![noise(BLOCK_BYTES); 3], three + 1024),
        (vec![Bytes::from(vec![0; three])], 1024),
        (vec![noise(100); 1000], 100_000),
    ];
    for (blobs, file_bytes_max) in cases {
        for sync in [Sync::None, Sync::Disk] {
            let limits = WriteLimits {
                bytes_max: NO_LIMIT,
            };
            let bytes = write(&bench.path, &bench.key, &meta(), &blobs, limits, sync).unwrap();
            assert_eq!(bytes, fs::metadata(&bench.path).unwrap().len());
            assert!(bytes <= file_bytes_max as u64, "{bytes}");
            let read = bench.read().unwrap();
            assert_eq!(read, (meta(), blobs.clone()));
        }
    }
    assert_eq!(bench.files(), 2, "the key and the snapshot");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_blobs_come_back(
        name in ".*",
        blobs in vec(prop_oneof![vec(any::<u8>(), 0..300), vec(0..2_u8, 0..600_000)], 0..6),
    ) {
        let bench = Bench::new();
        let blobs: Vec<Bytes> = blobs.into_iter().map(Bytes::from).collect();
        let meta = Meta { name, pages: vec![] };
        let limits = WriteLimits { bytes_max: NO_LIMIT };
        write(&bench.path, &bench.key, &meta, &blobs, limits, Sync::None).unwrap();
        prop_assert_eq!(bench.read().unwrap(), (meta, blobs));
    }

    #[test]
    fn any_bytes_are_an_error(bytes in vec(any::<u8>(), 0..500), kept in 0..200_usize) {
        let bench = Bench::new();
        let (_, mut file) = bench.small();
        file.truncate(kept);
        file.extend(bytes);
        prop_assert!(bench.decode(&file).is_err());
    }
}

proptest! {
    #[test]
    fn a_file_that_is_read_says_what_was_written(data in vec(any::<u8>(), 0..40)) {
        fuzz::snapshot(&data);
    }
}

#[test]
fn a_file_cut_short_is_told() {
    let bench = Bench::new();
    let (blobs, file) = bench.small();
    assert_eq!(bench.decode(&file).unwrap().1, blobs);
    for bytes in 0..file.len() {
        let cut = &file[..bytes];
        let error = bench.decode(cut).unwrap_err();
        assert!(matches!(error, ReadError::CutShort), "{bytes}: {error:?}");
        fs::write(&bench.path, cut).unwrap();
        assert!(matches!(bench.read(), Err(ReadError::CutShort)));
    }
    let longer = [file, vec![0]].concat();
    assert!(matches!(
        bench.decode(&longer),
        Err(ReadError::TrailingBytes)
    ));
}

#[test]
fn each_flipped_bit_is_found_and_placed() {
    let bench = Bench::new();
    let (_, file) = bench.small();
    let blocks_at = 66 + 2 * 36 + 32;
    let last_block_at = file.len() - LAST_BLOCK.len();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = bench.decode(&flipped).unwrap_err();
        let is_right = match bit / 8 {
            0..8 => matches!(error, ReadError::NotASnapshot),
            8..10 => matches!(error, ReadError::FormatVersion { .. }),
            at if at < blocks_at => matches!(error, ReadError::DamagedHead),
            at if at < last_block_at => matches!(error, ReadError::Damaged { block: 0 }),
            _ => matches!(error, ReadError::Damaged { block: 1 }),
        };
        assert!(is_right, "bit {bit}: {error:?}");
    }
}

#[test]
fn a_file_of_another_host_is_no_damaged_one() {
    let bench = Bench::new();
    let (_, file) = bench.small();
    let other = Bench::new();
    assert!(matches!(other.decode(&file), Err(ReadError::OtherKey)));

    // Who claims our key id still lacks the key.
    let mut forged = file;
    forged[10..26].copy_from_slice(other.key.id());
    recheck(&mut forged);
    assert!(matches!(other.decode(&forged), Err(ReadError::DamagedHead)));
}

#[test]
fn other_files_are_told_apart() {
    let bench = Bench::new();
    assert!(matches!(bench.read(), Err(ReadError::Missing)));
    let (_, file) = bench.small();
    assert!(matches!(
        bench.decode(b"PK\x03\x04"),
        Err(ReadError::NotASnapshot)
    ));
    let mut newer = file;
    newer[8] = 2;
    assert_eq!(
        bench.decode(&newer).unwrap_err().to_string(),
        "the snapshot has format version 2; this version of hostel reads 1"
    );
    let other_meta: Result<(u8, _), _> = read(&bench.path, &bench.key, NO_LIMIT);
    assert!(matches!(other_meta, Err(ReadError::Meta(_))));
    let folder: Result<(Meta, _), _> = read(bench.folder.path(), &bench.key, NO_LIMIT);
    assert!(matches!(folder, Err(ReadError::Io(_))));
}

/// Nobody vouches for the numbers before the seal is checked: were they believed, the test would run out of memory.
#[test]
fn hostile_lengths_take_no_memory() {
    let bench = Bench::new();
    let (_, file) = bench.small();
    for field in [26, 34, 42] {
        for length in [u64::MAX, u64::MAX / 8, 1 << 60, 1 << 40] {
            let mut hostile = file.clone();
            hostile[field..field + 8].copy_from_slice(&length.to_le_bytes());
            recheck(&mut hostile);
            // A sparse file may claim any length.
            for file_bytes in [hostile.len() as u64, u64::MAX] {
                let read: Result<(Meta, _), _> =
                    read_content(hostile.as_slice(), file_bytes, &bench.key, 1 << 30);
                assert!(matches!(
                    read,
                    Err(ReadError::TooLarge { .. } | ReadError::DamagedHead)
                ));
            }
        }
    }
}

#[test]
fn the_limits_are_exact() {
    let bench = Bench::new();
    for blobs in [vec![noise(100)], vec![noise(5 << 20)], vec![Bytes::new()]] {
        let bytes = bench.write(&blobs, NO_LIMIT).unwrap();
        assert_eq!(bench.write(&blobs, bytes).unwrap(), bytes);
        for less in [bytes - 1, bytes / 2, 10, 0] {
            let refused = bench.write(&blobs, less);
            assert!(
                matches!(refused, Err(WriteError::TooLarge { bytes_max }) if bytes_max == less)
            );
        }
        assert_eq!(bench.read().unwrap().1, blobs, "the older file is whole");

        let meta_bytes = serde_json::to_vec(&meta()).unwrap().len();
        let in_memory = (blobs.len() * 8 + meta_bytes + blobs[0].len()) as u64;
        let read = |bytes_max| read::<Meta>(&bench.path, &bench.key, bytes_max);
        assert!(read(in_memory).is_ok());
        assert!(matches!(
            read(in_memory - 1),
            Err(ReadError::TooLarge { bytes, .. }) if bytes == in_memory
        ));
    }
    assert_eq!(bench.files(), 2, "no draft is left");
}

#[test]
fn a_failed_write_leaves_nothing() {
    let bench = Bench::new();
    let write = |path: &Path| {
        let limits = WriteLimits {
            bytes_max: NO_LIMIT,
        };
        write(path, &bench.key, &meta(), &[noise(9)], limits, Sync::Disk)
    };
    let gone = bench.folder.path().join("gone").join("snapshot");
    assert!(matches!(write(&gone), Err(WriteError::Io(_))));

    // A folder of that name stands for whatever keeps the file from its place.
    fs::create_dir(&bench.path).unwrap();
    fs::write(bench.path.join("older"), "whole").unwrap();
    assert!(matches!(write(&bench.path), Err(WriteError::Io(_))));
    assert_eq!(fs::read(bench.path.join("older")).unwrap(), b"whole");
    assert_eq!(bench.files(), 2, "no draft is left");
}

#[test]
fn a_description_that_cannot_be_written_leaves_the_older_file() {
    let bench = Bench::new();
    let (blobs, _) = bench.small();
    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    let limits = WriteLimits {
        bytes_max: NO_LIMIT,
    };
    let refused = write(&bench.path, &bench.key, &no_json, &[], limits, Sync::None);
    assert!(matches!(refused, Err(WriteError::Io(_))));
    assert_eq!(bench.read().unwrap().1, blobs);
}

/// Makes the unkeyed check of the head right again.
fn recheck(file: &mut [u8]) {
    let check = blake3::hash(&file[..50]);
    file[50..66].copy_from_slice(&check.as_bytes()[..16]);
}
