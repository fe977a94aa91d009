//! Backends that are for some workers: for all others they are not there, at any door and by any word.

use hostel_host::access::Audience;
use hostel_host::config::BackendConfig;
use hostel_host::ids::BackendName;
use hostel_tests::{Answer, Guest};
use reqwest::Method;
use serde_json::{Value, json};

use super::Keyed;

async fn serve() -> Keyed {
    Keyed::start_with(|config| {
        let mut settings = config.settings.clone();
        let patterns = vec!["alice".to_owned(), "team-*".to_owned()];
        settings.workers = Audience::these(patterns).unwrap();
        let restricted = BackendConfig {
            path: None,
            pin: None,
            settings,
        };
        config
            .backends
            .insert(BackendName::parse("counter").unwrap(), restricted);
    })
    .await
}

/// All that this worker is told by the routes that show backends and tools.
async fn told(host: &Keyed, key: &str) -> String {
    let mut all = String::new();
    for path in [
        "/v1/tools",
        "/v1/tools?backend=counter",
        "/v1/backends",
        "/v1/warmup",
        "/docs",
        "/api/v1/tools",
        "/api/v1/warmup/status",
    ] {
        all.push_str(&host.ask(key, Method::GET, path, &Value::Null).await.text);
    }
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }}});
    let request = host.request(Some(key), Method::POST, "/mcp").json(&list);
    let request = request
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list");
    let listed = Answer::to(request).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    assert!(
        listed.text.contains("lab_echo") && listed.text.contains("\"private\""),
        "{}",
        listed.text
    );
    all.push_str(&listed.text);
    for action in ["nothing", "counter:doubl", "lab:nothing", "double"] {
        let body = json!({"action": action, "params": {}, "worker_id": null});
        all.push_str(&host.ask(key, Method::POST, "/v1/execute", &body).await.text);
    }
    let missing = host
        .ask(key, Method::GET, "/v1/backends/countr", &Value::Null)
        .await;
    all.push_str(&missing.text);
    all.replace("counter:doubl\\\"", "")
        .replace("?backend=counter", "")
        .replace("countr", "")
}

#[tokio::test]
async fn others_cannot_tell_that_it_is_there() {
    let host = serve().await;
    let scopes = ["call", "sessions", "jobs"];
    let (alice, team, bob) = (
        host.key("alice", &scopes),
        host.key("team-7", &scopes),
        host.key("bob", &scopes),
    );
    for own in [&alice, &team] {
        assert!(told(&host, own).await.contains("counter"));
    }
    let seen = told(&host, &bob).await;
    assert!(!seen.contains("counter"), "{seen}");
    let nowhere = |text: &str| text.replace("counter", "nowhere");
    let flow = json!({"action": "counter:double", "params": {"n": 2}, "worker_id": "bob"});
    let cases = [
        (
            Method::POST,
            "/v1/execute",
            json!({"action": "counter:double", "params": {"n": 2}}),
        ),
        (
            Method::POST,
            "/v1/execute",
            json!({"action": "counter.double", "params": {"n": 2}}),
        ),
        (
            Method::POST,
            "/v1/execute",
            json!({"action": "counter:add", "params": {"n": 2}, "session": "x"}),
        ),
        (
            Method::POST,
            "/v1/execute",
            json!({"action": "counter:double", "params": {"n": 2}, "wait": false}),
        ),
        (
            Method::POST,
            "/v1/execute/batch",
            json!({"calls": [{"action": "counter:double", "params": {"n": 2}}]}),
        ),
        (Method::POST, "/v1/sessions", json!({"backend": "counter"})),
        (Method::GET, "/v1/tools/counter:double", Value::Null),
        (Method::GET, "/v1/backends/counter", Value::Null),
        (Method::POST, "/api/v1/execute", flow),
        (
            Method::GET,
            "/api/v1/tools/counter:double/schema",
            Value::Null,
        ),
    ];
    for (method, path, body) in cases {
        let hidden = host.ask(&bob, method.clone(), path, &body).await;
        let other: Value = if body.is_null() {
            Value::Null
        } else {
            nowhere(&body.to_string()).parse().unwrap()
        };
        let absent = host.ask(&bob, method.clone(), &nowhere(path), &other).await;
        assert_eq!(hidden.status, absent.status, "{method} {path}");
        assert_eq!(
            plain(&nowhere(&hidden.text)),
            plain(&absent.text),
            "{method} {path}: what is hidden answers as what is not there"
        );
        assert_ne!(hidden.status, 200, "{path}");
        let own = host
            .ask(
                &alice,
                method,
                path,
                &body.to_string().replace("bob", "alice").parse().unwrap(),
            )
            .await;
        assert!(
            own.status < 300 || own.code() == "session_not_found",
            "{path}: {}",
            own.text
        );
    }
    let bare = json!({"action": "double", "params": {"n": 2}});
    assert_eq!(
        host.ask(&alice, Method::POST, "/v1/execute", &bare)
            .await
            .status,
        200
    );
    assert_eq!(
        host.ask(&bob, Method::POST, "/v1/execute", &bare)
            .await
            .code(),
        "tool_not_found"
    );
}

/// Without what differs from request to request.
fn plain(text: &str) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    scrub(&mut value);
    value.to_string()
}

fn scrub(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in [
                "request_id",
                "trace_id",
                "timestamp",
                "execution_time_ms",
                "duration_ms",
            ] {
                members.remove(name);
            }
            members.values_mut().for_each(scrub);
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        _ => {}
    }
}

#[tokio::test]
async fn one_that_is_sent_again_is_for_the_same_workers() {
    let host = serve().await;
    let (admin, bob) = (host.key("root", &["admin"]), host.key("bob", &["call"]));
    let path = "/v1/backends/counter";
    let unloaded = host.ask(&admin, Method::DELETE, path, &Value::Null).await;
    assert_eq!(unloaded.status, 200, "{}", unloaded.text);
    let component = Guest::counter().component();
    let sent = host
        .request(Some(&admin), Method::PUT, path)
        .body(component);
    assert_eq!(Answer::to(sent).await.status, 200);
    let body = json!({"action": "counter:double", "params": {"n": 2}});
    let answer = host.ask(&bob, Method::POST, "/v1/execute", &body).await;
    assert_eq!(answer.code(), "tool_not_found", "{}", answer.text);
}

#[tokio::test]
async fn an_administrator_sees_every_backend() {
    let host = serve().await;
    let admin = host.key("root", &["admin"]);
    let listed = host
        .ask(&admin, Method::GET, "/v1/backends", &Value::Null)
        .await;
    assert_eq!(listed.json()["count"], 2);
    let one = host
        .ask(&admin, Method::GET, "/v1/backends/counter", &Value::Null)
        .await;
    assert_eq!(one.status, 200);
}
