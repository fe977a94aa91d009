//! Guests that let the host take memory for them: a small request, and a large answer on the host's side. Each ends with an error of the
//! guest's own, and the host's memory stays what it was.

use hostel_tests::{Guest, Neighbour};
use reqwest::Method;
use serde_json::{Value, json};

use super::attacker::{Attacker, attacked};
use super::process::Process;

/// What the host's memory may grow by while a guest does its worst, beside the guest's own.
const HOST_KB_MAX: u64 = 48 << 10;

/// How a flood ends.
enum End {
    /// In a trap, or at this limit.
    Stopped(&'static str),
    /// With an answer that is less than what was asked for.
    LessThan(i64),
    Answered,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hosts_memory_stays_what_it_was() {
    let guest = Guest::named("flood");
    let mut process = Process::serve(&[("flood", &guest)], "");
    let neighbour = Neighbour::beside(&process.address).await;
    let flood = Attacker::at(&process.address, "flood");
    // Each with what the guest itself takes, in kB.
    let floods: Vec<(&str, Value, End, u64)> = vec![
        ("pollables", json!({"count": 500}), End::Answered, 0),
        (
            "pollables",
            json!({"count": 100_000}),
            End::Stopped("tool_trapped"),
            0,
        ),
        ("poll", json!({"count": 1000}), End::Answered, 0),
        (
            "poll",
            json!({"count": 1_000_000}),
            End::Stopped(""),
            4 << 10,
        ),
        ("random", json!({"bytes": 65_536}), End::Answered, 64),
        (
            "random",
            json!({"bytes": 65_537}),
            End::Stopped("tool_trapped"),
            64,
        ),
        (
            "random",
            json!({"bytes": 1_u64 << 32}),
            End::Stopped("tool_trapped"),
            0,
        ),
        (
            "random",
            json!({"bytes": i64::MAX}),
            End::Stopped("tool_trapped"),
            0,
        ),
        (
            "fields",
            json!({"count": 10, "bytes": 100}),
            End::LessThan(11),
            0,
        ),
        (
            "fields",
            json!({"count": 100_000, "bytes": 0}),
            End::LessThan(10_000),
            0,
        ),
        (
            "fields",
            json!({"count": 600, "bytes": 100}),
            End::LessThan(600),
            0,
        ),
        (
            "fields",
            json!({"count": 10, "bytes": 1 << 20}),
            End::LessThan(1),
            1 << 10,
        ),
        ("things", json!({"count": 1000}), End::Answered, 0),
        (
            "things",
            json!({"count": 50_000}),
            End::Stopped("tool_trapped"),
            0,
        ),
        (
            "lists",
            json!({"count": 1_000_000}),
            End::Stopped("limit_exceeded"),
            8 << 10,
        ),
        (
            "records",
            json!({"count": 4_000_000}),
            End::Stopped("limit_exceeded"),
            8 << 10,
        ),
        (
            "lines",
            json!({"fields": 100_000, "times": 50}),
            End::Answered,
            2 << 10,
        ),
        (
            "lines",
            json!({"fields": 1_000_000, "times": 1}),
            End::Stopped("limit_exceeded"),
            16 << 10,
        ),
        (
            "print",
            json!({"times": 3_000_000}),
            End::Stopped("limit_exceeded"),
            0,
        ),
    ];
    let mut broken = Vec::new();
    for (tool, params, end, own_kb) in floods {
        process.forget_peak();
        let before = process.resident_kb();
        let (status, answer) = flood.call(tool, params.clone()).await;
        let is_right = match end {
            End::Stopped(code) => {
                let found = answer["code"].as_str().unwrap_or_default();
                status >= 400 && (code.is_empty() || found == code)
            }
            End::LessThan(most) => answer["result"].as_i64().unwrap_or(most - 1) < most,
            End::Answered => status == 200,
        };
        let grown = process.peak_kb().saturating_sub(before);
        if !is_right || grown > HOST_KB_MAX + own_kb {
            let answer: String = answer.to_string().chars().take(300).collect();
            broken.push(format!(
                "{tool} {params}: the host grew by {grown} kB; {status} {answer}"
            ));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(process.is_alive());
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_keep_all_they_can_get_stay_within_their_sum() {
    const SESSIONS: u64 = 12;
    let lab = Guest::stateful_lab();
    let config = "[backends.lab.limits]\nmemory_bytes = 4_194_304\n";
    let mut process = Process::serve(&[("lab", &lab)], config);
    let neighbour = Neighbour::beside(&process.address).await;
    let lab = Attacker::at(&process.address, "lab");
    process.forget_peak();
    let before = process.resident_kb();
    for number in 0..SESSIONS {
        let session = lab
            .with_session(json!({"name": format!("s{number}")}))
            .await;
        assert_eq!(
            session.number("grow", json!({"pages": 64})).await,
            -1,
            "64 are 4 MiB, and one was there"
        );
        session.call("dirty", json!({"pages": 63})).await;
        assert_eq!(session.number("grow", json!({"pages": 1})).await, -1);
    }
    let grown = process.peak_kb() - before;
    assert!(grown < SESSIONS * (4 << 10) + HOST_KB_MAX, "{grown} kB");
    assert!(process.is_alive());
    neighbour.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_very_many_instances_gets_none() {
    let (server, neighbour) = attacked("flood", &Guest::named("flood"), |_| {}).await;
    let bomb = Attacker::at(server.address, "bomb");
    for (instances, is_fine) in [(20, true), (31, false), (10_001, false)] {
        let component = format!(
            r#"(component
                (core module $m (func (export "f") (result i32) i32.const 7))
                (core instance $i (instantiate $m))
                {}
                (func (export "one") (result u32) (canon lift (core func $i "f"))))"#,
            "(core instance (instantiate $m))\n".repeat(instances - 1)
        );
        let put = server.request(Method::PUT, "/v1/backends/bomb");
        let put = put.body(wat::parse_str(component).unwrap()).send().await;
        let is_loaded = put.unwrap().status().is_success();
        assert!(is_loaded || !is_fine, "{instances}");
        let (status, answer) = bomb.call("one", json!({})).await;
        assert_eq!(status == 200, is_fine, "{instances}: {status} {answer}");
    }
    neighbour.unharmed().await;
}

/// `{"action":"flood:pollables","params":{"count":1}}`
const COMPRESSED: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 76, 46, 201, 204, 207, 83, 178, 82, 74, 203, 201,
    207, 79, 177, 42, 200, 207, 201, 73, 76, 202, 73, 45, 86, 210, 81, 42, 72, 44, 74, 204, 45, 86,
    178, 170, 86, 74, 206, 47, 205, 43, 81, 178, 50, 172, 173, 5, 0, 177, 38, 1, 245, 49, 0, 0, 0,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_is_not_unpacked() {
    let (server, neighbour) = attacked("flood", &Guest::named("flood"), |_| {}).await;
    for path in ["/v1/execute", "/mcp", "/api/v1/execute"] {
        let request = server.request(Method::POST, path);
        let request = request.header("content-type", "application/json");
        let request = request.header("content-encoding", "gzip").body(COMPRESSED);
        let status = request.send().await.unwrap().status().as_u16();
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    neighbour.unharmed().await;
}
