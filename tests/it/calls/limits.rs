//! The limits on every instance: each ends what goes beyond it, says which it was, and leaves the others alone.

use std::time::Duration;

use hostel_host::error::{Error, ErrorCode};
use hostel_host::policy::{LimitRequest, Limits};
use hostel_host::session::NewSession;
use hostel_tests::{Behaviour, Guest, Hook, TestHost};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Calls a tool of a stateless lab under limits.
async fn outcome(limits: Limits, tool: &str, params: Value) -> Result<Value, Error> {
    let host = TestHost::new();
    host.load_with("lab", &Guest::lab(), |settings| settings.limits = limits)
        .await;
    let action = format!("lab:{tool}");
    host.worker("ada").call(&action, params).await
}

fn limit(error: &Error) -> Option<&str> {
    let found = error.details().iter().find(|(name, _)| *name == "limit")?;
    found.1.as_str()
}

#[tokio::test(start_paused = true)]
async fn each_limit_is_named_by_the_error_of_the_call_that_exceeds_it() {
    let cpu = Limits {
        cpu: Duration::from_millis(30),
        ..Limits::default()
    };
    let memory = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let result = Limits {
        result_bytes: 1000,
        ..Limits::default()
    };
    let copied = Limits {
        host_call_bytes: 10_000,
        ..Limits::default()
    };
    let cases = [
        (cpu, "spin", json!({}), "cpu_ms"),
        (memory, "hoard", json!({}), "memory_bytes"),
        (memory, "large", json!({"bytes": 2_000_000}), "memory_bytes"),
        (result, "large", json!({"bytes": 1000}), "result_bytes"),
        (copied, "large", json!({"bytes": 20_000}), "host_call_bytes"),
    ];
    for (limits, tool, params, expected) in cases {
        let error = outcome(limits, tool, params).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded, "{tool}: {error}");
        assert_eq!(limit(&error), Some(expected), "{tool}: {error}");
        assert!(error.hint_text().is_some(), "{tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_within_the_limits_is_answered() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        result_bytes: 1002,
        ..Limits::default()
    };
    let letters = outcome(limits, "large", json!({"bytes": 1000})).await;
    assert_eq!(letters.unwrap().as_str().unwrap().len(), 1000);
    let pages = outcome(limits, "grow", json!({"pages": 15})).await;
    assert_eq!(pages.unwrap(), 1, "one page was there, sixteen are allowed");
    let pages = outcome(limits, "grow", json!({"pages": 16})).await;
    assert_eq!(
        pages.unwrap(),
        -1,
        "the guest is told, and may go on with what it has"
    );
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_waits_in_the_host_is_stopped_at_its_deadline() {
    let start = Instant::now();
    let error = outcome(Limits::default(), "sleep", json!({"ms": 3_600_000}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(30) && took < Duration::from_secs(31),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_shorten_its_deadline_and_not_lengthen_it() {
    let host = TestHost::new();
    host.load("lab", &Guest::lab()).await;
    let ada = host.worker("ada");
    for (asked, expected) in [(2, 2), (30, 30), (1000, 30)] {
        let start = Instant::now();
        let asked = Duration::from_secs(asked);
        let error = ada
            .call_within(asked, "lab:sleep", json!({"ms": 3_600_000}))
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
        assert_eq!(start.elapsed().as_secs(), expected, "asked for {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_spent_on_the_way_to_the_tool_counts() {
    for hook in [Hook::Warmup, Hook::Initialize] {
        let host = TestHost::new();
        let guest = Guest::lab().hook(hook, Behaviour::Linger);
        host.load_with("lab", &guest, |settings| {
            settings.limits.initialize = Duration::from_secs(60);
        })
        .await;
        let start = Instant::now();
        let error = host
            .worker("ada")
            .call_within(Duration::from_secs(2), "lab:add", json!({"n": 1}))
            .await
            .err()
            .unwrap_or_else(|| panic!("{hook:?} took {:?}", start.elapsed()));
        assert_eq!(
            error.code(),
            ErrorCode::DeadlineExceeded,
            "{hook:?}: {error}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{hook:?}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn a_guest_that_computes_is_stopped_at_its_deadline_too() {
    let limits = Limits {
        call: Duration::from_millis(100),
        cpu: Duration::from_secs(60),
        ..Limits::default()
    };
    let error = outcome(limits, "spin", json!({})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn endless_recursion_is_a_trap() {
    let error = outcome(Limits::default(), "recurse", json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::ToolTrapped);
    assert!(error.message().contains("stack"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_costs_the_answer_and_not_the_session() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host
        .worker("ada")
        .begin_with("lab", |new| new.limits.result_bytes = Some(100))
        .await;
    session.call("add", json!({"n": 1})).await.unwrap();
    let error = session
        .call("large", json!({"bytes": 200}))
        .await
        .unwrap_err();
    assert_eq!(limit(&error), Some("result_bytes"));
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sessions_own_limits_are_tighter_and_never_wider() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");

    let tight = LimitRequest {
        memory_bytes: Some(128 << 10),
        call: Some(Duration::from_secs(1)),
        ..LimitRequest::default()
    };
    let session = ada.begin_with("lab", |new| new.limits = tight).await;
    assert_eq!(session.call("grow", json!({"pages": 1})).await.unwrap(), 1);
    assert_eq!(session.call("grow", json!({"pages": 1})).await.unwrap(), -1);
    let error = session
        .call("sleep", json!({"ms": 5000}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded);

    let wide = [
        (
            "call_ms",
            LimitRequest {
                call: Some(Duration::from_secs(31)),
                ..LimitRequest::default()
            },
        ),
        (
            "cpu_ms",
            LimitRequest {
                cpu: Some(Duration::from_secs(6)),
                ..LimitRequest::default()
            },
        ),
        (
            "memory_bytes",
            LimitRequest {
                memory_bytes: Some(usize::MAX),
                ..LimitRequest::default()
            },
        ),
        (
            "result_bytes",
            LimitRequest {
                result_bytes: Some(5 << 20),
                ..LimitRequest::default()
            },
        ),
        (
            "queue",
            LimitRequest {
                queue: Some(33),
                ..LimitRequest::default()
            },
        ),
    ];
    for (name, limits) in wide {
        let new = NewSession {
            limits,
            ..NewSession::default()
        };
        let error = ada.create("lab", new).await.err().expect(name);
        assert_eq!(error.code(), ErrorCode::PolicyDenied, "{name}");
        assert_eq!(limit(&error), Some(name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_spin_do_not_keep_their_neighbours_from_answering() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.cpu = Duration::from_millis(200);
    })
    .await;
    let ada = host.worker("ada");
    let mut spinning = Vec::new();
    for number in 0..5 {
        let session = ada.begin_named("lab", &format!("s{number}")).await;
        spinning.push(async move { session.call("spin", json!({})).await });
    }
    let neighbour = ada.begin_named("lab", "neighbour").await;
    let mut spinning = std::pin::pin!(futures_util::future::join_all(spinning));
    let mut answered = 0;
    let outcomes = loop {
        tokio::select! {
            outcomes = &mut spinning => break outcomes,
            answer = neighbour.call("add", json!({"n": 1})) => {
                answered += 1;
                assert_eq!(answer.unwrap(), answered);
            }
        }
    };
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().code(), ErrorCode::LimitExceeded);
    }
    assert!(
        answered > 0,
        "the neighbour got no answer until the last of them was stopped"
    );
}
