//! What a component's exports become: tools, or nothing with a reason.

use hostel_host::host::BackendInfo;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};

const COMMAND: &str = r#"(;
package test:command@1.0.0;
world guest { export wasi:cli/run@0.2.0; export other: func() -> u32; }
;)
(func (export "wasi:cli/run@0.2.0#run") (result i32) (i32.const 0))
(func (export "other") (result i32) (i32.const 1))"#;

const STREAMING: &str = r#"(;
package test:streaming@1.0.0;
world guest { export read: func() -> stream<u8>; export other: func() -> u32; }
;)
(func (export "read") (result i32) (i32.const 0))
(func (export "other") (result i32) (i32.const 1))"#;

/// Names of tools, each with `+` if it is stateful.
fn tools(info: &BackendInfo) -> Vec<String> {
    let tools = info.listing.tools.iter();
    tools
        .map(|tool| format!("{}{}", tool.name, if tool.stateful { "+" } else { "" }))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn methods_of_the_session_are_stateful_and_free_functions_are_not() {
    let info = TestHost::new().load("counter", &Guest::counter()).await;
    assert_eq!(tools(&info), ["add+", "get+", "double"]);
    assert!(
        info.listing.config.is_some(),
        "the constructor's params are the config"
    );
    let start = &info.listing.config.unwrap()["properties"]["start"];
    assert!(start.is_object());
}

#[tokio::test(start_paused = true)]
async fn two_functions_of_one_name_both_get_their_interface_and_resources_are_stateful() {
    let info = TestHost::new().load("shop", &Guest::named("shop")).await;
    let mut tools = tools(&info);
    tools.sort();
    assert_eq!(
        tools,
        [
            "cart_add+",
            "cart_new+",
            "cart_together+",
            "north_greet",
            "south_greet",
            "version"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_are_no_tools_and_make_all_tools_stateful() {
    let host = TestHost::new();
    let info = host.load("lab", &Guest::lab()).await;
    assert!(info.listing.tools.iter().all(|tool| !tool.stateful));
    let guest = Guest::stateful_lab()
        .hook(Hook::Warmup, Behaviour::Succeed)
        .hook(Hook::Shutdown, Behaviour::Succeed);
    let with_hooks = host.load("lab", &guest).await;
    assert!(with_hooks.listing.tools.iter().all(|tool| tool.stateful));
    assert_eq!(with_hooks.listing.tools.len(), info.listing.tools.len());
    let hooks = with_hooks.listing.hooks;
    assert!(hooks.warmup && hooks.session && hooks.shutdown && !hooks.session_resource);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_wasi_is_no_tool_and_is_listed_with_the_reason() {
    let info = TestHost::new().load("command", &Guest::text(COMMAND)).await;
    assert_eq!(tools(&info), ["other"]);
    let skipped = info.listing.skipped();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].export, "wasi:cli/run@0.2.0#run");
    assert!(
        skipped[0].reason.contains("command"),
        "{}",
        skipped[0].reason
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_with_a_stream_is_skipped_with_the_reason_and_the_others_are_tools() {
    let host = TestHost::new();
    let info = host.load("streaming", &Guest::text(STREAMING)).await;
    assert_eq!(tools(&info), ["other"]);
    let skipped = info.listing.skipped();
    assert_eq!(skipped[0].export, "read");
    assert!(
        skipped[0].reason.contains("stream"),
        "{}",
        skipped[0].reason
    );
    let answer = host
        .worker("ada")
        .call("streaming:other", serde_json::json!({}))
        .await;
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_schema_is_one_and_every_answer_fits_its_own() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("lab", &Guest::lab()).await;
    host.load("shop", &Guest::named("shop")).await;
    let ada = host.worker("ada");
    for tool in host.host.tools().iter() {
        for schema in [Some(&tool.input), tool.output.as_ref()]
            .into_iter()
            .flatten()
        {
            let checked = jsonschema::draft202012::meta::validate(schema);
            assert!(checked.is_ok(), "{}: {schema}", tool.full_name);
        }
    }
    for (action, params) in [
        ("counter:get", serde_json::json!({})),
        ("lab:echo", serde_json::json!({"text": "ok"})),
        ("lab:environment", serde_json::json!({})),
        ("lab:seed", serde_json::json!({})),
        ("shop:cart_new", serde_json::json!({"items": 1})),
    ] {
        let tool = host.host.tool(action).unwrap();
        let input = jsonschema::validator_for(&tool.input).unwrap();
        assert!(input.is_valid(&params), "{action}: {params}");
        let answer = ada.call(action, params).await.unwrap();
        let output = jsonschema::validator_for(tool.output.as_ref().unwrap()).unwrap();
        assert!(output.is_valid(&answer), "{action}: {answer}");
    }
}
