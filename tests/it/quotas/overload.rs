//! More work than a small host can do: it is refused or done, soon, and nothing hangs.

use std::collections::BTreeMap;
use std::time::Duration;

use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::every;

/// Calls at once that the host has room for.
const CAPACITY: usize = 20;
/// Over all of it: the slowest machine that runs this test is still quicker.
const SOON: Duration = Duration::from_secs(20);

async fn all_at_once(server: &TestServer, count: usize, body: &Value) -> Vec<Answer> {
    let requests = (0..count).map(|number| {
        let request = server.request(Method::POST, "/v1/execute").json(body);
        Answer::to(request.header("x-worker-id", format!("w{}", number % 3)))
    });
    futures_util::future::join_all(requests).await
}

fn by_status(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
        if [429, 503].contains(&answer.status) {
            assert!(answer.header("retry-after").is_some(), "{}", answer.text);
            let hint = answer.json()["hint"].as_str().map(str::to_owned);
            assert!(hint.is_some(), "{}", answer.text);
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_times_what_the_host_can_do_is_answered_or_refused_and_then_all_is_well() {
    let server = TestServer::start_with(&[("lab", &Guest::lab())], |config| {
        config.calls_max = CAPACITY;
    })
    .await;
    let body = json!({"action": "lab:sleep", "params": {"ms": 500}});
    let start = Instant::now();
    let answers = timeout(SOON, all_at_once(&server, 3 * CAPACITY, &body)).await;
    let answers = answers.expect("nothing hangs");
    let counts = by_status(&answers);
    assert_eq!(counts.values().sum::<usize>(), 3 * CAPACITY);
    assert!(
        counts.get(&200).is_some_and(|done| *done >= CAPACITY),
        "{counts:?}"
    );
    assert!(
        counts.get(&503).is_some_and(|refused| *refused > 0),
        "{counts:?}"
    );
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(start.elapsed() < SOON);
    let body = json!({"action": "lab:add", "params": {"n": 1}});
    let after = all_at_once(&server, CAPACITY, &body).await;
    assert_eq!(by_status(&after), BTreeMap::from([(200, CAPACITY)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_bomb_of_sessions_and_jobs_ends_at_its_workers_limits() {
    let server = TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.workers = every(|limits| {
            limits.sessions = Some(5);
            limits.jobs = Some(4);
        });
    })
    .await;
    let create = |worker: &'static str, number: usize| {
        let body = json!({"backend": "lab", "name": format!("s{number}")});
        let request = server.request(Method::POST, "/v1/sessions").json(&body);
        Answer::to(request.header("x-worker-id", worker))
    };
    let bomb = futures_util::future::join_all((0..60).map(|number| create("mallory", number)));
    let (bomb, other) = timeout(SOON, async { tokio::join!(bomb, create("ada", 0)) })
        .await
        .expect("nothing hangs");
    assert_eq!(other.status, 201, "{}", other.text);
    assert_eq!(by_status(&bomb), BTreeMap::from([(201, 5), (429, 55)]));
    let job = json!({"action": "lab:sleep", "params": {"ms": 5000}, "wait": false, "worker_id": "mallory"});
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(server.post("/v1/execute", &job).await);
    }
    assert_eq!(by_status(&jobs), BTreeMap::from([(202, 4), (429, 8)]));
}
