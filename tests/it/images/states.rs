//! Sessions that began from a warm image come back, also where the image is another one by then.

use std::path::Path;
use std::time::Duration;

use hostel_tests::{Behaviour, Guest, Hook, TestServer};
use serde_json::{Value, json};

/// A host over a stateful lab with a warmup, on folders that outlive it.
async fn serve(folder: &Path, env: &str) -> TestServer {
    let guest = Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Succeed);
    let server = TestServer::start_with(&[], |config| {
        config.data_dir = folder.to_owned();
        config.sessions_dir = None;
        let variable = ("SETTING".to_owned(), env.to_owned());
        config.settings.grants.env.extend([variable]);
        let plugins = folder.join("plugins");
        fs_err::create_dir_all(&plugins).unwrap();
        fs_err::write(plugins.join("lab.wasm"), guest.component()).unwrap();
        config.plugins = vec![plugins];
    });
    server.await
}

async fn ask(server: &TestServer, tool: &str, params: Value, session: &Value) -> Value {
    let call = json!({"action": format!("lab:{tool}"), "params": params, "session": session});
    let answer = server.post("/v1/execute", &call).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

async fn stop(server: TestServer) {
    server.host.drain(Duration::from_secs(10)).await;
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_comes_back_from_its_image_and_from_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let first = serve(folder.path(), "one").await;
    let begun = first.begin(&json!({"backend": "lab"})).await;
    let id = begun["id"].clone();
    let drawn = ask(&first, "seed", json!({}), &id).await;
    ask(&first, "add", json!({"n": 7}), &id).await;
    ask(&first, "dirty", json!({"pages": 2}), &id).await;
    stop(first).await;

    let same = serve(folder.path(), "one").await;
    assert_eq!(ask(&same, "add", json!({"n": 1}), &id).await, 8);
    assert_eq!(ask(&same, "seed", json!({}), &id).await, drawn);
    stop(same).await;

    // Another environment is another image, whose warmup drew another number.
    let other = serve(folder.path(), "two").await;
    assert_eq!(ask(&other, "add", json!({"n": 1}), &id).await, 9);
    assert_eq!(
        ask(&other, "seed", json!({}), &id).await,
        drawn,
        "what its own warmup left behind is still there"
    );
    let fresh = other
        .begin(&json!({"backend": "lab", "name": "fresh"}))
        .await;
    let other_drawn = ask(&other, "seed", json!({}), &fresh["id"]).await;
    assert_ne!(other_drawn, drawn, "and not in new ones");
    let fork = format!("/v1/sessions/{}/fork", id.as_str().unwrap());
    let forked = other.post(&fork, &json!({})).await.json();
    let child = &forked["forks"][0]["id"];
    assert_eq!(ask(&other, "seed", json!({}), child).await, drawn);
}
