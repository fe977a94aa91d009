//! `hostel policy`: what backends may do, why, and how a running host hears of a change.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::app::sources;
use crate::config::Config;
use crate::ids::BackendName;
use crate::policy::Grants;
use crate::policy::explain::Question;

use super::client::{self, Client};
use super::{ClientArgs, Outcome, PluginArgs, output};

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a backend may do something, by which rule, and if not, what would allow it. Exits with 1 when it is denied.
    #[command(
        after_help = "Examples:\n  hostel policy explain web \"GET https://api.example.com/v1/items\" --config hostel.toml\n  hostel policy explain web \"tcp 10.0.0.5:5432\"\n  hostel policy explain files \"write /corpus/a.txt\"\n  hostel policy explain web \"env MODE\""
    )]
    Explain(ExplainArgs),
    /// Show everything that a backend may do.
    Show(ShowArgs),
    /// Have a running host read its configuration anew (as SIGHUP does). New grants hold from the next call on, also in live sessions.
    Reload(ClientArgs),
}

/// Where the policy is: in a configuration, or beside a component in a folder, `web.policy.toml` beside `web.wasm`.
#[derive(Debug, Args)]
struct Source {
    /// Configuration: hostel.toml, or JSON of the same shape.
    #[arg(long, env = "HOSTEL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    folders: PluginArgs,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The backend's name.
    backend: String,
    /// `GET https://example.com/path`, `tcp 10.0.0.5:5432`, `read /path`, `write /path` or `env NAME`.
    question: String,
    /// Do not look the name of a request up: judge it by its name alone.
    #[arg(long)]
    no_lookup: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The backend's name.
    backend: String,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(args: PolicyArgs) -> Outcome {
    match args.command {
        Command::Explain(args) => explain(&args),
        Command::Show(args) => show(&args),
        Command::Reload(args) => client::block_on(reload(args)),
    }
}

impl Source {
    fn grants(&self, backend: &str) -> Result<(Config, Grants), String> {
        let mut config = loaded(self.config.as_deref())?;
        if !self.folders.plugins.is_empty() {
            config.plugins.clone_from(&self.folders.plugins);
        }
        let name = BackendName::parse(backend).map_err(|error| error.to_string())?;
        let (sources, _) = sources(&config)?;
        let found = sources.into_iter().find(|source| source.name == name);
        let grants = match found {
            Some(source) => source.settings.grants,
            None if config.backends.contains_key(&name) => config.settings_of(&name).grants,
            None => {
                return Err(format!(
                    "neither the configuration nor a plugins folder has a backend {backend}; name them with --config and --plugins"
                ));
            }
        };
        Ok((config, grants))
    }
}

fn loaded(path: Option<&Path>) -> Result<Config, String> {
    path.map(Config::load)
        .transpose()
        .map(Option::unwrap_or_default)
}

/// What a component of this name would be granted: by the configuration, or by the policy beside it.
pub(super) fn grants_of(component: &Path, config: Option<&Path>) -> Result<Grants, String> {
    let config = loaded(config)?;
    let stem = component.file_stem().unwrap_or_default().to_string_lossy();
    let name = BackendName::parse(&stem).map_err(|error| error.to_string())?;
    let own = config.backend(&name, component)?;
    Ok(own.map_or_else(Grants::default, |backend| backend.settings.grants))
}

fn explain(args: &ExplainArgs) -> Outcome {
    let (config, grants) = args.source.grants(&args.backend)?;
    let question = Question::parse(&args.question)
        .map_err(|error| format!("{error}; {}", error.hint_text().unwrap_or_default()))?;
    let addresses = match &question {
        Question::Http(ask) if !args.no_lookup => addresses(&config, &ask.host),
        _ => Vec::new(),
    };
    match grants.explain(&question, &addresses) {
        Ok(permission) => {
            if args.source.json {
                output::say(
                    &json!({"allowed": true, "by": permission.by, "notes": permission.notes})
                        .to_string(),
                );
            } else {
                output::say(&format!("allowed by {}", permission.by));
                for note in permission.notes {
                    output::say(&format!("  {note}"));
                }
            }
            Ok(())
        }
        Err(denial) if args.source.json => {
            output::say(
                &json!({"allowed": false, "why": denial.why, "allow": denial.allow}).to_string(),
            );
            Err(format!("{} is denied", denial.what))
        }
        Err(denial) => {
            let mut text = format!("denied: {}", denial.why);
            if let Some(allow) = denial.allow {
                text.push_str(&format!(
                    "\n  to allow it, write under [backends.{}]:  {allow}",
                    args.backend
                ));
            }
            Err(text)
        }
    }
}

/// As the host would have them now. None: the name cannot be looked up, and is judged alone.
#[expect(
    clippy::disallowed_methods,
    reason = "the command does nothing else meanwhile"
)]
fn addresses(config: &Config, host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    if let Some(known) = config.outgoing.names.get(host) {
        return known.clone();
    }
    use std::net::ToSocketAddrs;
    match (host, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(error) => {
            output::note(&format!(
                "{host} cannot be looked up here ({error}): judged by its name alone"
            ));
            Vec::new()
        }
    }
}

fn show(args: &ShowArgs) -> Outcome {
    let (_, grants) = args.source.grants(&args.backend)?;
    let lines = grants.lines();
    if args.source.json {
        let entries: Vec<Value> = lines
            .iter()
            .map(|(what, how)| json!({"what": what, "grant": how}))
            .collect();
        output::say(&Value::from(entries).to_string());
    } else if lines.is_empty() {
        output::say("nothing is granted: it computes, tells the time and draws random numbers");
    }
    for (what, how) in lines.iter().filter(|_| !args.source.json) {
        output::say(&format!("{what}\t{how}"));
    }
    Ok(())
}

async fn reload(args: ClientArgs) -> Outcome {
    let client = Client::new(args)?;
    let answer = client.post("/v1/policy/reload", &json!({})).await?;
    if client.json() {
        output::say(&answer.to_string());
        return Ok(());
    }
    let backends = answer.get("backends").and_then(Value::as_array);
    for change in backends.into_iter().flatten() {
        let text = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
        output::say(&format!("{}\t{}", text("backend"), text("changed")));
    }
    Ok(())
}
