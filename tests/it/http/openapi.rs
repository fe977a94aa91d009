//! The OpenAPI document: it has every route of the router, and real answers are what it says.

use std::collections::BTreeSet;

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

async fn serve() -> (TestServer, Value) {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let document = server.get("/openapi.json").await.json();
    (server, document)
}

#[tokio::test]
async fn it_has_every_route_and_every_method() {
    let (server, document) = serve().await;
    assert_eq!(document["openapi"], "3.1.0");
    let router = fs_err::read_to_string("../host/src/api/http.rs").unwrap();
    let routes = router
        .split("\"/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let routes: BTreeSet<String> = routes.map(|route| format!("/{route}")).collect();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<String> = paths.keys().cloned().collect();
    assert_eq!(documented, routes);
    for (path, methods) in paths {
        let somewhere = path.replace("{id}", "x").replace("{name}", "x");
        let answer = Answer::to(server.request(Method::TRACE, &somewhere)).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap_or_default().to_lowercase();
        let allowed: BTreeSet<&str> = allowed.split(',').filter(|name| *name != "head").collect();
        let documented = methods.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(documented.collect::<BTreeSet<_>>(), allowed, "{path}");
    }
}

/// Every problem with this answer to a request of this path and method.
fn check(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let method = method.as_str().to_lowercase();
    let response = &document["paths"][path][&method]["responses"][answer.status.to_string()];
    assert!(
        !response.is_null(),
        "{method} {path} is not said to answer {}: {}",
        answer.status,
        answer.text
    );
    if answer.text.is_empty() {
        return;
    }
    let form = answer.header("content-type").unwrap();
    let form = form.split(';').next().unwrap();
    let schema = &response["content"][form]["schema"];
    assert!(
        !schema.is_null(),
        "{method} {path} is not said to answer with {form}"
    );
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&answer.json())
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert_eq!(
        errors,
        Vec::<String>::new(),
        "{method} {path}: {}",
        answer.text
    );
}

#[tokio::test]
async fn real_answers_are_what_it_says() {
    let (server, document) = serve().await;
    let session = server
        .begin(&json!({"backend": "lab", "name": "s", "checkpoint": "call"}))
        .await;
    let id = session["id"].as_str().unwrap().to_owned();
    let call = |tool: &str, params: Value| json!({"action": format!("lab:{tool}"), "params": params, "session": id});
    let mut later = call("work", json!({"text": "x", "steps": 2, "ms": 1}));
    later["wait"] = json!(false);
    let job = server.post("/v1/execute", &later).await.json()["job"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    server.get(&format!("/v1/jobs/{job}?wait_ms=30000")).await;
    let requests = [
        (Method::POST, "/v1/execute", call("add", json!({"n": 1}))),
        (
            Method::POST,
            "/v1/execute",
            call("fail", json!({"text": "no"})),
        ),
        (Method::POST, "/v1/execute", call("trap", json!({}))),
        (
            Method::POST,
            "/v1/execute",
            call("add", json!({"n": "one"})),
        ),
        (
            Method::POST,
            "/v1/execute",
            json!({"action": "lab:echo", "params": {"text": "hi"}}),
        ),
        (Method::POST, "/v1/execute", later),
        (
            Method::POST,
            "/v1/execute/batch",
            json!({"calls": [call("add", json!({"n": 1})), call("trap", json!({}))]}),
        ),
        (
            Method::POST,
            "/v1/execute/batch",
            json!({"transaction": true, "calls": [call("add", json!({"n": 1})), call("trap", json!({}))]}),
        ),
        (Method::GET, "/v1/usage", Value::Null),
        (Method::GET, "/v1/jobs", Value::Null),
        (Method::GET, "/v1/jobs/{job}", Value::Null),
        (Method::GET, "/v1/jobs/{job}/events", Value::Null),
        (Method::POST, "/v1/jobs/{job}/cancel", json!({})),
        (Method::GET, "/v1/jobs/nobody", Value::Null),
        (Method::GET, "/v1/tools", Value::Null),
        (Method::GET, "/v1/tools/lab:add", Value::Null),
        (Method::GET, "/v1/tools/lab:ad", Value::Null),
        (Method::GET, "/v1/sessions", Value::Null),
        (Method::POST, "/v1/sessions", json!({"backend": "lab"})),
        (Method::POST, "/v1/sessions", json!({"backend": "lab"})),
        (
            Method::POST,
            "/v1/sessions",
            json!({"backend": "lab", "if_exists": "return"}),
        ),
        (Method::GET, "/v1/sessions/{session}", Value::Null),
        (
            Method::PATCH,
            "/v1/sessions/{session}",
            json!({"labels": {"a": "b"}}),
        ),
        (Method::POST, "/v1/sessions/{session}/keep-alive", json!({})),
        (Method::GET, "/v1/sessions/{session}/logs", Value::Null),
        (
            Method::POST,
            "/v1/sessions/{session}/checkpoints",
            json!({"name": "c"}),
        ),
        (
            Method::GET,
            "/v1/sessions/{session}/checkpoints",
            Value::Null,
        ),
        (
            Method::POST,
            "/v1/sessions/{session}/restore",
            json!({"checkpoint": "c"}),
        ),
        (
            Method::POST,
            "/v1/sessions/{session}/fork",
            json!({"count": 2}),
        ),
        (Method::POST, "/v1/sessions/{session}/suspend", json!({})),
        (Method::POST, "/v1/sessions/{session}/resume", json!({})),
        (Method::DELETE, "/v1/sessions/{session}", Value::Null),
        (Method::GET, "/v1/sessions/{session}", Value::Null),
        (Method::GET, "/v1/backends", Value::Null),
        (Method::GET, "/v1/backends/lab", Value::Null),
        (Method::POST, "/v1/warmup", json!({})),
        (Method::GET, "/v1/warmup", Value::Null),
        (Method::GET, "/healthz", Value::Null),
        (Method::GET, "/readyz", Value::Null),
        (Method::GET, "/v1/contexts/x", Value::Null),
        (Method::DELETE, "/v1/jobs/{job}", Value::Null),
        (Method::DELETE, "/v1/backends/lab", Value::Null),
        (Method::POST, "/v1/shutdown", json!({})),
    ];
    for (method, path, body) in requests {
        let real = path.replace("{session}", &id).replace("{job}", &job);
        let mut request = server.request(method.clone(), &real);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = Answer::to(request).await;
        let path = path.replace("{session}", "{id}").replace("{job}", "{id}");
        let path = match path.as_str() {
            "/v1/jobs/nobody" => "/v1/jobs/{id}",
            path if path.starts_with("/v1/tools/") => "/v1/tools/{name}",
            path if path.starts_with("/v1/backends/") => "/v1/backends/{name}",
            path if path.starts_with("/v1/contexts/") => "/v1/contexts/{name}",
            path => path,
        };
        check(&document, &method, path, &answer);
    }
}

#[tokio::test]
async fn people_get_a_page_that_loads_nothing_from_elsewhere() {
    let (server, _) = serve().await;
    let page = server.get("/docs").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src"),
        "{policy}"
    );
    for expected in ["lab:add", "/v1/sessions/{id}/fork", "id=\"Session\""] {
        assert!(page.text.contains(expected), "{expected}");
    }
    for loading in [
        "<script",
        "<link",
        "<img",
        "src=",
        "url(",
        "@import",
        "href=\"http",
    ] {
        assert!(!page.text.contains(loading), "{loading}");
    }
}
