//! Finding sessions again: filters, order, pages.

use hostel_host::host::{SessionPage, SessionQuery};
use hostel_host::ids::{BackendName, WorkerId};
use hostel_host::label::Labels;
use hostel_host::session::SessionState;
use hostel_tests::{Guest, TestHost};
use serde_json::json;

/// Names of sessions, as the page has them.
fn names(page: &SessionPage) -> Vec<&str> {
    let names = page.sessions.iter().map(|info| info.key.name.as_str());
    names.collect()
}

async fn host_with_sessions() -> TestHost {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    host.load("lab", &Guest::stateful_lab()).await;
    for (worker, backend, name, labels) in [
        ("ada", "counter", "a", "app=chat,user=1"),
        ("ada", "counter", "b", "app=chat,user=2"),
        ("ada", "lab", "c", "app=mail"),
        ("bob", "lab", "d", "app=chat,user=1"),
    ] {
        host.worker(worker)
            .begin_with(backend, |new| {
                new.name = hostel_host::ids::SessionName::parse(name).unwrap();
                new.labels = Labels::parse_query(labels).unwrap();
            })
            .await;
    }
    host
}

fn everything() -> SessionQuery {
    SessionQuery {
        limit: 100,
        ..SessionQuery::default()
    }
}

#[tokio::test(start_paused = true)]
async fn filters_narrow_a_list_and_the_newest_come_first() {
    let host = host_with_sessions().await;
    let caller = host.worker("ada").caller;
    let check = |query: SessionQuery, expected: &[&str]| {
        let page = host.host.list_sessions(&caller, &query).unwrap();
        assert_eq!(names(&page), expected);
        assert_eq!(page.total, expected.len());
        assert_eq!(page.next, None);
    };
    let labels = |text: &str| Labels::parse_query(text).unwrap();
    let worker = |id: &str| Some(WorkerId::parse(id).unwrap());
    check(everything(), &["d", "c", "b", "a"]);
    check(
        SessionQuery {
            worker: worker("ada"),
            ..everything()
        },
        &["c", "b", "a"],
    );
    check(
        SessionQuery {
            worker: worker("eve"),
            ..everything()
        },
        &[],
    );
    let backend = Some(BackendName::parse("lab").unwrap());
    check(
        SessionQuery {
            backend,
            ..everything()
        },
        &["d", "c"],
    );
    check(
        SessionQuery {
            labels: labels("app=chat"),
            ..everything()
        },
        &["d", "b", "a"],
    );
    check(
        SessionQuery {
            labels: labels("app=chat,user=1"),
            ..everything()
        },
        &["d", "a"],
    );
    let query = SessionQuery {
        worker: worker("ada"),
        labels: labels("user=1"),
        ..everything()
    };
    check(query, &["a"]);
    check(
        SessionQuery {
            state: Some(SessionState::Idle),
            ..everything()
        },
        &["d", "c", "b", "a"],
    );
    check(
        SessionQuery {
            state: Some(SessionState::Active),
            ..everything()
        },
        &[],
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_call_runs_is_listed_as_active() {
    let host = host_with_sessions().await;
    let bob = host.worker("bob");
    let choice =
        hostel_host::host::SessionChoice::Name(hostel_host::ids::SessionName::parse("d").unwrap());
    let call = bob.call_in(choice, "lab:sleep", json!({"ms": 100}));
    let look = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let query = SessionQuery {
            state: Some(SessionState::Active),
            ..everything()
        };
        let page = host.host.list_sessions(&bob.caller, &query).unwrap();
        assert_eq!(names(&page), ["d"]);
    };
    futures_util::join!(call, look).0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pages_lead_through_all_sessions_once_also_while_they_come_and_go() {
    let host = TestHost::new();
    host.load("counter", &Guest::counter()).await;
    let ada = host.worker("ada");
    let mut sessions = Vec::new();
    for number in 0..25 {
        sessions.push(ada.begin_named("counter", &format!("s{number}")).await);
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let query = SessionQuery {
            before,
            limit: 10,
            ..SessionQuery::default()
        };
        let page = host.host.list_sessions(&ada.caller, &query).unwrap();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        if seen.len() == 10 {
            assert_eq!(page.total, 25);
            // One that was seen ends, and a new one begins: neither moves the pages that follow.
            sessions[20].destroy().await.unwrap();
            ada.begin_named("counter", "late").await;
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|number| format!("s{number}")).collect();
    assert_eq!(seen, expected);
}
