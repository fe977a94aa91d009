//! The memory of all guests together.

use hostel_host::app::App;
use hostel_host::config::Config;
use hostel_tests::{Guest, TestServer};
use serde_json::json;

const GIB: u64 = 1 << 30;
const GIB_PAGES: u64 = GIB >> 16;

/// A host whose guests may have `gib` GiB together, a bit more than 1 GiB each. Memory that nobody touches costs nothing.
async fn host(gib: u64) -> TestServer {
    TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.sessions_max = 16;
        config.memory_bytes = Some((gib * GIB + (GIB >> 1)) * 8 / 7);
        config.settings.limits.memory_bytes = 5 << 28;
    })
    .await
}

async fn grow(server: &TestServer, session: &str) -> i64 {
    let call = json!({"action": "lab:grow", "params": {"pages": GIB_PAGES}, "session": session});
    let answer = server.post("/v1/execute", &call).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_want_more_than_there_is_are_told_and_the_others_go_on() {
    let server = host(6).await;
    let mut sessions = Vec::new();
    for number in 0..8 {
        let body = json!({"backend": "lab", "name": format!("s{number}")});
        let begun = server.begin(&body).await;
        sessions.push(begun["id"].as_str().unwrap().to_owned());
    }
    let mut grown = Vec::new();
    for session in &sessions {
        grown.push(grow(&server, session).await);
    }
    let (fit, refused) = grown.split_at(6);
    assert!(fit.iter().all(|pages| *pages > 0), "{grown:?}");
    assert_eq!(refused, [-1, -1]);
    let hoard = json!({"action": "lab:hoard", "session": sessions[7]});
    let answer = server.post("/v1/execute", &hoard).await;
    let document = answer.json();
    assert_eq!(
        (answer.status, &document["code"], &document["limit"]),
        (502, &json!("limit_exceeded"), &json!("host_memory")),
        "{document}"
    );
    assert_eq!(document["key"], "server.memory_bytes");
    for session in &sessions[..7] {
        let call = json!({"action": "lab:add", "params": {"n": 1}, "session": session});
        assert_eq!(server.post("/v1/execute", &call).await.json()["result"], 1);
    }
    server
        .delete(&format!("/v1/sessions/{}", sessions[0]))
        .await;
    assert!(
        grow(&server, &sessions[6]).await > 0,
        "what was given back can be had"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_memory_makes_no_instance_and_says_when_to_come_back() {
    let server = TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.sessions_max = 16;
        config.memory_bytes = Some(1 << 20);
    })
    .await;
    for answer in [
        server
            .post("/v1/sessions", &json!({"backend": "lab"}))
            .await,
        server.execute("lab:add", json!({"n": 1})).await,
    ] {
        let document = answer.json();
        assert_eq!(
            (answer.status, &document["code"]),
            (503, &json!("overloaded"))
        );
        assert_eq!(document["limit"], "host_memory");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_strict_host_starts_only_if_the_worst_fits() {
    let folder = tempfile::tempdir().unwrap();
    let strict = |memory_bytes| {
        let mut config = Config {
            data_dir: folder.path().to_owned(),
            sessions_max: 10,
            calls_max: 20,
            strict_memory: true,
            memory_bytes: Some(memory_bytes),
            ..Config::default()
        };
        config.listen.set_port(0);
        config
    };
    let error = App::build(strict(4 * GIB), None).await.err().unwrap();
    assert!(error.contains("266 x 64.0 MiB"), "{error}");
    assert!(error.contains("4.0 GiB (server.memory_bytes)"), "{error}");
    App::build(strict(32 * GIB), None).await.unwrap();
}
