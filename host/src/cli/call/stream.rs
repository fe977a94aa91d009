//! `hostel call --stream`: the call as a job, and what happens to it while it happens. Ctrl-C stops the guest.

use serde_json::{Value, json};

use super::super::client::{Client, problem};
use super::super::{Outcome, output};

/// Milliseconds that one request waits for news; a lost connection is found out about after that.
const WAIT_MS: u64 = 20_000;

/// Begins the call as a job, tells what happens to it, and hands out the answer's envelope.
pub(super) async fn run(client: &Client, mut body: Value) -> Result<Value, String> {
    if let Some(body) = body.as_object_mut() {
        body.insert("wait".to_owned(), false.into());
    }
    let begun = client.post("/v1/execute", &body).await?;
    let id = begun.pointer("/job/id").and_then(Value::as_str);
    let id = id.ok_or("the host began no job")?;
    tokio::select! {
        end = follow(client, id) => end,
        _ = tokio::signal::ctrl_c() => {
            output::note("stopping it");
            stop(client, id).await?;
            Err("the call was cancelled".to_owned())
        }
    }
}

async fn stop(client: &Client, id: &str) -> Outcome {
    let cancel = format!("/v1/jobs/{id}/cancel");
    client.post(&cancel, &json!({})).await.map(drop)
}

async fn follow(client: &Client, id: &str) -> Result<Value, String> {
    let path = format!("/v1/jobs/{id}/events");
    let mut after = 0;
    loop {
        let query = [
            ("after", after.to_string()),
            ("wait_ms", WAIT_MS.to_string()),
        ];
        let page = client.get(&path, &query).await?;
        after = page.get("next").and_then(Value::as_u64).unwrap_or(after);
        let events = page.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            if client.json() {
                output::say(&event.to_string());
            } else {
                tell(event);
            }
            if let Some(error) = event.get("error") {
                return Err(problem(error));
            }
            if let Some(answer) = event.get("answer") {
                return Ok(answer.clone());
            }
        }
        if page.get("done") == Some(&Value::Bool(true)) {
            return Err("the answer is no longer kept".to_owned());
        }
    }
}

/// A line for people.
fn tell(event: &Value) {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "progress" => {
            let done = event.get("done").cloned().unwrap_or_default();
            let total = event.get("total").filter(|total| !total.is_null());
            let of = total
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            output::note(&format!("{done}{of} {}", output::quoted(text("message"))));
        }
        "partial" | "stdout" | "stderr" => output::note(text("text")),
        "log" => output::note(&format!(
            "{}: {}",
            text("level"),
            output::quoted(text("message"))
        )),
        _ => {}
    }
}
