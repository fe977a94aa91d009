//! A plain call takes a short way, and any other the SDK's: nobody can tell them apart by the answer.

use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};

use super::client::{Modern, Reply};

/// What differs from call to call.
fn still(mut message: Value) -> Value {
    if let Some(error) = message["result"]["_meta"].get_mut("hostel/error") {
        error["request_id"] = Value::Null;
    }
    message
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let guests = [
        ("counter", Guest::counter()),
        ("lab", Guest::lab()),
        ("picture", Guest::named("picture")),
    ];
    let guests: Vec<(&str, &Guest)> = guests.iter().map(|(name, guest)| (*name, guest)).collect();
    let server = TestServer::start(&guests).await;
    let short = Modern::new(&server);
    // Nobody but the SDK knows what this means.
    let long = Modern {
        meta: json!({"com.example/other": true}),
        ..Modern::new(&server)
    };
    for (tool, arguments) in [
        ("counter_double", json!({"n": 4})),
        ("counter_add", json!({"n": 4})),
        ("counter_add", json!({"n": 4, "session": "nobody"})),
        ("counter_add", json!({"n": "four"})),
        ("counter_ad", json!({"n": 4})),
        ("lab_echo", json!({"text": "\u{1F600} \\ \" \n"})),
        ("lab_fail", json!({"text": "no"})),
        ("lab_trap", json!({})),
        ("lab_sleep", json!({"ms": 1})),
        ("picture_framed", json!({})),
        ("session_create", json!({"backend": "nobody"})),
        ("session_list", json!({})),
    ] {
        let params = json!({"name": tool, "arguments": arguments});
        let ask =
            async |client: &Modern<'_>| -> Reply { client.ask("tools/call", params.clone()).await };
        let (one, other) = (ask(&short).await, ask(&long).await);
        assert_eq!(one.status, other.status, "{tool}");
        assert_eq!(one.headers["content-type"], other.headers["content-type"]);
        assert_eq!(
            still(one.last().clone()),
            still(other.last().clone()),
            "{tool}"
        );
    }
}

#[tokio::test]
async fn numbers_and_long_texts_come_through_either_way() {
    let server = TestServer::start(&[("lab", &Guest::lab())]).await;
    let long = "x".repeat(1 << 20);
    for meta in [json!({}), json!({"com.example/other": true})] {
        let client = Modern {
            meta,
            ..Modern::new(&server)
        };
        let said = client.call("lab_echo", json!({"text": long})).await;
        assert_eq!(said["structuredContent"], json!(long));
        let seed = client.call("lab_seed", json!({})).await;
        assert!(seed["structuredContent"].is_number() || seed["structuredContent"].is_string());
    }
}
