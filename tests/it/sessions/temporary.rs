//! Sessions that are made for one call.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::host::SessionChoice;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn no_two_calls_share_a_temporary_session() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let add = || ada.call("counter:add", json!({"n": 1}));
    let (one, two) = futures_util::join!(add(), add());
    assert_eq!((one.unwrap(), two.unwrap()), (json!(1), json!(1)));
    assert_eq!(add().await.unwrap(), 1);
    assert_eq!(host.host.session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_that_its_session_was_temporary() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let executed = ada
        .execute(SessionChoice::Any, "counter:get", json!({}))
        .await
        .unwrap();
    let session = executed.called.session.expect("the tool is stateful");
    assert!(session.id.is_none());
    assert_eq!(session.call, 1);
    let executed = ada
        .execute(SessionChoice::Any, "counter:double", json!({"n": 4}))
        .await
        .unwrap();
    assert!(
        executed.called.session.is_none(),
        "a stateless tool has none"
    );
}

#[tokio::test(start_paused = true)]
async fn one_can_be_had_although_the_worker_has_a_session() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let session = host.worker("ada").begin("counter").await;
    session.call("add", json!({"n": 5})).await.unwrap();
    let alone = session
        .worker
        .call_in(SessionChoice::Temporary, "counter:get", json!({}))
        .await;
    assert_eq!(alone.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_is_initialized_and_cleaned_up_once() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab()
        .hook(Hook::Initialize, Behaviour::LeaveMark)
        .hook(Hook::Cleanup, Behaviour::LeaveMark);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");
    for _ in 0..3 {
        ada.call("lab:add", json!({"n": 1})).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((host.marks('i'), host.marks('c')), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_cleanup_that_lingers_does_not_hold_the_answer_up() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Cleanup, Behaviour::Linger);
    host.load("lab", &guest).await;
    let ada = host.worker("ada");
    let start = tokio::time::Instant::now();
    ada.call("lab:add", json!({"n": 1})).await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn one_whose_initialize_refuses_is_an_error_of_the_call() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Initialize, Behaviour::Refuse);
    host.load("lab", &guest).await;
    let error = host
        .worker("ada")
        .call("lab:add", json!({"n": 1}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParams);
    assert!(error.message().contains("not today"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn its_folder_is_gone_after_the_call() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.grants.workspace = true;
    })
    .await;
    assert_eq!(
        host.worker("ada")
            .call("lab:mark", json!({}))
            .await
            .unwrap(),
        true
    );
    let workspaces = host.folder().join("sessions/workspaces");
    let is_empty = || fs_err::read_dir(&workspaces).unwrap().next().is_none();
    // Folders are removed on a thread of their own, which the stopped clock does not wait for.
    for _ in 0..1000 {
        if is_empty() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
        let pause = || std::thread::sleep(Duration::from_millis(2));
        tokio::task::spawn_blocking(pause).await.unwrap();
    }
    panic!("the workspace is still there");
}
