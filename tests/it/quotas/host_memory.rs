//! The memory of all guests together, and that of the bodies of requests.

use std::time::Duration;

use hostel_host::app::App;
use hostel_host::config::Config;
use hostel_host::error::ErrorCode;
use hostel_tests::{Guest, TestHost, TestServer};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

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
    grow_by(server, session, GIB_PAGES).await
}

async fn grow_by(server: &TestServer, session: &str, pages: u64) -> i64 {
    let call = json!({"action": "lab:grow", "params": {"pages": pages}, "session": session});
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
    let server = host(1).await;
    for name in ["first", "second"] {
        let begun = server.begin(&json!({"backend": "lab", "name": name})).await;
        let session = begun["id"].as_str().unwrap();
        // Down to the last page, which is less than what another instance begins with.
        let mut pages = GIB_PAGES;
        while pages > 0 {
            if grow_by(&server, session, pages).await < 0 {
                pages /= 2;
            }
        }
    }
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
async fn a_host_that_has_taken_all_that_it_is_given_runs_nothing_and_lets_go_of_what_it_has() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let worker = host.worker("ada");
    let (one, other) = (
        worker.begin_named("lab", "one").await,
        worker.begin_named("lab", "other").await,
    );
    one.call("add", json!({"n": 5})).await.unwrap();
    one.suspend().await.unwrap();
    other.suspend().await.unwrap();

    // Whatever this process has, it is more.
    let full = host.after_a_kill(|config| config.memory_bytes = 1);
    full.load("lab", &Guest::stateful_lab()).await;
    let worker = full.worker("ada");
    let session = worker.known("lab", &one);
    for error in [
        session.call("add", json!({"n": 1})).await.unwrap_err(),
        session.resume().await.unwrap_err(),
        worker.call("lab:add", json!({"n": 1})).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::Overloaded, "{error}");
        assert!(
            error.message().contains("all of its 1 bytes of memory"),
            "{error}"
        );
        assert!(error.wait().is_some() && error.hint_text().is_some());
    }
    session.suspend().await.unwrap();
    worker.known("lab", &other).destroy().await.unwrap();

    let again = full.after_a_kill(|_| {});
    again.load("lab", &Guest::stateful_lab()).await;
    let session = again.worker("ada").known("lab", &one);
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 6);
}

/// Sends all of a request with a body of so many bytes but the last one.
async fn all_but_the_end(server: &TestServer, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        format!("POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; bytes - 1]).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_on_their_way_have_so_much_memory_and_those_that_do_not_fit_are_told() {
    const BODY: usize = 4 << 20;
    let server = TestServer::start_with(&[("lab", &Guest::lab())], |config| {
        // For bodies that is sixteen of the largest, and nobody has more than is free.
        config.memory_bytes = Some(512 << 20);
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        slow.push(all_but_the_end(&server, BODY).await);
    }
    let text = "x".repeat(BODY - 100);
    // What others send, or have broken off, may take a moment to come to the host.
    let large = async |status: u16| {
        let mut answer = server.execute("lab:echo", json!({"text": text})).await;
        for _ in 0..100 {
            if answer.status == status {
                break;
            }
            sleep(Duration::from_millis(20)).await;
            answer = server.execute("lab:echo", json!({"text": text})).await;
        }
        answer
    };
    let refused = large(503).await;
    let document = refused.json();
    assert_eq!(
        (refused.status, &document["code"], &document["limit"]),
        (503, &json!("overloaded"), &json!("bodies"))
    );
    assert!(refused.header("retry-after").is_some());
    let small = server.execute("lab:echo", json!({"text": "hi"})).await;
    assert_eq!(small.json()["result"], "hi");
    drop(slow);
    assert_eq!(
        large(200).await.status,
        200,
        "what was given back can be had"
    );
}

#[tokio::test]
async fn a_host_starts_only_if_the_least_fits_and_a_strict_one_if_the_worst_does() {
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
    let too_little = Config {
        strict_memory: false,
        ..strict(GIB / 16)
    };
    let error = App::build(too_little, None).await.err().unwrap();
    assert!(error.contains("1 x 64.0 MiB"), "{error}");
    assert!(error.contains("64.0 MiB (server.memory_bytes)"), "{error}");
}
