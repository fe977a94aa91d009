//! Bodies that are not what they should be.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn server() -> TestServer {
    TestServer::start(&[("counter", &Guest::counter())]).await
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_answered_with_the_place_and_the_way_out() {
    let server = server().await;
    let cases = [
        ("/v1/execute", "{", "", "EOF"),
        ("/v1/execute", "[]", "", ""),
        ("/v1/execute", "\u{1}", "", ""),
        ("/v1/execute", "{}", "", "action"),
        ("/v1/execute", r#"{"action": 3}"#, "/action", "string"),
        (
            "/v1/execute",
            r#"{"action": "x", "timeout_ms": "1"}"#,
            "/timeout_ms",
            "whole number",
        ),
        (
            "/v1/execute",
            r#"{"action": "x", "timeout_ms": -1}"#,
            "/timeout_ms",
            "-1",
        ),
        (
            "/v1/execute",
            r#"{"action": "x", "session": {"nam": "a"}}"#,
            "/session",
            "nam",
        ),
        (
            "/v1/execute",
            r#"{"action": "x", "session": {"id": "a", "name": "b"}}"#,
            "/session",
            "only one",
        ),
        ("/v1/execute", r#"{"action": "x"} {}"#, "", "trailing"),
        (
            "/v1/execute/batch",
            r#"{"calls": []}"#,
            "/calls",
            "1 to 100",
        ),
        (
            "/v1/execute/batch",
            r#"{"calls": [{"action": "x"}, {"action": 1}]}"#,
            "/calls/1/action",
            "string",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "idle_timeout": "1"}"#,
            "/idle_timeout",
            "f64",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "idle_timeout": -1}"#,
            "/idle_timeout",
            "-1",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "idle_timeout": 1e300}"#,
            "/idle_timeout",
            "",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "labels": {"a": 1}}"#,
            "/labels/a",
            "string",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "limits": {"queue": -1}}"#,
            "/limits/queue",
            "-1",
        ),
        (
            "/v1/sessions",
            r#"{"backend": "counter", "if_exists": "replace"}"#,
            "/if_exists",
            "replace",
        ),
    ];
    for (path, body, pointer, expected) in cases {
        let request = server.request(Method::POST, path).body(body);
        let answer = Answer::to(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_request"),
            "{body}"
        );
        let document = answer.json();
        if !pointer.is_empty() {
            assert_eq!(document["pointer"], pointer, "{body}: {document}");
        }
        assert!(
            document["detail"].as_str().unwrap().contains(expected),
            "{body}: {document}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let server = server().await;
    let cases = [
        ("/v1/execute", json!({"action": "x", "parms": {}}), "params"),
        ("/v1/execute", json!({"acton": "x"}), "action"),
        ("/v1/execute/batch", json!({"call": []}), "calls"),
        (
            "/v1/sessions",
            json!({"backend": "counter", "idle_timout": 3}),
            "idle_timeout",
        ),
        (
            "/v1/sessions",
            json!({"backend": "counter", "limits": {"memory_byte": 3}}),
            "memory_bytes",
        ),
        ("/v1/warmup", json!({"backend": ["counter"]}), "backends"),
    ];
    for (path, body, expected) in cases {
        let answer = server.post(path, &body).await;
        assert_eq!(answer.code(), "invalid_request", "{body}");
        let hint = answer.json()["hint"].clone();
        assert_eq!(hint, format!("did you mean {expected:?}?"), "{body}");
    }
    let hint = server.get("/v1/sessions?lables=a=1").await.json()["hint"].clone();
    assert_eq!(hint, "did you mean \"labels\"?");
}

#[tokio::test]
async fn params_that_do_not_fit_are_answered_with_pointer_expected_and_found() {
    let server = server().await;
    let check = async |params: Value, pointer: &str, expected: &str, found: &str| {
        let answer = server.execute("counter:double", params.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_params"),
            "{params}"
        );
        let document = answer.json();
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("pointer"), pointer, "{document}");
        assert!(text("expected").contains(expected), "{document}");
        assert!(text("found").contains(found), "{document}");
    };
    check(json!({"n": "x"}), "/n", "u32", "\"x\"").await;
    check(json!({"n": -1}), "/n", "u32", "-1").await;
    check(json!({"n": 1.5}), "/n", "u32", "1.5").await;
    check(json!({"n": 4_294_967_296_u64}), "/n", "u32", "4294967296").await;
    check(json!({"n": null}), "/n", "u32", "null").await;
    check(json!({}), "", "", "n").await;
    check(json!([1]), "", "", "").await;
    check(json!({"n": 1, "m": 2}), "/m", "", "m").await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/execute HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("payload_too_large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_cut_at_the_limit() {
    let server = server().await;
    let chunks = (0..64).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1 << 20])));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/execute HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        for chunk in chunks.flatten() {
            let frame = [format!("{:x}\r\n", chunk.len()).as_bytes(), &chunk, b"\r\n"].concat();
            // The host hangs up on a client that goes on sending.
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        let mut answer = vec![0; 4096];
        let read = reader.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    tokio::pin!(write, read);
    let answer = tokio::select! {
        answer = &mut read => answer,
        () = &mut write => read.await,
    };
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let server = server().await;
    let warmed = Answer::to(server.request(Method::POST, "/v1/warmup")).await;
    assert_eq!(warmed.status, 200, "{}", warmed.text);
    assert_eq!(warmed.json()["warm"], true);
}

#[tokio::test]
async fn deep_nesting_is_refused_and_not_followed() {
    let server = server().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        format!(r#"{{"action": "counter:double", "params": {{"n": {deep}}}}}"#),
        format!(r#"{{"action": "counter:double", "session": {deep}}}"#),
        deep.clone(),
    ] {
        let answer = Answer::to(server.request(Method::POST, "/v1/execute").body(body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(
        server
            .execute("counter:double", json!({"n": 2}))
            .await
            .json()["result"],
        4
    );
}
