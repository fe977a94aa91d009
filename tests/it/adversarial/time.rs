//! Guests that take all the time there is, and guests that end badly.

use std::time::Duration;

use futures_util::future::join_all;
use hostel_tests::{Behaviour, Guest, Hook};
use serde_json::json;
use tokio::time::Instant;

use super::attacker::{Attacker, attacked};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.cpu = Duration::from_millis(300);
    })
    .await;
    let lab = Attacker::at(server.address, "lab");
    // More than there are workers, in sessions and in temporary ones.
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut attacks = vec![lab.clone(); workers];
    for number in 0..workers * 2 {
        let name = json!({"name": format!("s{number}")});
        attacks.push(lab.with_session(name).await);
    }
    let endings = join_all(attacks.iter().map(|lab| lab.failure("spin", json!({})))).await;
    assert!(
        endings.iter().all(|code| code == "limit_exceeded"),
        "{endings:?}"
    );
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.call = Duration::from_millis(300);
    })
    .await;
    let lab = Attacker::at(server.address, "lab");
    let start = Instant::now();
    let attacks = (0..20).map(|_| lab.failure("sleep", json!({"ms": 3_600_000})));
    let endings = join_all(attacks).await;
    assert!(
        endings.iter().all(|code| code == "deadline_exceeded"),
        "{endings:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recursing() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |_| {}).await;
    let lab = Attacker::at(server.address, "lab");
    let attacks = ["recurse", "hoard", "recurse", "hoard", "recurse"];
    let attacks = attacks.map(|tool| lab.failure(tool, json!({})));
    let endings = join_all(attacks).await;
    let expected = ["tool_trapped", "limit_exceeded"];
    assert!(
        endings
            .iter()
            .zip(expected.iter().cycle())
            .all(|(found, code)| found == code),
        "{endings:?}"
    );
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trapping() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |_| {}).await;
    let lab = Attacker::at(server.address, "lab");
    for round in 0..20 {
        let session = lab.with_session(json!({"name": format!("s{round}")})).await;
        assert_eq!(session.number("add", json!({"n": 1})).await, 1);
        assert_eq!(session.failure("trap", json!({})).await, "tool_trapped");
        // Nobody enters what is left of it.
        assert_eq!(
            session.failure("add", json!({"n": 1})).await,
            "session_failed"
        );
        let rolls = json!({"name": format!("r{round}"), "checkpoint": "call"});
        let rolls = lab.with_session(rolls).await;
        assert_eq!(rolls.number("add", json!({"n": 1})).await, 1);
        assert_eq!(rolls.failure("trap", json!({})).await, "tool_trapped");
        assert_eq!(
            rolls.number("add", json!({"n": 1})).await,
            2,
            "it is where it was"
        );
        rolls.destroy().await;
    }
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parting() {
    for behaviour in [
        Behaviour::Hang,
        Behaviour::Linger,
        Behaviour::Trap,
        Behaviour::Hoard,
        Behaviour::Refuse,
    ] {
        let guest = Guest::stateful_lab().hook(Hook::Cleanup, behaviour);
        let (server, neighbour) = attacked("lab", &guest, |settings| {
            settings.grants.workspace = true;
            settings.limits.cleanup = Duration::from_millis(300);
        })
        .await;
        let lab = Attacker::at(server.address, "lab");
        let start = Instant::now();
        for _ in 0..3 {
            let session = lab.with_session(json!({})).await;
            assert_eq!(session.number("add", json!({"n": 1})).await, 1);
            let (status, answer) = session.destroy().await;
            assert_eq!(status, 200, "{behaviour:?}: {answer}");
            assert_eq!(
                session.failure("add", json!({"n": 1})).await,
                "session_ended"
            );
        }
        assert!(
            start.elapsed() < Duration::from_secs(9),
            "{behaviour:?}: {:?}",
            start.elapsed()
        );
        let workspaces = server.sessions_folder().join("workspaces");
        let is_empty = || fs_err::read_dir(&workspaces).unwrap().next().is_none();
        for _ in 0..200 {
            if is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(is_empty(), "{behaviour:?}: a folder outlives its session");
        neighbour.unharmed().await;
    }
}
