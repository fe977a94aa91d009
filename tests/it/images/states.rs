//! Sessions that began from a warm image come back, also where the image is another one by then.

use std::path::Path;
use std::time::Duration;

use hostel_tests::{Behaviour, Guest, Hook, TestServer};
use serde_json::{Value, json};

use super::guest::{Room, serve_durably};

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
    call(server, &format!("lab:{tool}"), params, session).await
}

async fn call(server: &TestServer, action: &str, params: Value, session: &Value) -> Value {
    let call = json!({"action": action, "params": params, "session": session});
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

/// A guest that counts words and says things, of an ordinary toolchain, through everything that can become of a session's state.
async fn live(backend: &str) {
    let room = Room::new();
    let server = serve_durably(&room, backend).await;
    let count = async |server: &TestServer, session: &Value| {
        let word = json!({"word": "x"});
        call(server, &format!("{backend}:count"), word, session).await
    };
    let say = async |text: &str, session: &Value| {
        let text = json!({"text": text});
        call(&server, &format!("{backend}:say"), text, session).await
    };
    let verb = async |session: &Value, verb: &str, body: Value| {
        let path = format!("/v1/sessions/{}/{verb}", session.as_str().unwrap());
        let answer = server.post(&path, &body).await;
        assert!(answer.status < 300, "{verb}: {}", answer.text);
        answer.json()
    };
    let parent = server.begin(&json!({"backend": backend})).await["id"].clone();
    assert_eq!(count(&server, &parent).await, 1);
    say("parent", &parent).await;
    let forked = verb(&parent, "fork", json!({})).await;
    let child = forked["forks"][0]["id"].clone();
    assert_eq!(count(&server, &child).await, 2);
    say("child", &child).await;
    assert_eq!(
        count(&server, &parent).await,
        2,
        "it knows nothing of its child"
    );
    verb(&child, "suspend", json!({})).await;
    assert_eq!(count(&server, &child).await, 3);
    for (session, said) in [(&parent, "parent"), (&child, "child")] {
        let path = format!("/v1/sessions/{}/logs", session.as_str().unwrap());
        let logs = server.get(&path).await;
        let other = if said == "child" { "parent" } else { "child" };
        assert!(logs.text.contains(said), "{}", logs.text);
        assert!(!logs.text.contains(other), "{}", logs.text);
    }
    verb(&parent, "checkpoints", json!({"name": "two"})).await;
    assert_eq!(count(&server, &parent).await, 3);
    verb(&parent, "restore", json!({"checkpoint": "two"})).await;
    assert_eq!(count(&server, &parent).await, 3);
    stop(server).await;

    let server = serve_durably(&room, backend).await;
    assert_eq!(count(&server, &parent).await, 4);
    assert_eq!(count(&server, &child).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_in_rust_lives_through_everything() {
    live("remember").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_in_python_lives_through_everything() {
    live("python").await;
}
