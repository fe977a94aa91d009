//! `hostel sessions`: those of a running host.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::{ClientArgs, Outcome, output};

#[derive(Debug, Args)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List live sessions, newest first (the default).
    List {
        /// Only those of this backend.
        #[arg(long)]
        backend: Option<String>,
        /// Only those with these labels: key=value,key=value.
        #[arg(long)]
        labels: Option<String>,
        /// Of every worker.
        #[arg(long)]
        all: bool,
    },
    /// Begin a session.
    Create {
        backend: String,
        #[arg(long)]
        name: Option<String>,
        /// The config, a JSON object.
        #[arg(long, default_value = "{}")]
        config: String,
    },
    /// Show one session.
    Show { id: String },
    /// End sessions.
    End {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Put the idle timer back to its start.
    KeepAlive { id: String },
    /// What the guest has written.
    Logs {
        id: String,
        /// From this line on.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

pub(super) async fn run(args: SessionsArgs) -> Outcome {
    let client = Client::new(args.client)?;
    match args.verb.unwrap_or(Verb::List {
        backend: None,
        labels: None,
        all: false,
    }) {
        Verb::List {
            backend,
            labels,
            all,
        } => list(&client, backend, labels, all).await,
        Verb::Create {
            backend,
            name,
            config,
        } => {
            let config: Value = serde_json::from_str(&config)
                .map_err(|error| format!("--config is not JSON: {error}"))?;
            show(
                &client
                    .post(
                        "/v1/sessions",
                        &json!({"backend": backend, "name": name, "config": config}),
                    )
                    .await?,
            )
        }
        Verb::Show { id } => show(&client.get(&format!("/v1/sessions/{id}"), &[]).await?),
        Verb::KeepAlive { id } => show(
            &client
                .post(&format!("/v1/sessions/{id}/keep-alive"), &json!({}))
                .await?,
        ),
        Verb::End { ids } => {
            for id in ids {
                let ended = client.delete(&format!("/v1/sessions/{id}")).await?;
                if client.json() {
                    output::say(&ended.to_string());
                } else {
                    output::say(&format!(
                        "{id}\tended\t{}",
                        ended
                            .get("cleanup")
                            .and_then(Value::as_str)
                            .unwrap_or_default()
                    ));
                }
            }
            Ok(())
        }
        Verb::Logs { id, after } => logs(&client, &id, after).await,
    }
}

async fn list(
    client: &Client,
    backend: Option<String>,
    labels: Option<String>,
    all: bool,
) -> Outcome {
    let mut query = vec![("limit", "1000".to_owned())];
    query.extend(backend.map(|backend| ("backend", backend)));
    query.extend(labels.map(|labels| ("labels", labels)));
    query.extend(all.then(|| ("worker", "*".to_owned())));
    loop {
        let page = client.get("/v1/sessions", &query).await?;
        for session in page
            .get("sessions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            output::say(&if client.json() {
                session.to_string()
            } else {
                row(session)
            });
        }
        let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else {
            return Ok(());
        };
        query.retain(|(name, _)| *name != "cursor");
        query.push(("cursor", cursor.to_owned()));
    }
}

/// Id, backend, name, state, calls and end, tab-separated.
fn row(session: &Value) -> String {
    let text = |name: &str| {
        session
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let calls = session
        .get("calls")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    [
        text("id"),
        text("backend"),
        text("name"),
        text("state"),
        calls.to_string(),
        text("expires_at"),
    ]
    .join("\t")
}

async fn logs(client: &Client, id: &str, after: u64) -> Outcome {
    let page = client
        .get(
            &format!("/v1/sessions/{id}/logs"),
            &[("after", after.to_string())],
        )
        .await?;
    if client.json() {
        output::say(&page.to_string());
        return Ok(());
    }
    for line in page
        .get("lines")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        output::say(&format!(
            "{}\t{}\t{}",
            text("at"),
            text("source"),
            text("text")
        ));
    }
    Ok(())
}

fn show(answer: &Value) -> Outcome {
    output::say(&serde_json::to_string_pretty(answer).unwrap_or_else(|_| answer.to_string()));
    Ok(())
}
