//! The limits of one worker: each is named by the refusal of what exceeds it, costs nothing that is there, and is nobody else's.

use std::time::Duration;

use bytes::Bytes;
use hostel_host::error::{Error, ErrorCode, Result};
use hostel_host::host::{Execute, SessionChoice, StartedJob};
use hostel_host::ids::RequestId;
use hostel_host::label::Labels;
use hostel_host::quota::{Rate, WorkerSettings};
use hostel_host::session::{ForkRequest, NewSession, OnIdle, SessionState, Timers};
use hostel_tests::{Guest, TestHost, TestServer, Worker};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{assert_limited, every};

/// A host whose workers have these limits, with a stateful and a stateless lab.
async fn host(change: impl FnOnce(&mut WorkerSettings)) -> TestHost {
    let host = TestHost::with(|config| config.workers = every(change));
    host.load("lab", &Guest::stateful_lab()).await;
    host.load("plain", &Guest::lab()).await;
    host
}

fn named(name: &str) -> NewSession {
    NewSession {
        name: hostel_host::ids::SessionName::parse(name).unwrap(),
        ..NewSession::default()
    }
}

fn forks(count: usize) -> ForkRequest {
    ForkRequest {
        count,
        name: None,
        labels: Labels::default(),
    }
}

async fn job(worker: &Worker, ms: u64) -> Result<StartedJob> {
    let execute = Execute {
        action: "plain:sleep".to_owned(),
        params: Bytes::from(json!({"ms": ms}).to_string()),
        session: SessionChoice::Any,
        timeout: None,
    };
    let host = &worker.host;
    host.start_job(&worker.caller, &RequestId::next(), execute, None)
        .await
}

/// Makes so many calls at once and answers with the errors.
async fn at_once(worker: &Worker, count: usize, action: &str, params: Value) -> Vec<Error> {
    let calls = (0..count).map(|_| worker.call(action, params.clone()));
    let outcomes = futures_util::future::join_all(calls).await;
    outcomes.into_iter().filter_map(Result::err).collect()
}

#[tokio::test(start_paused = true)]
async fn sessions() {
    let host = host(|limits| limits.sessions = Some(2)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let first = ada.begin_named("lab", "one").await;
    ada.begin_named("lab", "two").await;
    let error = ada.create("lab", named("three")).await.err().unwrap();
    assert_limited(&error, "sessions", 2, 2);
    let error = first.fork(&forks(1)).await.err().unwrap();
    assert_limited(&error, "sessions", 2, 2);
    bob.begin_named("lab", "one").await;
    first.call("add", json!({"n": 1})).await.unwrap();
    first.destroy().await.unwrap();
    ada.begin_named("lab", "three").await;
}

#[tokio::test(start_paused = true)]
async fn suspended_sessions() {
    let host = host(|limits| limits.suspended = Some(1)).await;
    let ada = host.worker("ada");
    let (one, two) = (
        ada.begin_named("lab", "one").await,
        ada.begin_named("lab", "two").await,
    );
    two.call("add", json!({"n": 5})).await.unwrap();
    one.suspend().await.unwrap();
    let error = two.suspend().await.err().unwrap();
    assert_limited(&error, "suspended", 1, 1);
    assert_eq!(two.call("add", json!({"n": 1})).await.unwrap(), 6);
    host.worker("bob")
        .begin("lab")
        .await
        .suspend()
        .await
        .unwrap();
    one.resume().await.unwrap();
    two.suspend().await.unwrap();
    two.destroy().await.unwrap();
    one.suspend().await.expect("those that ended count no more");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_may_not_fall_asleep_stays_awake_and_keeps_its_state() {
    let host = host(|limits| limits.suspended = Some(0)).await;
    let ada = host.worker("ada");
    let session = ada.begin_with("lab", |new| {
        new.timers = Some(Timers {
            idle_timeout: Some(Duration::from_secs(10)),
            on_idle: OnIdle::Suspend,
            ..Timers::default()
        });
    });
    let session = session.await;
    session.call("add", json!({"n": 7})).await.unwrap();
    sleep(Duration::from_secs(25)).await;
    assert_eq!(session.info().unwrap().state, SessionState::Idle);
    assert_eq!(session.call("add", json!({"n": 0})).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn calls_in_instances_of_their_own() {
    let host = host(|limits| limits.temporary = Some(3)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let session = ada.begin("lab").await;
    for action in ["plain:sleep", "lab:sleep"] {
        session.destroy().await.ok();
        let (refused, others) = tokio::join!(
            at_once(&ada, 5, action, json!({"ms": 100})),
            at_once(&bob, 3, action, json!({"ms": 100}))
        );
        assert_eq!((refused.len(), others.len()), (2, 0), "{action}");
        assert_limited(&refused[0], "temporary", 3, 3);
    }
    let session = ada.begin("lab").await;
    let (refused, in_session) = tokio::join!(
        at_once(&ada, 3, "plain:sleep", json!({"ms": 100})),
        session.call("add", json!({"n": 1}))
    );
    assert!(refused.is_empty(), "they are given back: {refused:?}");
    in_session.expect("one in a session is none of them");
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight() {
    let host = host(|limits| limits.calls = Some(2)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let session = ada.begin("lab").await;
    let sleeps = (0..4).map(|_| session.call("sleep", json!({"ms": 100})));
    let (outcomes, other) = tokio::join!(
        futures_util::future::join_all(sleeps),
        bob.call("plain:add", json!({"n": 1}))
    );
    other.unwrap();
    let refused: Vec<Error> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 2, "one runs and one waits");
    assert_limited(&refused[0], "calls", 2, 2);
    session.call("add", json!({"n": 1})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_caller_left_is_in_flight_until_its_guest_is_done() {
    let host = host(|limits| limits.temporary = Some(1)).await;
    let ada = host.worker("ada");
    let call = ada.call("plain:sleep", json!({"ms": 1000}));
    let left = tokio::time::timeout(Duration::from_millis(10), call).await;
    assert!(left.is_err());
    let error = ada.call("plain:add", json!({"n": 1})).await.unwrap_err();
    assert_limited(&error, "temporary", 1, 1);
    sleep(Duration::from_secs(1)).await;
    ada.call("plain:add", json!({"n": 1})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn jobs() {
    let host = host(|limits| limits.jobs = Some(2)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let first = job(&ada, 100).await.unwrap();
    job(&ada, 100).await.unwrap();
    let error = job(&ada, 100).await.err().unwrap();
    assert_limited(&error, "jobs", 2, 2);
    job(&bob, 100).await.unwrap();
    first.job.ended().await;
    job(&ada, 100)
        .await
        .expect("one that is done counts no more");
}

#[tokio::test(start_paused = true)]
async fn requests_a_second() {
    let rate = Rate::new(2.0, Some(3)).unwrap();
    let host = host(|limits| limits.requests = Some(rate)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    // A creation, a job and a call are three.
    let session = ada.begin("lab").await;
    job(&ada, 1).await.unwrap();
    session.call("add", json!({"n": 1})).await.unwrap();
    let error = session.call("add", json!({"n": 1})).await.unwrap_err();
    assert_limited(&error, "requests_per_second", 3, 3);
    let wait = error.wait().unwrap();
    assert!(wait <= Duration::from_millis(500), "{wait:?}");
    let error = job(&ada, 1).await.err().unwrap();
    assert_limited(&error, "requests_per_second", 3, 3);
    let error = ada.create("lab", named("two")).await.err().unwrap();
    assert_limited(&error, "requests_per_second", 3, 3);
    let error = session.checkpoint(None).await.err().unwrap();
    assert_limited(&error, "requests_per_second", 3, 3);
    bob.call("plain:add", json!({"n": 1})).await.unwrap();
    sleep(wait).await;
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 2);
    session.info().expect("looking is free");
}

#[tokio::test(start_paused = true)]
async fn creations_a_second() {
    let rate = Rate::new(1.0, Some(3)).unwrap();
    let host = host(|limits| limits.creations = Some(rate)).await;
    let ada = host.worker("ada");
    let parent = ada.begin("lab").await;
    let error = parent.fork(&forks(3)).await.err().unwrap();
    assert_limited(&error, "creations_per_second", 3, 1);
    parent.fork(&forks(2)).await.unwrap();
    let error = ada.create("lab", named("two")).await.err().unwrap();
    assert_limited(&error, "creations_per_second", 3, 3);
    parent
        .call("add", json!({"n": 1}))
        .await
        .expect("calls are free");
    sleep(Duration::from_secs(1)).await;
    ada.begin_named("lab", "two").await;
    let error = parent.fork(&forks(4)).await.err().unwrap();
    let hint = error.hint_text().unwrap();
    assert!(hint.contains("at most 3 at once"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn bytes_on_disk() {
    let host = host(|limits| limits.disk_bytes = Some(3_000)).await;
    let (ada, bob) = (host.worker("ada"), host.worker("bob"));
    let session = ada.begin("lab").await;
    let mut kept = 0;
    let error = loop {
        session.call("add", json!({"n": 1})).await.unwrap();
        match session.checkpoint(None).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "nothing says no");
    };
    assert_eq!(error.code(), ErrorCode::RateLimited, "{error}");
    assert_eq!(super::detail(&error, "limit"), Some(&"disk_bytes".into()));
    assert!(kept > 0);
    let error = session.suspend().await.err().unwrap();
    assert_eq!(super::detail(&error, "limit"), Some(&"disk_bytes".into()));
    assert_eq!(
        session.call("add", json!({"n": 0})).await.unwrap(),
        kept + 1
    );
    session
        .restore("c1")
        .await
        .expect("what was saved is there");
    bob.begin("lab").await.checkpoint(None).await.unwrap();
    session.destroy().await.unwrap();
    ada.begin("lab").await.checkpoint(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bytes_on_disk_are_counted_across_a_restart_and_workspaces_with_them() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.grants.workspace = true;
    })
    .await;
    let ada = host.worker("ada");
    let session = ada.begin("lab").await;
    session.checkpoint(None).await.unwrap();
    session.suspend().await.unwrap();
    let used = |host: &TestHost| {
        let report = host.host.usage(&host.worker("ada").caller).unwrap();
        let disk = report.limits.iter();
        let mut disk = disk.filter(|limit| limit.quota.key() == "disk_bytes");
        disk.next().unwrap().used
    };
    let before = used(&host);
    assert!(before > 0);
    let again = host.after_a_kill(|_| {});
    assert_eq!(
        used(&again),
        before,
        "its backend is not loaded, its files are there"
    );
    again
        .load_with("lab", &Guest::stateful_lab(), |settings| {
            settings.grants.workspace = true;
        })
        .await;
    assert_eq!(used(&again), before);
    let known = again.worker("ada").known("lab", &session);
    known.destroy().await.unwrap();
    assert_eq!(used(&again), 0);
}

#[tokio::test]
async fn a_refusal_over_http_says_when_to_come_back_and_which_key_to_raise() {
    let rate = Rate::new(0.5, Some(1)).unwrap();
    let server = TestServer::start_with(&[("lab", &Guest::lab())], |config| {
        config.workers = every(|limits| limits.requests = Some(rate));
    })
    .await;
    assert_eq!(server.execute("lab:add", json!({"n": 1})).await.status, 200);
    let refused = server.execute("lab:add", json!({"n": 1})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(refused.header("retry-after"), Some("2"));
    let document = refused.json();
    assert_eq!(document["limit"], "requests_per_second");
    assert_eq!(document["key"], "workers.requests_per_second");
    assert_eq!(
        (&document["max"], &document["used"]),
        (&json!(1), &json!(1))
    );
    let other = json!({"action": "lab:add", "params": {"n": 1}, "worker_id": "other"});
    assert_eq!(server.post("/v1/execute", &other).await.status, 200);
    // Every door has it, for the verbs do.
    let af = json!({"worker_id": "other", "action": "lab:add", "params": {"n": 1}});
    let refused = server.post("/api/v1/execute", &af).await;
    assert!(refused.text.contains("asks for more"), "{}", refused.text);
}
