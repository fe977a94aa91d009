//! What may happen to a session before its `initialize` has come back.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::host::{SessionChoice, SessionQuery};
use hostel_host::ids::SessionName;
use hostel_host::session::{IfExists, NewSession, SessionState, Timers};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;
use tokio::time::sleep;

/// A host whose sessions take ten seconds to begin.
async fn slow(behaviour: Behaviour) -> TestHost {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Initialize, behaviour);
    host.load_with("lab", &guest, |settings| {
        settings.limits.initialize = Duration::from_secs(60);
    })
    .await;
    host
}

fn by_name() -> SessionChoice {
    SessionChoice::Name(SessionName::default())
}

#[tokio::test(start_paused = true)]
async fn a_call_by_name_waits_until_its_session_has_begun() {
    let host = slow(Behaviour::Linger).await;
    let ada = host.worker("ada");
    let early = async {
        sleep(Duration::from_secs(1)).await;
        let query = SessionQuery {
            limit: 1,
            ..SessionQuery::default()
        };
        let page = host.host.list_sessions(&ada.caller, &query).unwrap();
        assert_eq!(page.sessions[0].state, SessionState::Starting);
        ada.call_in(by_name(), "lab:add", json!({"n": 3})).await
    };
    let (session, early) = futures_util::join!(ada.begin("lab"), early);
    assert_eq!(early.unwrap(), 3);
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_session_that_never_begins_learns_of_it() {
    let host = slow(Behaviour::LingerAndRefuse).await;
    let ada = host.worker("ada");
    let early = async {
        sleep(Duration::from_secs(1)).await;
        ada.call_in(by_name(), "lab:add", json!({"n": 3})).await
    };
    let create = ada.create("lab", NewSession::default());
    let (created, early) = futures_util::join!(create, early);
    assert_eq!(created.err().unwrap().code(), ErrorCode::InvalidParams);
    let error = early.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionFailed);
    assert!(error.message().contains("not today"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_of_a_session_that_starts_slowly_has_not_begun() {
    let host = slow(Behaviour::Linger).await;
    let ada = host.worker("ada");
    let timers = Timers {
        idle_timeout: Some(Duration::from_secs(5)),
        max_lifetime: None,
        ..Timers::default()
    };
    let early = async {
        sleep(Duration::from_secs(8)).await;
        ada.call_in(by_name(), "lab:add", json!({"n": 3})).await
    };
    let begin = ada.begin_with("lab", |new| new.timers = Some(timers));
    let (session, early) = futures_util::join!(begin, early);
    assert_eq!(early.unwrap(), 3);
    assert_eq!(session.gone(), None);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_destroyed_before_it_has_begun_is_gone() {
    let host = slow(Behaviour::Linger).await;
    let ada = host.worker("ada");
    let destroy = async {
        sleep(Duration::from_secs(1)).await;
        let query = SessionQuery {
            limit: 1,
            ..SessionQuery::default()
        };
        let page = host.host.list_sessions(&ada.caller, &query).unwrap();
        let id = page.sessions[0].id.clone();
        host.host.destroy_session(&ada.caller, &id).await.unwrap();
        host.host.session(&ada.caller, &id).unwrap_err()
    };
    let create = ada.create("lab", NewSession::default());
    let (created, error) = futures_util::join!(create, destroy);
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    assert_eq!(
        created.err().map(|error| error.code()),
        Some(ErrorCode::SessionEnded),
        "whoever began it is told"
    );
    assert_eq!(host.host.session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_to_be_returned_is_waited_for_and_never_returned_if_it_does_not_begin() {
    let or_return = || NewSession {
        if_exists: IfExists::Return,
        ..NewSession::default()
    };
    for (behaviour, begins) in [
        (Behaviour::Linger, true),
        (Behaviour::LingerAndRefuse, false),
    ] {
        let host = slow(behaviour).await;
        let ada = host.worker("ada");
        let second = async {
            sleep(Duration::from_secs(1)).await;
            ada.create("lab", or_return()).await
        };
        let (first, second) = futures_util::join!(ada.create("lab", or_return()), second);
        if begins {
            let (first, second) = (first.unwrap(), second.unwrap());
            assert_eq!(first.info.id, second.info.id);
            assert_eq!(second.info.state, SessionState::Idle);
            assert!(second.token.is_none(), "it is not new to the second");
        } else {
            for created in [first, second] {
                let error = created.err().expect("neither has a session");
                assert_eq!(error.code(), ErrorCode::InvalidParams, "{error}");
            }
        }
    }
}
