//! Keys as they are used: made, taken back, limited, and guessed at.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hostel_host::auth::{AuthSettings, Guard, KeyFile};
use hostel_tests::{Answer, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Keyed, add};

const NONE: Value = Value::Null;

#[tokio::test]
async fn keys_come_and_go_while_the_host_runs() {
    let host = Keyed::start().await;
    let (id, key) = add(&host.file, "alice", &["call"]);
    let answer = host.ask(&key, Method::GET, "/v1/tools", &NONE).await;
    assert_eq!(
        answer.status, 200,
        "a new key is good at once: {}",
        answer.text
    );
    host.file.revoke(&id).unwrap();
    let mut status = 200;
    for _ in 0..100 {
        status = host.ask(&key, Method::GET, "/v1/tools", &NONE).await.status;
        if status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 401, "a revoked one is not, within a second");
}

#[tokio::test]
async fn a_stream_of_events_ends_with_the_key_that_it_was_opened_with() {
    let host = Keyed::start().await;
    let call = json!({"action": "lab:add_later", "params": {"n": 1, "ms": 2_000}});
    let stream = async |key: &str| {
        let request = host.request(Some(key), Method::POST, "/v1/execute");
        let request = request.header("accept", "text/event-stream").json(&call);
        request.send().await.unwrap()
    };
    let (id, revoked) = add(&host.file, "alice", &["call", "jobs"]);
    let good = host.key("bob", &["call", "jobs"]);
    let (revoked, good) = (stream(&revoked).await, stream(&good).await);
    assert_eq!(
        (revoked.status().as_u16(), good.status().as_u16()),
        (200, 200)
    );
    host.file.revoke(&id).unwrap();
    let said = revoked.text().await.unwrap();
    assert!(
        said.contains("event: started") && !said.contains("event: result"),
        "{said}"
    );
    assert!(good.text().await.unwrap().contains("event: result"));
}

#[tokio::test]
async fn a_sessions_token_is_good_for_as_long_as_the_key_that_it_was_made_with() {
    let host = Keyed::start().await;
    let (id, key) = add(&host.file, "alice", &["call", "sessions"]);
    let begin = json!({"backend": "counter", "config": {"start": 0}});
    let begun = host.ask(&key, Method::POST, "/v1/sessions", &begin).await;
    let begun = begun.json();
    let session = begun["id"].as_str().unwrap();
    let fork = format!("/v1/sessions/{session}/fork");
    let forked = host.ask(&key, Method::POST, &fork, &json!({})).await.json();
    let tokens = [&begun["token"], &forked["forks"][0]["token"]];
    let tokens = tokens.map(|token| token.as_str().unwrap());
    let add_one = json!({"action": "counter:add", "params": {"n": 1}});
    let call = async |token: &str| {
        let answer = host.ask(token, Method::POST, "/v1/execute", &add_one);
        answer.await.status
    };
    for token in tokens {
        assert_eq!(call(token).await, 200);
    }
    host.file.revoke(&id).unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for token in tokens {
        assert_eq!(call(token).await, 401);
    }
    let other = host.key("alice", &["sessions"]);
    let path = format!("/v1/sessions/{session}");
    let still = host.ask(&other, Method::GET, &path, &NONE).await;
    assert_eq!(still.status, 200, "the session is its worker's");
}

#[tokio::test]
async fn the_first_key_closes_a_running_host_and_the_last_does_not_open_it() {
    let mut file = None;
    let server = TestServer::serve(|config| file = Some(KeyFile::of(&config.data_dir))).await;
    assert_eq!(server.get("/v1/tools").await.status, 200, "nobody is asked");
    let file = file.unwrap();
    let (id, key) = add(&file, "alice", &["call"]);
    let shown = || Answer::to(server.request(Method::GET, "/v1/tools").bearer_auth(&key));
    assert_eq!(shown().await.status, 200);
    assert_eq!(server.get("/v1/tools").await.status, 401);
    file.revoke(&id).unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(server.get("/v1/tools").await.status, 401);
    assert_eq!(shown().await.status, 401);
}

#[tokio::test]
async fn what_is_kept_opens_nothing_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::of(folder.path());
    let (_, key) = add(&file, "alice", &["call"]);
    let text = fs_err::read_to_string(file.path()).unwrap();
    let secret = key.rsplit('_').next().unwrap();
    assert!(!text.contains(secret) && !text.contains(&secret[..20]));
    let mode = fs_err::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let hash = text.split("\"hash\": \"").nth(1).unwrap();
    let hash = hash.split('"').next().unwrap();
    let settings = AuthSettings {
        keys: Some(file.path()),
        ..AuthSettings::default()
    };
    let guard = Guard::open(settings).unwrap();
    assert!(guard.identify(&key, None).await.is_ok());
    assert!(guard.identify(hash, None).await.is_err());
    assert!(guard.identify(&format!("hsk_{hash}"), None).await.is_err());
}

#[tokio::test]
async fn a_broken_file_keeps_a_host_from_starting_and_a_running_one_its_keys() {
    let host = Keyed::start().await;
    let key = host.key("alice", &["call"]);
    assert_eq!(
        host.ask(&key, Method::GET, "/v1/tools", &NONE).await.status,
        200
    );
    let good = fs_err::read_to_string(host.file.path()).unwrap();
    for broken in [
        "".to_owned(),
        "{}".to_owned(),
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replace("\"call\"", "\"cal\""),
        good.replace("\"worker\"", "\"wroker\""),
        good[..good.len() / 2].to_owned(),
    ] {
        fs_err::write(host.file.path(), &broken).unwrap();
        let settings = AuthSettings {
            keys: Some(host.file.path()),
            ..AuthSettings::default()
        };
        let refused = Guard::open(settings).err().unwrap();
        assert!(refused.contains("keys.json"), "{refused}");
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(
            host.ask(&key, Method::GET, "/v1/tools", &NONE).await.status,
            200
        );
        assert_eq!(host.server.get("/v1/tools").await.status, 401);
    }
    fs_err::remove_file(host.file.path()).unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(
        host.server.get("/v1/tools").await.status,
        401,
        "also without a file"
    );
}

#[tokio::test]
async fn scopes_of_calls_are_of_every_tool_of_a_backend_or_of_one() {
    let host = Keyed::start().await;
    let echo = json!({"action": "lab:echo", "params": {"text": "hi"}});
    let add = json!({"action": "lab:add", "params": {"n": 1}});
    let double = json!({"action": "counter.double", "params": {"n": 1}});
    let cases: [(&str, [u16; 3]); 4] = [
        ("call", [200, 200, 200]),
        ("call:lab", [200, 200, 403]),
        ("call:lab.echo", [200, 403, 403]),
        ("call:counter.double", [403, 403, 200]),
    ];
    for (scope, expected) in cases {
        let key = host.key("alice", &[scope]);
        for (body, expected) in [&echo, &add, &double].into_iter().zip(expected) {
            let answer = host.ask(&key, Method::POST, "/v1/execute", body).await;
            assert_eq!(answer.status, expected, "{scope} {body}: {}", answer.text);
            let batch = json!({"calls": [body]});
            let answer = host
                .ask(&key, Method::POST, "/v1/execute/batch", &batch)
                .await;
            let status = if expected == 200 { 200 } else { 207 };
            assert_eq!(answer.status, status, "{scope} {body}: {}", answer.text);
            let mut job = body.clone();
            job["wait"] = json!(false);
            let answer = host.ask(&key, Method::POST, "/v1/execute", &job).await;
            let status = if expected == 200 { 202 } else { 403 };
            assert_eq!(answer.status, status, "{scope} {body}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_sessions_token_is_no_way_around_the_scopes_of_its_maker() {
    let host = Keyed::start().await;
    let body = json!({"backend": "lab", "name": "mine"});
    let narrow = host.key("alice", &["call:lab.echo", "sessions"]);
    let begun = host.ask(&narrow, Method::POST, "/v1/sessions", &body).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    assert!(
        begun.json().get("token").is_none(),
        "it may not call all of its tools"
    );
    let wide = host.key("bob", &["call:lab", "sessions"]);
    let begun = host
        .ask(&wide, Method::POST, "/v1/sessions", &body)
        .await
        .json();
    let token = begun["token"].as_str().unwrap().to_owned();
    let call = json!({"action": "lab:add", "params": {"n": 1}});
    let answer = host.ask(&token, Method::POST, "/v1/execute", &call).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (path, body) in [("/v1/shutdown", NONE), ("/v1/sessions", body)] {
        let answer = host.ask(&token, Method::POST, path, &body).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    assert_eq!(
        host.ask(&token, Method::GET, "/metrics", &NONE)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn an_administrators_key_speaks_for_anybody_and_sees_everybody() {
    let host = Keyed::start().await;
    let bob = host.key("bob", &["sessions", "call"]);
    let begun = host
        .ask(
            &bob,
            Method::POST,
            "/v1/sessions",
            &json!({"backend": "lab"}),
        )
        .await;
    assert_eq!(begun.status, 201);
    let admin = host.key("root", &["admin", "sessions"]);
    for (key, expected) in [(&admin, 200), (&bob, 403)] {
        for query in ["*", "carol"] {
            let path = format!("/v1/sessions?worker={query}");
            let answer = host.ask(key, Method::GET, &path, &NONE).await;
            assert_eq!(answer.status, expected, "{query}: {}", answer.text);
        }
    }
    let of_bob = host.request(Some(&admin), Method::GET, "/v1/sessions");
    let of_bob = Answer::to(of_bob.header("x-worker-id", "bob")).await.json();
    assert_eq!(of_bob["total"], 1);
    let call = json!({"action": "lab:echo", "params": {"text": "hi"}, "worker_id": "bob"});
    let answer = host.ask(&admin, Method::POST, "/v1/execute", &call).await;
    assert_eq!(answer.status, 403, "admin is not call: {}", answer.text);
}

#[tokio::test]
async fn guesses_are_bounded_and_good_keys_are_let_in_meanwhile() {
    let host = Keyed::start().await;
    let key = host.key("alice", &["call"]);
    let client = super::elsewhere();
    let url = format!("http://{}/v1/tools", host.server.address);
    let mut statuses = Vec::new();
    for guess in 0..40 {
        let wrong = format!("hsk_{guess:012x}_{}", "0".repeat(49));
        let answer = Answer::to(client.get(&url).bearer_auth(wrong)).await;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(answer.code(), "rate_limited");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20);
    assert_eq!(
        Answer::to(client.get(&url).bearer_auth(&key)).await.status,
        200
    );
    let other = Answer::to(super::elsewhere().get(&url).bearer_auth("hsk_x")).await;
    assert_eq!(other.status, 401, "another address has its own count");
}

#[tokio::test]
async fn a_host_that_must_ask_asks_without_a_file_of_keys() {
    let server = TestServer::serve(|config| config.auth_required = true).await;
    assert_eq!(server.get("/v1/tools").await.status, 401);
    assert_eq!(server.get("/healthz").await.status, 200);
}
