//! A caller that leaves does not stop a call: the session's state stays known.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_tests::{Guest, TestHost};
use serde_json::json;
use tokio::time::{sleep, timeout};

#[tokio::test(start_paused = true)]
async fn a_call_in_a_session_runs_on_and_the_session_is_of_use_afterwards() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let call = session.call("add_later", json!({"n": 5, "ms": 1000}));
    assert!(timeout(Duration::from_millis(100), call).await.is_err());
    assert_eq!(session.info().unwrap().state.as_str(), "active");
    assert_eq!(
        session.call("add", json!({"n": 1})).await.unwrap(),
        6,
        "the next call waits for the one that was left behind"
    );
}

#[tokio::test(start_paused = true)]
async fn a_temporary_session_is_cleaned_up_all_the_same() {
    use hostel_tests::{Behaviour, Hook};
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Cleanup, Behaviour::LeaveMark);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");
    let call = ada.call("lab:add_later", json!({"n": 5, "ms": 1000}));
    assert!(timeout(Duration::from_millis(100), call).await.is_err());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(host.marks('c'), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_left_behind_still_has_a_deadline() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let call = session.call("sleep", json!({"ms": 3_000_000}));
    assert!(timeout(Duration::from_millis(100), call).await.is_err());
    sleep(Duration::from_secs(31)).await;
    assert_eq!(session.gone(), Some(ErrorCode::SessionFailed));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_creator_leaves_begins_all_the_same_and_ends_by_its_timers() {
    use hostel_host::session::NewSession;
    use hostel_tests::{Behaviour, Hook};
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Initialize, Behaviour::Linger);
    host.load_with("lab", &guest, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    let ada = host.worker("ada");
    let create = ada.create("lab", NewSession::default());
    assert!(timeout(Duration::from_secs(1), create).await.is_err());
    sleep(Duration::from_secs(20)).await;
    assert_eq!(ada.call("lab:add", json!({"n": 1})).await.unwrap(), 1);
    assert_eq!(
        ada.call("lab:add", json!({"n": 1})).await.unwrap(),
        2,
        "the worker has its default session"
    );
    sleep(Duration::from_secs(301)).await;
    assert_eq!(host.host.session_count(), 0);
}
