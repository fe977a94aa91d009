//! Every route against every way of not being let in.

use std::collections::BTreeSet;

use hostel_tests::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Keyed, add, add_expired};

const SESSION: &str = "ses_00000000000000000000000000000000";
const JOB: &str = "job_00000000000000000000000000000000";

/// Method, route, body, and the scope without which it is forbidden.
type Route = (Method, &'static str, Value, Option<&'static str>);

fn routes() -> Vec<Route> {
    let (get, post) = (|| Method::GET, || Method::POST);
    let none = || Value::Null;
    let call = || json!({"action": "lab:echo", "params": {"text": "hi"}});
    let alice = || json!({"worker_id": "alice"});
    let flow = |more: Value| {
        let mut body = alice();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    vec![
        (post(), "/v1/execute", call(), Some("call:lab.echo")),
        (
            post(),
            "/v1/execute/batch",
            json!({"calls": [call()]}),
            None,
        ),
        (get(), "/v1/tools", none(), None),
        (get(), "/v1/tools/{name}", none(), None),
        (get(), "/v1/backends", none(), None),
        (get(), "/v1/backends/{name}", none(), None),
        (Method::PUT, "/v1/backends/{name}", json!({}), Some("admin")),
        (Method::DELETE, "/v1/backends/{name}", none(), Some("admin")),
        (get(), "/v1/warmup", none(), None),
        (post(), "/v1/warmup", json!({}), Some("admin")),
        (get(), "/v1/sessions", none(), Some("sessions")),
        (
            post(),
            "/v1/sessions",
            json!({"backend": "lab"}),
            Some("sessions"),
        ),
        (get(), "/v1/sessions/{id}", none(), Some("sessions")),
        (
            Method::PATCH,
            "/v1/sessions/{id}",
            json!({}),
            Some("sessions"),
        ),
        (
            Method::DELETE,
            "/v1/sessions/{id}",
            none(),
            Some("sessions"),
        ),
        (
            post(),
            "/v1/sessions/{id}/keep-alive",
            none(),
            Some("sessions"),
        ),
        (get(), "/v1/sessions/{id}/logs", none(), Some("sessions")),
        (
            get(),
            "/v1/sessions/{id}/checkpoints",
            none(),
            Some("sessions"),
        ),
        (
            post(),
            "/v1/sessions/{id}/checkpoints",
            none(),
            Some("sessions"),
        ),
        (
            post(),
            "/v1/sessions/{id}/restore",
            json!({"checkpoint": "c1"}),
            Some("sessions"),
        ),
        (post(), "/v1/sessions/{id}/fork", none(), Some("sessions")),
        (
            post(),
            "/v1/sessions/{id}/suspend",
            none(),
            Some("sessions"),
        ),
        (post(), "/v1/sessions/{id}/resume", none(), Some("sessions")),
        (get(), "/v1/jobs", none(), Some("jobs")),
        (get(), "/v1/jobs/{id}", none(), Some("jobs")),
        (Method::DELETE, "/v1/jobs/{id}", none(), Some("jobs")),
        (get(), "/v1/jobs/{id}/events", none(), Some("jobs")),
        (post(), "/v1/jobs/{id}/cancel", none(), Some("jobs")),
        (get(), "/v1/contexts/{name}", none(), None),
        (get(), "/v1/usage", none(), None),
        (post(), "/v1/policy/reload", none(), Some("admin")),
        (post(), "/v1/shutdown", none(), Some("admin")),
        (get(), "/metrics", none(), Some("admin")),
        (get(), "/openapi.json", none(), None),
        (get(), "/docs", none(), None),
        (get(), "/nothing/here", none(), None),
        (
            post(),
            "/mcp",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "lab_echo", "arguments": {"text": "hi"}}}),
            Some("call:lab.echo"),
        ),
        (get(), "/health", none(), None),
        (get(), "/ready", none(), None),
        (
            post(),
            "/api/v1/execute",
            flow(json!({"action": "lab:echo", "params": {"text": "hi"}})),
            Some("call:lab.echo"),
        ),
        (
            post(),
            "/api/v1/execute/batch",
            flow(json!({"actions": [call()]})),
            None,
        ),
        (
            post(),
            "/api/v1/session/create",
            flow(json!({"resource_type": "lab"})),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/session/destroy",
            flow(json!({"resource_type": "lab"})),
            Some("sessions"),
        ),
        (post(), "/api/v1/session/list", alice(), Some("sessions")),
        (
            post(),
            "/api/v1/session/refresh",
            flow(json!({"resource_type": "lab"})),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/lifecycle/heartbeat",
            alice(),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/lifecycle/status",
            alice(),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/worker/disconnect",
            alice(),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/init/resource",
            flow(json!({"resource_type": "lab"})),
            Some("sessions"),
        ),
        (
            post(),
            "/api/v1/init/batch",
            flow(json!({"resource_configs": {"lab": {}}})),
            None,
        ),
        (
            post(),
            "/api/v1/init/from-config",
            flow(json!({"config_path": "x"})),
            None,
        ),
        (get(), "/api/v1/tools", none(), None),
        (get(), "/api/v1/tools/{name}/schema", none(), None),
        (post(), "/api/v1/warmup", json!({}), Some("admin")),
        (get(), "/api/v1/warmup/status", none(), None),
        (post(), "/api/v1/server/shutdown", json!({}), Some("admin")),
        (get(), "/api/v1/{*rest}", none(), None),
    ]
}

/// Routes that look at nobody's things.
const OF_NO_WORKER: [&str; 4] = [
    "/v1/contexts/{name}",
    "/openapi.json",
    "/nothing/here",
    "/api/v1/{*rest}",
];

fn real(route: &str) -> String {
    let id = if route.contains("jobs") { JOB } else { SESSION };
    let name = if route.contains("tools") {
        "lab:echo"
    } else {
        "lab"
    };
    route
        .replace("{id}", id)
        .replace("{name}", name)
        .replace("{*rest}", "nothing")
}

#[test]
fn no_route_is_forgotten() {
    let mut written = BTreeSet::new();
    for file in ["http.rs", "agentflow.rs"] {
        let text = fs_err::read_to_string(format!("../host/src/api/{file}")).unwrap();
        let found = text.split("\"/").skip(1);
        let found = found.filter_map(|rest| rest.split('"').next());
        written.extend(found.map(|route| format!("/{route}")));
    }
    let here: BTreeSet<String> = routes().iter().map(|route| route.1.to_owned()).collect();
    let forgotten: Vec<&String> = written
        .difference(&here)
        .filter(|route| !["/healthz", "/readyz", "/api/v1/"].contains(&route.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[tokio::test]
async fn without_a_good_key_no_route_answers() {
    let host = Keyed::start().await;
    let (id, revoked) = add(&host.file, "alice", &["call", "admin"]);
    assert_eq!(
        host.ask(&revoked, Method::GET, "/v1/tools", &Value::Null)
            .await
            .status,
        200
    );
    host.file.revoke(&id).unwrap();
    let (expired, good) = (
        add_expired(&host.file, "alice"),
        host.key("alice", &["call"]),
    );
    let mistyped = format!("{}x", &good[..good.len() - 1]);
    let (of_another, _) = (KeyElsewhere::new(), ());
    // A key that is there makes the host look at its file.
    assert_eq!(
        host.ask(&good, Method::GET, "/v1/tools", &Value::Null)
            .await
            .status,
        200
    );
    let wrong = [
        None,
        Some(revoked.as_str()),
        Some(expired.as_str()),
        Some(mistyped.as_str()),
        Some(of_another.0.as_str()),
        Some("hst_0123"),
        Some("x.y.z"),
        Some(""),
    ];
    for (method, route, body, _) in routes() {
        for key in wrong {
            let mut request = host.request(key, method.clone(), &real(route));
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = Answer::to(request).await;
            assert_eq!(
                answer.status, 401,
                "{method} {route} {key:?}: {}",
                answer.text
            );
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                challenge.starts_with("Bearer"),
                "{method} {route}: {challenge:?}"
            );
            assert_eq!(
                challenge.contains("invalid_token"),
                key.is_some(),
                "{challenge}"
            );
            if let Some(key) = key.filter(|key| key.len() > 8) {
                assert!(!answer.text.contains(key), "{}", answer.text);
            }
        }
    }
    for open in ["/healthz", "/readyz"] {
        let answer = Answer::to(host.request(None, Method::GET, open)).await;
        assert_eq!(answer.status, 200, "{open}");
    }
}

/// A key that another host has made.
struct KeyElsewhere(String);

impl KeyElsewhere {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = hostel_host::auth::KeyFile::of(folder.path());
        Self(add(&file, "alice", &["call", "admin"]).1)
    }
}

#[tokio::test]
async fn without_the_scope_the_answer_names_it() {
    let host = Keyed::start().await;
    let all = ["call", "sessions", "jobs", "admin"];
    for (method, route, body, scope) in routes() {
        let Some(scope) = scope else {
            continue;
        };
        let others: Vec<&str> = all
            .into_iter()
            .filter(|other| !scope.starts_with(other))
            .collect();
        let key = host.key("alice", &others);
        let answer = host.ask(&key, method.clone(), &real(route), &body).await;
        assert_eq!(answer.status, 403, "{method} {route}: {}", answer.text);
        assert!(
            answer.text.contains(&format!("lacks the scope {scope}")),
            "{}",
            answer.text
        );
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let expected = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        assert_eq!(challenge, expected, "{method} {route}");
    }
}

#[tokio::test]
async fn a_key_speaks_for_its_own_worker() {
    let host = Keyed::start().await;
    let key = host.key("alice", &["call", "sessions", "jobs"]);
    for (method, route, body, _) in routes() {
        let request = host.request(Some(&key), method.clone(), &real(route));
        let mut request = request.header("x-worker-id", "bob");
        if !body.is_null() {
            request = request.json(
                &body
                    .to_string()
                    .replace("alice", "bob")
                    .parse::<Value>()
                    .unwrap(),
            );
        }
        let answer = Answer::to(request).await;
        if OF_NO_WORKER.contains(&route) || ["/health", "/ready"].contains(&route) {
            assert_ne!(answer.status, 401, "{method} {route}");
            continue;
        }
        let parts = [
            "/v1/execute/batch",
            "/api/v1/execute/batch",
            "/api/v1/init/batch",
        ];
        assert_eq!(
            answer.status,
            403,
            "{method} {route} {}: {}",
            parts.contains(&route),
            answer.text
        );
    }
}

#[tokio::test]
async fn every_route_answers_who_may() {
    let host = Keyed::start().await;
    let key = host.key("alice", &["call", "sessions", "jobs", "admin"]);
    for (method, route, body, _) in routes() {
        if route.ends_with("shutdown") || method == Method::DELETE {
            continue;
        }
        let answer = host.ask(&key, method.clone(), &real(route), &body).await;
        let turned_away = [401, 429].contains(&answer.status)
            || (answer.status == 403 && !route.ends_with("from-config"));
        assert!(
            !turned_away,
            "{method} {route}: {} {}",
            answer.status, answer.text
        );
    }
}
