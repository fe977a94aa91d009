//! One worker's flood and another's call, counted in what of the flood was served before it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_tests::{Behaviour, Guest, Hook, TestHost, Worker};
use serde_json::json;

const FLOOD: usize = 60;
/// Those that run when the other worker comes, and a few that were next.
const FEW: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_needs_an_instance_waits_for_a_few_of_a_flood_and_not_for_all() {
    let host = TestHost::of_instances(2);
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.cpu = Duration::from_millis(20);
    })
    .await;
    let (mallory, ada) = (host.worker("mallory"), host.worker("ada"));
    let served = AtomicUsize::new(0);
    let flood = (0..FLOOD).map(|_| async {
        let error = mallory.call("lab:spin", json!({})).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded, "{error}");
        served.fetch_add(1, Ordering::Relaxed);
    });
    let other = async {
        // The flood is in the line by then: joined futures are polled in their order.
        tokio::task::yield_now().await;
        for number in 1..=3 {
            let before = served.load(Ordering::Relaxed);
            ada.call("lab:add", json!({"n": 1})).await.unwrap();
            let meanwhile = served.load(Ordering::Relaxed) - before;
            assert!(meanwhile <= FEW, "call {number} waited for {meanwhile}");
        }
        served.load(Ordering::Relaxed)
    };
    let (_, at_the_end) = tokio::join!(futures_util::future::join_all(flood), other);
    assert!(
        at_the_end < FLOOD,
        "the flood was over: this test tests nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_computes_gets_its_turns_among_a_crowd_that_computes() {
    let host = TestHost::new();
    // It computes for twice as long as each of the crowd.
    for (name, ms) in [("lab", 100), ("other", 200)] {
        host.load_with(name, &Guest::lab(), |settings| {
            settings.limits.cpu = Duration::from_millis(ms);
        })
        .await;
    }
    let (mallory, ada) = (host.worker("mallory"), host.worker("ada"));
    let served = AtomicUsize::new(0);
    let flood = (0..FLOOD).map(|_| async {
        mallory.call("lab:spin", json!({})).await.unwrap_err();
        served.fetch_add(1, Ordering::Relaxed);
    });
    // And it comes last.
    let other = async {
        tokio::task::yield_now().await;
        ada.call("other:spin", json!({})).await.unwrap_err();
        served.load(Ordering::Relaxed)
    };
    let (_, before) = tokio::join!(futures_util::future::join_all(flood), other);
    assert!(before <= FEW, "{before} of {FLOOD} were done first");
}

#[tokio::test]
async fn a_small_call_waits_for_a_few_of_a_flood_of_small_calls() {
    let host = TestHost::new();
    host.load("lab", &Guest::lab()).await;
    let (mallory, ada) = (host.worker("mallory"), host.worker("ada"));
    let call = async |worker: &Worker| {
        worker.call("lab:add", json!({"n": 1})).await.unwrap();
    };
    call(&ada).await;
    let served = AtomicUsize::new(0);
    let flood = (0..FLOOD).map(|_| async {
        call(&mallory).await;
        served.fetch_add(1, Ordering::Relaxed);
    });
    let other = async {
        call(&ada).await;
        served.load(Ordering::Relaxed)
    };
    let (_, before) = tokio::join!(futures_util::future::join_all(flood), other);
    assert!(before <= FEW, "{before} of {FLOOD} were done first");
}

#[tokio::test(start_paused = true)]
async fn who_ends_a_session_waits_for_a_few_of_anothers_cleanups_that_hang() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Cleanup, Behaviour::Linger);
    host.load("lab", &guest).await;
    let (mallory, ada) = (host.worker("mallory"), host.worker("ada"));
    let mut flood = Vec::new();
    for number in 0..FLOOD {
        flood.push(mallory.begin_named("lab", &format!("s{number}")).await);
    }
    let own = ada.begin("lab").await;
    let ended = AtomicUsize::new(0);
    let flood = flood.iter().map(|session| async {
        session.destroy().await.unwrap();
        ended.fetch_add(1, Ordering::Relaxed);
    });
    let own = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        own.destroy().await.unwrap();
        ended.load(Ordering::Relaxed)
    };
    let (_, before) = tokio::join!(futures_util::future::join_all(flood), own);
    assert!(before <= FEW, "{before} of {FLOOD} were ended first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_others_a_worker_has_everything() {
    let host = TestHost::of_instances(4);
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let calls = (0..40).map(|_| ada.call("lab:add", json!({"n": 1})));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(outcome.unwrap(), 1);
    }
}
