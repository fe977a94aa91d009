//! Defect 6: fields that were accepted and ignored. Here each does what it says, or is refused.

use std::time::Duration;

use hostel_tests::{Guest, TestHost};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::door::Door;

const A_MOMENT: Duration = Duration::from_millis(10);

async fn door() -> Door {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("lab", &Guest::stateful_lab()).await;
    Door::of(host)
}

/// Seconds until the worker's only session ends by itself.
async fn seconds_left(door: &Door) -> u64 {
    let query = hostel_host::host::SessionQuery {
        limit: 1,
        ..Default::default()
    };
    let caller = door.host.worker("ada").caller;
    let page = door.host.host.list_sessions(&caller, &query).unwrap();
    let left = page.sessions[0]
        .expires_at
        .unwrap()
        .duration_since(std::time::SystemTime::now());
    (left.unwrap() + Duration::from_millis(500)).as_secs()
}

#[tokio::test(start_paused = true)]
async fn what_a_request_says_counts_or_is_refused() {
    let door = door().await;
    let created = door.create("ada", "counter").await;
    let id = created.data()["session_id"].clone();
    let with = |path: &str, also: Value| {
        let mut body = json!({"worker_id": "ada"});
        for (name, value) in also.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = path.to_owned();
        let door = &door;
        async move { door.post(&path, &body).await }
    };
    let add = json!({"action": "counter:add", "params": {"n": 1}});
    let refusals = [
        (
            "execute",
            json!({"action": "counter:add", "params": {"n": 1}, "async_mode": true}),
            "/async_mode",
        ),
        (
            "session/create",
            json!({"resource_type": "counter", "ttl": 0}),
            "/ttl",
        ),
        (
            "session/create",
            json!({"resource_type": "counter", "ttl": -1}),
            "/ttl",
        ),
        (
            "session/create",
            json!({"resource_type": "counter", "ttl": 1e30}),
            "/ttl",
        ),
        (
            "session/refresh",
            json!({"resource_type": "counter", "extend_ttl": 0}),
            "/extend_ttl",
        ),
        (
            "session/destroy",
            json!({"resource_type": "lab", "target_session_id": id}),
            "/target_session_id",
        ),
        (
            "session/destroy",
            json!({"resource_type": "counter", "session_id": id}),
            "unknown field `session_id`",
        ),
        (
            "execute/batch",
            json!({"actions": [add], "session_id": id}),
            "/session_id",
        ),
        (
            "init/batch",
            json!({"resource_configs": {}, "allocated_resources": {"vm": 1}}),
            "/allocated_resources",
        ),
        (
            "init/batch",
            json!({"resource_configs": {}, "task_session_id": "t"}),
            "/task_session_id",
        ),
        (
            "execute",
            json!({"action": "counter:add", "params": {"n": 1}, "trace_id": "x".repeat(257)}),
            "/trace_id",
        ),
        (
            "lifecycle/heartbeat",
            json!({"ttl": 5}),
            "unknown field `ttl`",
        ),
        ("server/shutdown", json!({}), "unknown field `worker_id`"),
    ];
    for (path, also, expected) in refusals {
        let reply = with(path, also.clone()).await;
        assert_eq!(reply.status, 400, "{path} {also}: {reply:?}");
        let message = reply.body["message"].as_str().unwrap();
        assert!(message.contains(expected), "{path} {also}: {message}");
    }
    let got = door.execute("ada", "counter:get", json!({})).await;
    assert_eq!(got.data(), 0, "what was refused has not run");
    assert_eq!(door.sessions("ada").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ttl_is_the_idle_time_and_auto_extend_says_whether_calls_count() {
    let door = door().await;
    door.create_with("ada", "counter", json!({"ttl": 20})).await;
    for _ in 0..5 {
        sleep(Duration::from_secs(15)).await;
        door.execute("ada", "counter:get", json!({})).await;
    }
    assert_eq!(door.sessions("ada").await.len(), 1);
    sleep(Duration::from_secs(20) + A_MOMENT).await;
    assert!(door.sessions("ada").await.is_empty());

    let fixed = json!({"ttl": 20, "auto_extend": false});
    door.create_with("ada", "counter", fixed).await;
    sleep(Duration::from_secs(15)).await;
    door.execute("ada", "counter:get", json!({})).await;
    sleep(Duration::from_secs(5) + A_MOMENT).await;
    assert!(door.sessions("ada").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn extend_ttl_is_what_the_session_has_at_least() {
    let door = door().await;
    door.create_with("ada", "counter", json!({"ttl": 20})).await;
    let target = json!({"worker_id": "ada", "resource_type": "counter"});
    for (extend_ttl, expected) in [(json!(100), 100), (json!(5), 100), (json!(300), 300)] {
        let mut body = target.clone();
        body["extend_ttl"] = extend_ttl.clone();
        let refreshed = door.post("session/refresh", &body).await;
        assert_eq!(refreshed.verdict(), (200, 0), "{refreshed:?}");
        assert_eq!(seconds_left(&door).await, expected, "{extend_ttl}");
    }
    sleep(Duration::from_secs(290)).await;
    door.post("session/refresh", &target).await;
    assert_eq!(seconds_left(&door).await, 20, "and then as usual");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_named_is_the_one_that_is_meant() {
    let door = door().await;
    let created = door.create("ada", "counter").await;
    let old = created.data()["session_id"].clone();
    let other = door
        .host
        .worker("ada")
        .begin_named("counter", "other")
        .await;
    other.call("add", json!({"n": 40})).await.unwrap();
    let body = json!({"worker_id": "ada", "action": "counter:add", "params": {"n": 2}, "session_id": other.id.as_str()});
    let called = door.post("execute", &body).await;
    assert_eq!(
        (called.data(), &called.body["meta"]["session_id"]),
        (&json!(42), &json!(other.id.as_str()))
    );
    let strange =
        json!({"worker_id": "bob", "action": "counter:get", "session_id": other.id.as_str()});
    assert_eq!(door.post("execute", &strange).await.verdict(), (404, 4007));

    let target = |id: &Value| json!({"worker_id": "ada", "resource_type": "counter", "target_session_id": id});
    assert_eq!(
        door.post("session/destroy", &target(&old)).await.status,
        200
    );
    let new = door.create("ada", "counter").await;
    let again = door.post("session/destroy", &target(&old)).await;
    assert_eq!(
        again.verdict(),
        (404, 4007),
        "an old id does not reach the session that came after it"
    );
    assert_eq!(door.sessions("ada").await.len(), 1);
    let refreshed = door
        .post("session/refresh", &target(&new.data()["session_id"]))
        .await;
    assert_eq!(refreshed.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_list_can_be_of_one_type() {
    let door = door().await;
    for resource_type in ["counter", "lab"] {
        door.create("ada", resource_type).await;
    }
    let body = json!({"worker_id": "ada", "resource_type": "lab"});
    let list = door.post("session/list", &body).await;
    assert_eq!(
        (
            &list.data()["count"],
            &list.data()["sessions"][0]["resource_type"]
        ),
        (&json!(1), &json!("lab"))
    );
}

#[tokio::test(start_paused = true)]
async fn config_is_another_word_for_session_config() {
    let door = door().await;
    let config = json!({"config": {"start": 8}});
    door.create_with("ada", "counter", config).await;
    let got = door.execute("ada", "counter:get", json!({})).await;
    assert_eq!(got.data(), 8);
}
