//! Whose session it is: checked on every use.

use std::time::Duration;

use hostel_host::error::{Error, ErrorCode};
use hostel_host::host::{SessionChoice, SessionQuery};
use hostel_host::label::Labels;
use hostel_host::session::{ForkRequest, NewSession};
use hostel_tests::{Guest, TestHost, TestSession, Worker};
use serde_json::json;

/// What every verb on this session answers to this caller.
async fn every_verb(worker: &Worker, session: &TestSession) -> Vec<(&'static str, Option<Error>)> {
    let (host, caller, id) = (&worker.host, &worker.caller, &session.id);
    let choice = SessionChoice::Id(id.clone());
    let fork = ForkRequest {
        count: 1,
        name: None,
        labels: Labels::default(),
    };
    vec![
        ("get", host.session(caller, id).err()),
        (
            "label",
            host.change_session(caller, id, Some(Labels::default()), None)
                .err(),
        ),
        ("keep-alive", host.keep_alive(caller, id).err()),
        ("logs", host.session_logs(caller, id, 0, 10).await.err()),
        (
            "call",
            worker
                .call_in(choice, "lab:add", json!({"n": 1}))
                .await
                .err(),
        ),
        ("checkpoint", host.checkpoint(caller, id, None).await.err()),
        ("checkpoints", host.checkpoints(caller, id).err()),
        ("restore", host.restore(caller, id, "c1").await.err()),
        ("fork", host.fork(caller, id, &fork).await.err()),
        ("suspend", host.suspend(caller, id).await.err()),
        ("resume", host.resume(caller, id).await.err()),
        ("destroy", host.destroy_session(caller, id).await.err()),
    ]
}

#[tokio::test(start_paused = true)]
async fn another_workers_session_is_not_there() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let bob = host.worker("bob");
    for (verb, error) in every_verb(&bob, &session).await {
        let code = error.map(|error| error.code());
        assert_eq!(code, Some(ErrorCode::SessionNotFound), "{verb}");
    }
    session.destroy().await.unwrap();
    for (verb, error) in every_verb(&bob, &session).await {
        let code = error.map(|error| error.code());
        assert_eq!(
            code,
            Some(ErrorCode::SessionNotFound),
            "{verb}, and not what became of it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn its_owner_finds_it_with_every_verb() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let session = ada.begin("lab").await;
    for (verb, error) in every_verb(&ada, &session).await {
        assert!(error.is_none(), "{verb}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_its_own_session_and_nothing_else() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let session = ada.begin("lab").await;
    let other = ada.begin_named("lab", "other").await;
    let holder = Worker {
        host: host.host.clone(),
        caller: host.host.caller_by_token(&session.token).unwrap(),
    };

    holder.call("lab:add", json!({"n": 4})).await.unwrap();
    assert_eq!(
        session.call("add", json!({"n": 0})).await.unwrap(),
        4,
        "a call that names no session goes to the token's own"
    );
    host.host.keep_alive(&holder.caller, &session.id).unwrap();

    for (verb, error) in every_verb(&holder, &other).await {
        let code = error.map(|error| error.code());
        assert_eq!(code, Some(ErrorCode::Forbidden), "{verb}");
    }
    let named = SessionChoice::Name(hostel_host::ids::SessionName::parse("other").unwrap());
    for choice in [named, SessionChoice::Temporary] {
        let error = holder
            .call_in(choice, "lab:add", json!({"n": 1}))
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Forbidden);
    }
    let created = holder.create("lab", NewSession::default()).await;
    assert_eq!(created.err().unwrap().code(), ErrorCode::Forbidden);
    let listed = host
        .host
        .list_sessions(&holder.caller, &SessionQuery::default());
    assert_eq!(listed.err().unwrap().code(), ErrorCode::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_session() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    tokio::time::sleep(Duration::from_secs(301)).await;
    let error = host.host.caller_by_token(&session.token).err().unwrap();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    let error = host.host.caller_by_token("hst_0").err().unwrap();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
}
