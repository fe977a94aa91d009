//! The answer to a call, field by field.

use hostel_tests::{Guest, TestServer};
use serde_json::json;

#[tokio::test]
async fn a_stateful_call_answers_with_result_session_and_usage() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    let session = server.begin(&json!({"backend": "counter"})).await;
    let answer = server.execute("counter.add", json!({"n": 2})).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let envelope = answer.json();
    assert_eq!(envelope["session"]["id"], session["id"]);
    assert_eq!(
        envelope["request_id"].as_str(),
        answer.header("x-request-id")
    );
    for field in ["duration_us", "queue_us"] {
        assert!(envelope["usage"][field].is_u64(), "{envelope}");
    }
    insta::assert_json_snapshot!(envelope, {
        ".request_id" => "[id]",
        ".session.id" => "[id]",
        ".usage.duration_us" => "[time]",
        ".usage.queue_us" => "[time]",
    }, @r#"
    {
      "request_id": "[id]",
      "action": "counter:add",
      "session": {
        "id": "[id]",
        "name": "default",
        "temporary": false,
        "call": 1
      },
      "result": 2,
      "is_error": false,
      "usage": {
        "duration_us": "[time]",
        "queue_us": "[time]",
        "memory_bytes": 65536,
        "host_calls": 0
      }
    }
    "#);
    let second = server.execute("counter:add", json!({"n": 2})).await.json();
    assert_eq!(
        (&second["result"], &second["session"]["call"]),
        (&json!(4), &json!(2))
    );
}

#[tokio::test]
async fn temporary_and_stateless_calls_say_so() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    let temporary = server.execute("counter:add", json!({"n": 2})).await.json();
    assert_eq!(
        temporary["session"],
        json!({"id": null, "name": "default", "temporary": true, "call": 1})
    );
    let stateless = server
        .execute("counter:double", json!({"n": 2}))
        .await
        .json();
    assert!(stateless.get("session").is_none(), "{stateless}");
}

#[tokio::test]
async fn a_tools_own_error_is_an_answer() {
    let server = TestServer::start(&[("lab", &Guest::lab())]).await;
    let answer = server
        .execute("lab:fail", json!({"text": "out of paper"}))
        .await;
    assert_eq!(answer.status, 200);
    let envelope = answer.json();
    assert_eq!(envelope["is_error"], true);
    assert_eq!(envelope["error"], "out of paper");
    assert!(envelope.get("result").is_none(), "{envelope}");
}

#[tokio::test]
async fn values_that_json_makes_hard_come_through_unharmed() {
    let server = TestServer::start(&[("lab", &Guest::lab())]).await;
    for text in ["", "\"\\\u{0}\n\u{1f600}\u{7f}", "</script>", "e\u{301}"] {
        let answer = server.execute("lab:echo", json!({"text": text})).await;
        assert_eq!(answer.json()["result"], text);
    }
}

#[tokio::test]
async fn a_session_is_chosen_by_id_by_name_or_as_a_temporary_one() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    let work = server
        .begin(&json!({"backend": "counter", "name": "work", "config": {"start": 5}}))
        .await;
    for (session, expected) in [
        (json!("work"), 5),
        (json!({"name": "work"}), 5),
        (work["id"].clone(), 5),
        (json!({"id": work["id"]}), 5),
        (json!({"temporary": true}), 0),
        (json!(null), 0),
        (json!({}), 0),
    ] {
        let body = json!({"action": "counter:get", "session": session});
        let answer = server.post("/v1/execute", &body).await.json();
        assert_eq!(answer["result"], expected, "{session}: {answer}");
    }
    for session in [
        json!("play"),
        json!({"id": "ses_1"}),
        json!({"name": "play"}),
    ] {
        let body = json!({"action": "counter:get", "session": session});
        let answer = server.post("/v1/execute", &body).await;
        assert_eq!(answer.code(), "session_not_found", "{session}");
    }
}
