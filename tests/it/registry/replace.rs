//! Backends come and go while a host runs; sessions keep the version with which they began.

use std::time::Duration;

use bytes::Bytes;
use hostel_host::error::{ErrorCode, Result};
use hostel_host::host::{Approval, BackendInfo, Host};
use hostel_host::ids::BackendName;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;

fn name() -> BackendName {
    BackendName::parse("lab").unwrap()
}

async fn put(host: &Host, guest: &Guest, if_match: Option<&str>) -> Result<BackendInfo> {
    host.put_backend(
        name(),
        Bytes::from(guest.component()),
        None,
        if_match,
        Approval::Missing,
    )
    .await
}

const OTHER: &str = r#"(;
package test:other@1.0.0;
world guest { export fresh: func() -> u32; }
;)
(func (export "fresh") (result i32) (i32.const 8))"#;

#[tokio::test(start_paused = true)]
async fn a_backend_that_was_sent_is_served_at_once() {
    let host = TestHost::new();
    let info = put(&host.host, &Guest::lab(), None).await.unwrap();
    assert!(info.digest.starts_with("sha256:"));
    assert_eq!(
        host.worker("ada")
            .call("lab:add", json!({"n": 1}))
            .await
            .unwrap(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_with_the_version_with_which_it_began() {
    let host = TestHost::new();
    put(&host.host, &Guest::stateful_lab(), None).await.unwrap();
    let ada = host.worker("ada");
    let old = ada.begin_named("lab", "old").await;
    old.call("add", json!({"n": 5})).await.unwrap();

    put(&host.host, &Guest::stateful_lab().version(2), None)
        .await
        .unwrap();
    assert_eq!(old.call("add", json!({"n": 1})).await.unwrap(), 6);
    let new = ada.begin_named("lab", "new").await;
    assert_ne!(
        new.info().unwrap().backend_digest,
        old.info().unwrap().backend_digest
    );

    put(&host.host, &Guest::text(OTHER), None).await.unwrap();
    assert_eq!(ada.call("lab:fresh", json!({})).await.unwrap(), 8);
    let error = ada.call("lab:add", json!({"n": 1})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ToolNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_session_of_an_old_version_keeps_its_tools_though_the_new_one_has_none_of_them() {
    let host = TestHost::new();
    put(&host.host, &Guest::stateful_lab(), None).await.unwrap();
    let old = host.worker("ada").begin("lab").await;
    old.call("add", json!({"n": 5})).await.unwrap();
    put(&host.host, &Guest::text(OTHER), None).await.unwrap();
    assert_eq!(old.call("add", json!({"n": 1})).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_was_unloaded_runs_out_with_its_last_session_and_then_shuts_down() {
    let host = TestHost::new();
    let grant = host.marks_grant();
    let guest = Guest::stateful_lab().hook(Hook::Shutdown, Behaviour::LeaveMark);
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders = vec![grant]
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    let gone = host.host.delete_backend(&name(), None).unwrap();
    assert_eq!(gone.sessions, 1);

    let error = host.host.backend(&name()).err().unwrap();
    assert_eq!(error.code(), ErrorCode::BackendNotFound);
    assert_eq!(host.host.tools().len(), 0);
    assert_eq!(session.info().unwrap().state.as_str(), "idle");
    assert_eq!(
        session.call("add", json!({"n": 1})).await.unwrap(),
        1,
        "its session runs on until it ends"
    );
    assert_eq!(host.marks('s'), 0);
    session.destroy().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(host.marks('s'), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_can_be_made_to_depend_on_what_it_replaces() {
    let host = TestHost::new();
    let conflict = |outcome: Result<BackendInfo>| {
        assert_eq!(outcome.err().unwrap().code(), ErrorCode::Conflict);
    };
    conflict(put(&host.host, &Guest::lab(), Some("*")).await);
    let first = put(&host.host, &Guest::lab(), None).await.unwrap();
    conflict(put(&host.host, &Guest::lab().version(2), Some("sha256:0")).await);
    let second = put(&host.host, &Guest::lab().version(2), Some(&first.digest))
        .await
        .unwrap();
    assert_ne!(first.digest, second.digest);
    conflict(host.host.delete_backend(&name(), Some(&first.digest)));
    host.host.delete_backend(&name(), Some("*")).unwrap();
    let error = host.host.delete_backend(&name(), None).err().unwrap();
    assert_eq!(error.code(), ErrorCode::BackendNotFound);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_can_be_no_backend_replace_nothing() {
    let host = TestHost::new();
    let before = put(&host.host, &Guest::lab(), None).await.unwrap();
    let junk = host.host.put_backend(
        name(),
        Bytes::from_static(b"junk"),
        None,
        None,
        Approval::Missing,
    );
    assert_eq!(junk.await.err().unwrap().code(), ErrorCode::BackendInvalid);
    let pin = Some(format!("sha256:{}", "0".repeat(64)));
    let other = Bytes::from(Guest::lab().version(2).component());
    let pinned = host
        .host
        .put_backend(name(), other, pin, None, Approval::Missing);
    assert_eq!(
        pinned.await.err().unwrap().code(),
        ErrorCode::BackendInvalid
    );
    assert_eq!(host.host.backend(&name()).unwrap().digest, before.digest);
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_again_are_the_same_backend() {
    let host = TestHost::new();
    let one = put(&host.host, &Guest::stateful_lab(), None).await.unwrap();
    let session = host.worker("ada").begin("lab").await;
    let two = put(&host.host, &Guest::stateful_lab(), None).await.unwrap();
    assert_eq!(one.digest, two.digest);
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 1);
}
