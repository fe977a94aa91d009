//! A policy that changes holds from the next call on, also in sessions that live.

use std::sync::{Arc, Mutex};

use hostel_host::error::ErrorCode;
use hostel_host::host::{Approval, Changed, Source};
use hostel_host::ids::BackendName;
use hostel_host::policy::Grants;
use hostel_host::registry::BackendSettings;
use hostel_tests::{Guest, TestHost};
use serde_json::json;

fn with_variable(name: &str) -> Grants {
    Grants {
        env: [(name.to_owned(), "set".to_owned())].into(),
        ..Grants::default()
    }
}

/// A host with a lab, and the place where its configuration would be.
async fn host() -> (TestHost, Arc<Mutex<Result<Grants, String>>>) {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.grants = with_variable("OLD");
    })
    .await;
    let file = Arc::new(Mutex::new(Ok(with_variable("OLD"))));
    let (read, path) = (file.clone(), host.folder().join("lab.wasm"));
    host.host.follow_policy(Arc::new(move || {
        let grants = read.lock().unwrap().clone()?;
        Ok(vec![Source {
            name: BackendName::parse("lab").unwrap(),
            path: path.clone(),
            pin: None,
            settings: BackendSettings {
                grants,
                ..BackendSettings::default()
            },
        }])
    }));
    (host, file)
}

#[tokio::test(start_paused = true)]
async fn a_live_session_goes_on_under_the_new_grants_with_all_that_it_knew() {
    let (host, file) = host().await;
    let session = host.worker("ada").begin("lab").await;
    session.call("add", json!({"n": 40})).await.unwrap();
    let environment = async || session.call("environment", json!({})).await.unwrap();
    assert_eq!(environment().await, json!([["OLD", "set"]]));

    *file.lock().unwrap() = Ok(with_variable("NEW"));
    let changes = host.host.reload_policy().await.unwrap();
    assert_eq!(changes[0].what, Changed::Reloaded);
    assert_eq!(environment().await, json!([["NEW", "set"]]));
    let fresh = host.worker("bob").begin("lab").await;
    let seen = fresh.call("environment", json!({})).await.unwrap();
    assert_eq!(seen, json!([["NEW", "set"]]));

    *file.lock().unwrap() = Ok(Grants::default());
    host.host.reload_policy().await.unwrap();
    assert_eq!(environment().await, json!([]), "what is gone is gone");
    assert_eq!(session.call("add", json!({"n": 2})).await.unwrap(), 42);
    let again = host.host.reload_policy().await.unwrap();
    assert_eq!(again[0].what, Changed::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_taken_back_is_out_of_reach_from_the_next_call_on() {
    let (host, file) = host().await;
    let folder = Grants {
        folders: vec![host.marks_grant()],
        ..Grants::default()
    };
    *file.lock().unwrap() = Ok(folder);
    host.host.reload_policy().await.unwrap();
    let session = host.worker("ada").begin("lab").await;
    assert_eq!(session.call("mark", json!({})).await.unwrap(), true);
    *file.lock().unwrap() = Ok(Grants::default());
    host.host.reload_policy().await.unwrap();
    // It may be refused, or go on without the folder; it never writes to it.
    let _ = session.call("mark", json!({})).await;
    assert_eq!(host.marks('m'), 1);
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_sent_under_the_name_has_its_policy_and_loses_what_is_taken_back() {
    let (host, file) = host().await;
    let name = BackendName::parse("lab").unwrap();
    let component = Guest::stateful_lab().component();
    let sent = host
        .host
        .put_backend(name, component.into(), None, None, Approval::Missing);
    sent.await.unwrap();
    let ada = host.worker("ada").begin("lab").await;
    let seen = ada.call("environment", json!({})).await.unwrap();
    assert_eq!(seen, json!([["OLD", "set"]]));
    *file.lock().unwrap() = Ok(Grants::default());
    host.host.reload_policy().await.unwrap();
    let bob = host.worker("bob").begin("lab").await;
    for session in [ada, bob] {
        let seen = session.call("environment", json!({})).await.unwrap();
        assert_eq!(seen, json!([]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_not_understood_changes_nothing() {
    let (host, file) = host().await;
    let session = host.worker("ada").begin("lab").await;
    *file.lock().unwrap() = Err("line 3: unknown field `envv`".to_owned());
    let error = host.host.reload_policy().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(error.message().contains("envv"));
    let seen = session.call("environment", json!({})).await.unwrap();
    assert_eq!(seen, json!([["OLD", "set"]]));

    let other = TestHost::new();
    let error = other.host.reload_policy().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict, "it has no configuration");
}
