//! Every error code, reached from outside, with its status and its document.

use std::collections::BTreeSet;
use std::time::Duration;

use hostel_host::api::status;
use hostel_host::config::{BackendConfig, Config};
use hostel_host::error::ErrorCode;
use hostel_host::ids::BackendName;
use hostel_host::policy::{FolderAccess, FolderGrant};
use hostel_host::registry::BackendSettings;
use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn the_list_of_codes_is_closed() {
    let list: String = ErrorCode::ALL
        .iter()
        .map(|code| format!("{} {code}\n", status(*code).as_u16()))
        .collect();
    insta::assert_snapshot!(list, @r"
    400 invalid_request
    400 invalid_params
    401 unauthenticated
    403 forbidden
    403 policy_denied
    404 backend_not_found
    404 tool_not_found
    404 session_not_found
    404 job_not_found
    404 context_not_found
    409 conflict
    409 tool_ambiguous
    409 session_exists
    409 session_failed
    410 session_ended
    413 payload_too_large
    422 backend_invalid
    422 unsupported_snapshot
    429 session_busy
    429 rate_limited
    500 internal
    502 tool_trapped
    502 limit_exceeded
    503 overloaded
    503 shutting_down
    504 deadline_exceeded
    ");
}

/// A backend whose granted folder is not there: the host cannot do what it promised.
fn broken_grant() -> BackendSettings {
    let mut settings = BackendSettings::default();
    settings.grants.folders = vec![FolderGrant {
        host: "/surely/not/there".into(),
        guest: "/data".to_owned(),
        access: FolderAccess::ReadOnly,
    }];
    settings
}

fn configure(config: &mut Config) {
    config.sessions_max = 4;
    config.sessions_per_worker = 3;
    config.body_bytes_max = 10_000;
    config.settings.limits.queue = 0;
    config.settings.limits.cpu = Duration::from_millis(50);
    config.settings.limits.call = Duration::from_secs(5);
    let broken = BackendConfig {
        path: None,
        pin: None,
        settings: broken_grant(),
    };
    let name = BackendName::parse("broken").expect("it is a name");
    config.backends.insert(name, broken);
}

/// The codes that were reached; checks each document on the way.
#[derive(Default)]
struct Reached(BTreeSet<&'static str>);

impl Reached {
    fn check(&mut self, expected: ErrorCode, answer: &Answer) -> Value {
        let what = format!("{expected}: {}", answer.text);
        assert_eq!(answer.status, status(expected).as_u16(), "{what}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{what}"
        );
        let document = answer.json();
        assert_eq!(document["code"], expected.as_str(), "{what}");
        assert_eq!(
            document["type"],
            format!("urn:hostel:error:{expected}"),
            "{what}"
        );
        assert_eq!(
            document["title"],
            expected.as_str().replace('_', " "),
            "{what}"
        );
        assert_eq!(document["status"], answer.status, "{what}");
        assert_eq!(
            document["request_id"].as_str(),
            answer.header("x-request-id"),
            "{what}"
        );
        let detail = document["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && !detail.ends_with('.'), "{what}");
        let retries = [429, 503].contains(&answer.status);
        assert_eq!(answer.header("retry-after").is_some(), retries, "{what}");
        self.0.insert(expected.as_str());
        document
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_is_reached_with_its_status_and_its_document() {
    let (counter, lab) = (Guest::counter(), Guest::stateful_lab());
    let shifty = Guest::stateful_lab().with_changing_table();
    let guests = [
        ("shifty", &shifty),
        ("counter", &counter),
        ("other", &counter),
        ("lab", &lab),
        ("broken", &counter),
    ];
    let server = TestServer::start_with(&guests, configure).await;
    let mut reached = Reached::default();
    requests(&server, &mut reached).await;
    backends(&server, &mut reached).await;
    sessions(&server, &mut reached).await;
    calls(&server, &mut reached).await;
    bounds(&server, &mut reached).await;
    server.host.drain(Duration::from_secs(5)).await;
    let answer = server.execute("counter:double", json!({"n": 1})).await;
    reached.check(ErrorCode::ShuttingDown, &answer);
    let all: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(reached.0, all);
}

async fn requests(server: &TestServer, reached: &mut Reached) {
    let answer = server.post("/v1/execute", &json!({"params": {}})).await;
    reached.check(ErrorCode::InvalidRequest, &answer);
    let answer = server.execute("counter:double", json!({"n": "many"})).await;
    let document = reached.check(ErrorCode::InvalidParams, &answer);
    assert_eq!(document["pointer"], "/n");
    let request = server
        .request(Method::GET, "/v1/sessions")
        .bearer_auth("hst_nobody");
    reached.check(ErrorCode::Unauthenticated, &Answer::to(request).await);
    let large = json!({"text": "x".repeat(20_000)});
    let answer = server.execute("lab:echo", large).await;
    reached.check(ErrorCode::PayloadTooLarge, &answer);
    reached.check(ErrorCode::JobNotFound, &server.get("/v1/jobs/job_1").await);
    reached.check(
        ErrorCode::ContextNotFound,
        &server.get("/v1/contexts/docs").await,
    );
}

async fn backends(server: &TestServer, reached: &mut Reached) {
    reached.check(
        ErrorCode::BackendNotFound,
        &server.get("/v1/backends/conter").await,
    );
    let put = server.request(Method::PUT, "/v1/backends/new").body("junk");
    reached.check(ErrorCode::BackendInvalid, &Answer::to(put).await);
    let delete = server
        .request(Method::DELETE, "/v1/backends/other")
        .header("if-match", "\"sha256:0\"");
    reached.check(ErrorCode::Conflict, &Answer::to(delete).await);
}

async fn sessions(server: &TestServer, reached: &mut Reached) {
    let begun = server.begin(&json!({"backend": "lab"})).await;
    let path = format!("/v1/sessions/{}", begun["id"].as_str().unwrap());
    let again = server
        .post("/v1/sessions", &json!({"backend": "lab"}))
        .await;
    let document = reached.check(ErrorCode::SessionExists, &again);
    assert_eq!(document["session"], begun["id"]);
    let wide = json!({"backend": "lab", "name": "wide", "limits": {"cpu_ms": 1_000_000}});
    reached.check(
        ErrorCode::PolicyDenied,
        &server.post("/v1/sessions", &wide).await,
    );
    let fixed = server.begin(&json!({"backend": "shifty"})).await;
    let fixed = format!("/v1/sessions/{}", fixed["id"].as_str().unwrap());
    let fork = server.post(&format!("{fixed}/fork"), &json!({})).await;
    reached.check(ErrorCode::UnsupportedSnapshot, &fork);
    server.delete(&fixed).await;
    let other = server
        .request(Method::GET, &format!("/v1/sessions/ses_{:032x}", 1))
        .bearer_auth(begun["token"].as_str().unwrap());
    reached.check(ErrorCode::Forbidden, &Answer::to(other).await);
    let trap = server.execute("lab:trap", json!({})).await;
    let document = reached.check(ErrorCode::ToolTrapped, &trap);
    assert_eq!(document["session"], begun["id"]);
    let document = reached.check(ErrorCode::SessionFailed, &server.get(&path).await);
    assert_eq!(
        (&document["cause"], &document["reason"]),
        (&json!("tool_trapped"), &json!("failed"))
    );

    let begun = server.begin(&json!({"backend": "lab"})).await;
    let path = format!("/v1/sessions/{}", begun["id"].as_str().unwrap());
    assert_eq!(server.delete(&path).await.status, 200);
    let document = reached.check(ErrorCode::SessionEnded, &server.get(&path).await);
    assert_eq!(document["reason"], "released");
    let nobody = server.get(&format!("/v1/sessions/ses_{:032x}", 1)).await;
    reached.check(ErrorCode::SessionNotFound, &nobody);
}

async fn calls(server: &TestServer, reached: &mut Reached) {
    let answer = server.execute("counter:dubble", json!({})).await;
    let document = reached.check(ErrorCode::ToolNotFound, &answer);
    assert_eq!(document["candidates"], json!(["counter:double"]));
    let answer = server.execute("double", json!({})).await;
    let document = reached.check(ErrorCode::ToolAmbiguous, &answer);
    assert_eq!(
        document["candidates"],
        json!(["broken:double", "counter:double", "other:double"])
    );
    let answer = server.execute("lab:spin", json!({})).await;
    let document = reached.check(ErrorCode::LimitExceeded, &answer);
    assert_eq!(document["limit"], "cpu_ms");
    let late = json!({"action": "lab:sleep", "params": {"ms": 4000}, "timeout_ms": 50});
    reached.check(
        ErrorCode::DeadlineExceeded,
        &server.post("/v1/execute", &late).await,
    );
    let answer = server.execute("broken:double", json!({"n": 1})).await;
    let document = reached.check(ErrorCode::Internal, &answer);
    assert!(
        !answer.text.contains("/surely/not/there"),
        "the cause is withheld: {document}"
    );

    server
        .begin(&json!({"backend": "lab", "name": "busy"}))
        .await;
    let slow = json!({"action": "lab:sleep", "params": {"ms": 300}, "session": "busy"});
    let quick = json!({"action": "lab:add", "params": {"n": 1}, "session": "busy"});
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.post("/v1/execute", &quick).await
    };
    let (first, second) = tokio::join!(server.post("/v1/execute", &slow), second);
    assert_eq!(first.status, 200, "{}", first.text);
    reached.check(ErrorCode::SessionBusy, &second);
}

/// Sessions at once: three of a worker's, four in all. One is there already.
async fn bounds(server: &TestServer, reached: &mut Reached) {
    let begin = async |worker: &str, name: &str| {
        let body = json!({"backend": "counter", "name": name, "worker_id": worker});
        server.post("/v1/sessions", &body).await
    };
    for name in ["a", "b", "c"] {
        assert_eq!(begin("ada", name).await.status, 201);
    }
    reached.check(ErrorCode::Overloaded, &begin("bob", "a").await);
    let list = server.get("/v1/sessions").await.json();
    for session in list["sessions"].as_array().unwrap() {
        let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
        assert_eq!(server.delete(&path).await.status, 200);
    }
    reached.check(ErrorCode::RateLimited, &begin("ada", "d").await);
}
