//! Several calls in one request.

use std::time::Duration;

use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};
use tokio::time::Instant;

async fn server() -> TestServer {
    let (counter, lab) = (Guest::counter(), Guest::stateful_lab());
    let server = TestServer::start(&[("counter", &counter), ("lab", &lab)]).await;
    server.begin(&json!({"backend": "counter"})).await;
    server
}

fn call(action: &str, params: &Value) -> Value {
    json!({"action": action, "params": params})
}

/// Result or code of each call.
fn outcomes(answer: &Value) -> Vec<Value> {
    let results = answer["results"].as_array().unwrap();
    let outcome = |result: &Value| match result.get("code") {
        Some(code) => code.clone(),
        None => result.get("result").unwrap_or(&result["error"]).clone(),
    };
    results.iter().map(outcome).collect()
}

#[tokio::test]
async fn calls_run_one_after_the_other() {
    let server = server().await;
    let calls: Vec<Value> = (1..=5)
        .map(|n| call("counter:add", &json!({"n": n})))
        .collect();
    let answer = server
        .post("/v1/execute/batch", &json!({"calls": calls}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(outcomes(&answer), [1, 3, 6, 10, 15]);
    assert_eq!(
        (&answer["total"], &answer["executed"], &answer["succeeded"]),
        (&json!(5), &json!(5), &json!(5))
    );
}

#[tokio::test]
async fn the_first_failure_ends_a_batch_unless_it_is_to_go_on() {
    let server = server().await;
    let failures = [
        (call("counter:nothing", &json!({})), json!("tool_not_found")),
        (
            call("counter:add", &json!({"n": "x"})),
            json!("invalid_params"),
        ),
        (call("lab:fail", &json!({"text": "no"})), json!("no")),
        (call("lab:trap", &json!({})), json!("tool_trapped")),
    ];
    for (failure, outcome) in failures {
        let calls = [
            call("counter:double", &json!({"n": 1})),
            failure,
            call("counter:double", &json!({"n": 2})),
        ];
        let stopped = server
            .post("/v1/execute/batch", &json!({"calls": calls}))
            .await;
        assert_eq!(stopped.status, 207, "{}", stopped.text);
        let body = stopped.json();
        assert_eq!(outcomes(&body), [json!(2), outcome.clone()]);
        assert_eq!(
            (&body["executed"], &body["succeeded"]),
            (&json!(2), &json!(1))
        );

        let all = json!({"calls": calls, "stop_on_error": false});
        let went_on = server.post("/v1/execute/batch", &all).await;
        assert_eq!(went_on.status, 207);
        assert_eq!(outcomes(&went_on.json()), [json!(2), outcome, json!(4)]);
    }
}

#[tokio::test]
async fn parallel_calls_run_side_by_side_and_are_answered_in_their_order() {
    let server = server().await;
    let sleeps: Vec<Value> = (0..8)
        .map(|_| json!({"action": "lab:sleep", "params": {"ms": 300}, "session": {"temporary": true}}))
        .collect();
    let start = Instant::now();
    let answer = server
        .post(
            "/v1/execute/batch",
            &json!({"calls": sleeps, "parallel": true}),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(
        start.elapsed() < Duration::from_millis(8 * 300),
        "{:?}",
        start.elapsed()
    );

    let calls: Vec<Value> = (0..50)
        .map(|n| call("counter:double", &json!({"n": n})))
        .collect();
    let answer = server
        .post(
            "/v1/execute/batch",
            &json!({"calls": calls, "parallel": true}),
        )
        .await
        .json();
    let expected: Vec<i32> = (0..50).map(|n| n * 2).collect();
    assert_eq!(outcomes(&answer), expected);
}

#[tokio::test]
async fn a_batch_is_for_one_worker_unless_a_call_says_otherwise() {
    let server = server().await;
    let begin = json!({"backend": "counter", "worker_id": "ada", "config": {"start": 10}});
    server.begin(&begin).await;
    let other = json!({"action": "counter:get", "worker_id": "bob"});
    let calls = [call("counter:get", &json!({})), other];
    let body = json!({"calls": calls, "worker_id": "ada"});
    let answer = server.post("/v1/execute/batch", &body).await.json();
    assert_eq!(outcomes(&answer), [10, 0]);
}

#[tokio::test]
async fn a_batch_has_its_bounds() {
    let server = server().await;
    let calls = vec![call("counter:get", &json!({})); 101];
    let answer = server
        .post("/v1/execute/batch", &json!({"calls": calls}))
        .await;
    assert_eq!(answer.code(), "invalid_request");
}
