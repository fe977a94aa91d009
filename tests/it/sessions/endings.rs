//! How sessions end badly or by somebody's word, and what that costs others: nothing.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::host::SessionQuery;
use hostel_host::session::{Farewell, NewSession};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Limits that end a guest's mischief soon. Processor time is real time, also where the clock is stopped.
fn short(limits: &mut hostel_host::policy::Limits) {
    limits.cpu = Duration::from_millis(50);
    limits.initialize = Duration::from_millis(100);
    limits.cleanup = Duration::from_millis(100);
}

#[tokio::test(start_paused = true)]
async fn an_initialize_that_fails_leaves_no_session() {
    for (behaviour, expected) in [
        (Behaviour::Refuse, ErrorCode::InvalidParams),
        (Behaviour::Trap, ErrorCode::ToolTrapped),
        (Behaviour::Hang, ErrorCode::LimitExceeded),
        (Behaviour::Linger, ErrorCode::DeadlineExceeded),
    ] {
        let host = TestHost::new();
        let guest = Guest::lab().hook(Hook::Initialize, behaviour);
        host.load_with("lab", &guest, |settings| short(&mut settings.limits))
            .await;
        let ada = host.worker("ada");
        for _ in 0..2 {
            let error = ada
                .create("lab", NewSession::default())
                .await
                .err()
                .expect("it fails");
            assert_eq!(error.code(), expected, "{behaviour:?}: {error}");
        }
        let query = SessionQuery {
            limit: 10,
            ..SessionQuery::default()
        };
        assert_eq!(
            host.host.list_sessions(&ada.caller, &query).unwrap().total,
            0,
            "{behaviour:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_leaves_the_guest_in_an_unknown_state_fails_its_session_alone() {
    let cases = [
        ("trap", json!({}), ErrorCode::ToolTrapped),
        ("recurse", json!({}), ErrorCode::ToolTrapped),
        (
            "complain",
            json!({"text": "alas\n"}),
            ErrorCode::ToolTrapped,
        ),
        ("hoard", json!({}), ErrorCode::LimitExceeded),
        ("spin", json!({}), ErrorCode::LimitExceeded),
        (
            "print",
            json!({"text": "on and on\n", "times": u32::MAX}),
            ErrorCode::LimitExceeded,
        ),
        ("sleep", json!({"ms": 100_000}), ErrorCode::DeadlineExceeded),
    ];
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        short(&mut settings.limits);
    })
    .await;
    let ada = host.worker("ada");
    let neighbour = ada.begin_named("lab", "neighbour").await;
    for (tool, params, expected) in cases {
        let session = ada.begin_named("lab", tool).await;
        session.call("add", json!({"n": 1})).await.unwrap();
        let error = session.call(tool, params).await.unwrap_err();
        assert_eq!(error.code(), expected, "{tool}: {error}");

        let later = session.call("add", json!({"n": 1})).await.unwrap_err();
        assert_eq!(later.code(), ErrorCode::SessionFailed, "{tool}");
        let cause = later.details().iter().find(|(name, _)| *name == "cause");
        assert_eq!(cause.unwrap().1, expected.as_str(), "{tool}");
        assert_eq!(session.gone(), Some(ErrorCode::SessionFailed), "{tool}");

        let successor = ada.begin_named("lab", tool).await;
        assert_eq!(successor.call("add", json!({"n": 1})).await.unwrap(), 1);
    }
    assert_eq!(neighbour.call("add", json!({"n": 1})).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_waited_for_a_session_that_fails_learn_that_it_failed() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.call = Duration::from_secs(1);
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    let (running, waiting) =
        futures_util::join!(session.call("sleep", json!({"ms": 60_000})), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            session.call("add", json!({"n": 1})).await
        });
    assert_eq!(running.unwrap_err().code(), ErrorCode::DeadlineExceeded);
    assert_eq!(waiting.unwrap_err().code(), ErrorCode::SessionFailed);
}

#[tokio::test(start_paused = true)]
async fn a_tools_own_error_and_bad_params_leave_the_session_whole() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    session.call("add", json!({"n": 1})).await.unwrap();
    assert_eq!(
        session.call("fail", json!({"text": "no"})).await.unwrap(),
        "no"
    );
    let error = session.call("add", json!({"n": -1})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParams);
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_session_is_gone_and_says_when_and_why() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let session = host.worker("ada").begin("counter").await;
    assert_eq!(session.destroy().await.unwrap(), Farewell::Clean);
    let error = session.info().unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    let detail = |name: &str| -> Value {
        let mut details = error.details().iter();
        details.find(|(key, _)| *key == name).unwrap().1.clone()
    };
    assert_eq!(detail("reason"), "released");
    assert!(detail("ended_at").as_str().unwrap().ends_with('Z'));
    let twice = session.destroy().await.unwrap_err();
    assert_eq!(twice.code(), ErrorCode::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn destroying_stops_the_running_call_and_those_that_wait() {
    for (tool, params) in [("sleep", json!({"ms": 25_000})), ("spin", json!({}))] {
        let host = TestHost::new();
        host.load("lab", &Guest::stateful_lab()).await;
        let session = host.worker("ada").begin("lab").await;
        let start = Instant::now();
        let running = session.call(tool, params);
        let waiting = session.call("add", json!({"n": 1}));
        let destroy = async {
            tokio::task::yield_now().await;
            session.destroy().await.unwrap()
        };
        let (running, waiting, _) = futures_util::join!(running, waiting, destroy);
        assert_eq!(
            running.unwrap_err().code(),
            ErrorCode::SessionEnded,
            "{tool}"
        );
        assert_eq!(
            waiting.unwrap_err().code(),
            ErrorCode::SessionEnded,
            "{tool}"
        );
        assert!(start.elapsed() < Duration::from_secs(5), "{tool}");
        assert_eq!(session.gone(), Some(ErrorCode::SessionEnded), "{tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cleanup_that_goes_wrong_cannot_keep_its_session() {
    for behaviour in [
        Behaviour::Refuse,
        Behaviour::Trap,
        Behaviour::Hang,
        Behaviour::Linger,
    ] {
        let host = TestHost::new();
        let guest = Guest::lab().hook(Hook::Cleanup, behaviour);
        host.load_with("lab", &guest, |settings| short(&mut settings.limits))
            .await;
        let ada = host.worker("ada");
        let session = ada.begin("lab").await;
        let start = Instant::now();
        let farewell = session.destroy().await.unwrap();
        assert!(
            matches!(farewell, Farewell::Unclean(_)),
            "{behaviour:?}: {farewell:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(5), "{behaviour:?}");
        assert_eq!(host.host.session_count(), 0, "{behaviour:?}");
        ada.begin("lab").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_being_cleaned_up_is_not_found_and_its_name_is_free() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Cleanup, Behaviour::Linger);
    host.load_with("lab", &guest, |settings| {
        settings.limits.cleanup = Duration::from_secs(60);
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(session.gone(), Some(ErrorCode::SessionEnded));
        session.worker.begin("lab").await
    };
    let (farewell, successor) = futures_util::join!(session.destroy(), meanwhile);
    assert_eq!(farewell.unwrap(), Farewell::Clean);
    assert_eq!(successor.gone(), None);
}

#[tokio::test(start_paused = true)]
async fn cleanup_runs_once_however_a_healthy_session_ends() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab()
        .hook(Hook::Cleanup, Behaviour::LeaveMark)
        .hook(Hook::Shutdown, Behaviour::LeaveMark);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");

    let destroyed = ada.begin_named("lab", "destroyed").await;
    destroyed.destroy().await.unwrap();
    assert_eq!(host.marks('c'), 1, "destroyed");

    ada.begin_named("lab", "expired").await;
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(host.marks('c'), 2, "expired");

    let trapped = ada.begin_named("lab", "trapped").await;
    trapped.call("trap", json!({})).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        host.marks('c'),
        2,
        "the state of a guest that trapped is unknown"
    );

    ada.begin_named("lab", "drained").await;
    host.host.drain(Duration::from_secs(10)).await;
    assert_eq!(
        host.marks('c'),
        2,
        "it was saved: it comes back with the host"
    );
    assert_eq!(host.marks('s'), 1, "and shutdown ran once");
}
