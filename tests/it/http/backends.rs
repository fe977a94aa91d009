//! `/v1/backends`: loading and unloading over the wire.

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_backend_is_put_used_replaced_and_deleted() {
    let server = TestServer::start(&[]).await;
    let put = |guest: Guest| {
        server
            .request(Method::PUT, "/v1/backends/counter")
            .body(guest.component())
    };
    let first = Answer::to(put(Guest::counter())).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let body = first.json();
    assert_eq!(
        (&body["name"], &body["origin"], &body["stateful"]),
        (&json!("counter"), &json!("uploaded"), &json!(true))
    );
    assert_eq!(
        body["tools"],
        json!(["counter:add", "counter:get", "counter:double"])
    );
    assert_eq!(body["hooks"]["session_resource"], true);
    assert_eq!(
        server
            .execute("counter:double", json!({"n": 4}))
            .await
            .json()["result"],
        8
    );

    let digest = body["digest"].as_str().unwrap().to_owned();
    let quoted = format!("\"{digest}\"");
    let second = Answer::to(put(Guest::counter().version(2)).header("if-match", &quoted)).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let third = Answer::to(put(Guest::counter().version(3)).header("if-match", &quoted)).await;
    assert_eq!(third.code(), "conflict");

    let gone = server.delete("/v1/backends/counter").await;
    assert_eq!(gone.json()["digest"], second.json()["digest"]);
    assert_eq!(server.get("/v1/backends").await.json()["count"], 0);
    assert_eq!(
        server
            .execute("counter:double", json!({"n": 4}))
            .await
            .code(),
        "tool_not_found"
    );
}

#[tokio::test]
async fn a_component_may_be_larger_than_other_bodies() {
    let server = TestServer::start_with(&[], |config| config.body_bytes_max = 1000).await;
    let component = Guest::lab().component();
    assert!(component.len() > 1000);
    let put = server
        .request(Method::PUT, "/v1/backends/lab")
        .body(component);
    assert_eq!(Answer::to(put).await.status, 200);
}

#[tokio::test]
async fn a_digest_in_the_query_pins_the_bytes_that_are_sent() {
    let server = TestServer::start(&[]).await;
    let path = format!("/v1/backends/counter?digest=sha256:{}", "0".repeat(64));
    let put = server
        .request(Method::PUT, &path)
        .body(Guest::counter().component());
    let answer = Answer::to(put).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (422, "backend_invalid")
    );
}

#[tokio::test]
async fn names_that_no_backend_may_have_are_refused() {
    let server = TestServer::start(&[]).await;
    for name in ["Counter", "1st", "a.b", "a%20b", &"x".repeat(65)] {
        let path = format!("/v1/backends/{name}");
        let put = server
            .request(Method::PUT, &path)
            .body(Guest::counter().component());
        assert_eq!(Answer::to(put).await.code(), "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn what_is_granted_is_shown_without_the_values_of_variables() {
    let server = TestServer::start_with(&[], |config| {
        let grants = &mut config.settings.grants;
        grants.env.insert("API_KEY".to_owned(), "s3cret".to_owned());
        grants.workspace = true;
    })
    .await;
    let put = server
        .request(Method::PUT, "/v1/backends/counter")
        .body(Guest::counter().component());
    let answer = Answer::to(put).await;
    assert_eq!(answer.json()["grants"]["env"], json!(["API_KEY"]));
    assert_eq!(answer.json()["grants"]["workspace"], true);
    assert!(!answer.text.contains("s3cret"), "{}", answer.text);
}
