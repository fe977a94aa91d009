//! `hostel serve` and the commands that talk to it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fs_err as fs;
use hostel_tests::Guest;
use serde_json::Value;

use super::serving::Serving;
use super::{Said, hostel};

fn start(home: &Path) -> Serving {
    Serving::start(home, &["--plugins", "plugins", "--max-sessions", "16"])
}

/// A home with a folder of plugins.
pub(super) fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("plugins")).unwrap();
    fs::write(
        home.path().join("plugins/counter.wasm"),
        Guest::counter().component(),
    )
    .unwrap();
    fs::write(
        home.path().join("plugins/lab.wasm"),
        Guest::stateful_lab().component(),
    )
    .unwrap();
    home
}

#[test]
fn a_host_is_served_asked_and_stopped() {
    let home = home();
    let mut serving = start(home.path());
    let ask = |arguments: &[&str]| serving.ask(home.path(), arguments);

    let tools = ask(&["tools", "--backend", "counter"]);
    assert_eq!(
        tools.out,
        "counter:add\tstateful\t\ncounter:get\tstateful\t\ncounter:double\tstateless\t\n"
    );
    assert_eq!(ask(&["call", "counter:double", "{\"n\": 21}"]).out, "42\n");
    let error = ask(&["call", "counter:dubble"]);
    assert_eq!(error.status, Some(1));
    assert!(
        error.complaint.contains("counter:double"),
        "{}",
        error.complaint
    );
    let tools_own = ask(&["call", "lab:fail", "{\"text\": \"no\"}"]);
    assert_eq!(tools_own.status, Some(1));
    assert!(
        tools_own
            .complaint
            .contains("lab:fail answered with an error: no"),
        "{}",
        tools_own.complaint
    );

    let begun: Value =
        serde_json::from_str(&ask(&["sessions", "create", "counter", "--name", "work"]).out)
            .unwrap();
    let id = begun["id"].as_str().unwrap();
    assert_eq!(
        ask(&["call", "counter:add", "{\"n\": 2}", "--session", "work"]).out,
        "2\n"
    );
    let list = ask(&["sessions"]).out;
    assert!(
        list.starts_with(&format!("{id}\tcounter\twork\tidle\t1\t")),
        "{list}"
    );
    assert_eq!(
        ask(&["sessions", "end", id]).out,
        format!("{id}\tended\tclean\n")
    );

    let running = hostel(
        home.path(),
        &["call", "lab:add_later", "{\"n\": 1, \"ms\": 1500}"],
    )
    .env("HOSTEL_SERVER", &serving.url)
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    #[expect(clippy::disallowed_methods, reason = "nobody waits for this thread")]
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(serving.terminate(), Some(0));
    let running = super::said(running.wait_with_output().unwrap());
    assert_eq!(
        (running.status, running.out.as_str()),
        (Some(0), "1\n"),
        "the running call got its answer"
    );
    let nobody = serving.ask(home.path(), &["tools"]);
    assert!(
        nobody.complaint.contains("no host answers at"),
        "{}",
        nobody.complaint
    );
    let left = fs::read_dir(home.path().join(".local/share/hostel/sessions/workspaces")).unwrap();
    assert_eq!(left.count(), 0, "no folder of a session is left");
}

#[tokio::test]
async fn what_happens_is_counted() {
    let home = home();
    let serving = start(home.path());
    serving.ask(home.path(), &["call", "counter:double", "{\"n\": 1}"]);
    serving.ask(home.path(), &["call", "counter:double", "{\"n\": \"x\"}"]);
    serving.ask(home.path(), &["sessions", "create", "counter"]);
    let url = format!("{}/metrics", serving.url);
    let text = client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for expected in [
        r#"hostel_calls_total{backend="counter",tool="double",outcome="ok"} 1"#,
        r#"hostel_call_errors_total{code="invalid_params"} 1"#,
        "hostel_sessions 1",
        "hostel_sessions_started_total 1",
    ] {
        assert!(
            text.lines().any(|line| line == expected),
            "{expected} is not in:\n{text}"
        );
    }
}

#[tokio::test]
async fn a_host_stops_when_it_is_asked_to() {
    let home = home();
    let mut serving = start(home.path());
    let url = format!("{}/v1/shutdown", serving.url);
    let asked = client().post(url).send().await.unwrap();
    assert_eq!(asked.status().as_u16(), 202);
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_bad_component_is_named_at_the_start_and_the_others_are_served() {
    let home = home();
    fs::write(home.path().join("plugins/bad.wasm"), "hello").unwrap();
    let mut child = hostel(
        home.path(),
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--plugins",
            "plugins",
            "--max-sessions",
            "16",
        ],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(" tools at ") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    let complaint = said
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap_or_default();
    assert!(
        complaint.contains("bad.wasm") && complaint.contains("not WebAssembly"),
        "{said}"
    );
}

#[test]
fn a_call_is_watched_while_it_runs() {
    let home = home();
    let serving = start(home.path());
    let params = r#"{"text": "step", "steps": 2, "ms": 1}"#;
    let said = serving.ask(home.path(), &["call", "lab:work", params, "--stream"]);
    assert_eq!(
        (said.status, said.out.trim()),
        (Some(0), "2"),
        "{}",
        said.complaint
    );
    assert_eq!(said.complaint.trim(), "1 of 2 step\n2 of 2 step");
    let arguments = [
        "call",
        "lab:print",
        r#"{"text": "hi\n", "times": 1}"#,
        "--stream",
        "--json",
    ];
    let said = serving.ask(home.path(), &arguments);
    let events = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let types: Vec<String> = events
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["queued", "started", "stdout", "result"]);
    let said = serving.ask(home.path(), &["call", "lab:trap", "--stream"]);
    assert_eq!(said.status, Some(1));
    assert!(
        said.complaint.contains("tool_trapped"),
        "{}",
        said.complaint
    );
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The sum that a session has counted up to.
fn sum(serving: &Serving, home: &Path, id: &str) -> Said {
    serving.ask(
        home,
        &["call", "counter:add", r#"{"n": 0}"#, "--session", id],
    )
}

fn begin(serving: &Serving, home: &Path, name: &str, n: u32) -> String {
    let begun = serving.ask(home, &["sessions", "create", "counter", "--name", name]);
    let begun: Value = serde_json::from_str(&begun.out).unwrap();
    let id = begun["id"].as_str().unwrap().to_owned();
    let n = format!(r#"{{"n": {n}}}"#);
    let added = serving.ask(home, &["call", "counter:add", &n, "--session", &id]);
    assert_eq!(added.status, Some(0), "{}", added.complaint);
    id
}

#[tokio::test]
async fn after_a_kill_whatever_was_saved_is_back_and_nothing_else() {
    let home = home();
    let home = home.path();
    let serving = start(home);
    let [suspended, checkpointed, woken, lost] = [
        begin(&serving, home, "suspended", 1),
        begin(&serving, home, "checkpointed", 2),
        begin(&serving, home, "woken", 3),
        begin(&serving, home, "lost", 4),
    ];
    let ask = |arguments: &[&str]| {
        let said = serving.ask(home, arguments);
        assert_eq!(said.status, Some(0), "{arguments:?}: {}", said.complaint);
    };
    ask(&["sessions", "suspend", &suspended, &woken]);
    ask(&["sessions", "checkpoint", &checkpointed]);
    for id in [&checkpointed, &woken] {
        ask(&["call", "counter:add", r#"{"n": 10}"#, "--session", id]);
    }
    ask(&["sessions", "checkpoint", &woken]);
    ask(&["call", "counter:add", r#"{"n": 100}"#, "--session", &woken]);
    serving.kill();

    let serving = start(home);
    for (id, expected) in [
        (&suspended, "1\n"),
        (&checkpointed, "2\n"),
        (&woken, "13\n"),
    ] {
        let said = sum(&serving, home, id);
        assert_eq!(said.out, expected, "{}", said.complaint);
    }
    let said = sum(&serving, home, &lost);
    assert!(
        said.complaint.contains("session_not_found"),
        "{}",
        said.complaint
    );
}

#[tokio::test]
async fn a_host_that_stops_in_order_comes_back_with_all_of_its_sessions() {
    let home = home();
    let home = home.path();
    let mut serving = start(home);
    let ids: Vec<String> = (0..5)
        .map(|n| begin(&serving, home, &format!("s{n}"), n))
        .collect();
    assert_eq!(serving.terminate(), Some(0));
    let serving = start(home);
    let listed = serving.ask(home, &["sessions"]).out;
    assert_eq!(listed.matches("\tsuspended\t").count(), 5, "{listed}");
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(sum(&serving, home, id).out, format!("{n}\n"));
    }
    let second = hostel(
        home,
        &["serve", "--listen", "127.0.0.1:0", "--plugins", "plugins"],
    )
    .output();
    let second = super::said(second.unwrap());
    assert!(
        second.complaint.contains("another hostel process")
            && second.complaint.contains("--data-dir"),
        "{}",
        second.complaint
    );
}
