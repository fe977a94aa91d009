//! The plugins that ship with Hostel, as their users call them: real components, built by `hostel build`.
//! They need a compiler, so these tests run only when they are asked for: `.ci/run` builds the components and names their folder.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hostel_host::config::{BackendConfig, Config};
use hostel_host::ids::BackendName;
use hostel_host::registry::{BackendSettings, Manifest};
use hostel_tests::TestServer;
use serde_json::{Value, json};

/// The folder of components.
fn components() -> PathBuf {
    let folder = std::env::var_os("HOSTEL_COMPONENTS");
    folder.map(PathBuf::from).expect(
        "HOSTEL_COMPONENTS names the folder into which `hostel build plugins --out` has built",
    )
}

/// Serves one plugin with what its manifest wants, as `hostel up` does.
async fn serve(name: &str) -> TestServer {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../plugins")
        .join(name);
    let manifest = Manifest::load(&source).expect("the manifest can be read");
    let settings = BackendSettings {
        grants: manifest.harmless(&source),
        ..BackendSettings::default()
    };
    let path = components().join(format!("{name}.wasm"));
    let backend = BackendConfig {
        path: Some(path),
        pin: None,
        settings,
    };
    let name = BackendName::parse(name).expect("it is a name");
    TestServer::serve(move |config: &mut Config| {
        config.backends.insert(name, backend);
    })
    .await
}

async fn result(server: &TestServer, action: &str, params: Value) -> Value {
    let answer = server.execute(action, params).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["is_error"], false, "{}", answer.text);
    answer.json()["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the plugins built"]
async fn code_keeps_its_variables_from_call_to_call() {
    let server = serve("code").await;
    server.begin(&json!({"backend": "code"})).await;
    result(
        &server,
        "code:run",
        json!({"source": "let total = 40; console.log('set')"}),
    )
    .await;
    let outcome = result(&server, "code:run", json!({"source": "total + 2"})).await;
    assert_eq!(outcome["value"], "42", "{outcome}");
    let outcome = result(&server, "code:run", json!({"source": "1;\nnope()"})).await;
    assert_eq!(outcome["error"]["line"], 2, "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the plugins built"]
async fn code_that_never_ends_is_stopped_and_says_so() {
    let server = serve("code").await;
    let body =
        json!({"action": "code:run", "params": {"source": "for (;;) {}"}, "timeout_ms": 300});
    let answer = server.post("/v1/execute", &body).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (504, "deadline_exceeded"),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the plugins built"]
async fn files_of_one_session_are_not_there_in_another() {
    let server = serve("files").await;
    for name in ["one", "two"] {
        server
            .begin(&json!({"backend": "files", "name": name}))
            .await;
    }
    let in_session = |session: &str, action: &str, params: Value| json!({"action": action, "params": params, "session": {"name": session}});
    let written = server
        .post(
            "/v1/execute",
            &in_session(
                "one",
                "files:write",
                json!({"path": "notes/a.txt", "text": "alpha\nbeta\n"}),
            ),
        )
        .await;
    assert_eq!(written.json()["is_error"], false, "{}", written.text);
    let found = server
        .post(
            "/v1/execute",
            &in_session("one", "files:search", json!({"pattern": "bet."})),
        )
        .await;
    assert!(found.text.contains("notes/a.txt"), "{}", found.text);
    let missing = server
        .post(
            "/v1/execute",
            &in_session("two", "files:read", json!({"path": "notes/a.txt"})),
        )
        .await;
    assert_eq!(missing.json()["is_error"], true, "{}", missing.text);
    let outside = server
        .post(
            "/v1/execute",
            &in_session("one", "files:read", json!({"path": "../../etc/passwd"})),
        )
        .await;
    assert_eq!(outside.json()["is_error"], true, "{}", outside.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the plugins built"]
async fn vm_shows_its_screen_as_a_png() {
    let server = serve("vm").await;
    server
        .begin(&json!({"backend": "vm", "config": {"example": "maze", "seed": 3}}))
        .await;
    result(&server, "vm:run", json!({"cycles": 20_000})).await;
    let screen = result(&server, "vm:screenshot", json!({})).await;
    let png = STANDARD
        .decode(screen.as_str().expect("bytes are a string"))
        .expect("bytes are base64");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "{:?}", png.get(..8));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the plugins built"]
async fn rag_finds_the_passage_and_names_its_source() {
    let server = serve("rag").await;
    let warmed = server
        .post("/v1/warmup", &json!({"backends": ["rag"]}))
        .await;
    assert_eq!(warmed.status, 200, "{}", warmed.text);
    let hits = result(
        &server,
        "rag:search",
        json!({"query": "parse JSON from a string", "limit": 3}),
    )
    .await;
    assert_eq!(hits.as_array().map(Vec::len), Some(3), "{hits}");
    assert!(
        hits[0]["source"]
            .as_str()
            .is_some_and(|source| source.contains("json")),
        "{hits}"
    );
    let odd = result(
        &server,
        "rag:search",
        json!({"query": "\"unclosed (AND -- :*"}),
    )
    .await;
    assert!(odd.is_array());
}
