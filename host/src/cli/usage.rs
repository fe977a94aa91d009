//! `hostel usage`: what a worker has used of a running host.

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::{ClientArgs, Outcome, output};

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    #[command(flatten)]
    client: ClientArgs,
}

const SUMS: [&str; 8] = [
    "calls",
    "errors",
    "duration_us",
    "host_calls",
    "memory_bytes_max",
    "sessions_started",
    "jobs_started",
    "refusals",
];

pub(super) async fn run(args: UsageArgs) -> Outcome {
    let client = Client::new(args.client)?;
    let answer = client.get("/v1/usage", &[]).await?;
    if client.json() {
        output::say(&answer.to_string());
        return Ok(());
    }
    let worker = answer.get("worker").and_then(Value::as_str);
    output::say(&format!("worker {}", worker.unwrap_or_default()));
    for name in SUMS {
        let value = answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        output::say(&format!("  {name:<22}{value:>16}"));
    }
    let of = ("limit", "used", "of");
    output::say(&format!("\n  {:<22}{:>16}{:>20}", of.0, of.1, of.2));
    let limits = answer.get("limits").and_then(Value::as_object);
    for (name, limit) in limits.into_iter().flatten() {
        output::say(&row(name, limit));
    }
    Ok(())
}

/// Name, how much is used, and of how much.
fn row(name: &str, limit: &Value) -> String {
    let number = |field: &str| limit.get(field).and_then(Value::as_u64);
    let most = match number("max") {
        Some(max) => max.to_string(),
        None => "any".to_owned(),
    };
    let used = number("used").unwrap_or_default();
    let row = format!("  {name:<22}{used:>16}{most:>20}");
    match limit.get("per_second").and_then(Value::as_f64) {
        Some(per_second) => format!("{row} at once, then {per_second} a second"),
        None => row,
    }
}
