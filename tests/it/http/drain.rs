//! How a host stops: running calls finish, new ones are told to go elsewhere.

use std::time::Duration;

use hostel_tests::{Guest, TestServer};
use serde_json::json;
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_call_finishes_and_new_ones_are_refused() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let session = server.begin(&json!({"backend": "lab"})).await;
    let running = server.execute("lab:add_later", json!({"n": 7, "ms": 800}));
    let drain = async {
        sleep(Duration::from_millis(200)).await;
        server.host.drain(Duration::from_secs(10)).await;
    };
    let newcomers = async {
        sleep(Duration::from_millis(400)).await;
        let begin = json!({"backend": "lab", "name": "late"});
        [
            server.execute("lab:add", json!({"n": 1})).await,
            server.post("/v1/sessions", &begin).await,
            server.post("/v1/warmup", &json!({})).await,
            server.get("/readyz").await,
        ]
    };
    let (running, (), refused) = tokio::join!(running, drain, newcomers);
    assert_eq!(running.status, 200, "{}", running.text);
    assert_eq!(running.json()["result"], 7);
    for answer in refused {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "shutting_down"),
            "{}",
            answer.text
        );
    }
    assert_eq!(
        server.get("/healthz").await.status,
        200,
        "the process is alive"
    );
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    let ended = server.get(&path).await;
    assert_eq!(
        (ended.code().as_str(), &ended.json()["reason"]),
        ("session_ended", &json!("shutdown"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_outlasts_the_hosts_patience_is_stopped() {
    let server = TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.drain = Duration::from_millis(200);
    })
    .await;
    server.begin(&json!({"backend": "lab"})).await;
    let start = Instant::now();
    let running = server.execute("lab:sleep", json!({"ms": 25_000}));
    let drain = async {
        sleep(Duration::from_millis(200)).await;
        server.host.drain(Duration::from_millis(200)).await;
    };
    let (running, ()) = tokio::join!(running, drain);
    assert_eq!(running.code(), "session_ended", "{}", running.text);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_answers_what_it_took_on_before_it_closes_its_doors() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    server.begin(&json!({"backend": "lab"})).await;
    let body = json!({"action": "lab:add_later", "params": {"n": 7, "ms": 500}});
    let request = server
        .request(reqwest::Method::POST, "/v1/execute")
        .json(&body);
    let call = hostel_tests::Answer::to(request);
    let (address, running) = (server.address, server.running);
    let stop = async {
        sleep(Duration::from_millis(200)).await;
        running.stop().await;
    };
    let (answer, ()) = tokio::join!(call, stop);
    assert_eq!(answer.json()["result"], 7, "{}", answer.text);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_stop_is_heard_by_whoever_runs_the_host() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let session = server.begin(&json!({"backend": "lab"})).await;
    let holder = server
        .request(reqwest::Method::POST, "/v1/shutdown")
        .bearer_auth(session["token"].as_str().unwrap());
    let refused = hostel_tests::Answer::to(holder).await;
    assert_eq!(
        refused.code(),
        "forbidden",
        "a session's token does not stop a host"
    );

    let asked = server.post("/v1/shutdown", &json!({})).await;
    assert_eq!(
        (asked.status, &asked.json()["status"]),
        (202, &json!("stopping"))
    );
    let heard = tokio::time::timeout(Duration::from_secs(10), server.host.stopped()).await;
    assert!(heard.is_ok(), "whoever runs the host stops it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_during_a_call_does_not_stop_it() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    server.begin(&json!({"backend": "lab"})).await;
    let body = json!({"action": "lab:add_later", "params": {"n": 5, "ms": 400}});
    let request = server
        .request(reqwest::Method::POST, "/v1/execute")
        .timeout(Duration::from_millis(100))
        .json(&body);
    assert!(request.send().await.unwrap_err().is_timeout());
    let next = server.execute("lab:add", json!({"n": 1})).await.json();
    assert_eq!(
        (&next["result"], &next["session"]["call"]),
        (&json!(6), &json!(2))
    );
}
