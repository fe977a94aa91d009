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
    let answer = answer.json();
    assert_eq!(answer["is_error"], false, "{action}: {answer}");
    answer["result"].clone()
}

/// Does something to a session as a whole.
async fn verb(server: &TestServer, session: &Value, verb: &str) -> Value {
    verb_with(server, session, verb, json!({})).await
}

async fn verb_with(server: &TestServer, session: &Value, verb: &str, body: Value) -> Value {
    let path = format!("/v1/sessions/{}/{verb}", session.as_str().unwrap());
    let answer = server.post(&path, &body).await;
    assert!(answer.status < 300, "{verb}: {}", answer.text);
    answer.json()
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
    let parent = server.begin(&json!({"backend": backend})).await["id"].clone();
    assert_eq!(count(&server, &parent).await, 1);
    say("parent", &parent).await;
    let forked = verb(&server, &parent, "fork").await;
    let child = forked["forks"][0]["id"].clone();
    assert_eq!(count(&server, &child).await, 2);
    say("child", &child).await;
    assert_eq!(
        count(&server, &parent).await,
        2,
        "it knows nothing of its child"
    );
    verb(&server, &child, "suspend").await;
    assert_eq!(count(&server, &child).await, 3);
    for (session, said) in [(&parent, "parent"), (&child, "child")] {
        let path = format!("/v1/sessions/{}/logs", session.as_str().unwrap());
        let logs = server.get(&path).await;
        let other = if said == "child" { "parent" } else { "child" };
        assert!(logs.text.contains(said), "{}", logs.text);
        assert!(!logs.text.contains(other), "{}", logs.text);
    }
    verb_with(&server, &parent, "checkpoints", json!({"name": "two"})).await;
    assert_eq!(count(&server, &parent).await, 3);
    verb_with(&server, &parent, "restore", json!({"checkpoint": "two"})).await;
    assert_eq!(count(&server, &parent).await, 3);
    stop(server).await;

    let server = serve_durably(&room, backend).await;
    assert_eq!(count(&server, &parent).await, 4);
    assert_eq!(count(&server, &child).await, 4);
}

/// A guest that keeps files open: every copy reads and writes on where the guest was, in its own folder.
async fn live_with_files(backend: &str) {
    let room = Room::new();
    let server = serve_durably(&room, backend).await;
    let at = |tool: &str| format!("{backend}:{tool}");
    let open = async |server: &TestServer, path: &str, mode: &str, session: &Value| {
        let params = json!({"path": path, "mode": mode});
        call(server, &at("open"), params, session).await
    };
    let next = async |server: &TestServer, session: &Value| {
        call(server, &at("next"), json!({"bytes": 4}), session).await
    };
    let put = async |server: &TestServer, text: &str, session: &Value| {
        call(server, &at("put"), json!({"text": text}), session).await
    };
    let read = async |server: &TestServer, path: &str, session: &Value| {
        call(server, &at("peek"), json!({"path": path}), session).await
    };
    let fork =
        async |session: &Value| verb(&server, session, "fork").await["forks"][0]["id"].clone();

    let reader = server.begin(&json!({"backend": backend})).await["id"].clone();
    open(&server, "/data/words.txt", "r", &reader).await;
    assert_eq!(next(&server, &reader).await, "one ");
    let child = fork(&reader).await;
    assert_eq!(next(&server, &child).await, "two ");
    assert_eq!(next(&server, &child).await, "two");
    assert_eq!(next(&server, &reader).await, "two ", "its place is its own");

    let new = json!({"backend": backend, "name": "writer"});
    let writer = server.begin(&new).await["id"].clone();
    open(&server, "/workspace/notes", "w", &writer).await;
    put(&server, "one ", &writer).await;
    let other = fork(&writer).await;
    put(&server, "other", &other).await;
    put(&server, "first", &writer).await;
    assert_eq!(
        read(&server, "/workspace/notes", &writer).await,
        "one first"
    );
    assert_eq!(read(&server, "/workspace/notes", &other).await, "one other");
    open(&server, "/workspace/notes", "a", &other).await;
    put(&server, "+", &other).await;
    verb(&server, &other, "suspend").await;
    put(&server, "+", &other).await;
    assert_eq!(
        read(&server, "/workspace/notes", &other).await,
        "one other++"
    );
    stop(server).await;

    let server = serve_durably(&room, backend).await;
    assert_eq!(next(&server, &reader).await, "two");
    put(&server, " again", &writer).await;
    assert_eq!(
        read(&server, "/workspace/notes", &writer).await,
        "one first again"
    );
    put(&server, "+", &other).await;
    assert_eq!(
        read(&server, "/workspace/notes", &other).await,
        "one other+++"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_in_rust_keeps_its_files_open() {
    live_with_files("remember").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_in_python_keeps_its_files_open() {
    live_with_files("python").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn an_open_file_that_is_gone_is_named_and_nothing_is_lost_in_rust() {
    let room = Room::new();
    let server = serve_durably(&room, "remember").await;
    let (words, away) = (room.granted("words.txt"), room.granted("away.txt"));
    let session = server.begin(&json!({"backend": "remember"})).await["id"].clone();
    let params = json!({"path": "/data/words.txt", "mode": "r"});
    call(&server, "remember:open", params, &session).await;
    let next = json!({"action": "remember:next", "params": {"bytes": 4}, "session": session});
    let suspend = format!("/v1/sessions/{}/suspend", session.as_str().unwrap());

    // Another file in its place: a copy could not read on in the guest's own.
    fs_err::remove_file(&words).unwrap();
    fs_err::write(&words, "other words").unwrap();
    let refused = server.post(&suspend, &json!({})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.code(), "unsupported_snapshot");
    assert!(refused.text.contains("words.txt"), "{}", refused.text);
    assert_eq!(
        server.post("/v1/execute", &next).await.json()["result"],
        "one "
    );

    let params = json!({"path": "/data/words.txt", "mode": "r"});
    call(&server, "remember:open", params, &session).await;
    verb(&server, &session, "suspend").await;
    fs_err::rename(&words, &away).unwrap();
    let refused = server.post("/v1/execute", &next).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.code(), "unsupported_snapshot");
    assert!(refused.text.contains("/data/words.txt"), "{}", refused.text);
    fs_err::rename(&away, &words).unwrap();
    assert_eq!(
        server.post("/v1/execute", &next).await.json()["result"],
        "othe"
    );
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the guest built"]
async fn a_guest_in_javascript_lives_through_everything() {
    live("javascript").await;
}
