//! Headers: the request's id, who calls, and where a request may come from.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn server() -> TestServer {
    TestServer::start(&[("counter", &Guest::counter())]).await
}

#[tokio::test]
async fn a_request_keeps_the_id_that_its_caller_gave_it() {
    let server = server().await;
    for path in ["/healthz", "/v1/tools", "/v1/sessions/ses_0", "/nowhere"] {
        let request = server
            .request(Method::GET, path)
            .header("x-request-id", "mine-1");
        assert_eq!(
            Answer::to(request).await.header("x-request-id"),
            Some("mine-1"),
            "{path}"
        );
    }
    let one = server.get("/nowhere").await;
    let two = server.get("/nowhere").await;
    let id = one.header("x-request-id").unwrap();
    assert!(id.starts_with("req_"), "{id}");
    assert_ne!(Some(id), two.header("x-request-id"));
    assert_eq!(one.json()["request_id"], id);
}

#[tokio::test]
async fn an_id_that_could_do_harm_is_replaced() {
    let server = server().await;
    for id in ["", "two words", &"x".repeat(129)] {
        let request = server
            .request(Method::GET, "/healthz")
            .header("x-request-id", id);
        let answer = Answer::to(request).await;
        assert!(
            answer.header("x-request-id").unwrap().starts_with("req_"),
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn a_page_in_a_browser_does_not_reach_the_host() {
    let server = server().await;
    let port = server.address.port();
    for (name, value, expected) in [
        ("host", "evil.example".to_owned(), 403),
        ("host", format!("evil.example:{port}"), 403),
        ("host", format!("localhost.evil.example:{port}"), 403),
        ("host", format!("localhost:{port}"), 200),
        ("host", format!("127.0.0.1:{port}"), 200),
        ("origin", "https://evil.example".to_owned(), 403),
        ("origin", "null".to_owned(), 403),
        ("origin", format!("http://localhost:{port}"), 200),
        ("origin", "http://127.0.0.1:3000".to_owned(), 200),
    ] {
        let request = server
            .request(Method::GET, "/v1/tools")
            .header(name, &value);
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, expected, "{name}: {value}");
        if expected == 403 {
            assert_eq!(answer.code(), "forbidden", "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn the_worker_is_named_by_header_or_body_and_once() {
    let server = server().await;
    let begin = |worker: Option<&'static str>, body: serde_json::Value| {
        let request = server.request(Method::POST, "/v1/sessions").json(&body);
        match worker {
            Some(worker) => Answer::to(request.header("x-worker-id", worker)),
            None => Answer::to(request),
        }
    };
    let named = |worker: &str| json!({"backend": "counter", "worker_id": worker});
    assert_eq!(
        begin(Some("ada"), json!({"backend": "counter"}))
            .await
            .json()["worker_id"],
        "ada"
    );
    assert_eq!(begin(None, named("bob")).await.json()["worker_id"], "bob");
    assert_eq!(
        begin(Some("eve"), named("eve")).await.json()["worker_id"],
        "eve"
    );
    assert_eq!(
        begin(None, json!({"backend": "counter"})).await.json()["worker_id"],
        "default"
    );
    let two = begin(Some("ada"), named("bob")).await;
    assert_eq!(two.code(), "conflict", "{}", two.text);
    let long = "x".repeat(129);
    assert_eq!(begin(None, named(&long)).await.code(), "invalid_request");
}

#[tokio::test]
async fn only_tokens_of_this_host_are_read_from_the_authorization_header() {
    let server = server().await;
    let session = server.begin(&json!({"backend": "counter"})).await;
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    let token = session["token"].as_str().unwrap();
    for (value, expected) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("Bearer {token}x"), 401),
        ("Bearer hst_".to_owned(), 401),
        ("Basic YTpi".to_owned(), 401),
        (token.to_owned(), 401),
        (String::new(), 401),
    ] {
        let request = server
            .request(Method::GET, &path)
            .header("authorization", &value);
        assert_eq!(Answer::to(request).await.status, expected, "{value:?}");
    }
    let another_worker = server
        .request(Method::GET, &path)
        .header("x-worker-id", "bob");
    assert_eq!(Answer::to(another_worker).await.code(), "session_not_found");
    let with_token = server
        .request(Method::GET, &path)
        .header("x-worker-id", "bob")
        .bearer_auth(token);
    assert_eq!(
        Answer::to(with_token).await.status,
        200,
        "the token says whose it is"
    );
}

#[tokio::test]
async fn a_request_with_too_many_headers_is_refused() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let many: String = (0..200)
        .map(|number| format!("X-H{number}: 1\r\n"))
        .collect();
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: {}\r\n{many}\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
#[ignore = "takes ten seconds"]
async fn a_client_that_is_slow_with_its_headers_is_dropped() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHo")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(
        std::time::Duration::from_secs(15),
        stream.read_to_end(&mut answer),
    )
    .await;
    assert!(end.is_ok(), "the connection is still open");
}
