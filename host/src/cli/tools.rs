//! `hostel tools`: what a running host offers.

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::{ClientArgs, Outcome, output};

#[derive(Debug, Args)]
pub(super) struct ToolsArgs {
    /// Show this one with its schemas.
    tool: Option<String>,
    /// Only those of this backend.
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: ToolsArgs) -> Outcome {
    let client = Client::new(args.client)?;
    if let Some(tool) = args.tool {
        let answer = client.get(&format!("/v1/tools/{tool}"), &[]).await?;
        output::say(&serde_json::to_string_pretty(&answer).unwrap_or_else(|_| answer.to_string()));
        return Ok(());
    }
    let query: Vec<(&str, String)> = args
        .backend
        .into_iter()
        .map(|backend| ("backend", backend))
        .collect();
    let answer = client.get("/v1/tools", &query).await?;
    if client.json() {
        output::say(&answer.to_string());
        return Ok(());
    }
    for tool in answer
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        output::say(&row(tool));
    }
    Ok(())
}

/// Name, kind and the first line of the description, tab-separated.
fn row(tool: &Value) -> String {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = if tool.get("stateful").and_then(Value::as_bool) == Some(true) {
        "stateful"
    } else {
        "stateless"
    };
    format!(
        "{}\t{kind}\t{}",
        text("name"),
        text("description").lines().next().unwrap_or_default()
    )
}
