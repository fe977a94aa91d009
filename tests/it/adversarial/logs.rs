//! Guests that write what readers of logs and terminals would obey, or more than anyone can read.

use hostel_tests::{Behaviour, Guest, Hook, Neighbour};
use reqwest::Method;
use serde_json::{Value, json};

use super::attacker::Attacker;
use super::process::Process;

/// Clears a terminal, turns the direction of text, and begins a line that looks like one of the host's.
const HOSTILE: &str =
    "\u{1b}[2J\u{9b}31m\u{202e}\u{7}\r\n{\"level\":\"ERROR\",\"message\":\"forged-line\"}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_writes_is_data_to_every_reader() {
    let lab = Guest::lab()
        .hook(Hook::Initialize, Behaviour::Succeed)
        .hook(Hook::Cleanup, Behaviour::Refuse);
    let process = Process::serve(&[("lab", &lab)], "");
    let neighbour = Neighbour::beside(&process.address).await;
    let lab = Attacker::at(&process.address, "lab")
        .with_session(json!({}))
        .await;
    lab.call("print", json!({"text": HOSTILE, "times": 3}))
        .await;
    lab.call("log", json!({"text": HOSTILE})).await;
    lab.call("work", json!({"text": HOSTILE, "steps": 2, "ms": 1}))
        .await;
    let (_, answer) = lab.call("fail", json!({"text": HOSTILE})).await;
    assert_eq!(
        answer["error"], HOSTILE,
        "an answer is the caller's, as it is"
    );
    let path = format!("/v1/sessions/{}/logs", lab.session);
    let (_, page) = lab.ask(Method::GET, &path, &Value::Null).await;
    let lines = page["lines"].as_array().unwrap();
    assert!(lines.len() >= 5, "{page}");
    for line in lines {
        let text = line["text"].as_str().unwrap();
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(steers), "{text:?}");
    }
    let (status, problem) = lab.call("complain", json!({"text": HOSTILE})).await;
    assert_eq!(status, 502);
    assert!(
        !problem["detail"].as_str().unwrap().contains('\u{1b}'),
        "{problem}"
    );
    lab.destroy().await;
    neighbour.unharmed().await;
    let logged = process.logged();
    for word in ["\u{1b}[2J", "\u{202e}", "forged-line"] {
        assert!(
            !logged.contains(word),
            "{word:?} is in the host's log:\n{logged}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_the_newest_lines_in_a_ring_of_its_size() {
    let lab = Guest::stateful_lab();
    let process = Process::serve(&[("lab", &lab)], "[limits]\nlog_bytes = 10_000\n");
    let neighbour = Neighbour::beside(&process.address).await;
    let lab = Attacker::at(&process.address, "lab")
        .with_session(json!({}))
        .await;
    let text = format!("{}\n", "x".repeat(99));
    lab.call("print", json!({"text": text, "times": 100_000}))
        .await;
    lab.call("print", json!({"text": "the last\n", "times": 1}))
        .await;
    let path = format!("/v1/sessions/{}/logs?limit=1000", lab.session);
    let (_, page) = lab.ask(Method::GET, &path, &Value::Null).await;
    let lines = page["lines"].as_array().unwrap();
    assert!(lines.len() < 100, "{}", lines.len());
    assert_eq!(lines.last().unwrap()["text"], "the last");
    assert!(!process.logged().contains("xxxxxxxx"));
    neighbour.unharmed().await;
}
