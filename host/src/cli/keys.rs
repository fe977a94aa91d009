//! `hostel keys`: the API keys of a host, in the file of its data directory. A host that runs notices a change within a second.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::access::{Scope, Scopes};
use crate::auth::{KeyFile, NewKey, StoredKey};
use crate::config::Config;
use crate::ids::{KeyId, WorkerId};

use super::{Outcome, output};

#[derive(Debug, Args)]
#[command(
    after_help = "Scopes:\n  call                every tool\n  call:rag            every tool of the backend rag\n  call:rag.search     this tool\n  sessions, jobs      the worker's own\n  admin               backends, shutdown, metrics, what other workers have, speaking for any worker\n\nWhere there is a file of keys, a host turns away who has none; revoking the last key does not open it again."
)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    verb: Verb,
    /// Configuration, for where the data directory is.
    #[arg(long, env = "HOSTEL_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The host's data directory [default: ~/.local/share/hostel].
    #[arg(long, env = "HOSTEL_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// JSON instead of text for people.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key and print it, this once.
    New {
        /// Who calls with it: the owner of sessions and jobs.
        #[arg(long, value_name = "ID")]
        worker: String,
        /// What it allows; may be given several times [default: call, sessions, jobs].
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scope: Vec<String>,
        /// What it is for, to know it again in the list.
        #[arg(long)]
        name: Option<String>,
        /// How long it is good: 12h, 30d, 1y [default: until it is revoked].
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List the keys, oldest first. What opens the host is not kept and cannot be shown.
    List,
    /// Take keys back, by their ids. Within a second, a running host takes them no more.
    Revoke {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

pub(super) fn run(args: KeysArgs) -> Outcome {
    let file = KeyFile::of(&data_dir(&args)?);
    match args.verb {
        Verb::New {
            worker,
            scope,
            name,
            expires,
        } => {
            let new = NewKey {
                name: name.map(printable).transpose()?,
                worker: WorkerId::parse(&worker).map_err(said)?,
                scopes: scopes(&scope)?,
                expires: expires.as_deref().map(end).transpose()?,
            };
            let first = !file.is_there();
            let (key, shown) = file.add(new)?;
            if args.json {
                let mut told = described(&key);
                if let Some(members) = told.as_object_mut() {
                    members.insert("key".to_owned(), json!(shown));
                }
                output::say(&told.to_string());
            } else {
                output::say(&shown);
                output::note(&format!(
                    "{} of worker {}; it is shown this once",
                    key.id, key.worker
                ));
            }
            if first {
                output::note(
                    "from now on the host of this data directory turns away who shows no key",
                );
            }
            Ok(())
        }
        Verb::List => {
            let keys = file.list()?;
            if args.json {
                let keys: Vec<Value> = keys.iter().map(described).collect();
                output::say(&json!({"keys": keys}).to_string());
                return Ok(());
            }
            for line in table(&keys) {
                output::say(&line);
            }
            Ok(())
        }
        Verb::Revoke { ids } => {
            let ids = ids.iter().map(|id| KeyId::parse(id).map_err(said));
            for id in ids.collect::<Result<Vec<_>, _>>()? {
                let key = file.revoke(&id)?;
                if args.json {
                    output::say(&described(&key).to_string());
                } else {
                    output::say(&format!("{id}\trevoked"));
                }
            }
            if file.list()?.is_empty() {
                output::note("no key is left: the host lets nobody in until you make one");
            }
            Ok(())
        }
    }
}

fn data_dir(args: &KeysArgs) -> Result<PathBuf, String> {
    if let Some(data_dir) = &args.data_dir {
        return Ok(data_dir.clone());
    }
    let config = args.config.as_deref().map(Config::load).transpose()?;
    Ok(config.unwrap_or_default().data_dir)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is handed over by map_err"
)]
fn said(error: crate::error::Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

fn scopes(texts: &[String]) -> Result<Scopes, String> {
    if texts.is_empty() {
        return Ok(Scopes::usual());
    }
    let scopes = texts.iter().map(|text| Scope::parse(text));
    scopes
        .collect::<crate::error::Result<_>>()
        .and_then(Scopes::of)
        .map_err(said)
}

fn printable(name: String) -> Result<String, String> {
    if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
        return Err(format!(
            "--name: {name:?} has not 1 to 128 printable characters"
        ));
    }
    Ok(name)
}

fn end(text: &str) -> Result<SystemTime, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("--expires: {text:?}: {error}; write 12h or 30d"))?;
    SystemTime::now()
        .checked_add(time)
        .filter(|_| !time.is_zero())
        .ok_or_else(|| format!("--expires: {text:?} is no time to come"))
}

fn described(key: &StoredKey) -> Value {
    let time = |at| humantime::format_rfc3339_seconds(at).to_string();
    let scopes: Vec<String> = key.scopes.list().iter().map(ToString::to_string).collect();
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "worker": key.worker.as_str(),
        "scopes": scopes,
        "created": time(key.created),
        "expires": key.expires.map(time),
        "expired": key.is_expired(),
    })
}

/// Columns as wide as what is in them.
fn table(keys: &[StoredKey]) -> Vec<String> {
    let head = ["ID", "WORKER", "NAME", "SCOPES", "CREATED", "EXPIRES"].map(str::to_owned);
    let time = |at| humantime::format_rfc3339_seconds(at).to_string();
    let rows = keys.iter().map(|key| {
        let scopes: Vec<String> = key.scopes.list().iter().map(ToString::to_string).collect();
        let expires = match key.expires {
            None => "never".to_owned(),
            Some(at) if key.is_expired() => format!("{} (expired)", time(at)),
            Some(at) => time(at),
        };
        [
            key.id.to_string(),
            key.worker.to_string(),
            key.name.clone().unwrap_or_else(|| "-".to_owned()),
            scopes.join(","),
            time(key.created),
            expires,
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect()
}
