//! Many sessions that end at one moment, on real clocks and threads.

use std::time::Duration;

use hostel_host::ids::SessionName;
use hostel_host::session::{NewSession, Timers};
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::json;
use tokio::time::{Instant, sleep};

const SESSIONS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_goes_on_answering_while_thousands_of_others_expire() {
    let host = TestHost::new();
    let guest = Guest::lab().hook(Hook::Cleanup, Behaviour::Succeed);
    host.load("lab", &guest).await;
    let ada = host.worker("ada");
    let busy = ada.begin_named("lab", "busy").await;

    let end = Instant::now() + Duration::from_secs(2);
    for number in 0..SESSIONS {
        let idle = end.saturating_duration_since(Instant::now());
        let new = NewSession {
            name: SessionName::parse(&format!("s{number}")).unwrap(),
            timers: Some(Timers {
                idle_timeout: Some(idle.max(Duration::from_millis(1))),
                max_lifetime: None,
                ..Timers::default()
            }),
            ..NewSession::default()
        };
        ada.create("lab", new).await.unwrap();
    }

    let give_up = Instant::now() + Duration::from_secs(30);
    let mut calls = 0;
    while host.host.session_count() > 1 {
        assert!(Instant::now() < give_up, "sessions outlive their time");
        calls += 1;
        let answer = busy.call("add", json!({"n": 1})).await.unwrap();
        assert_eq!(answer, calls);
        sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(busy.call("add", json!({"n": 0})).await.unwrap(), calls);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_ended_give_their_places_back() {
    let host = TestHost::with(|config| config.sessions_max = 1);
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    // More than the engine has slots.
    for round in 0..5000 {
        let session = ada.begin("lab").await;
        if round % 100 == 0 {
            session.call("trap", json!({})).await.unwrap_err();
            tokio::task::yield_now().await;
        } else {
            session.destroy().await.unwrap();
        }
    }
}
