//! `hostel call`: one call of a tool.

use std::io::Read;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::client::Client;
use super::{ClientArgs, Outcome, output};

mod stream;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hostel call rag:search '{\"query\": \"context manager\"}'\n  hostel call code:run '{\"source\": \"1 + 1\"}' --session work\n  hostel call vm:screenshot --session game --output screen.png"
)]
pub(super) struct CallArgs {
    /// The tool: backend:tool, or just the tool if only one backend has it.
    tool: String,
    /// The params as a JSON object; `-` reads them from standard input.
    #[arg(default_value = "{}")]
    params: String,
    /// A session's id or name; without it, the worker's session `default`, or a temporary one.
    #[arg(long, value_name = "ID|NAME")]
    session: Option<String>,
    /// Milliseconds to wait, at most the backend's limit.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Show what happens while the call runs: its progress and what it prints, on standard error; with --json, every event as a line.
    /// Ctrl-C stops it.
    #[arg(long)]
    stream: bool,
    /// Write a result that is bytes (base64 in JSON) to a file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(args: CallArgs) -> Outcome {
    let params = params(&args.params)?;
    let client = Client::new(args.client)?;
    let mut body = json!({"action": args.tool, "params": params});
    if let (Some(session), Some(body)) = (args.session, body.as_object_mut()) {
        body.insert("session".to_owned(), session.into());
    }
    if let (Some(timeout), Some(body)) = (args.timeout_ms, body.as_object_mut()) {
        body.insert("timeout_ms".to_owned(), timeout.into());
    }
    let answer = if args.stream {
        stream::run(&client, body).await?
    } else {
        client.post("/v1/execute", &body).await?
    };
    if client.json() && !args.stream {
        output::say(&answer.to_string());
    }
    if let Some(error) = answer.get("error") {
        return Err(format!(
            "{} answered with an error: {}",
            args.tool,
            shown(error)
        ));
    }
    let result = answer.get("result").unwrap_or(&Value::Null);
    match args.output {
        Some(path) => {
            let bytes = result
                .as_str()
                .and_then(|text| STANDARD.decode(text).ok())
                .ok_or("--output: the result is not bytes")?;
            fs_err::write(&path, &bytes).map_err(|error| error.to_string())?;
            output::note(&format!(
                "{} bytes written to {}",
                bytes.len(),
                path.display()
            ));
        }
        None if client.json() => {}
        None => output::say(&shown(result)),
    }
    Ok(())
}

fn params(text: &str) -> Result<Value, String> {
    let mut read = String::new();
    let text = if text == "-" {
        std::io::stdin()
            .read_to_string(&mut read)
            .map_err(|error| format!("cannot read the params: {error}"))?;
        &read
    } else {
        text
    };
    serde_json::from_str(text).map_err(|error| format!("the params are not JSON: {error}\n  write them as an object in single quotes: '{{\"name\": \"Ada\"}}'"))
}

/// A string as it is, anything else as indented JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    }
}
