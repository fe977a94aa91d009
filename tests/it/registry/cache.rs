//! Compiled code is kept on disk, and nothing is run that this host did not write.

use std::path::{Path, PathBuf};

use fs_err as fs;
use hostel_host::app::App;
use hostel_host::config::Config;
use hostel_host::host::{BackendInfo, Source};
use hostel_host::ids::{BackendName, WorkerId};
use hostel_host::registry::BackendSettings;
use hostel_tests::{Guest, Worker};
use serde_json::json;

/// A host on a data directory, with the counter loaded from a file.
struct Start {
    app: App,
    info: BackendInfo,
}

async fn start(folder: &Path) -> Start {
    let mut config = Config {
        data_dir: folder.join("data"),
        // Only the cache is shared.
        sessions_dir: Some(tempfile::tempdir_in(folder).unwrap().keep()),
        sessions_max: 16,
        ..Config::default()
    };
    config.listen.set_port(0);
    let app = App::build(config, None).await.unwrap();
    let path = folder.join("counter.wasm");
    fs::write(&path, Guest::counter().component()).unwrap();
    let source = Source {
        name: BackendName::parse("counter").unwrap(),
        path,
        pin: None,
        settings: BackendSettings::default(),
    };
    let info = app.host.load(source).await.unwrap();
    Start { app, info }
}

impl Start {
    fn compiled(&self) -> bool {
        self.info.compiled_in.is_some()
    }

    async fn answers(&self) {
        let worker = Worker {
            host: self.app.host.clone(),
            caller: hostel_host::host::Caller::trusted(WorkerId::default()),
        };
        let answer = worker.call("counter:double", json!({"n": 21})).await;
        assert_eq!(answer.unwrap(), 42);
    }
}

fn cached(folder: &Path, extension: &str) -> PathBuf {
    let entries = fs::read_dir(folder.join("data/cache")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|found| found == extension))
        .expect("the cache has such a file")
}

/// Flips one bit in the middle.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_second_start_does_not_compile() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    assert!(first.compiled());
    first.answers().await;
    let listing = serde_json::to_value(&first.info.listing).unwrap();
    drop(first);

    let second = start(folder.path()).await;
    assert!(!second.compiled());
    second.answers().await;
    assert_eq!(serde_json::to_value(&second.info.listing).unwrap(), listing);
}

#[tokio::test]
async fn damaged_code_is_not_run_and_the_call_is_answered_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()).await);
    let code = cached(folder.path(), "cwasm");
    damage(&code);
    let damaged = fs::read(&code).unwrap();
    start(folder.path()).await.answers().await;
    assert_ne!(
        fs::read(&code).unwrap(),
        damaged,
        "it was compiled and kept anew"
    );

    fs::write(&code, &damaged[..damaged.len() / 2]).unwrap();
    start(folder.path()).await.answers().await;
    fs::remove_file(&code).unwrap();
    start(folder.path()).await.answers().await;
}

#[tokio::test]
async fn a_damaged_listing_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()).await);
    for damage in [damage as fn(&Path), |path| fs::write(path, "").unwrap()] {
        damage(&cached(folder.path(), "json"));
        let again = start(folder.path()).await;
        assert!(again.compiled());
        again.answers().await;
        drop(again);
        assert!(!start(folder.path()).await.compiled(), "it was kept anew");
    }
}

#[tokio::test]
async fn an_entry_sealed_with_another_key_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()).await);
    let key = folder.path().join("data/cache/seal.key");
    let mut bytes = fs::read(&key).unwrap();
    bytes[0] ^= 1;
    fs::write(&key, bytes).unwrap();
    let again = start(folder.path()).await;
    assert!(again.compiled());
    again.answers().await;
}

#[tokio::test]
async fn the_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()).await);
    let mode = |path: &str| {
        let metadata = fs::metadata(folder.path().join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("data/cache/seal.key"), 0o600);
    assert_eq!(mode("data/cache"), 0o700);
}

#[tokio::test]
async fn without_a_cache_a_host_starts_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/cache"), "a file in its place").unwrap();
    for _ in 0..2 {
        let started = start(folder.path()).await;
        assert!(started.compiled(), "every start compiles");
        started.answers().await;
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_to_costs_the_cache_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()).await);
    // Folders in the places of the files that are to be written: also root cannot write to them.
    for extension in ["cwasm", "json"] {
        let path = cached(folder.path(), extension);
        fs::remove_file(&path).unwrap();
        fs::create_dir_all(path.join("occupied")).unwrap();
    }
    let again = start(folder.path()).await;
    assert!(again.compiled());
    again.answers().await;
}

#[tokio::test]
async fn two_hosts_share_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = tokio::join!(start(folder.path()), start(folder.path()));
    one.answers().await;
    two.answers().await;
    drop(one);
    two.answers().await;
    let three = start(folder.path()).await;
    assert!(!three.compiled());
    three.answers().await;
}
