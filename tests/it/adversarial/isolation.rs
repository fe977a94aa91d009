//! Guests that look for what is not theirs: the host's environment, another session's memory, a clock that tells of others.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use hostel_tests::{Guest, Neighbour};
use serde_json::{Value, json};

use super::attacker::{Attacker, attacked};
use super::process::Process;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hosts_environment_is_not_the_guests() {
    let process = Process::serve(&[("lab", &Guest::lab())], "");
    let neighbour = Neighbour::beside(&process.address).await;
    let lab = Attacker::at(&process.address, "lab");
    let (status, answer) = lab.call("environment", json!({})).await;
    assert_eq!((status, &answer["result"]), (200, &json!([])), "{answer}");
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_of_a_session_is_its_own_whatever_happens_around_it() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |_| {}).await;
    let lab = Attacker::at(server.address, "lab");
    let mut counts: BTreeMap<usize, (Attacker, i64)> = BTreeMap::new();
    // Any sequence will do, as long as it is the same one in every run.
    let mut dice = 1_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    for round in 0..1500 {
        let place = usize::try_from(roll(12)).unwrap();
        let canary = i64::try_from(roll(1000)).unwrap();
        match counts.get_mut(&place) {
            None => {
                let name = json!({"name": format!("s{round}")});
                let session = lab.with_session(name).await;
                assert_eq!(
                    session.number("residue", json!({"pages": 3})).await,
                    0,
                    "a used place"
                );
                counts.insert(place, (session, 0));
            }
            Some((session, count)) => match roll(8) {
                0 => {
                    session.destroy().await;
                    counts.remove(&place);
                }
                1 => {
                    session.call("trap", json!({})).await;
                    counts.remove(&place);
                }
                2 => {
                    session.call("dirty", json!({"pages": 3})).await;
                }
                _ => {
                    *count += canary;
                    assert_eq!(session.number("add", json!({"n": canary})).await, *count);
                }
            },
        }
    }
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_come_at_once_do_not_meet_in_the_guest() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |_| {}).await;
    let lab = Attacker::at(server.address, "lab")
        .with_session(json!({}))
        .await;
    let calls = (0..30).map(|_| lab.number("add_later", json!({"n": 1, "ms": 2})));
    let mut counts = join_all(calls).await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=30).collect::<Vec<i64>>());
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_is_fine_only_where_that_is_granted() {
    for is_precise in [false, true] {
        let (server, neighbour) = attacked("flood", &Guest::named("flood"), |settings| {
            settings.grants.precise_clock = is_precise;
        })
        .await;
        let flood = Attacker::at(server.address, "flood");
        let mut is_fine = [false; 2];
        for _ in 0..20 {
            let (_, answer) = flood.call("clocks", json!({})).await;
            let number = |place: usize| -> u64 {
                let number = &answer["result"][place];
                let text = || number.as_str().and_then(|text| text.parse().ok());
                number
                    .as_u64()
                    .or_else(text)
                    .unwrap_or_else(|| panic!("{answer}"))
            };
            assert_eq!(number(1), if is_precise { 1 } else { 1_000_000 });
            is_fine[0] |= number(0) % 1_000_000 != 0;
            is_fine[1] |= number(2) % 1_000_000 != 0;
        }
        assert_eq!(is_fine, [is_precise; 2]);
        neighbour.unharmed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workers_session_is_not_there() {
    let (server, neighbour) = attacked("lab", &Guest::stateful_lab(), |_| {}).await;
    let home = server
        .request(reqwest::Method::GET, "/v1/sessions")
        .header("x-worker-id", "neighbour");
    let home: Value = home.send().await.unwrap().json().await.unwrap();
    let home = home["sessions"][0]["id"].as_str().unwrap().to_owned();
    let mut lab = Attacker::at(server.address, "neighbour");
    lab.session = home.clone();
    assert_eq!(
        lab.failure("add", json!({"n": 1})).await,
        "session_not_found"
    );
    assert_eq!(lab.destroy().await.1["code"], "session_not_found");
    assert_eq!(lab.fork().await.1["code"], "session_not_found");
    neighbour.unharmed().await;
}
