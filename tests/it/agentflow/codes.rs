//! Every code that this door gives, reached from outside, with its HTTP status.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use hostel_host::error::ErrorCode;
use hostel_host::policy::{FolderAccess, FolderGrant};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::{Value, json};

use super::door::{Door, Reply};

async fn door() -> Door {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("other", &Guest::counter()).await;
    host.load("lab", &Guest::stateful_lab()).await;
    let shy = Guest::lab().hook(Hook::Initialize, Behaviour::Refuse);
    host.load("shy", &shy).await;
    let cold = Guest::lab().hook(Hook::Warmup, Behaviour::Refuse);
    host.load("cold", &cold).await;
    host.load_with("broken", &Guest::lab(), |settings| {
        settings.grants.folders = vec![FolderGrant {
            host: "/surely/not/there".into(),
            guest: "/data".to_owned(),
            access: FolderAccess::ReadOnly,
        }];
    })
    .await;
    Door::of(host)
}

/// An error says what, why and for which request, and nothing of the host's own.
fn check(reply: &Reply, status: u16, code: u64, word: ErrorCode) {
    assert_eq!(reply.verdict(), (status, code), "{reply:?}");
    assert_eq!(reply.data()["code"], word.as_str(), "{reply:?}");
    let message = reply.body["message"].as_str().unwrap();
    assert!(!message.is_empty() && message != "success", "{reply:?}");
    let meta = &reply.body["meta"];
    assert_eq!(meta["request_id"].as_str(), reply.header("x-request-id"));
    assert!(meta["error_type"].is_string() && meta["trace_id"].is_string());
    let text = reply.body.to_string();
    assert!(
        !text.contains("/surely/not/there") && !text.contains("traceback"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_that_cannot_be_read_say_where_and_why() {
    let door = door().await;
    let cases = [
        ("execute", "{", 4002),
        ("execute", "[]", 4004),
        ("execute", r#"{"action": "counter:get"}"#, 4003),
        ("execute", r#"{"worker_id": "ada"}"#, 4003),
        (
            "execute",
            r#"{"worker_id": 7, "action": "counter:get"}"#,
            4004,
        ),
        (
            "execute",
            r#"{"worker_id": "", "action": "counter:get"}"#,
            4002,
        ),
        (
            "execute",
            r#"{"worker_id": "ada", "action": "counter:get", "timeout": "5"}"#,
            4004,
        ),
        (
            "execute",
            r#"{"worker_id": "ada", "action": "counter:get", "timeout": -5}"#,
            4002,
        ),
        (
            "execute",
            r#"{"worker_id": "ada", "action": "counter:get", "parms": {}}"#,
            4002,
        ),
        ("execute/batch", r#"{"worker_id": "ada"}"#, 4003),
        (
            "execute/batch",
            r#"{"worker_id": "ada", "actions": [{"params": {}}]}"#,
            4003,
        ),
        ("session/create", r#"{"worker_id": "ada"}"#, 4003),
        ("session/create", r#"{"resource_type": "counter"}"#, 4003),
        (
            "session/create",
            r#"{"worker_id": "ada", "resource_type": "Not a name"}"#,
            4002,
        ),
        ("session/destroy", r#"{"worker_id": "ada"}"#, 4003),
        ("session/list", "{}", 4003),
        ("session/refresh", "{}", 4003),
        ("lifecycle/heartbeat", "", 4003),
        ("lifecycle/status", "{}", 4003),
        ("worker/disconnect", "{}", 4003),
        ("init/resource", r#"{"worker_id": "ada"}"#, 4003),
        ("init/batch", r#"{"worker_id": "ada"}"#, 4003),
        (
            "init/batch",
            r#"{"worker_id": "ada", "resource_configs": []}"#,
            4004,
        ),
        ("init/from-config", r#"{"worker_id": "ada"}"#, 4003),
        ("warmup", r#"{"backends": "counter"}"#, 4004),
        ("server/shutdown", r#"{"force": "yes"}"#, 4004),
    ];
    for (path, body, code) in cases {
        let path = format!("/api/v1/{path}");
        let reply = door.send(Method::POST, &path, body).await;
        assert_eq!(reply.verdict(), (400, code), "{path} {body}: {reply:?}");
        check(&reply, 400, code, ErrorCode::InvalidRequest);
    }
    let large = json!({"text": "x".repeat(20_000)});
    let reply = door.execute("ada", "lab:echo", large).await;
    check(&reply, 400, 4000, ErrorCode::PayloadTooLarge);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_envelope_too() {
    let door = door().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/nothing", 404),
        (Method::POST, "/api/v1/session/creat", 404),
        (Method::GET, "/api/v1/execute", 405),
        (Method::POST, "/api/v1/tools", 405),
        (Method::POST, "/health", 405),
    ] {
        let reply = door.send(method, path, Body::empty()).await;
        check(&reply, status, 4002, ErrorCode::InvalidRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn names_and_params_that_do_not_fit() {
    let door = door().await;
    let call = async |action: &str, params: Value| door.execute("ada", action, params).await;
    let reply = call("counter:dubble", json!({})).await;
    check(&reply, 400, 4002, ErrorCode::ToolNotFound);
    let reply = call("double", json!({})).await;
    check(&reply, 400, 4002, ErrorCode::ToolAmbiguous);
    assert_eq!(
        reply.data()["candidates"],
        json!(["counter:double", "other:double"])
    );
    for (params, code) in [
        (json!({}), 4003),
        (json!({"n": 1, "m": 1}), 4003),
        (json!({"n": "many"}), 4004),
        (json!([1]), 4004),
    ] {
        let reply = call("counter:double", params).await;
        check(&reply, 400, code, ErrorCode::InvalidParams);
        assert_eq!(reply.body["meta"]["tool"], "counter:double");
        assert_eq!(reply.body["meta"]["resource_type"], "counter");
    }
    let reply = call("lab:fail", json!({"text": "no"})).await;
    assert_eq!(reply.verdict(), (400, 4001));
    let reply = door.create("ada", "counters").await;
    check(&reply, 400, 4000, ErrorCode::BackendNotFound);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_not_there_are_not_found() {
    let door = door().await;
    let target = json!({"worker_id": "ada", "resource_type": "counter"});
    let reply = door.post("session/destroy", &target).await;
    check(&reply, 404, 4007, ErrorCode::SessionNotFound);
    door.create("ada", "counter").await;
    door.post("session/destroy", &target).await;
    let reply = door.post("session/refresh", &target).await;
    check(&reply, 404, 4007, ErrorCode::SessionEnded);
    assert_eq!(reply.data()["reason"], "released");
}

#[tokio::test(start_paused = true)]
async fn guests_that_refuse_trap_or_take_too_long() {
    let door = door().await;
    for reply in [
        door.create("ada", "shy").await,
        door.execute("ada", "shy:add", json!({"n": 1})).await,
    ] {
        check(&reply, 400, 4007, ErrorCode::InvalidParams);
        assert!(
            reply.body["message"]
                .as_str()
                .unwrap()
                .contains("not today")
        );
    }
    let reply = door.execute("ada", "cold:add", json!({"n": 1})).await;
    check(&reply, 500, 5011, ErrorCode::BackendInvalid);
    let reply = door.execute("ada", "lab:trap", json!({})).await;
    check(&reply, 500, 5000, ErrorCode::ToolTrapped);
    let reply = door.execute("ada", "lab:hoard", json!({})).await;
    check(&reply, 500, 5000, ErrorCode::LimitExceeded);
    let late =
        json!({"worker_id": "ada", "action": "lab:sleep", "params": {"ms": 9000}, "timeout": 1});
    let reply = door.post("execute", &late).await;
    check(&reply, 500, 5006, ErrorCode::DeadlineExceeded);
    let reply = door.execute("ada", "broken:add", json!({"n": 1})).await;
    check(&reply, 500, 5013, ErrorCode::Internal);
}

#[tokio::test(start_paused = true)]
async fn callers_that_may_not_and_a_host_that_cannot() {
    let door = door().await;
    let body = || Body::from(json!({"worker_id": "ada"}).to_string());
    let with = |name: &str, value: &str| {
        let request = Request::post("/api/v1/session/list").header(name, value);
        door.request(request.body(body()).unwrap())
    };
    let reply = with("authorization", "Bearer hst_nobody").await;
    check(&reply, 401, 4000, ErrorCode::Unauthenticated);
    let reply = with("x-worker-id", "bob").await;
    check(&reply, 400, 4000, ErrorCode::Conflict);
    let token = door.host.worker("ada").begin("lab").await.token;
    let reply = with("authorization", &format!("Bearer {token}")).await;
    check(&reply, 403, 4000, ErrorCode::Forbidden);
    let token = door.host.worker("bob").begin("lab").await.token;
    let reply = with("authorization", &format!("Bearer {token}")).await;
    check(&reply, 400, 4002, ErrorCode::InvalidRequest);

    door.host.host.drain(Duration::from_secs(5)).await;
    let reply = door.execute("ada", "counter:double", json!({"n": 1})).await;
    check(&reply, 500, 5012, ErrorCode::ShuttingDown);
    assert!(reply.header("retry-after").is_some());
    let ready = door.get("/ready").await;
    assert_eq!(
        (ready.status, &ready.body["status"]),
        (503, &json!("stopping"))
    );
}
