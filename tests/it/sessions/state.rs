//! What a session keeps, and from whom it keeps it.

use hostel_host::error::ErrorCode;
use hostel_host::ids::{SessionId, SessionName};
use hostel_host::label::Labels;
use hostel_host::session::{IfExists, NewSession};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn state_survives_from_call_to_call() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let session = host.worker("ada").begin("counter").await;
    for expected in [2, 4, 6] {
        assert_eq!(
            session.call("add", json!({"n": 2})).await.unwrap(),
            expected
        );
    }
    assert_eq!(session.info().unwrap().calls, 3);
}

#[tokio::test(start_paused = true)]
async fn sessions_of_one_backend_share_nothing() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let one = ada.begin_named("counter", "one").await;
    let two = ada.begin_named("counter", "two").await;
    let bob = host.worker("bob").begin_named("counter", "one").await;
    one.call("add", json!({"n": 1})).await.unwrap();
    two.call("add", json!({"n": 10})).await.unwrap();
    bob.call("add", json!({"n": 100})).await.unwrap();
    assert_eq!(one.call("get", json!({})).await.unwrap(), 1);
    assert_eq!(two.call("get", json!({})).await.unwrap(), 10);
    assert_eq!(bob.call("get", json!({})).await.unwrap(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_session_goes_to_the_workers_default_one() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let session = ada.begin("counter").await;
    ada.begin_named("counter", "other").await;
    assert_eq!(ada.call("counter:add", json!({"n": 3})).await.unwrap(), 3);
    assert_eq!(session.call("get", json!({})).await.unwrap(), 3);
    let bob = host.worker("bob");
    assert_eq!(
        bob.call("counter:get", json!({})).await.unwrap(),
        0,
        "another worker's default session is another one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stateless_tool_starts_afresh_with_every_call() {
    let host = TestHost::new();
    host.load("lab", &Guest::lab()).await;
    let ada = host.worker("ada");
    for _ in 0..3 {
        assert_eq!(ada.call("lab:add", json!({"n": 5})).await.unwrap(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_config_goes_over_the_backends_and_reaches_the_constructor() {
    let host = TestHost::new();
    let config = json!({"start": 7});
    host.load_with("counter", &Guest::counter(), |settings| {
        settings.config = config;
    })
    .await;
    let ada = host.worker("ada");
    assert_eq!(
        ada.call("counter:get", json!({})).await.unwrap(),
        7,
        "temporary ones get the default config"
    );
    let own = ada
        .begin_with("counter", |new| new.config = Some(json!({"start": 40})))
        .await;
    assert_eq!(own.call("get", json!({})).await.unwrap(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_config_that_does_not_fit_is_refused_and_leaves_nothing() {
    let host = TestHost::with(|config| config.sessions_per_worker = 1);
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    for (config, expected) in [
        (json!({"start": "many"}), "/start"),
        (json!({"strat": 1}), "did you mean \"start\"?"),
        (json!([1]), "an object"),
        (json!({"start": 2000}), "too much to start with"),
    ] {
        let new = NewSession {
            config: Some(config.clone()),
            ..NewSession::default()
        };
        let error = ada
            .create("counter", new)
            .await
            .err()
            .expect("it is refused");
        assert_eq!(error.code(), ErrorCode::InvalidParams, "{config}");
        assert!(error.message().contains(expected), "{config}: {error}");
    }
    assert_eq!(host.host.session_count(), 0);
    ada.begin("counter").await;
}

#[tokio::test(start_paused = true)]
async fn initialize_is_told_whom_the_session_serves() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host
        .worker("ada")
        .begin_with("lab", |new| {
            new.name = SessionName::parse("work").unwrap();
            new.config = Some(json!({"depth": 3}));
        })
        .await;
    let told = async |what: u32| session.call("told", json!({"what": what})).await.unwrap();
    assert_eq!(told(0).await, session.id.as_str());
    assert_eq!(told(1).await, "work");
    assert_eq!(told(2).await, "ada");
    assert_eq!(told(3).await, r#"{"depth":3}"#);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_until_its_session_ends() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let session = ada.begin("counter").await;
    session.call("add", json!({"n": 9})).await.unwrap();

    let error = ada
        .create("counter", NewSession::default())
        .await
        .err()
        .expect("the name is taken");
    assert_eq!(error.code(), ErrorCode::SessionExists);

    let again = NewSession {
        if_exists: IfExists::Return,
        ..NewSession::default()
    };
    let found = ada.create("counter", again).await.unwrap();
    assert_eq!(found.info.id, session.id);
    assert!(found.token.is_none(), "a token is shown once");

    session.destroy().await.unwrap();
    let successor = ada.begin("counter").await;
    assert_ne!(successor.id, session.id);
    assert_eq!(successor.call("get", json!({})).await.unwrap(), 0);
    assert_eq!(session.gone(), Some(ErrorCode::SessionEnded));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_begin_at_once_under_one_name_one_wins() {
    let host = TestHost::new();
    let lingering = Guest::lab().hook(Hook::Initialize, Behaviour::Linger);
    host.load_with("lab", &lingering, |settings| {
        settings.limits.initialize = std::time::Duration::from_secs(60);
    })
    .await;
    let ada = host.worker("ada");
    let begin = || ada.create("lab", NewSession::default());
    let (one, two, three) = futures_util::join!(begin(), begin(), begin());
    let outcomes = [one, two, three].map(|outcome| outcome.map(|_| ()).map_err(|e| e.code()));
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    let refused = Err(ErrorCode::SessionExists);
    assert_eq!(outcomes.iter().filter(|o| **o == refused).count(), 2);
    assert_eq!(host.host.session_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn labels_are_replaced_whole() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let labels = |text: &str| Labels::parse_query(text).unwrap();
    let session = host
        .worker("ada")
        .begin_with("counter", |new| new.labels = labels("app=chat,user=7"))
        .await;
    let caller = &session.worker.caller;
    let changed = host
        .host
        .change_session(caller, &session.id, Some(labels("app=mail")), None)
        .unwrap();
    assert_eq!(changed.labels, labels("app=mail"));
    assert_eq!(session.info().unwrap().labels, labels("app=mail"));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_has_is_not_found() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let error = ada
        .host
        .session(&ada.caller, &SessionId::random())
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_session_of_one_backend_serves_no_tool_of_another() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("other", &Guest::counter()).await;
    let session = host.worker("ada").begin("counter").await;
    let choice = hostel_host::host::SessionChoice::Id(session.id.clone());
    let error = session
        .worker
        .call_in(choice, "other:get", json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
}
