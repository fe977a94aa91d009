//! Defect 8: AgentFlow's client sends a request again when it has lost its patience, its heartbeat kept nothing alive, and it looks for a
//! session's id where none stood. The client stays as it is; the door makes up for it.

use std::time::Duration;

use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::door::Door;

async fn door() -> Door {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    host.load("counter", &Guest::counter()).await;
    Door::of(host)
}

fn add(n: u32, ms: u32) -> Value {
    json!({"worker_id": "ada", "action": "lab:add_later", "params": {"n": n, "ms": ms}, "timeout": null})
}

/// Sends a request and leaves after so many seconds.
async fn leave_after(door: &Door, seconds: u64, path: &str, body: &Value) {
    let left = timeout(Duration::from_secs(seconds), door.post(path, body)).await;
    assert!(left.is_err(), "the answer was not there yet");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_sent_again_is_done_once() {
    let door = door().await;
    door.create("ada", "lab").await;
    // As the client does it: three times, a second and two between them.
    leave_after(&door, 3, "execute", &add(1, 8000)).await;
    sleep(Duration::from_secs(1)).await;
    leave_after(&door, 2, "execute", &add(1, 8000)).await;
    sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    let answer = door.post("execute", &add(1, 8000)).await;
    assert_eq!(answer.data(), 1, "{answer:?}");
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "it had almost been done"
    );

    let next = door.post("execute", &add(1, 8000)).await;
    assert_eq!(next.data(), 2, "the next one is a request of its own");
}

#[tokio::test(start_paused = true)]
async fn a_batch_and_a_session_are_begun_once_too() {
    let host = TestHost::new();
    let slow = Guest::lab().hook(Hook::Initialize, Behaviour::Linger);
    host.load_with("lab", &slow, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    let door = Door::of(host);
    let create = json!({"worker_id": "ada", "resource_type": "lab", "session_config": {}, "custom_name": null});
    leave_after(&door, 5, "session/create", &create).await;
    sleep(Duration::from_secs(1)).await;
    let created = door.post("session/create", &create).await;
    assert_eq!(
        created.data()["session_status"],
        "active",
        "it is the answer to the first: {created:?}"
    );

    let action = json!({"action": "lab:add_later", "params": {"n": 1, "ms": 2000}});
    let batch = json!({"worker_id": "ada", "actions": [action, action], "parallel": false, "stop_on_error": true});
    leave_after(&door, 3, "execute/batch", &batch).await;
    sleep(Duration::from_secs(1)).await;
    let answer = door.post("execute/batch", &batch).await;
    assert_eq!(answer.data()["results"][1]["data"], 2, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_only_look_alike_are_done_each() {
    let door = door().await;
    for worker in ["ada", "bob"] {
        door.create(worker, "lab").await;
    }
    let body = add(1, 1000);
    let (first, second) = tokio::join!(door.post("execute", &body), door.post("execute", &body));
    assert_eq!(
        (first.data(), second.data()),
        (&json!(1), &json!(2)),
        "nobody has left"
    );

    leave_after(&door, 1, "execute", &add(1, 3000)).await;
    let mut of_another = add(1, 3000);
    of_another["worker_id"] = json!("bob");
    assert_eq!(door.post("execute", &of_another).await.data(), 1);
    assert_eq!(door.post("execute", &add(2, 3000)).await.data(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_asks_for_again_is_forgotten() {
    let door = door().await;
    door.create("ada", "lab").await;
    leave_after(&door, 1, "execute", &add(1, 3000)).await;
    sleep(Duration::from_secs(15)).await;
    assert_eq!(door.post("execute", &add(1, 3000)).await.data(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_ends_a_session_means_the_next_one_anew() {
    let host = TestHost::new();
    let slow = Guest::lab().hook(Hook::Initialize, Behaviour::Linger);
    host.load_with("lab", &slow, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    let door = Door::of(host);
    let create = json!({"worker_id": "ada", "resource_type": "lab"});
    leave_after(&door, 5, "session/create", &create).await;
    sleep(Duration::from_secs(6)).await;
    let destroyed = door.post("session/destroy", &create).await;
    let created = door.post("session/create", &create).await;
    assert_eq!(created.data()["session_status"], "active");
    assert_ne!(
        created.data()["session_id"],
        destroyed.data()["session_id"],
        "the answer of the first is not this one's"
    );
}

#[tokio::test(start_paused = true)]
async fn what_another_worker_ends_is_its_own() {
    let door = door().await;
    door.create("ada", "lab").await;
    leave_after(&door, 3, "execute", &add(1, 8000)).await;
    let bob = json!({"worker_id": "bob", "resource_type": "lab"});
    door.post("worker/disconnect", &bob).await;
    door.post("session/destroy", &bob).await;
    let answer = door.post("execute", &add(1, 8000)).await;
    assert_eq!(answer.data(), 1, "it is done once: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_keeps_a_workers_sessions_alive() {
    let door = door().await;
    door.create_with("ada", "counter", json!({"ttl": 45})).await;
    door.create_with("bob", "counter", json!({"ttl": 45})).await;
    for _ in 0..10 {
        sleep(Duration::from_secs(30)).await;
        let beat = door
            .post("lifecycle/heartbeat", &json!({"worker_id": "ada"}))
            .await;
        assert_eq!(beat.data()["active_sessions"], json!(["counter"]));
    }
    assert!(door.sessions("bob").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sessions_id_stands_where_the_client_looks_for_it() {
    let door = door().await;
    let created = door.create("ada", "counter").await.body;
    let target = json!({"worker_id": "ada", "resource_type": "counter"});
    let destroyed = door.post("session/destroy", &target).await.body;
    for reply in [&created, &destroyed] {
        assert_eq!(
            reply["session_id"], created["data"]["session_id"],
            "{reply}"
        );
        assert_eq!(
            reply["session_name"], created["data"]["session_name"],
            "{reply}"
        );
    }
}
