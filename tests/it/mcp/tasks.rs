//! Calls that are followed: notices of progress, and tasks for what takes long.

use std::time::Duration;

use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};

use super::client::{Legacy, Modern, refusal};

const TASKS: &str = "io.modelcontextprotocol/tasks";

async fn server() -> TestServer {
    TestServer::start(&[("lab", &Guest::lab()), ("counter", &Guest::counter())]).await
}

/// A client that knows tasks.
fn knowing(server: &TestServer) -> Modern<'_> {
    Modern {
        meta: json!({"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}),
        ..Modern::new(server)
    }
}

/// The id of the task that a call becomes.
async fn begin(client: &Modern<'_>, tool: &str, arguments: Value) -> String {
    let task = client.call(tool, arguments).await;
    assert_eq!(task["resultType"], "task", "{task}");
    assert_eq!(task["status"], "working", "{task}");
    assert!(task.get("content").is_none() && task.get("result").is_none());
    task["taskId"].as_str().unwrap().to_owned()
}

async fn ended(client: &Modern<'_>, task: &str) -> Value {
    let ask = async {
        loop {
            let reply = client.ask("tasks/get", json!({"taskId": task})).await;
            let found = reply.result();
            if found["status"] != "working" {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ask)
        .await
        .expect("it ends in time")
}

#[tokio::test]
async fn a_call_that_takes_long_becomes_a_task_for_clients_that_know_tasks() {
    let server = server().await;
    let client = knowing(&server);
    let task = begin(&client, "lab_sleep", json!({"ms": 2500})).await;
    let working = client.ask("tasks/get", json!({"taskId": task})).await;
    let working = working.result();
    assert_eq!(working["status"], "working");
    assert!(working["pollIntervalMs"].as_u64().unwrap() > 0);
    let done = ended(&client, &task).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["result"]["content"][0]["text"], "done");
    assert_eq!(done["result"]["resultType"], "complete");
    assert!(done["ttlMs"].as_u64().unwrap() > 2500, "{done}");
    // Most calls are done before anybody would ask.
    let doubled = client.call("counter_double", json!({"n": 2})).await;
    assert_eq!(doubled["structuredContent"], 4);
    assert_eq!(doubled["resultType"], "complete");
    // The same job, through the other door.
    let job = server.get(&format!("/v1/jobs/{task}")).await;
    assert_eq!(job.json()["state"], "succeeded");
}

#[tokio::test]
async fn a_client_that_does_not_know_tasks_waits() {
    let server = server().await;
    for client in [Modern::new(&server), Modern::of(&server, "other")] {
        let slept = client.call("lab_sleep", json!({"ms": 1300})).await;
        assert_eq!(slept["resultType"], "complete");
    }
    let asked = Modern::new(&server)
        .ask("tasks/get", json!({"taskId": "job_0"}))
        .await;
    assert_eq!(asked.status, 400);
    assert_eq!(asked.error()["code"], -32021);
    assert!(asked.error()["data"]["requiredCapabilities"]["extensions"][TASKS].is_object());
}

#[tokio::test]
async fn a_task_is_cancelled_for_good() {
    let server = server().await;
    let client = knowing(&server);
    let task = begin(&client, "lab_spin", json!({})).await;
    for _ in 0..2 {
        let reply = client.ask("tasks/cancel", json!({"taskId": task})).await;
        assert_eq!(reply.result(), json!({"resultType": "complete"}));
    }
    assert_eq!(ended(&client, &task).await["status"], "cancelled");
}

#[tokio::test]
async fn a_task_that_ends_badly_says_how() {
    let server = TestServer::start_with(&[("lab", &Guest::lab())], |config| {
        config.settings.limits.call = Duration::from_millis(1500);
    })
    .await;
    let client = knowing(&server);
    let task = begin(&client, "lab_sleep", json!({"ms": 60_000})).await;
    let failed = ended(&client, &task).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["code"], -32603);
    assert_eq!(failed["error"]["data"]["code"], "deadline_exceeded");
    // Who is there when it happens is told in a result.
    let trapped = client.call("lab_trap", json!({})).await;
    assert!(refusal(&trapped).starts_with("tool_trapped"), "{trapped}");
}

#[tokio::test]
async fn a_task_is_its_callers_own() {
    let server = server().await;
    let client = knowing(&server);
    let task = begin(&client, "lab_sleep", json!({"ms": 1500})).await;
    let other = Modern {
        worker: "other",
        ..knowing(&server)
    };
    for id in [task.as_str(), "job_1", ""] {
        for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
            let params = json!({"taskId": id, "inputResponses": {}});
            let reply = other.ask(method, params).await;
            assert_eq!(reply.error()["code"], -32602, "{method}: {}", reply.text);
        }
    }
    assert_eq!(ended(&client, &task).await["status"], "completed");
}

#[tokio::test]
async fn progress_is_told_while_the_call_runs() {
    let server = server().await;
    let params = json!({"name": "lab_work", "arguments": {"text": "going", "steps": 3, "ms": 20}});
    let client = Modern {
        meta: json!({"progressToken": "p-1"}),
        ..Modern::new(&server)
    };
    let modern = client.ask("tools/call", params.clone()).await;
    assert_eq!(modern.headers["content-type"], "text/event-stream");
    let mut asked = params;
    asked["_meta"] = json!({"progressToken": "p-1"});
    let older = Legacy::begin(&server).await.ask("tools/call", asked).await;
    for reply in [modern, older] {
        let told: Vec<&Value> = reply
            .messages
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .map(|message| &message["params"])
            .collect();
        let done: Vec<f64> = told
            .iter()
            .map(|told| told["progress"].as_f64().unwrap())
            .collect();
        assert!(done.len() >= 3, "{}", reply.text);
        assert!(done.is_sorted_by(|one, next| one < next), "{done:?}");
        for told in told {
            assert_eq!(told["progressToken"], "p-1");
            assert_eq!(
                (&told["total"], &told["message"]),
                (&json!(3.0), &json!("going"))
            );
        }
        assert!(reply.result()["isError"] == false, "{}", reply.text);
    }
}
