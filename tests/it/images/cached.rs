//! Images on disk: a second host starts from them, and from nothing that this host did not make.

use std::path::{Path, PathBuf};

use fs_err as fs;
use hostel_host::registry::{Start, Warmth};
use hostel_tests::{Behaviour, Guest, Hook, TestServer};
use serde_json::{Value, json};

/// A host over a lab whose warmup draws a number, on a data directory that outlives it.
async fn serve(folder: &Path, env: &str) -> TestServer {
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    TestServer::start_with(&[("lab", &guest)], |config| {
        config.data_dir = folder.to_owned();
        let variable = ("SETTING".to_owned(), env.to_owned());
        config.settings.grants.env.extend([variable]);
    })
    .await
}

async fn seed(server: &TestServer) -> Value {
    let answer = server.execute("lab:seed", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

fn start(server: &TestServer) -> Start {
    let info = server.host.backends().into_iter().next().unwrap();
    match info.warmth {
        Warmth::Warm { start, .. } => start,
        other => panic!("{other:?}"),
    }
}

/// The image's file of this extension.
fn image(folder: &Path, extension: &str) -> PathBuf {
    let entries = fs::read_dir(folder.join("cache")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.contains("-warm-") && name.ends_with(extension)
        })
        .expect("the image is on disk")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_host_starts_from_the_image_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let first = serve(folder.path(), "one").await;
    let drawn = seed(&first).await;
    assert!(matches!(start(&first), Start::Image { kept: true, .. }));
    drop(first);
    let second = serve(folder.path(), "one").await;
    assert_eq!(seed(&second).await, drawn);
    assert!(matches!(start(&second), Start::CachedImage { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_at_once_use_one_image() {
    let folder = tempfile::tempdir().unwrap();
    let first = serve(folder.path(), "one").await;
    let drawn = seed(&first).await;
    let second = serve(folder.path(), "one").await;
    assert_eq!(seed(&second).await, drawn);
    assert_eq!(seed(&first).await, drawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_are_another_image() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = seed(&serve(folder.path(), "one").await).await;
    assert_ne!(seed(&serve(folder.path(), "two").await).await, drawn);
    assert_eq!(seed(&serve(folder.path(), "one").await).await, drawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_as_it_was_written_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["cwasm", "json"] {
        let drawn = seed(&serve(folder.path(), "one").await).await;
        let path = image(folder.path(), extension);
        let good = fs::read(&path).unwrap();

        let mut altered = good.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        fs::write(&path, altered).unwrap();
        let second = serve(folder.path(), "one").await;
        assert_ne!(seed(&second).await, drawn, "{extension}");
        assert!(matches!(start(&second), Start::Image { kept: true, .. }));
        drop(second);

        fs::write(&path, &good[..middle]).unwrap();
        let third = serve(folder.path(), "one").await;
        assert_ne!(seed(&third).await, drawn, "{extension}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_another_backend_is_not_taken_for_this_one_s() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = seed(&serve(folder.path(), "one").await).await;
    let one = [image(folder.path(), "json"), image(folder.path(), "cwasm")];
    let kept = one.each_ref().map(|path| fs::read(path).unwrap());
    for path in &one {
        fs::remove_file(path).unwrap();
    }
    let other = seed(&serve(folder.path(), "two").await).await;
    // The other's name, with a record and code that this host wrote, but for another name.
    fs::write(image(folder.path(), "json"), &kept[0]).unwrap();
    fs::write(image(folder.path(), "cwasm"), &kept[1]).unwrap();
    let found = seed(&serve(folder.path(), "two").await).await;
    assert!(found != drawn && found != other, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_cannot_be_written_costs_the_cache_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "one").await;
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    assert_ne!(seed(&server).await, 0);
    assert!(matches!(start(&server), Start::Image { kept: false, .. }));
}
