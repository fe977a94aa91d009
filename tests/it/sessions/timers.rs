//! When a session ends by itself: exactly, once, and for good.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::session::{NewSession, SessionState, Timers};
use hostel_tests::{Guest, TestHost, TestSession};
use serde_json::json;
use tokio::time::sleep;

/// A session of the lab with these timers, in seconds.
async fn session(host: &TestHost, idle: Option<u64>, lifetime: Option<u64>) -> TestSession {
    host.load("lab", &Guest::stateful_lab()).await;
    let timers = Timers {
        idle_timeout: idle.map(Duration::from_secs),
        max_lifetime: lifetime.map(Duration::from_secs),
        ..Timers::default()
    };
    host.worker("ada")
        .begin_with("lab", |new| new.timers = Some(timers))
        .await
}

const A_MOMENT: Duration = Duration::from_millis(10);

/// Why the session ended, from the error that its id answers with.
fn reason(session: &TestSession) -> Option<String> {
    let error = session.info().err()?;
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    let ended_at = error.details().iter().find(|(name, _)| *name == "ended_at");
    assert!(ended_at.is_some(), "it says when");
    let reason = error.details().iter().find(|(name, _)| *name == "reason")?;
    reason.1.as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_ends_when_its_time_has_passed_and_not_before() {
    let host = TestHost::new();
    let session = session(&host, Some(300), None).await;
    sleep(Duration::from_secs(300) - A_MOMENT).await;
    assert_eq!(reason(&session), None);
    sleep(2 * A_MOMENT).await;
    assert_eq!(reason(&session).as_deref(), Some("idle_timeout"));
    assert_eq!(host.host.session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_and_keep_alives_start_the_idle_time_anew() {
    let host = TestHost::new();
    let session = session(&host, Some(10), None).await;
    for round in 0..6 {
        sleep(Duration::from_secs(9)).await;
        if round % 2 == 0 {
            session.call("add", json!({"n": 1})).await.unwrap();
        } else {
            session.keep_alive().unwrap();
        }
    }
    sleep(Duration::from_secs(10) - A_MOMENT).await;
    assert_eq!(reason(&session), None);
    sleep(2 * A_MOMENT).await;
    assert_eq!(reason(&session).as_deref(), Some("idle_timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_look_is_no_use_and_lets_the_idle_time_pass() {
    let host = TestHost::new();
    let session = session(&host, Some(10), None).await;
    for _ in 0..10 {
        sleep(Duration::from_millis(999)).await;
        session.info().unwrap();
    }
    sleep(Duration::from_millis(20)).await;
    assert_eq!(reason(&session).as_deref(), Some("idle_timeout"));
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_stands_while_a_call_runs_and_begins_anew_after_it() {
    let host = TestHost::new();
    let session = session(&host, Some(5), None).await;
    let call = session.call("sleep", json!({"ms": 20_000}));
    let watch = async {
        for _ in 0..4 {
            sleep(Duration::from_secs(4)).await;
            assert_eq!(session.info().unwrap().state, SessionState::Active);
            session.keep_alive().unwrap();
        }
    };
    let (answer, ()) = futures_util::join!(call, watch);
    answer.unwrap();
    sleep(Duration::from_secs(5) - A_MOMENT).await;
    assert_eq!(reason(&session), None);
    sleep(2 * A_MOMENT).await;
    assert_eq!(reason(&session).as_deref(), Some("idle_timeout"));
}

#[tokio::test(start_paused = true)]
async fn keep_alive_does_not_outlast_the_lifetime() {
    let host = TestHost::new();
    let session = session(&host, Some(10), Some(60)).await;
    for _ in 0..11 {
        sleep(Duration::from_secs(5)).await;
        session.keep_alive().unwrap();
    }
    sleep(Duration::from_secs(5) - A_MOMENT).await;
    assert_eq!(reason(&session), None);
    sleep(2 * A_MOMENT).await;
    assert_eq!(reason(&session).as_deref(), Some("max_lifetime"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_at_the_end_of_the_lifetime_is_the_last_and_gets_its_answer() {
    let host = TestHost::new();
    let session = session(&host, None, Some(10)).await;
    let last = session.call("add_later", json!({"n": 1, "ms": 15_000}));
    let late = async {
        sleep(Duration::from_secs(11)).await;
        assert_eq!(reason(&session).as_deref(), Some("max_lifetime"));
        session.call("add", json!({"n": 1})).await.unwrap_err()
    };
    let (answer, late) = futures_util::join!(last, late);
    assert_eq!(answer.unwrap(), 1);
    assert_eq!(late.code(), ErrorCode::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_never_revived() {
    let host = TestHost::new();
    let session = session(&host, Some(1), None).await;
    session.call("add", json!({"n": 5})).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        session.keep_alive().unwrap_err().code(),
        ErrorCode::SessionEnded
    );
    let error = session.call("add", json!({"n": 1})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    let successor = session.worker.begin("lab").await;
    assert_ne!(successor.id, session.id);
    assert_eq!(successor.call("add", json!({"n": 1})).await.unwrap(), 1);
    assert_eq!(
        reason(&session).as_deref(),
        Some("idle_timeout"),
        "the old id does not lead to the new session"
    );
}

#[tokio::test(start_paused = true)]
async fn how_a_session_ended_is_remembered_for_an_hour() {
    let host = TestHost::new();
    let session = session(&host, Some(1), None).await;
    sleep(Duration::from_secs(3599)).await;
    assert_eq!(reason(&session).as_deref(), Some("idle_timeout"));
}

#[tokio::test(start_paused = true)]
async fn without_timers_a_session_stays() {
    let host = TestHost::new();
    let session = session(&host, None, None).await;
    sleep(Duration::from_secs(1_000_000)).await;
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 1);
    assert_eq!(session.info().unwrap().expires_at, None);
}

#[tokio::test(start_paused = true)]
async fn the_hosts_timers_hold_for_sessions_that_do_not_say() {
    let host = TestHost::with(|config| {
        config.timers.idle_timeout = Some(Duration::from_secs(2));
    });
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let started = ada.create("lab", NewSession::default()).await.unwrap();
    assert_eq!(
        started.info.timers.idle_timeout,
        Some(Duration::from_secs(2))
    );
    assert!(started.info.expires_at.is_some());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(host.host.session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_does_not_count_as_idle_time() {
    use hostel_tests::{Behaviour, Hook};
    let host = TestHost::new();
    let slow = Guest::lab().hook(Hook::Initialize, Behaviour::Linger);
    host.load_with("lab", &slow, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    let timers = Timers {
        idle_timeout: Some(Duration::from_secs(5)),
        max_lifetime: None,
        ..Timers::default()
    };
    let session = host
        .worker("ada")
        .begin_with("lab", |new| new.timers = Some(timers))
        .await;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(reason(&session), None);
}
