//! A guest of the ordinary toolchain that prints, reads a file, reads the environment, fills a hash map and starts a clock in its warmup, and
//! goes on using all of them. It needs a compiler, so these tests run only when they are asked for: `.ci/run` builds it.

use fs_err as fs;
use hostel_tests::TestServer;
use serde_json::{Value, json};

use super::guest::{Room, serve};

const BACKEND: &str = "remember";

async fn call(server: &TestServer, tool: &str, params: Value) -> Value {
    let answer = server.execute(&format!("{BACKEND}:{tool}"), params).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["is_error"], false, "{}", answer.text);
    answer.json()["result"].clone()
}

/// How instances start: `from` and, if there is no image, the `reason`.
async fn start(server: &TestServer) -> Value {
    let answer = server.post("/v1/warmup", &json!({})).await;
    answer.json()["backends"][BACKEND]["start"].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn all_that_the_warmup_used_works_in_every_instance() {
    let room = Room::new();
    for from in ["image", "cached_image"] {
        let server = serve(&room, BACKEND, "").await;
        assert_eq!(start(&server).await["from"], from);
        let recalled = call(&server, "recall", json!({})).await;
        assert_eq!(recalled["file"], "one two two");
        assert_eq!(recalled["variable"], "hello");
        assert_eq!(recalled["words"], 3, "every word of the file is in the map");
        let later = call(&server, "recall", json!({})).await;
        assert!(
            later["elapsed_ns"].as_u64() > recalled["elapsed_ns"].as_u64(),
            "its clock goes on: {recalled} {later}"
        );
        let read = call(&server, "read", json!({"path": "/data/words.txt"})).await;
        assert_eq!(read, "one two two", "the granted folder is open");
        let greeting = call(&server, "variable", json!({"name": "GREETING"})).await;
        assert_eq!(greeting, "hello");
        assert_eq!(call(&server, "input", json!({})).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn what_an_instance_prints_is_in_its_own_log() {
    let room = Room::new();
    let server = serve(&room, BACKEND, "").await;
    let mut logs = Vec::new();
    for name in ["one", "two"] {
        let begun = server
            .begin(&json!({"backend": BACKEND, "name": name}))
            .await;
        let id = begun["id"].as_str().unwrap();
        let body = json!({"action": "remember:say", "params": {"text": name}, "session": id});
        let answer = server.post("/v1/execute", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        logs.push(server.get(&format!("/v1/sessions/{id}/logs")).await.text);
    }
    assert!(
        logs[0].contains("out: one") && logs[0].contains("err: one"),
        "{}",
        logs[0]
    );
    assert!(
        logs[1].contains("out: two") && !logs[1].contains("one"),
        "{}",
        logs[1]
    );
    for log in logs {
        assert!(!log.contains("half a line"), "the warmup flushed: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn no_two_instances_share_the_seed_of_their_hash_maps() {
    let room = Room::new();
    let server = serve(&room, BACKEND, "").await;
    assert_eq!(start(&server).await["from"], "image");
    let mut hashes = Vec::new();
    for _ in 0..3 {
        hashes.push(call(&server, "hash", json!({})).await);
    }
    let warm = call(&server, "warm_hash", json!({})).await;
    assert!(
        hashes[0] != hashes[1] && hashes[1] != hashes[2],
        "{hashes:?}"
    );
    assert!(!hashes.contains(&warm));
    assert_eq!(call(&server, "warm_hash", json!({})).await, warm);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn what_cannot_be_carried_over_is_named_and_the_backend_works_without_an_image() {
    for (mode, named) in [
        ("keep-a-file", "open file \"/data/words.txt\""),
        ("write-to-workspace", "/workspace"),
    ] {
        let room = Room::new();
        // The second host knows from the first.
        for _ in 0..2 {
            let server = serve(&room, BACKEND, mode).await;
            let start = start(&server).await;
            assert_eq!(start["from"], "without_image", "{start}");
            let reason = start["reason"].as_str().unwrap();
            assert!(reason.contains(named), "{reason}");
            let recalled = call(&server, "recall", json!({})).await;
            assert_eq!(recalled["file"], "one two two");
            if mode == "keep-a-file" {
                for _ in 0..2 {
                    assert_eq!(call(&server, "read_on", json!({})).await, "one two two");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_change_of_a_file_that_the_warmup_read_makes_a_new_image() {
    let room = Room::new();
    drop(start(&serve(&room, BACKEND, "").await).await);
    fs::write(room.granted("ignored.txt"), "new").unwrap();
    let server = serve(&room, BACKEND, "").await;
    assert_eq!(start(&server).await["from"], "cached_image");
    fs::write(room.granted("words.txt"), "uno dos dos").unwrap();
    let server = serve(&room, BACKEND, "").await;
    assert_eq!(start(&server).await["from"], "image");
    assert_eq!(
        call(&server, "recall", json!({})).await["file"],
        "uno dos dos"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_refresh_reads_everything_again() {
    let room = Room::new();
    let server = serve(&room, BACKEND, "").await;
    assert_eq!(
        call(&server, "recall", json!({})).await["file"],
        "one two two"
    );
    fs::write(room.granted("words.txt"), "three").unwrap();
    let answer = server.post("/v1/warmup", &json!({"refresh": true})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(call(&server, "recall", json!({})).await["file"], "three");
}
