//! A new image takes the place of the old one, and nobody who uses the old one notices.

use hostel_host::error::ErrorCode;
use hostel_host::host::WarmUp;
use hostel_host::registry::{Start, Warmth};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;

const REFRESH: WarmUp = WarmUp {
    backends: None,
    refresh: true,
};

#[tokio::test(start_paused = true)]
async fn sessions_of_the_old_image_go_on_and_new_ones_start_from_the_new_one() {
    let host = TestHost::new();
    let guest = Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Succeed);
    host.load("lab", &guest).await;
    let ada = host.worker("ada");
    let old = ada.begin_named("lab", "old").await;
    old.call("add", json!({"n": 5})).await.unwrap();
    let before = old.call("seed", json!({})).await.unwrap();

    let reports = host.host.warm_up(REFRESH).await.unwrap();
    assert!(reports[0].outcome.is_ok());
    let new = ada.begin_named("lab", "new").await;
    assert_ne!(new.call("seed", json!({})).await.unwrap(), before);
    assert_eq!(old.call("seed", json!({})).await.unwrap(), before);
    assert_eq!(old.call("add", json!({"n": 1})).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_says_so_and_the_old_image_stays_in_use() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::FailSecondTime);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant];
    })
    .await;
    let ada = host.worker("ada");
    let before = ada.call("lab:add", json!({"n": 1})).await.unwrap();
    let reports = host.host.warm_up(REFRESH).await.unwrap();
    let error = reports[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.code(), ErrorCode::BackendInvalid, "{error}");
    assert_eq!(ada.call("lab:add", json!({"n": 1})).await.unwrap(), before);
    let info = host.host.backends().into_iter().next().unwrap();
    assert!(matches!(info.warmth, Warmth::Warm { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_warmup_needs_no_image() {
    let host = TestHost::new();
    host.load("lab", &Guest::lab()).await;
    let reports = host.host.warm_up(WarmUp::default()).await.unwrap();
    assert!(matches!(
        reports[0].outcome,
        Ok(Warmth::Warm {
            start: Start::Plain,
            ..
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn without_an_image_warmup_runs_in_every_instance() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::lab()
        .hook(Hook::Warmup, Behaviour::LeaveMark)
        .with_changing_table();
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant];
    })
    .await;
    let reports = host.host.warm_up(WarmUp::default()).await.unwrap();
    let Ok(Warmth::Warm {
        start: Start::WithoutImage { reason },
        ..
    }) = &reports[0].outcome
    else {
        panic!("there can be no image");
    };
    assert!(reason.contains("table.set"), "{reason}");
    let before = host.marks('w');
    let ada = host.worker("ada");
    for _ in 0..2 {
        assert_ne!(ada.call("lab:seed", json!({})).await.unwrap(), 0);
    }
    assert_eq!(host.marks('w'), before + 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_warmup_drew_at_random_is_warned_of() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    host.load("lab", &guest).await;
    let reports = host.host.warm_up(WarmUp::default()).await.unwrap();
    let Ok(Warmth::Warm { start, .. }) = &reports[0].outcome else {
        panic!("it is warm");
    };
    assert!(
        start
            .warnings()
            .iter()
            .any(|warning| warning.contains("random")),
        "{start:?}"
    );
}
