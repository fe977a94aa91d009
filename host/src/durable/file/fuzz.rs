//! What a fuzzer is let loose on: arbitrary bytes as a snapshot file, and a good file with arbitrary changes. Compiled for tests and
//! fuzzing only.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::Value;

use super::{FileKey, Sync, WriteLimits, read_content, write};

/// A file that this host wrote, and what is in it.
struct Good {
    key: FileKey,
    file: Vec<u8>,
    meta: Value,
    blobs: Vec<Bytes>,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let key = FileKey::open(folder.path()).expect("a new folder has room for a key");
    let path = folder.path().join("snapshot");
    let meta = serde_json::json!({"session": "ses_1", "at": [0, 65_536]});
    let blobs = vec![Bytes::from(vec![7; 3 << 20]), Bytes::from_static(b"short")];
    let limits = WriteLimits { bytes_max: 1 << 30 };
    write(&path, &key, &meta, &blobs, limits, Sync::None).expect("the folder takes a file");
    let file = fs_err::read(&path).expect("it is there");
    Good {
        key,
        file,
        meta,
        blobs,
    }
});

/// Takes `data` for a file, then for changes of a good one: four bytes say where, one what. A file that is read says what was written.
///
/// # Panics
/// If one of the promises of reading is broken.
pub(crate) fn snapshot(data: &[u8]) {
    let good = &*GOOD;
    let read = |file: &[u8]| read_content::<Value>(file, file.len() as u64, &good.key, 1 << 30);
    assert!(
        data == good.file || read(data).is_err(),
        "it was never written"
    );
    let mut changed = good.file.clone();
    let length = changed.len();
    for change in data.chunks_exact(5) {
        if let [a, b, c, d, byte] = change {
            let at = u32::from_le_bytes([*a, *b, *c, *d]) as usize % length;
            if let Some(place) = changed.get_mut(at) {
                *place = *byte;
            }
        }
    }
    changed.truncate(length - data.len() % 5);
    match read(&changed) {
        Ok(found) => assert!(found == (good.meta.clone(), good.blobs.clone())),
        Err(_) => assert!(changed != good.file, "a good file is read"),
    }
}
