//! What a component can make the compiler do, and where that ends.

use std::path::PathBuf;
use std::time::Duration;

use hostel_host::config::Config;
use hostel_host::registry::{BackendSettings, CompileLimits};
use hostel_tests::{Answer, Behaviour, Guest, Hook, TestHost, TestServer};
use reqwest::Method;
use serde_json::json;

/// A component of one function that does so many additions.
fn sums(additions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 0))))"
        .repeat(additions);
    let text = format!(
        "(;\npackage test:sums@1.0.0;\nworld guest {{ export sum: func(n: u32, m: u32) -> u32; }}\n;)\n(func (export \"sum\") (param i32 i32) (result i32) {body} (local.get 0))"
    );
    Guest::text(&text).component()
}

async fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(&[("counter", &Guest::counter())], |config| {
        config.program = Some(PathBuf::from(env!("CARGO_BIN_EXE_hostel-under-test")));
        change(config);
    })
    .await
}

async fn put(server: &TestServer, component: Vec<u8>) -> Answer {
    let put = server.request(Method::PUT, "/v1/backends/bomb");
    Answer::to(put.body(component)).await
}

#[tokio::test]
async fn what_another_process_compiled_runs_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_owned();
    for first in [true, false] {
        let server = server(|config| config.data_dir = data_dir.clone()).await;
        let doubled = server.execute("counter:double", json!({"n": 4})).await;
        assert_eq!(doubled.json()["result"], 8, "{}", doubled.text);
        let begun = server.begin(&json!({"backend": "counter"})).await;
        assert!(begun["id"].is_string());
        let info = server.get("/v1/backends/counter").await.json();
        assert_eq!(info["compiled_in_ms"].is_u64(), first, "{info}");
        server.running.stop().await;
    }
}

#[tokio::test]
async fn a_warm_image_is_compiled_there_as_well() {
    let server = server(|_| {}).await;
    let warm = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    assert_eq!(put(&server, warm.component()).await.status, 200);
    let warmed = server.post("/v1/warmup", &json!({})).await.json();
    let start = &warmed["backends"]["bomb"]["start"];
    assert_eq!(
        (&start["from"], &start["kept"]),
        (&json!("image"), &json!(true)),
        "{warmed}"
    );
    let added = server.execute("bomb:add", json!({"n": 4})).await;
    assert_eq!(added.json()["result"], 4, "{}", added.text);
}

#[tokio::test]
async fn what_is_wrong_with_a_component_is_said_as_ever() {
    let server = server(|_| {}).await;
    let mut damaged = Guest::lab().component();
    let end = damaged.len() - 40;
    damaged.truncate(end);
    for (bytes, expected) in [
        (b"junk".to_vec(), "it is not WebAssembly"),
        (damaged, "unexpected end"),
    ] {
        let answer = put(&server, bytes).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "backend_invalid")
        );
        assert!(answer.text.contains(expected), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compilation_ends_at_the_limit_that_it_comes_to() {
    let defaults = CompileLimits::default();
    let time = CompileLimits {
        wall: Duration::from_millis(300),
        ..defaults
    };
    let cpu = CompileLimits {
        cpu: Duration::from_secs(1),
        ..defaults
    };
    let memory = CompileLimits {
        memory_bytes: 160 << 20,
        ..defaults
    };
    let cases = [
        (time, "[compile] wall_seconds"),
        (cpu, "[compile] cpu_seconds"),
        (memory, "[compile] memory_bytes"),
    ];
    let bomb = sums(150_000);
    for (limits, expected) in cases {
        let server = TestServer::start_with(&[], |config| {
            config.program = Some(PathBuf::from(env!("CARGO_BIN_EXE_hostel-under-test")));
            config.compile = limits;
        })
        .await;
        let answer = put(&server, bomb.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "backend_invalid"),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains(expected),
            "{expected}: {}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_is_served_while_a_bomb_is_compiled() {
    let server = server(|config| config.compile.cpu = Duration::from_secs(1)).await;
    let bomb = put(&server, sums(250_000));
    let neighbour = async {
        let mut calls = 0;
        loop {
            let doubled = server.execute("counter:double", json!({"n": calls})).await;
            assert_eq!(doubled.json()["result"], 2 * calls, "{}", doubled.text);
            calls += 1;
        }
    };
    tokio::select! {
        answer = bomb => assert!(answer.text.contains("cpu_seconds"), "{}", answer.text),
        () = neighbour => {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_in_some_dimension_is_refused_before_it_is_compiled() {
    let many = |what: &str, count: usize| format!("(component {})", what.repeat(count));
    let nested = format!("{}{}", "(component ".repeat(40), ")".repeat(40));
    let cases = [
        (nested, "levels deep"),
        (many("(core module)", 300), "core modules"),
        (
            format!(
                "(component (core module $m) {})",
                "(core instance (instantiate $m))".repeat(10_001)
            ),
            "10001 core instances",
        ),
    ];
    let host = TestHost::new();
    for (text, expected) in &cases {
        let bytes = wat::parse_str(text).unwrap();
        let loaded = host
            .load_bytes("bomb", &bytes, BackendSettings::default())
            .await;
        let error = loaded
            .err()
            .unwrap_or_else(|| panic!("{expected} was loaded"));
        assert!(error.message().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn features_that_no_guest_needs_are_off() {
    let cases = [
        ("memory64", "(memory i64 1)"),
        ("threads", "(memory 1 1 shared)"),
        ("exceptions", "(tag)"),
        ("gc", "(type (struct))"),
    ];
    let host = TestHost::new();
    for (feature, field) in cases {
        let bytes = wat::parse_str(format!("(component (core module {field}))")).unwrap();
        let loaded = host
            .load_bytes("bomb", &bytes, BackendSettings::default())
            .await;
        assert!(loaded.is_err(), "{feature} is on");
    }
}
