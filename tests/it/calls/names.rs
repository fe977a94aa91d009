//! From the name in a request to the tool that is meant.

use hostel_host::error::{Error, ErrorCode};
use hostel_tests::{Guest, TestHost};
use serde_json::{Value, json};

/// Two backends that offer one tool under names that differ only in where the backend's name ends.
const SUM: &str = r#"(;
package test:sum@1.0.0;
world guest { export all: func() -> u32; export b-all: func() -> u32; }
;)
(func (export "all") (result i32) (i32.const 1))
(func (export "b-all") (result i32) (i32.const 2))"#;

async fn host() -> TestHost {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("lab", &Guest::lab()).await;
    host.load("a", &Guest::text(SUM)).await;
    host.load("a-b", &Guest::text(SUM)).await;
    host
}

fn candidates(error: &Error) -> Value {
    let mut details = error.details().iter();
    let found = details.find(|(name, _)| *name == "candidates");
    found.map_or(Value::Null, |(_, candidates)| candidates.clone())
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_exactly_then_with_any_separator_then_bare() {
    let host = host().await;
    let check = |action: &str, expected: &str| {
        let tool = host.host.tool(action);
        assert_eq!(tool.expect(action).full_name, expected, "{action}");
    };
    check("counter:add", "counter:add");
    check("counter.add", "counter:add");
    check("counter_add", "counter:add");
    check("counter-add", "counter:add");
    check("lab:add_later", "lab:add_later");
    check("lab:add-later", "lab:add_later");
    check("lab_add_later", "lab:add_later");
    check("lab.add-later", "lab:add_later");
    check("double", "counter:double");
    check("add-later", "lab:add_later");
    check("a:b_all", "a:b_all");
    check("a-b:all", "a-b:all");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_could_be_two_tools_is_refused_with_both() {
    let host = host().await;
    let check = |action: &str, expected: Value| {
        let error = host.host.tool(action).expect_err(action);
        assert_eq!(error.code(), ErrorCode::ToolAmbiguous, "{action}");
        assert_eq!(candidates(&error), expected, "{action}");
    };
    check("add", json!(["counter:add", "lab:add"]));
    check("all", json!(["a:all", "a-b:all"]));
    check("a_b_all", json!(["a:b_all", "a-b:all"]));
    check("a.b.all", json!(["a:b_all", "a-b:all"]));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_tool_has_is_refused_with_the_nearest() {
    let host = host().await;
    let check = |action: &str, expected: Value| {
        let error = host.host.tool(action).expect_err(action);
        assert_eq!(error.code(), ErrorCode::ToolNotFound, "{action}");
        assert_eq!(candidates(&error), expected, "{action}");
        assert!(error.hint_text().is_some(), "{action}");
    };
    check("counter:dobule", json!(["counter:double"]));
    check("conter:add", json!(["counter:add"]));
    check("lab:trapp", json!(["lab:trap"]));
    check("ehco", json!(["lab:echo"]));
    check(
        "counter:entirely-different",
        json!(["counter:add", "counter:get", "counter:double"]),
    );
    check("entirely-different", json!([]));
    check("", json!([]));
    check("Counter:add", json!(["counter:add"]));
}

#[tokio::test(start_paused = true)]
async fn a_tool_of_a_backend_that_did_not_load_says_why() {
    let host = host().await;
    let loaded = host.load_bytes("broken", b"text", Default::default()).await;
    assert!(loaded.is_err());
    let error = host.host.tool("broken:run").unwrap_err();
    assert_eq!(error.code(), ErrorCode::ToolNotFound);
    let hint = error.hint_text().unwrap_or_default();
    assert!(hint.contains("not WebAssembly"), "{hint}");
}
