//! What is there, what is not, and what watches over it.

use hostel_tests::{Answer, Behaviour, Guest, Hook, TestServer};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn what_is_not_there_is_a_problem_like_every_other() {
    let server = TestServer::start(&[]).await;
    for (method, path, expected) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v1", 404),
        (Method::POST, "/v1/executes", 404),
        (Method::GET, "/v1/sessions/ses_0/children/1", 404),
        (Method::GET, "/%00", 404),
        (Method::GET, "/v1/execute", 405),
        (Method::PUT, "/v1/sessions", 405),
        (Method::DELETE, "/v1/tools", 405),
        (Method::POST, "/healthz", 405),
        (Method::PATCH, "/v1/backends/x", 405),
    ] {
        let answer = Answer::to(server.request(method.clone(), path)).await;
        assert_eq!(answer.status, expected, "{method} {path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{method} {path}"
        );
        let document = answer.json();
        assert_eq!(
            document["status"], expected,
            "{method} {path}: the document agrees with the answer"
        );
        assert!(document["hint"].is_string(), "{method} {path}");
        if expected == 405 {
            assert!(
                answer.header("allow").is_some(),
                "{method} {path}: it says what the place takes"
            );
        }
    }
}

#[tokio::test]
async fn tools_are_listed_with_their_schemas() {
    let (counter, lab) = (Guest::counter(), Guest::lab());
    let server = TestServer::start(&[("counter", &counter), ("lab", &lab)]).await;
    let list = server.get("/v1/tools?backend=counter").await.json();
    let names: Vec<&str> = list["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["counter:add", "counter:get", "counter:double"]);
    assert_eq!(list["count"], 3);
    let tool = server.get("/v1/tools/counter.double").await.json();
    assert_eq!(tool["stateful"], false);
    assert_eq!(tool["input_schema"]["properties"]["n"]["type"], "integer");
    assert_eq!(tool["input_schema"]["required"], json!(["n"]));
    assert_eq!(
        server.get("/v1/tools/double").await.json()["name"],
        "counter:double"
    );
    assert_eq!(server.get("/v1/tools/add").await.code(), "tool_ambiguous");
    assert_eq!(
        server.get("/v1/tools/nothing").await.code(),
        "tool_not_found"
    );
}

#[tokio::test]
async fn health_and_readiness_count_what_there_is() {
    let server = TestServer::start(&[("counter", &Guest::counter())]).await;
    server.begin(&json!({"backend": "counter"})).await;
    let alive = server.get("/healthz").await;
    assert_eq!((alive.status, &alive.json()["status"]), (200, &json!("ok")));
    let ready = server.get("/readyz").await.json();
    assert_eq!(
        ready,
        json!({"status": "ready", "backends": 1, "problems": 0, "tools": 3, "sessions": 1})
    );
}

#[tokio::test]
async fn warmup_says_how_each_backend_fared() {
    let good = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    let bad = Guest::lab().hook(Hook::Warmup, Behaviour::Refuse);
    let server = TestServer::start(&[("good", &good), ("bad", &bad)]).await;
    let cold = server.get("/v1/warmup").await.json();
    assert_eq!(cold["backends"]["good"]["state"], "cold");
    let one = server
        .post("/v1/warmup", &json!({"backends": ["good"]}))
        .await;
    assert_eq!((one.status, &one.json()["warm"]), (200, &json!(true)));
    let all = server.post("/v1/warmup", &json!({})).await;
    assert_eq!((all.status, &all.json()["warm"]), (207, &json!(false)));
    let backends = &all.json()["backends"];
    assert_eq!(backends["good"]["state"], "warm");
    assert_eq!(backends["bad"]["state"], "failed");
    assert_eq!(backends["bad"]["error"]["code"], "backend_invalid");
    let unknown = server
        .post("/v1/warmup", &json!({"backends": ["god"]}))
        .await;
    assert_eq!(unknown.code(), "backend_not_found");
}
