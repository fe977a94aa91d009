//! Warming up: by itself, once, and honest about failure.

use std::time::Duration;

use futures_util::future::join_all;
use hostel_host::error::ErrorCode;
use hostel_host::host::WarmUp;
use hostel_host::registry::Warmth;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;
use tokio::time::{Instant, sleep};

fn is_warm(host: &TestHost) -> bool {
    let info = host.host.backends().into_iter().next().unwrap();
    matches!(info.warmth, Warmth::Warm { .. })
}

#[tokio::test(start_paused = true)]
async fn a_cold_backend_warms_up_at_its_first_call() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    let loaded = host.load("lab", &guest).await;
    assert!(matches!(loaded.warmth, Warmth::Cold));
    let seed = host
        .worker("ada")
        .call("lab:seed", json!({}))
        .await
        .unwrap();
    assert_ne!(seed, 0, "warmup ran before the call");
    assert!(is_warm(&host));
}

#[tokio::test(start_paused = true)]
async fn first_calls_that_come_together_wait_for_one_warmup() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::Linger);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");
    let start = Instant::now();
    let calls = (0..10).map(|_| ada.call("lab:add", json!({"n": 1})));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap(), 1);
    }
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(host.marks('w'), 1, "warmup runs once per module");
}

#[tokio::test(start_paused = true)]
async fn every_instance_starts_from_what_the_one_warmup_left_behind() {
    let host = TestHost::new();
    let guest = Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Succeed);
    host.load("lab", &guest).await;
    let ada = host.worker("ada");
    let one = ada.begin_named("lab", "one").await;
    let two = ada.begin_named("lab", "two").await;
    let seed = one.call("seed", json!({})).await.unwrap();
    assert_eq!(two.call("seed", json!({})).await.unwrap(), seed);
    let bob = host.worker("bob");
    assert_eq!(bob.call("lab:seed", json!({})).await.unwrap(), seed);
    one.call("add", json!({"n": 5})).await.unwrap();
    assert_eq!(
        two.call("add", json!({"n": 1})).await.unwrap(),
        1,
        "and from nothing that came after it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_warmup_is_the_answer_to_all_who_wait_for_it() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::LingerAndRefuse);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");
    let calls = (0..10).map(|_| ada.call("lab:add", json!({"n": 1})));
    for outcome in join_all(calls).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), ErrorCode::BackendInvalid);
        assert!(error.message().contains("not today"), "{error}");
    }
    assert_eq!(host.marks('w'), 1, "they waited for one");
}

#[tokio::test(start_paused = true)]
async fn each_way_to_fail_has_its_code_and_no_call_runs() {
    for (behaviour, expected) in [
        (Behaviour::Refuse, ErrorCode::BackendInvalid),
        (Behaviour::Trap, ErrorCode::ToolTrapped),
        (Behaviour::Hoard, ErrorCode::LimitExceeded),
        (Behaviour::Hang, ErrorCode::LimitExceeded),
        (Behaviour::Linger, ErrorCode::DeadlineExceeded),
    ] {
        let host = TestHost::new();
        let guest = Guest::lab().hook(Hook::Warmup, behaviour);
        host.load_with("lab", &guest, |settings| {
            settings.limits.warmup = Duration::from_millis(100);
        })
        .await;
        let error = host
            .worker("ada")
            .call("lab:add", json!({"n": 1}))
            .await
            .unwrap_err();
        assert_eq!(error.code(), expected, "{behaviour:?}: {error}");
        assert!(!is_warm(&host), "{behaviour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_warmup_is_not_tried_again_before_its_time() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::LingerAndRefuse);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let ada = host.worker("ada");
    let call = || ada.call("lab:add", json!({"n": 1}));
    call().await.unwrap_err();
    let again = call().await.unwrap_err();
    assert_eq!(host.marks('w'), 1, "at once");
    let wait = again.wait().expect("it says when to try again");
    sleep(wait + Duration::from_millis(10)).await;
    call().await.unwrap_err();
    assert_eq!(host.marks('w'), 2, "when the time has come");
    let longer = call().await.unwrap_err().wait().unwrap();
    assert!(longer > wait, "{longer:?} after {wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_warm_up_tries_at_once() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::LingerAndRefuse);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    for tries in 1..=3 {
        let reports = host.host.warm_up(WarmUp::default()).await.unwrap();
        assert!(reports[0].outcome.is_err());
        assert_eq!(host.marks('w'), tries);
    }
}

#[tokio::test(start_paused = true)]
async fn the_warmup_goes_on_when_its_first_caller_leaves() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::Linger);
    host.load("lab", &guest).await;
    let ada = host.worker("ada");
    let call = ada.call("lab:add", json!({"n": 1}));
    let gone = tokio::time::timeout(Duration::from_secs(1), call).await;
    assert!(gone.is_err());
    sleep(Duration::from_secs(12)).await;
    assert!(is_warm(&host));
}

#[tokio::test(start_paused = true)]
async fn a_warmup_that_fails_costs_no_other_backend_anything() {
    let host = TestHost::new();
    host.load("bad", &Guest::lab().hook(Hook::Warmup, Behaviour::Trap))
        .await;
    host.load("good", &Guest::lab()).await;
    let reports = host.host.warm_up(WarmUp::default()).await.unwrap();
    let outcomes = reports
        .iter()
        .map(|report| (report.backend.as_str(), report.outcome.is_ok()));
    assert_eq!(
        outcomes.collect::<Vec<_>>(),
        [("bad", false), ("good", true)]
    );
    assert_eq!(
        host.worker("ada")
            .call("good:add", json!({"n": 1}))
            .await
            .unwrap(),
        1
    );
}
