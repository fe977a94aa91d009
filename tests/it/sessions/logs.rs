//! What a guest says is kept with its session, bounded, as data.

use hostel_host::capability::log::LogPage;
use hostel_host::error::ErrorCode;
use hostel_tests::{Guest, TestHost, TestSession};
use serde_json::json;

async fn logs(session: &TestSession, after: u64, limit: usize) -> LogPage {
    let worker = &session.worker;
    worker
        .host
        .session_logs(&worker.caller, &session.id, after, limit)
        .await
        .unwrap()
}

fn texts(page: &LogPage) -> Vec<(&str, &str)> {
    let lines = page.lines.iter();
    lines
        .map(|line| (line.source.as_str(), line.text.as_str()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn output_and_log_lines_stand_in_order_with_where_they_came_from() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    for text in ["one\ntwo", "three\n"] {
        let print = json!({"text": text, "times": 1});
        session.call("print", print).await.unwrap();
    }
    session.call("log", json!({"text": "four"})).await.unwrap();
    let page = logs(&session, 0, 100).await;
    assert_eq!(
        texts(&page),
        [
            ("stdout", "one"),
            ("stdout", "two"), // ended by the end of its call
            ("stdout", "three"),
            ("warn", "four")
        ]
    );
    let fields = &page.lines[3].fields;
    assert_eq!(fields[..], [("kind".to_owned(), "test".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn pages_of_lines_lead_on_from_one_to_the_next() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    session
        .call("print", json!({"text": "x\n", "times": 25}))
        .await
        .unwrap();
    let (mut after, mut sizes) = (0, Vec::new());
    loop {
        let page = logs(&session, after, 10).await;
        if page.lines.is_empty() {
            break;
        }
        sizes.push(page.lines.len());
        after = page.next;
    }
    assert_eq!(sizes, [10, 10, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_output_costs_the_oldest_lines_and_nothing_else() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.log_bytes = 4096;
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    let line = json!({"text": "a line of text\n", "times": 20_000});
    session.call("print", line).await.unwrap();
    let page = logs(&session, 0, usize::MAX).await;
    assert!(
        page.lines.len() < 100,
        "{} lines were kept",
        page.lines.len()
    );
    assert_eq!(page.dropped + page.lines.len() as u64, 20_000);
    assert_eq!(session.call("add", json!({"n": 1})).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_guest_cannot_write_to_its_readers_terminal() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let text = "\u{1b}[2Jred\u{7}\n{\"level\":\"error\"}\n";
    session
        .call("print", json!({"text": text, "times": 1}))
        .await
        .unwrap();
    session
        .call("log", json!({"text": "\u{1b}[31mred"}))
        .await
        .unwrap();
    let page = logs(&session, 0, 10).await;
    assert_eq!(
        texts(&page),
        [
            ("stdout", "[2Jred"),
            ("stdout", r#"{"level":"error"}"#),
            ("warn", "[31mred")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_trap_is_explained_by_what_the_guest_complained_of() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    let error = session
        .call("complain", json!({"text": "the disk is on fire\n"}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::ToolTrapped);
    assert!(error.message().contains("the disk is on fire"), "{error}");
}
