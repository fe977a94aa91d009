//! One host, one log, every door.

use std::path::PathBuf;

use bytes::Bytes;
use hostel_host::audit::{AuditConfig, verify};
use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Audited {
    server: TestServer,
    file: PathBuf,
    _folder: TempDir,
}

impl Audited {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        let (counter, lab) = (Guest::counter(), Guest::stateful_lab());
        let audit = AuditConfig {
            file: Some(file.clone()),
            ..AuditConfig::default()
        };
        let guests = [("counter", &counter), ("lab", &lab)];
        let server = TestServer::start_with(&guests, |config| config.audit = Some(audit)).await;
        Self {
            server,
            file,
            _folder: folder,
        }
    }

    /// Stops the host and reads what it wrote.
    async fn lines(self) -> (String, Vec<Value>) {
        self.server.running.stop().await;
        verify(std::slice::from_ref(&self.file), None).unwrap();
        let text = fs_err::read_to_string(&self.file).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines = lines.collect();
        (text, lines)
    }
}

/// A call through the MCP door.
fn mcp(server: &TestServer, tool: &str, arguments: &Value) -> reqwest::RequestBuilder {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    server
        .request(Method::POST, "/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("x-worker-id", "mcp")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
}

/// The lines of a verb.
fn of<'a>(lines: &'a [Value], verb: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["verb"] == verb).collect()
}

#[tokio::test]
async fn a_call_has_its_line_through_whichever_door_it_came() {
    let audited = Audited::start().await;
    let server = &audited.server;
    let http = server
        .request(Method::POST, "/v1/execute")
        .header("x-worker-id", "http")
        .header("x-request-id", "asked-by-http")
        .json(&json!({"action": "double", "params": {"n": 4}}));
    assert_eq!(Answer::to(http).await.json()["result"], 8);
    let batch =
        json!({"worker_id": "batch", "calls": [{"action": "counter:double", "params": {"n": 1}}]});
    server.post("/v1/execute/batch", &batch).await;
    let job = json!({"worker_id": "job", "action": "counter:double", "params": {"n": 2}, "wait_ms": 5000});
    server.post("/v1/execute", &job).await;
    let answer = Answer::to(mcp(server, "counter_double", &json!({"n": 21}))).await;
    assert_eq!(
        answer.json()["result"]["structuredContent"],
        42,
        "{}",
        answer.text
    );
    let begun = mcp(server, "session_create", &json!({"backend": "counter"}));
    let begun = Answer::to(begun).await;
    assert_eq!(begun.json()["result"]["isError"], false, "{}", begun.text);
    let agentflow =
        json!({"worker_id": "agentflow", "action": "counter:double", "params": {"n": 3}});
    server.post("/api/v1/execute", &agentflow).await;
    let digest = server.get("/v1/backends/counter").await.json()["digest"].clone();

    let (_, lines) = audited.lines().await;
    let calls = of(&lines, "execute");
    let workers: Vec<&str> = calls
        .iter()
        .map(|line| line["worker"].as_str().unwrap())
        .collect();
    assert_eq!(workers, ["http", "batch", "job", "mcp", "agentflow"]);
    for line in &calls {
        assert_eq!(line["action"], "counter:double");
        assert_eq!(line["digest"], digest);
        assert_eq!(
            (&line["outcome"], &line["credential"]),
            (&json!("ok"), &json!("nobody"))
        );
        assert!(line["request_id"].is_string() && line["duration_us"].is_u64());
    }
    assert_eq!(calls[0]["request_id"], "asked-by-http");
    assert_eq!(calls[0]["params"]["bytes"], 7);
    let hash = |text: &str| hash(text.as_bytes());
    assert_eq!(calls[0]["params"]["blake3"], hash("{\"n\":4}"));
    assert_eq!(calls[0]["result"]["blake3"], hash("8"));
    let begun = of(&lines, "create_session")[0];
    assert_eq!(
        (&begun["worker"], &begun["outcome"]),
        (&json!("mcp"), &json!("ok"))
    );
    assert!(begun["request_id"].is_string() && begun["session"].is_string());
    assert_eq!(lines[0]["verb"], "start_host");
    assert_eq!(lines.last().unwrap()["verb"], "stop_host");
}

fn hash(bytes: &[u8]) -> String {
    // The crate of the host, so that a reader of the log can do the same with any tool.
    hostel_host::audit::fingerprint(bytes)
}

#[tokio::test]
async fn the_life_of_a_session_is_written_down_and_nothing_that_was_said_in_it() {
    const SECRET: &str = "s3cr3t-canary";
    let audited = Audited::start().await;
    let server = &audited.server;
    let begun = server
        .begin(&json!({"backend": "lab", "worker_id": "ada", "checkpoint": "manual"}))
        .await;
    let id = begun["id"].as_str().unwrap().to_owned();
    let ada = |method, path: String, body: Value| {
        let request = server.request(method, &path).header("x-worker-id", "ada");
        Answer::to(request.json(&body))
    };
    let path = format!("/v1/sessions/{id}");
    let echo = json!({"action": "lab:echo", "params": {"text": SECRET}, "session": id});
    ada(Method::POST, "/v1/execute".into(), echo).await;
    let fail = json!({"action": "lab:fail", "params": {"text": SECRET}, "session": id});
    ada(Method::POST, "/v1/execute".into(), fail).await;
    let labels = json!({"labels": {"note": SECRET}});
    ada(Method::PATCH, path.clone(), labels).await;
    ada(
        Method::POST,
        format!("{path}/checkpoints"),
        json!({"name": "here"}),
    )
    .await;
    ada(
        Method::POST,
        format!("{path}/restore"),
        json!({"checkpoint": "here"}),
    )
    .await;
    ada(Method::POST, format!("{path}/fork"), json!({"count": 2})).await;
    ada(Method::POST, format!("{path}/suspend"), json!({})).await;
    ada(Method::POST, format!("{path}/resume"), json!({})).await;
    let calls = json!({"transaction": true, "calls": [
        {"action": "lab:add", "params": {"n": 1}, "session": id},
        {"action": "lab:trap", "params": {}, "session": id},
        {"action": "lab:add", "params": {"n": 2}, "session": id},
    ]});
    ada(Method::POST, "/v1/execute/batch".into(), calls).await;
    ada(Method::DELETE, path, json!({})).await;
    let token = begun["token"].as_str().unwrap().to_owned();

    let (text, lines) = audited.lines().await;
    assert!(!text.contains(SECRET) && !text.contains(&token), "{text}");
    for verb in [
        "create_session",
        "change_session",
        "checkpoint",
        "restore",
        "fork",
        "suspend",
        "resume",
        "transaction",
        "destroy_session",
    ] {
        let found = of(&lines, verb);
        assert_eq!(found.len(), 1, "{verb}: {text}");
        assert_eq!(
            (&found[0]["worker"], &found[0]["outcome"]),
            (&json!("ada"), &json!("ok")),
            "{verb}"
        );
        assert!(found[0]["request_id"].is_string(), "{verb}");
        if verb != "transaction" {
            assert_eq!(found[0]["session"], id, "{verb}");
        }
    }
    assert_eq!(
        of(&lines, "fork")[0]["details"]["forks"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let outcomes: Vec<&Value> = of(&lines, "execute")
        .iter()
        .map(|line| &line["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        ["ok", "tool_error", "ok", "tool_trapped", "not_run"]
    );
}

#[tokio::test]
async fn what_is_denied_is_written_down_once() {
    let audited = Audited::start().await;
    let server = &audited.server;
    let begun = server.begin(&json!({"backend": "counter"})).await;
    let bearer = format!("Bearer {}", begun["token"].as_str().unwrap());
    let request = |path: &str, authorization: &str| {
        Answer::to(
            server
                .request(Method::GET, path)
                .header("authorization", authorization),
        )
    };
    assert_eq!(request("/v1/sessions", "Basic x").await.status, 401);
    assert_eq!(request("/v1/jobs", "Bearer hst_nobodys").await.status, 401);
    assert_eq!(
        request("/v1/sessions?backend=private", &bearer)
            .await
            .status,
        403
    );
    let rebound = server
        .request(Method::GET, "/v1/tools")
        .header("host", "evil.example");
    assert_eq!(Answer::to(rebound).await.status, 403);
    let elsewhere = server
        .request(Method::POST, "/v1/execute")
        .header("authorization", &bearer)
        .json(&json!({"action": "counter:get", "session": "other"}));
    assert_eq!(Answer::to(elsewhere).await.status, 403);

    let (text, lines) = audited.lines().await;
    let denied: Vec<(&str, &str)> = of(&lines, "denied")
        .into_iter()
        .map(|line| {
            (
                line["action"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        denied,
        [
            ("GET /v1/sessions", "unauthenticated"),
            ("GET /v1/jobs", "unauthenticated"),
            ("GET /v1/sessions", "forbidden"),
            ("GET /v1/tools", "forbidden"),
        ]
    );
    assert!(
        !text.contains("private") && !text.contains("hst_"),
        "{text}"
    );
    let call = of(&lines, "execute")[0];
    assert_eq!(call["outcome"], "forbidden");
    let credential = call["credential"].as_str().unwrap();
    assert!(credential.starts_with("session ses_"), "{credential}");
}

#[tokio::test]
async fn backends_that_come_and_go_are_written_down_with_who_moved_them() {
    let audited = Audited::start().await;
    let server = &audited.server;
    let component = Guest::counter().version(2).component();
    let put = server
        .request(Method::PUT, "/v1/backends/counter")
        .header("x-worker-id", "operator")
        .body(Bytes::from(component.clone()));
    let digest = Answer::to(put).await.json()["digest"].clone();
    server.post("/v1/warmup", &json!({})).await;
    server.delete("/v1/backends/counter").await;
    server.post("/v1/shutdown", &json!({})).await;

    let (text, lines) = audited.lines().await;
    assert_eq!(of(&lines, "load_backend").len(), 2, "{text}");
    let put = of(&lines, "put_backend")[0];
    assert_eq!(
        (&put["worker"], &put["action"], &put["digest"]),
        (&json!("operator"), &json!("counter"), &digest)
    );
    assert_eq!(put["params"]["bytes"], component.len());
    assert_eq!(of(&lines, "delete_backend")[0]["digest"], digest);
    assert_eq!(of(&lines, "warmup")[0]["details"]["backends"], 2);
    assert_eq!(of(&lines, "request_stop").len(), 1);
}
