use fs_err as fs;

use super::*;

fn rows(of: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    of.iter()
        .map(|(id, record)| ((*id).to_owned(), record.as_bytes().to_vec()))
        .collect()
}

fn damaged_files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("damaged"))
        .collect();
    names.sort();
    names
}

#[test]
fn rows_outlive_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.load().unwrap(), []);
    store.put("a", b"1").unwrap();
    store.put("b", b"2").unwrap();
    store.put("a", b"3").unwrap();
    store.put("c", b"").unwrap();
    store.remove("b").unwrap();
    store.remove("nobody").unwrap();
    let log = sibling(&folder.path().join(DATABASE_FILE), "-wal");
    assert!(log.exists());
    drop(store);
    assert!(!log.exists(), "a clean stop leaves all in the database");

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.load().unwrap(), rows(&[("a", "3"), ("c", "")]));
    store.put_all([("c", "4"), ("d", "5")]).unwrap();
    assert_eq!(
        store.load().unwrap(),
        rows(&[("a", "3"), ("c", "4"), ("d", "5")])
    );
    store.sync().unwrap();
}

#[test]
fn put_all_is_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let broken = (0..10).map(|n| {
        assert!(n < 5, "the caller's fault");
        (n.to_string(), "record")
    });
    let put = std::panic::AssertUnwindSafe(|| store.put_all(broken));
    assert!(std::panic::catch_unwind(put).is_err());
    assert_eq!(store.load().unwrap(), []);
    store.put("a", b"1").unwrap();
    assert_eq!(store.load().unwrap(), rows(&[("a", "1")]));
}

/// What is on the disk at any moment is what a killed process leaves.
#[test]
fn rows_outlive_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let copy = || {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        copy
    };
    store.put("a", b"1").unwrap();
    store.put("b", b"2").unwrap();
    let first = copy();
    store.sync().unwrap();
    store.remove("a").unwrap();
    let second = copy();
    assert_eq!(
        Store::open(first.path()).unwrap().load().unwrap(),
        rows(&[("a", "1"), ("b", "2")])
    );
    assert_eq!(
        Store::open(second.path()).unwrap().load().unwrap(),
        rows(&[("b", "2")])
    );
}

/// After `sync` the log is not needed: all is in the database itself.
#[test]
fn sync_brings_rows_into_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.put("a", b"1").unwrap();
    store.sync().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let database = copy.path().join(DATABASE_FILE);
    fs::copy(folder.path().join(DATABASE_FILE), database).unwrap();
    assert_eq!(
        Store::open(copy.path()).unwrap().load().unwrap(),
        rows(&[("a", "1")])
    );
}

/// Memory shared through a file is not to be had on every file system.
#[test]
fn no_memory_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let store = Store::open(folder.path()).unwrap();
        store.put("a", b"1").unwrap();
        let database = folder.path().join(DATABASE_FILE);
        assert!(sibling(&database, "-wal").exists());
        assert!(!sibling(&database, "-shm").exists());
    }
}

#[test]
fn a_folder_has_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let second = Store::open(folder.path());
    assert!(
        matches!(second, Err(StoreError::InUse { pid: Some(pid), .. })
        if pid == std::process::id())
    );
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_damaged_database_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE_FILE);
    let store = Store::open(folder.path()).unwrap();
    let many = (0..1000).map(|n| (format!("{n:04}"), "record ".repeat(20)));
    store.put_all(many).unwrap();
    drop(store);
    let whole = fs::read(&database).unwrap();

    let mut zeros_inside = whole.clone();
    zeros_inside[8192..20000].fill(0);
    let cut_short = whole[..whole.len() / 2].to_vec();
    for damaged in [b"not a database".repeat(100), zeros_inside, cut_short] {
        fs::write(&database, &damaged).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.load().unwrap(), []);
        store.put("a", b"1").unwrap();
        drop(store);
        let aside = damaged_files(folder.path());
        let database_aside = folder.path().join(&aside[0]);
        assert_eq!(fs::read(database_aside).unwrap(), damaged);
        for name in aside {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert_eq!(
            Store::open(folder.path()).unwrap().load().unwrap(),
            rows(&[("a", "1")])
        );
    }
}

#[test]
fn a_damaged_database_takes_its_log_along() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE_FILE);
    let log = sibling(&database, "-wal");
    let store = Store::open(folder.path()).unwrap();
    store.put("a", b"1").unwrap();
    store.sync().unwrap();
    // From here, the log holds the page of the row and not the first page, without which the database is none.
    store.put("a", b"2").unwrap();
    let frames = fs::read(&log).unwrap();
    drop(store);
    let damaged = b"not a database".repeat(1000);
    fs::write(&database, &damaged).unwrap();
    fs::write(&log, &frames).unwrap();

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.load().unwrap(), []);
    let [aside, log_aside] = &damaged_files(folder.path())[..] else {
        panic!("{:?}", damaged_files(folder.path()));
    };
    assert_eq!(*log_aside, format!("{aside}-wal"));
    assert_eq!(fs::read(folder.path().join(aside)).unwrap(), damaged);
    assert_eq!(fs::read(folder.path().join(log_aside)).unwrap(), frames);
    store.put("b", b"2").unwrap();
    assert_eq!(store.load().unwrap(), rows(&[("b", "2")]));
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.put("a", b"1").unwrap();
    let set = |version: i64| {
        let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
    };
    drop(store);
    set(SCHEMA_VERSION + 1);
    let Err(error) = Store::open(folder.path()) else {
        panic!("opened a newer database");
    };
    assert!(
        error.to_string().contains("(schema 2, this one knows 1)"),
        "{error}"
    );
    set(SCHEMA_VERSION);
    assert_eq!(
        Store::open(folder.path()).unwrap().load().unwrap(),
        rows(&[("a", "1")])
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let Err(error) = Store::open(&file.join("below")) else {
        panic!("a folder below a file");
    };
    assert!(error.to_string().contains("/file/below"), "{error}");
}

#[test]
fn many_rows_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let row = |n: u32| {
        let record = format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(300));
        (format!("ses_{n:08}"), record.into_bytes())
    };
    store.put_all((0..100_000).map(row)).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!(loaded.len(), 100_000);
    assert!(loaded.into_iter().eq((0..100_000).map(row)));
}
