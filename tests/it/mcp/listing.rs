//! `tools/list`: names, schemas, hints, order, and how long it may be kept.

use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};

use super::client::{Legacy, Modern};

async fn server() -> TestServer {
    let (counter, lab, picture) = (
        Guest::counter(),
        Guest::stateful_lab(),
        Guest::named("picture"),
    );
    let long = "b".repeat(40);
    TestServer::start(&[
        ("counter", &counter),
        ("my-lab", &lab),
        ("picture", &picture),
        (&long, &lab),
    ])
    .await
}

fn names(listed: &Value) -> Vec<String> {
    let tools = listed["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

fn tool<'a>(listed: &'a Value, name: &str) -> &'a Value {
    let mut tools = listed["tools"].as_array().unwrap().iter();
    tools
        .find(|tool| tool["name"] == name)
        .unwrap_or_else(|| panic!("{name}"))
}

#[tokio::test]
async fn every_name_fits_every_models_rules_and_the_order_is_always_the_same() {
    let server = server().await;
    let client = Modern::new(&server);
    let listed = client.ask("tools/list", json!({})).await.result();
    let names = names(&listed);
    for name in &names {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(
            (1..=64).contains(&name.len()) && name.chars().all(fits),
            "{name}"
        );
    }
    assert_eq!(
        names[..4],
        [
            "session_create",
            "session_list",
            "session_destroy",
            "session_fork"
        ]
    );
    for name in ["counter_add", "counter_double", "my-lab_add_later"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    let again = client.ask("tools/list", json!({})).await.result();
    assert_eq!(listed, again);
    let older = Legacy::begin(&server).await;
    let older = older.ask("tools/list", json!({})).await.result();
    assert_eq!(self::names(&older), names);
}

#[tokio::test]
async fn a_tool_has_a_description_and_schemas_of_what_it_takes_and_gives() {
    let server = server().await;
    let client = Modern::new(&server);
    let listed = client.ask("tools/list", json!({})).await.result();
    for tool in listed["tools"].as_array().unwrap() {
        assert!(!tool["description"].as_str().unwrap().is_empty(), "{tool}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert!(jsonschema::meta::is_valid(&tool["inputSchema"]), "{tool}");
        if let Some(output) = tool.get("outputSchema") {
            assert!(jsonschema::meta::is_valid(output), "{tool}");
        }
    }
    let double = tool(&listed, "counter_double");
    assert_eq!(double["outputSchema"]["type"], "integer");
    assert_eq!(
        double["inputSchema"]["properties"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(double["_meta"]["hostel/tool"], "counter:double");
    let add = tool(&listed, "counter_add");
    assert_eq!(
        add["inputSchema"]["properties"]["session"]["type"],
        "string"
    );
    assert_eq!(add["inputSchema"]["required"], json!(["n"]));
    // A picture is content, and there is nothing structured about it.
    assert_eq!(tool(&listed, "picture_picture").get("outputSchema"), None);
}

#[tokio::test]
async fn revisions_before_2026_07_28_have_outputs_that_are_objects() {
    let server = server().await;
    let client = Legacy::begin(&server).await;
    let listed = client.ask("tools/list", json!({})).await.result();
    for tool in listed["tools"].as_array().unwrap() {
        if let Some(output) = tool.get("outputSchema") {
            assert_eq!(output["type"], "object", "{tool}");
        }
    }
    let double = tool(&listed, "counter_double");
    assert_eq!(
        double["outputSchema"]["properties"]["result"]["type"],
        "integer"
    );
    assert_eq!(listed.get("ttlMs"), None);
    let called = client.call("counter_double", json!({"n": 4})).await;
    assert_eq!(called["structuredContent"], json!({"result": 8}));
}

#[tokio::test]
async fn the_list_says_how_long_and_by_whom_it_may_be_kept() {
    let server = server().await;
    let client = Modern::new(&server);
    let listed = client.ask("tools/list", json!({})).await.result();
    assert_eq!(listed["resultType"], "complete");
    assert!(listed["ttlMs"].as_u64().unwrap() > 0);
    assert_eq!(listed["cacheScope"], "public");
}

#[tokio::test]
async fn what_creates_sessions_states_their_lifetime() {
    let server = TestServer::start_with(&[("counter", &Guest::counter())], |config| {
        config.timers.idle_timeout = Some(std::time::Duration::from_secs(77));
        config.timers.max_lifetime = Some(std::time::Duration::from_secs(88));
    })
    .await;
    let listed = Modern::new(&server).ask("tools/list", json!({})).await;
    let listed = listed.result();
    let create = tool(&listed, "session_create");
    let description = create["description"].as_str().unwrap();
    assert!(
        description.contains("77 s (idle_timeout)") && description.contains("88 s"),
        "{description}"
    );
    let properties = &create["inputSchema"]["properties"];
    assert_eq!(properties["backend"]["enum"], json!(["counter"]));
}

#[tokio::test]
async fn the_server_says_what_it_is_and_what_it_has() {
    let server = server().await;
    let found = Modern::new(&server)
        .ask("server/discover", json!({}))
        .await
        .result();
    let versions = found["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")));
    assert_eq!(found["capabilities"]["tools"]["listChanged"], true);
    assert_eq!(found["capabilities"].get("prompts"), None);
    assert_eq!(
        found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "hostel"
    );
    assert!(
        found["instructions"]
            .as_str()
            .unwrap()
            .contains("session_create")
    );
}
