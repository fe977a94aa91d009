//! `hostel sessions`: those of a running host.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{self, Client};
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
        /// When its state is saved: call (before every call), manual, off [default: manual].
        #[arg(long)]
        checkpoint: Option<String>,
        /// What becomes of it when nobody calls it for its idle time: release or suspend [default: the host's].
        #[arg(long)]
        on_idle: Option<String>,
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
    /// Begin sessions where this one is now; each goes its own way from there.
    Fork {
        id: String,
        /// How many.
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// Name of the only one; of several, what their names begin with.
        #[arg(long)]
        name: Option<String>,
    },
    /// Park sessions on disk until their next call: they take no memory and no room of others.
    Suspend {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Bring sessions back into memory, without calling them.
    Resume {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Save the state of a session, to come back to.
    Checkpoint {
        id: String,
        #[arg(long)]
        name: Option<String>,
    },
    /// The checkpoints that a session can go back to, oldest first.
    Checkpoints { id: String },
    /// Take a session back to a checkpoint, by its id or its name.
    Restore { id: String, checkpoint: String },
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
            checkpoint,
            on_idle,
        } => {
            let config: Value = serde_json::from_str(&config)
                .map_err(|error| format!("--config is not JSON: {error}"))?;
            let mut body = json!({"backend": backend, "name": name, "config": config});
            for (field, value) in [("checkpoint", checkpoint), ("on_idle", on_idle)] {
                if let (Some(body), Some(value)) = (body.as_object_mut(), value) {
                    body.insert(field.to_owned(), value.into());
                }
            }
            show(&client.post("/v1/sessions", &body).await?)
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
        Verb::Fork { id, count, name } => {
            let body = json!({"count": count, "name": name});
            let forked = client
                .post(&format!("/v1/sessions/{id}/fork"), &body)
                .await?;
            forks(&client, &forked)
        }
        Verb::Suspend { ids } => each(&client, &ids, "suspend").await,
        Verb::Resume { ids } => each(&client, &ids, "resume").await,
        Verb::Checkpoint { id, name } => {
            let path = format!("/v1/sessions/{id}/checkpoints");
            let made = client.post(&path, &json!({"name": name})).await?;
            say(&client, &made, checkpoint_row);
            Ok(())
        }
        Verb::Checkpoints { id } => {
            let page = client
                .get(&format!("/v1/sessions/{id}/checkpoints"), &[])
                .await?;
            for checkpoint in items(&page, "checkpoints") {
                say(&client, checkpoint, checkpoint_row);
            }
            Ok(())
        }
        Verb::Restore { id, checkpoint } => {
            let path = format!("/v1/sessions/{id}/restore");
            let restored = client
                .post(&path, &json!({"checkpoint": checkpoint}))
                .await?;
            say(&client, &restored, row);
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
        for session in items(&page, "sessions") {
            say(client, session, row);
        }
        let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else {
            return Ok(());
        };
        query.retain(|(name, _)| *name != "cursor");
        query.push(("cursor", cursor.to_owned()));
    }
}

/// Does the same to each of several sessions.
async fn each(client: &Client, ids: &[String], verb: &str) -> Outcome {
    for id in ids {
        let path = format!("/v1/sessions/{id}/{verb}");
        say(client, &client.post(&path, &json!({})).await?, row);
    }
    Ok(())
}

/// A row for each fork; those that are not there are told apart.
fn forks(client: &Client, forked: &Value) -> Outcome {
    let mut failures = Vec::new();
    for fork in items(forked, "forks") {
        match fork.get("code") {
            None => say(client, fork, row),
            Some(_) => failures.push(client::problem(fork)),
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(failures.join("\n")),
    }
}

/// Id, name, calls before it, bytes and time, tab-separated.
fn checkpoint_row(checkpoint: &Value) -> String {
    let number = |name: &str| {
        let number = checkpoint.get(name).and_then(Value::as_u64);
        number.unwrap_or_default().to_string()
    };
    [
        text(checkpoint, "id"),
        text(checkpoint, "name"),
        number("call"),
        number("bytes"),
        text(checkpoint, "created_at"),
    ]
    .join("\t")
}

/// A line for programs or for people.
fn say(client: &Client, value: &Value, row: impl Fn(&Value) -> String) {
    output::say(&if client.json() {
        value.to_string()
    } else {
        row(value)
    });
}

fn items<'a>(page: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let items = page.get(name).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or("-").to_owned()
}

/// Id, backend, name, state, calls and end, tab-separated.
fn row(session: &Value) -> String {
    let calls = session
        .get("calls")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    [
        text(session, "id"),
        text(session, "backend"),
        text(session, "name"),
        text(session, "state"),
        calls.to_string(),
        text(session, "expires_at"),
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
    for line in items(&page, "lines") {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        output::say(&format!(
            "{}\t{}\t{}",
            text("at"),
            text("source"),
            output::quoted(text("text"))
        ));
    }
    Ok(())
}

fn show(answer: &Value) -> Outcome {
    output::say(&serde_json::to_string_pretty(answer).unwrap_or_else(|_| answer.to_string()));
    Ok(())
}
