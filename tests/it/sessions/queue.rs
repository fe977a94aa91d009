//! Calls of one session run one at a time, in order; sessions run side by side.

use std::time::Duration;

use futures_util::future::join_all;
use hostel_host::error::ErrorCode;
use hostel_tests::{Guest, TestHost};
use serde_json::{Value, json};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn calls_of_one_session_run_in_the_order_in_which_they_came() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let start = Instant::now();
    // Each leaves its digit in the sum; the later ones would be done first if they ran at once.
    let calls = [(1, 50), (10, 40), (100, 30), (1000, 20)].map(|(n, ms)| {
        let session = session.clone();
        async move {
            session
                .call("add_later", json!({"n": n, "ms": ms}))
                .await
                .unwrap()
        }
    });
    assert_eq!(join_all(calls).await, [1, 11, 111, 1111].map(Value::from));
    assert!(
        start.elapsed() >= Duration::from_millis(140),
        "one at a time: {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_run_side_by_side() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let sessions = join_all(names.iter().map(|name| ada.begin_named("lab", name))).await;
    let start = Instant::now();
    let calls = sessions
        .iter()
        .map(|session| session.call("sleep", json!({"ms": 1000})));
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn one_call_too_many_is_refused_and_the_others_are_served() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.queue = 2
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    let calls = (0..5).map(|_| session.call("add_later", json!({"n": 1, "ms": 100})));
    let outcomes = join_all(calls).await;
    let answers: Vec<&Value> = outcomes.iter().flatten().collect();
    assert_eq!(answers, [1, 2, 3], "one runs and two wait");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.code(), ErrorCode::SessionBusy);
        assert!(error.wait().is_some(), "it says when to try again");
    }
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_the_queue_has_called_nothing() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let running = session.call("add_later", json!({"n": 1, "ms": 100}));
    let impatient = tokio::time::timeout(
        Duration::from_millis(20),
        session.call("add", json!({"n": 10})),
    );
    let (answer, gone) = futures_util::join!(running, impatient);
    assert_eq!(answer.unwrap(), 1);
    assert!(gone.is_err(), "it left");
    assert_eq!(session.call("add", json!({"n": 100})).await.unwrap(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_up_while_it_waits_costs_the_session_nothing() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let running = session.call("add_later", json!({"n": 1, "ms": 1000}));
    let patience = Duration::from_millis(100);
    let waiting = session
        .worker
        .call_within(patience, "lab:add", json!({"n": 10}));
    let (answer, refused) = futures_util::join!(running, waiting);
    assert_eq!(answer.unwrap(), 1);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::DeadlineExceeded);
    assert_eq!(session.call("add", json!({"n": 100})).await.unwrap(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_listing_shows_how_many_calls_wait() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let calls = join_all((0..3).map(|_| session.call("sleep", json!({"ms": 100}))));
    let look = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let info = session.info().unwrap();
        assert_eq!((info.state.as_str(), info.waiting), ("active", 2));
    };
    futures_util::join!(calls, look);
    let info = session.info().unwrap();
    assert_eq!(
        (info.state.as_str(), info.waiting, info.calls),
        ("idle", 0, 3)
    );
}
