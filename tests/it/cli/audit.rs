//! `hostel audit`, and the log of a host that is killed while it writes.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::serve::home;
use super::serving::Serving;
use super::{hostel, run};

const CONFIG: &str = r#"
[server]
plugins = ["plugins"]
max_sessions = 16
[audit]
file = "log/audit.jsonl"
"#;

fn start(home: &Path) -> Serving {
    fs::write(home.join("hostel.toml"), CONFIG).unwrap();
    Serving::start(home, &["--config", "hostel.toml"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_that_a_killed_host_was_writing_is_whole() {
    let home = home();
    let log = home.path().join("log/audit.jsonl");
    for round in 0..3_u32 {
        let serving = start(home.path());
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let url = format!("{}/v1/execute", serving.url);
            callers.spawn(async move {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let body = json!({"action": "counter:double", "params": {"n": 1}});
                while client.post(&url).json(&body).send().await.is_ok() {}
            });
        }
        let until = Instant::now() + Duration::from_secs(10);
        let before = fs::metadata(&log).map_or(0, |log| log.len());
        while fs::metadata(&log).map_or(0, |log| log.len()) < before + 40_000 {
            assert!(Instant::now() < until, "nothing is written");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        serving.kill();
        callers.join_all().await;
        if round == 1 {
            // A kill seldom tears a line; a power failure does.
            let text = fs::read(&log).unwrap();
            fs::write(&log, &text[..text.len() - 30]).unwrap();
        }
    }
    let serving = start(home.path());
    tokio::time::sleep(Duration::from_millis(300)).await;
    serving.kill();
    let verified = run(home.path(), &["audit", "verify", "log"]);
    assert_eq!(verified.status, Some(0), "{}", verified.complaint);
    let starts = run(
        home.path(),
        &["audit", "show", "log", "--verb", "start_host", "--json"],
    );
    let starts: Vec<Value> = starts
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(starts.len(), 4);
    assert!(
        starts[2]["details"]["cut_bytes"].as_u64() > Some(0),
        "{starts:?}"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test has a thread of its own"
)]
fn a_log_is_checked_followed_and_read() {
    let home = home();
    let serving = start(home.path());
    for worker in ["ada", "bob"] {
        let call = ["call", "counter:double", "{\"n\": 1}", "--worker", worker];
        let called = hostel(home.path(), &call)
            .env("HOSTEL_SERVER", &serving.url)
            .output();
        assert!(called.unwrap().status.success());
    }
    std::thread::sleep(Duration::from_millis(300));
    serving.kill();
    let ask = |arguments: &[&str]| run(home.path(), arguments);
    let file = "log/audit.jsonl";
    let head = ask(&["audit", "head", file]).out;
    let verified = ask(&["audit", "verify", file, "--head", head.trim()]);
    assert!(
        verified
            .out
            .starts_with("5 lines are whole; 0 since the hash that was noted\nhead: ")
            && verified.out.contains(&head),
        "{}{}",
        verified.out,
        verified.complaint
    );
    let shown = ask(&["audit", "show", file, "--worker", "bob", "--since", "10m"]).out;
    assert_eq!(shown.lines().count(), 1);
    assert!(
        shown
            .trim()
            .ends_with("Z\tbob\texecute\tcounter:double\tok"),
        "{shown}"
    );

    let path = home.path().join(file);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("\"bob\"", "\"eve\"")).unwrap();
    let changed = ask(&["audit", "verify", file]);
    assert_eq!(changed.status, Some(1));
    assert!(
        changed.complaint.contains("log/audit.jsonl:5: changed: "),
        "{}",
        changed.complaint
    );
    let kept: Vec<&str> = whole.lines().take(4).collect();
    fs::write(&path, kept.join("\n") + "\n").unwrap();
    assert_eq!(
        ask(&["audit", "verify", file]).status,
        Some(0),
        "a chain does not show its end"
    );
    let cut = ask(&["audit", "verify", file, "--head", head.trim(), "--json"]);
    assert_eq!(cut.status, Some(1));
    let cut: Value = serde_json::from_str(&cut.out).unwrap();
    assert_eq!((&cut["how"], &cut["whole"]), (&json!("cut"), &json!(false)));
    let help = ask(&["audit", "verify", "--help"]).out;
    assert!(
        help.contains("missing at its end") && help.contains("hostel audit head"),
        "{help}"
    );
}
