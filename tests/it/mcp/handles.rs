//! Sessions as handles: made, passed, forked and given back, and nobody else's.

use std::time::Duration;

use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};

use super::client::{Legacy, Modern, id_of, refusal};

async fn server() -> TestServer {
    TestServer::start(&[
        ("counter", &Guest::counter()),
        ("lab", &Guest::stateful_lab()),
    ])
    .await
}

async fn add(client: &Modern<'_>, session: &str) -> Value {
    client
        .call("counter_add", json!({"n": 1, "session": session}))
        .await
}

#[tokio::test]
async fn a_session_keeps_its_state_from_call_to_call() {
    let server = server().await;
    let client = Modern::new(&server);
    let made = client
        .call(
            "session_create",
            json!({"backend": "counter", "name": "mine", "config": {"start": 40}}),
        )
        .await;
    let session = id_of(&made);
    assert!(session.starts_with("ses_"));
    // Whoever holds a token may call; a model's notes are no place for one.
    assert_eq!(made["structuredContent"].get("token"), None);
    assert_eq!(add(&client, &session).await["structuredContent"], 41);
    let named = add(&client, "mine").await;
    assert_eq!(named["structuredContent"], 42);
    assert_eq!(named["_meta"]["hostel/session"]["id"], json!(session));
    assert_eq!(named["_meta"]["hostel/session"]["temporary"], false);
    // Older clients have the same sessions.
    let older = Legacy::begin(&server).await;
    let added = older
        .call("counter_add", json!({"n": 1, "session": session}))
        .await;
    assert_eq!(added["structuredContent"], json!({"result": 43}));
}

#[tokio::test]
async fn without_a_session_a_call_runs_in_the_default_one_or_in_none_that_lasts() {
    let server = server().await;
    let client = Modern::new(&server);
    for _ in 0..2 {
        let added = client.call("counter_add", json!({"n": 1})).await;
        assert_eq!(added["structuredContent"], 1);
        assert_eq!(added["_meta"]["hostel/session"]["temporary"], true);
    }
    client.begin(json!({"backend": "counter"})).await;
    for expected in 1..3 {
        let added = client
            .call("counter_add", json!({"n": 1, "session": null}))
            .await;
        assert_eq!(added["structuredContent"], expected);
    }
}

#[tokio::test]
async fn forks_begin_where_their_parent_is_and_are_listed() {
    let server = server().await;
    let client = Modern::new(&server);
    let parent = client
        .begin(json!({"backend": "counter", "config": {"start": 5}}))
        .await;
    let forked = client
        .call("session_fork", json!({"session": parent, "count": 2}))
        .await;
    let forks = forked["structuredContent"]["forks"].as_array().unwrap();
    assert_eq!(forks.len(), 2);
    for fork in forks {
        assert_eq!(fork.get("token"), None);
        let id = fork["id"].as_str().unwrap();
        assert_eq!(add(&client, id).await["structuredContent"], 6);
    }
    let listed = client
        .call("session_list", json!({"backend": "counter", "limit": 2}))
        .await;
    let listed = &listed["structuredContent"];
    assert_eq!(listed["total"], 3);
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
    let cursor = &listed["next_cursor"];
    let rest = client.call("session_list", json!({"cursor": cursor})).await;
    assert_eq!(
        rest["structuredContent"]["sessions"][0]["id"],
        json!(parent)
    );
}

#[tokio::test]
async fn a_handle_is_checked_against_the_caller_on_every_call() {
    let server = server().await;
    let (ada, bob) = (Modern::of(&server, "ada"), Modern::of(&server, "bob"));
    let session = ada.begin(json!({"backend": "counter"})).await;
    let older = Legacy::begin_as(&server, "bob").await;
    let strange = [
        add(&bob, &session).await,
        bob.call("session_destroy", json!({"session": session}))
            .await,
        bob.call("session_fork", json!({"session": session})).await,
        older
            .call("counter_add", json!({"n": 1, "session": session}))
            .await,
    ];
    for result in strange {
        let text = refusal(&result);
        assert!(
            text.starts_with("session_not_found") && text.contains("session_list"),
            "{text}"
        );
    }
    let listed = bob.call("session_list", json!({})).await;
    assert_eq!(listed["structuredContent"]["total"], 0);
    let spied = bob.call("session_list", json!({"worker": "*"})).await;
    assert!(refusal(&spied).starts_with("forbidden"), "{spied}");
    let forged = bob
        .call(
            "session_create",
            json!({"backend": "counter", "worker_id": "ada"}),
        )
        .await;
    assert!(refusal(&forged).starts_with("forbidden"), "{forged}");
    assert_eq!(add(&ada, &session).await["structuredContent"], 1);
}

#[tokio::test]
async fn a_token_opens_its_session_alone() {
    let server = server().await;
    let own = server.begin(&json!({"backend": "counter"})).await;
    let other = server
        .begin(&json!({"backend": "counter", "name": "other"}))
        .await;
    let holder = Modern {
        token: own["token"].as_str().map(str::to_owned),
        ..Modern::new(&server)
    };
    let added = holder.call("counter_add", json!({"n": 1})).await;
    assert_eq!(added["_meta"]["hostel/session"]["id"], own["id"]);
    let denied = holder
        .call("counter_add", json!({"n": 1, "session": other["id"]}))
        .await;
    assert!(refusal(&denied).starts_with("forbidden"), "{denied}");
    let wrong = Modern {
        token: Some("hst_wrong".to_owned()),
        ..Modern::new(&server)
    };
    let reply = wrong.ask("tools/list", json!({})).await;
    assert_eq!(reply.status, 401);
    assert!(reply.error()["message"].is_string());
}

#[tokio::test]
async fn the_error_of_a_handle_that_is_over_names_the_tool_to_call() {
    let server = server().await;
    let client = Modern::new(&server);
    let brief = client
        .begin(json!({"backend": "counter", "idle_timeout": 0.05}))
        .await;
    let destroyed = client
        .begin(json!({"backend": "counter", "name": "two"}))
        .await;
    client
        .call("session_destroy", json!({"session": destroyed}))
        .await;
    let failed = client.begin(json!({"backend": "lab"})).await;
    client.call("lab_trap", json!({"session": failed})).await;
    let over = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let listed = client.call("session_list", json!({})).await;
            if !listed.to_string().contains(&brief) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    over.await.expect("it expires");
    for (tool, session, code) in [
        ("counter_add", &brief, "session_ended"),
        ("counter_add", &destroyed, "session_ended"),
        ("lab_add", &failed, "session_failed"),
    ] {
        let result = client.call(tool, json!({"n": 1, "session": session})).await;
        let text = refusal(&result);
        assert!(
            text.starts_with(code) && text.contains("Call session_create"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn arguments_of_the_doors_own_tools_are_checked() {
    let server = server().await;
    let client = Modern::new(&server);
    for (tool, arguments, expected) in [
        ("session_create", json!({}), "backend"),
        ("session_create", json!({"backend": "countr"}), "counter"),
        (
            "session_create",
            json!({"backend": "counter", "nam": "x"}),
            "name",
        ),
        ("session_destroy", json!({}), "session"),
        (
            "session_destroy",
            json!({"session": "ses_1"}),
            "session_not_found",
        ),
        (
            "session_fork",
            json!({"session": "ses_1", "cont": 2}),
            "session_not_found",
        ),
        ("session_list", json!({"limit": "x"}), "limit"),
        (
            "counter_add",
            json!({"n": 1, "session": 5}),
            "expected a string",
        ),
        (
            "counter_add",
            json!({"n": 1, "session": "nobody"}),
            "session_not_found",
        ),
    ] {
        let result = client.call(tool, arguments.clone()).await;
        let text = refusal(&result);
        assert!(text.contains(expected), "{tool} {arguments}: {text}");
    }
}
