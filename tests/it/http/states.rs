//! A session's state over HTTP: checkpoints, forks, suspension, transactions.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

async fn begun(body: Value) -> (TestServer, String, Value) {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let session = server.begin(&body).await;
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    let id = session["id"].clone();
    (server, path, id)
}

fn call(tool: &str, params: &Value, session: &Value) -> Value {
    json!({"action": format!("lab:{tool}"), "params": params, "session": session})
}

async fn add(server: &TestServer, n: u32, session: &Value) -> Value {
    let answer = server
        .post("/v1/execute", &call("add", &json!({"n": n}), session))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

#[tokio::test]
async fn a_checkpoint_is_made_listed_and_gone_back_to() {
    let (server, path, id) = begun(json!({"backend": "lab"})).await;
    add(&server, 5, &id).await;
    let made = server
        .post(&format!("{path}/checkpoints"), &json!({"name": "five"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["id"], "c1");
    add(&server, 1, &id).await;
    let listed = server.get(&format!("{path}/checkpoints")).await.json();
    assert_eq!(listed["checkpoints"], json!([made.json()]));
    let shown = server.get(&path).await.json();
    assert_eq!(shown["checkpoints"]["count"], 1);
    assert_eq!(shown["checkpoints"]["bytes"], made.json()["bytes"]);
    let restored = server
        .post(&format!("{path}/restore"), &json!({"checkpoint": "five"}))
        .await
        .json();
    assert_eq!(restored["restored"]["id"], "c1", "{restored}");
    assert_eq!(add(&server, 0, &id).await, 5);
}

#[tokio::test]
async fn forks_have_tokens_labels_and_names_of_their_own() {
    let body = json!({"backend": "lab", "name": "root", "labels": {"app": "chat", "try": "0"}});
    let (server, path, id) = begun(body).await;
    add(&server, 5, &id).await;
    let fork = json!({"count": 2, "name": "idea", "labels": {"try": "1"}});
    let forked = server.post(&format!("{path}/fork"), &fork).await;
    assert_eq!(forked.status, 201, "{}", forked.text);
    let forked = forked.json();
    for (place, name) in [(0, "idea-1"), (1, "idea-2")] {
        let fork = &forked["forks"][place];
        assert_eq!(fork["name"], name);
        assert_eq!(fork["labels"], json!({"app": "chat", "try": "1"}));
        assert_eq!(fork["forked_from"], json!({"session": id, "call": 1}));
        let body = call("add", &json!({"n": 1}), &fork["id"]);
        let request = server.request(Method::POST, "/v1/execute").json(&body);
        let token = fork["token"].as_str().unwrap();
        let answer = Answer::to(request.bearer_auth(token)).await;
        assert_eq!(answer.json()["result"], 6, "{}", answer.text);
    }
    let again = server.post(&format!("{path}/fork"), &fork).await;
    assert_eq!(again.code(), "session_exists");
    let unnamed = server.post(&format!("{path}/fork"), &json!({})).await;
    let name = unnamed.json()["forks"][0]["name"].clone();
    assert!(name.as_str().unwrap().starts_with("root-"), "{name}");
}

#[tokio::test]
async fn a_transaction_counts_whole_or_not_at_all() {
    let (server, _, id) = begun(json!({"backend": "lab"})).await;
    add(&server, 1, &id).await;
    let batch = |calls: Value| json!({"transaction": true, "calls": calls});
    for (tool, params) in [
        ("trap", json!({})),
        ("fail", json!({"text": "no"})),
        ("add", json!({"n": "many"})),
    ] {
        let calls = json!([
            call("add", &json!({"n": 10}), &id),
            call(tool, &params, &id),
            call("add", &json!({"n": 100}), &id)
        ]);
        let answer = server.post("/v1/execute/batch", &batch(calls)).await;
        assert_eq!(answer.status, 207, "{}", answer.text);
        let answer = answer.json();
        assert_eq!(answer["executed"], 2, "{tool}: {answer}");
        assert!(
            answer["rolled_back_to"]["call"].is_u64(),
            "{tool}: {answer}"
        );
        assert_eq!(add(&server, 0, &id).await, 1, "after {tool}");
    }
    let calls = json!([
        call("add", &json!({"n": 10}), &id),
        call("add", &json!({"n": 100}), &id)
    ]);
    let answer = server.post("/v1/execute/batch", &batch(calls)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json().get("rolled_back_to").is_none());
    assert_eq!(add(&server, 0, &id).await, 111);
    let stray =
        json!([call("add", &json!({"n": 1}), &id), {"action": "lab:add", "params": {"n": 1}}]);
    let answer = server.post("/v1/execute/batch", &batch(stray)).await;
    assert_eq!(answer.code(), "invalid_request", "{}", answer.text);
    assert_eq!(answer.json()["pointer"], "/calls/1");
    assert_eq!(add(&server, 0, &id).await, 111, "nothing was run");
}

#[tokio::test]
async fn a_suspended_session_is_listed_read_and_woken_up() {
    let (server, path, id) = begun(json!({"backend": "lab", "checkpoint": "call"})).await;
    let print = call("print", &json!({"text": "hello\n", "times": 1}), &id);
    server.post("/v1/execute", &print).await;
    let suspended = server
        .post(&format!("{path}/suspend"), &json!({}))
        .await
        .json();
    assert_eq!(suspended["state"], "suspended", "{suspended}");
    let listed = server.get("/v1/sessions?state=suspended").await.json();
    assert_eq!(listed["total"], 1);
    let logs = server.get(&format!("{path}/logs")).await.json();
    assert_eq!(logs["lines"][0]["text"], "hello", "{logs}");
    let still = server.get(&path).await.json();
    assert_eq!(still["state"], "suspended", "to look at it wakes nobody up");
    let resumed = server
        .post(&format!("{path}/resume"), &json!({}))
        .await
        .json();
    assert_eq!(resumed["state"], "idle", "{resumed}");
    let manual = server.request(Method::PATCH, &path);
    let manual = Answer::to(manual.json(&json!({"checkpoint": "manual"}))).await;
    assert_eq!(manual.json()["checkpoint"], "manual");
}
