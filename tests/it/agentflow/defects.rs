//! What AgentFlow's own server gets wrong, group by group: each is a test that it must not happen here.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use futures_util::future::join_all;
use hostel_host::config::Config;
use hostel_tests::{Behaviour, Guest, Hook, TestHost, TestServer};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::door::Door;

const A_MOMENT: Duration = Duration::from_millis(10);

/// 1. A lock was held while a backend began or cleaned up a session: everybody waited.
#[tokio::test(start_paused = true)]
async fn a_slow_initialize_of_one_worker_does_not_block_another() {
    let host = TestHost::new();
    let slow = Guest::lab()
        .hook(Hook::Initialize, Behaviour::Linger)
        .hook(Hook::Cleanup, Behaviour::Linger);
    host.load_with("slow", &slow, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
        settings.limits.cleanup = Duration::from_secs(60);
    })
    .await;
    host.load("counter", &Guest::counter()).await;
    let door = Door::of(host);
    let others = async || {
        let start = Instant::now();
        sleep(A_MOMENT).await;
        for worker in ["ada", "bob"] {
            assert_eq!(door.create(worker, "counter").await.status, 200);
            let added = door.execute(worker, "counter:add", json!({"n": 1})).await;
            assert_eq!(added.data(), 1);
            let target = json!({"worker_id": worker, "resource_type": "counter"});
            assert_eq!(door.post("session/destroy", &target).await.status, 200);
            door.sessions(worker).await;
        }
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    };
    let start = Instant::now();
    let (created, ()) = tokio::join!(door.create("ada", "slow"), others());
    assert_eq!(created.status, 200, "{created:?}");
    assert!(start.elapsed() >= Duration::from_secs(10));
    let target = json!({"worker_id": "ada", "resource_type": "slow"});
    let (destroyed, ()) = tokio::join!(door.post("session/destroy", &target), others());
    assert_eq!(destroyed.status, 200, "{destroyed:?}");
}

/// 2. A sweep every five minutes ended sessions, and until it came any call revived one.
#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_time_is_over_and_no_call_revives_it() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let door = Door::of(host);
    door.create_with("ada", "counter", json!({"ttl": 60})).await;
    door.execute("ada", "counter:add", json!({"n": 5})).await;
    sleep(Duration::from_secs(60) - A_MOMENT).await;
    assert_eq!(door.sessions("ada").await.len(), 1);
    sleep(2 * A_MOMENT).await;
    assert!(door.sessions("ada").await.is_empty());
    assert_eq!(door.host.host.session_count(), 0);

    let added = door.execute("ada", "counter:add", json!({"n": 1})).await;
    assert_eq!(added.data(), 1, "it begins from nothing");
    assert_eq!(added.body["meta"]["temporary_session"], true);
    let target = json!({"worker_id": "ada", "resource_type": "counter"});
    let refreshed = door.post("session/refresh", &target).await;
    assert_eq!(refreshed.verdict(), (404, 4007));
    assert_eq!(refreshed.data()["reason"], "idle_timeout");
}

/// 3. Calls side by side shared the temporary session of the first, which destroyed it under the others.
#[tokio::test(start_paused = true)]
async fn calls_side_by_side_never_share_a_temporary_session() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab()
        .hook(Hook::Initialize, Behaviour::LeaveMark)
        .hook(Hook::Cleanup, Behaviour::LeaveMark);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant];
    })
    .await;
    let door = Door::of(host);
    let add = |ms: u64| json!({"action": "lab:add_later", "params": {"n": 1, "ms": ms}});
    let actions: Vec<Value> = (0..8).map(|place| add(100 * place)).collect();
    let body = json!({"worker_id": "ada", "actions": actions, "parallel": true});
    let batch = door.post("execute/batch", &body).await;
    assert_eq!(batch.verdict(), (200, 0), "{batch:?}");
    let calls = (0..8).map(|place| {
        let params = json!({"n": 1, "ms": 100 * place});
        door.execute("ada", "lab:add_later", params)
    });
    let single: Vec<Value> = join_all(calls)
        .await
        .into_iter()
        .map(|reply| reply.body)
        .collect();
    for reply in batch.data()["results"]
        .as_array()
        .unwrap()
        .iter()
        .chain(&single)
    {
        assert_eq!(reply["data"], 1, "each began from nothing: {reply}");
        assert_eq!(reply["meta"]["temporary_session"], true);
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!((door.host.marks('i'), door.host.marks('c')), (16, 16));
}

/// 4. A session whose start had failed stayed, and the next `create` answered that it exists.
#[tokio::test(start_paused = true)]
async fn a_failed_initialize_leaves_no_session() {
    let host = TestHost::new();
    let shy = Guest::lab().hook(Hook::Initialize, Behaviour::Refuse);
    host.load("shy", &shy).await;
    let slow = Guest::lab().hook(Hook::Initialize, Behaviour::LingerAndRefuse);
    host.load_with("slow", &slow, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    let door = Door::of(host);
    for _ in 0..2 {
        let created = door.create("ada", "shy").await;
        assert_eq!(created.verdict(), (400, 4007), "{created:?}");
        assert_eq!(created.data()["session_status"], "error");
        let init = json!({"worker_id": "ada", "resource_type": "shy"});
        assert_eq!(
            door.post("init/resource", &init).await.verdict(),
            (400, 4007)
        );
        let called = door.execute("ada", "shy:add", json!({"n": 1})).await;
        assert_eq!(called.verdict(), (400, 4007));
        assert!(door.sessions("ada").await.is_empty());
    }
    let second = async {
        sleep(Duration::from_secs(1)).await;
        door.create("ada", "slow").await
    };
    let (first, second) = tokio::join!(door.create("ada", "slow"), second);
    for created in [first, second] {
        assert_eq!(
            created.verdict(),
            (400, 4007),
            "nobody is told that it exists: {created:?}"
        );
    }
    assert_eq!(door.host.host.session_count(), 0);
}

/// 5. Only what waited could be timed out, and its session stayed in use.
#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_call_and_its_session_with_it() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let door = Door::of(host);
    door.create("ada", "lab").await;
    door.execute("ada", "lab:add", json!({"n": 5})).await;
    let late =
        json!({"worker_id": "ada", "action": "lab:sleep", "params": {"ms": 20_000}, "timeout": 2});
    let start = Instant::now();
    let reply = door.post("execute", &late).await;
    assert_eq!(reply.verdict(), (500, 5006), "{reply:?}");
    assert_eq!(start.elapsed().as_secs(), 2);
    assert!(door.sessions("ada").await.is_empty());
    let next = door.execute("ada", "lab:add", json!({"n": 1})).await;
    assert_eq!(
        (next.data(), &next.body["meta"]["temporary_session"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_also_ends_a_tool_that_computes_for_ever() {
    let server = TestServer::start(&[("lab", &Guest::stateful_lab())]).await;
    let spin = json!({"worker_id": "ada", "action": "lab:spin", "timeout": 0.3});
    let start = Instant::now();
    let reply = server.post("/api/v1/execute", &spin).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (500, &json!(5006)),
        "{}",
        reply.text
    );
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

/// 7. Locks that were not locked: credentials from any page, paths of the server, tracebacks, settings that nothing enforced.
#[tokio::test(start_paused = true)]
async fn nothing_stands_open_that_looks_closed() {
    let host = TestHost::new();
    let secret = host.folder().join("secret.json");
    fs_err::write(&secret, r#"{"key": "value of the key"}"#).unwrap();
    host.load("lab", &Guest::lab()).await;
    let door = Door::of(host);

    let from = |path: &str| json!({"worker_id": "ada", "config_path": path});
    let there = door
        .post("init/from-config", &from(secret.to_str().unwrap()))
        .await;
    let not_there = door
        .post("init/from-config", &from("/surely/not/there"))
        .await;
    assert_eq!(there.verdict(), (403, 4000), "{there:?}");
    assert_eq!(
        (&there.body["message"], there.data()),
        (&not_there.body["message"], not_there.data()),
        "it does not even say which files there are"
    );
    let configs = json!({"worker_id": "ada", "resource_configs": {"lab": {"config_file": secret}}});
    let batch = door.post("init/batch", &configs).await;
    assert_eq!(batch.verdict(), (500, 5009), "{batch:?}");

    for method in [Method::OPTIONS, Method::GET, Method::POST] {
        let request = Request::builder()
            .method(method)
            .uri("/api/v1/tools")
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST");
        let reply = door.request(request.body(Body::empty()).unwrap()).await;
        let cors = reply
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"));
        assert!(
            !cors,
            "no page of another origin reads an answer: {reply:?}"
        );
    }
    let trap = door.execute("ada", "lab:trap", json!({})).await;
    assert!(!trap.body.to_string().contains("traceback"), "{trap:?}");

    assert!(Config::default().listen.ip().is_loopback());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    for setting in [
        r#"{"security": {"auth": {"enabled": true, "api_key": "k"}}}"#,
        r#"{"security": {"rate_limit": {"enabled": true}}}"#,
        r#"{"server": {"allowed_origins": ["*"]}}"#,
    ] {
        fs_err::write(&file, setting).unwrap();
        let loaded = Config::load(&file);
        assert!(
            loaded.is_err(),
            "what nothing enforces is no setting: {setting}"
        );
    }
}

/// 9. A warmup that failed at the start ended the server; one that failed at a call was overlooked, and the tool ran.
#[tokio::test(start_paused = true)]
async fn a_failed_warmup_stops_no_other_backend_and_no_tool_runs_without_it() {
    let host = TestHost::new();
    let bad = Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Refuse);
    host.load("bad", &bad).await;
    host.load("counter", &Guest::counter()).await;
    let door = Door::of(host);
    let warm = door.post("warmup", &json!({})).await;
    assert_eq!(warm.body["results"], json!({"bad": false, "counter": true}));
    let called = door.execute("ada", "bad:add", json!({"n": 1})).await;
    assert_eq!(called.verdict(), (500, 5011), "{called:?}");
    assert_eq!(door.create("ada", "bad").await.verdict(), (500, 5011));
    let doubled = door.execute("ada", "counter:double", json!({"n": 2})).await;
    assert_eq!(doubled.data(), 4);
    assert_eq!(door.get("/ready").await.status, 200);
}

/// 10. One session for each worker and type, and nothing to do with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_this_door_has_all_that_the_host_gives_and_outlives_it() {
    let kept = tempfile::tempdir().unwrap();
    let start = || {
        let sessions = kept.path().join("sessions");
        async {
            let counter = Guest::counter();
            TestServer::start_with(&[("counter", &counter)], |config| {
                config.sessions_dir = Some(sessions);
            })
            .await
        }
    };
    let server = start().await;
    let ada = json!({"worker_id": "ada", "resource_type": "counter"});
    let created = server.post("/api/v1/session/create", &ada).await.json();
    let id = created["data"]["session_id"].as_str().unwrap().to_owned();
    let call = json!({"worker_id": "ada", "action": "counter:add", "params": {"n": 5}});
    server.post("/api/v1/execute", &call).await;

    let at = |path: &str, method: Method| server.request(method, path).header("x-worker-id", "ada");
    let path = format!("/v1/sessions/{id}");
    let info = hostel_tests::Answer::to(at(&path, Method::GET))
        .await
        .json();
    assert_eq!(
        (&info["name"], &info["calls"]),
        (&json!("default"), &json!(1))
    );
    let name = created["data"]["session_name"].as_str().unwrap();
    let labelled = format!("/v1/sessions?labels=agentflow.session_name={name}&limit=1");
    let page = hostel_tests::Answer::to(at(&labelled, Method::GET))
        .await
        .json();
    assert_eq!(
        (&page["total"], &page["sessions"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let fork = at(&format!("{path}/fork"), Method::POST).json(&json!({"name": "idea"}));
    let fork = hostel_tests::Answer::to(fork).await;
    assert_eq!(fork.status, 201, "{}", fork.text);
    let fork = fork.json()["forks"][0]["id"].clone();
    let in_fork = json!({"worker_id": "ada", "action": "counter:add", "params": {"n": 1}, "session_id": fork});
    assert_eq!(
        server.post("/api/v1/execute", &in_fork).await.json()["data"],
        6
    );

    let TestServer { host, running, .. } = server;
    running.stop().await;
    drop(host);
    let server = start().await;
    let listed = server
        .post("/api/v1/session/list", &json!({"worker_id": "ada"}))
        .await
        .json();
    let sessions = &listed["data"]["sessions"];
    assert_eq!(
        listed["data"]["count"], 1,
        "the fork is none of this door's: {listed}"
    );
    assert_eq!(
        (&sessions[0]["session_id"], &sessions[0]["session_name"]),
        (&json!(id), &json!(name))
    );
    assert_eq!(
        server.post("/api/v1/execute", &call).await.json()["data"],
        10
    );
}
