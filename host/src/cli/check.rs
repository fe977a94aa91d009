//! `hostel check`: does a component do what a host expects of a backend? Runs it as a host would, and says what it found.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use serde_json::Value;

use crate::app::App;
use crate::config::Config;
use crate::host::{Caller, Execute, Host, SessionChoice, Source, WarmUp};
use crate::ids::{BackendName, RequestId, WorkerId};
use crate::registry::{BackendSettings, Manifest, Start, ToolRecord, Warmth};
use crate::session::{Farewell, NewSession};

use super::{Outcome, output, shown};

/// Agents' rules for names of tools, as `backend_tool`.
const NAME_MAX: usize = 64;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A component.
    file: PathBuf,
    /// The plugin's folder, with its plugin.toml: what it wants is granted as `hostel up` would.
    #[arg(long, value_name = "DIR")]
    plugin: Option<PathBuf>,
    /// The config of the session that is tried, a JSON object.
    #[arg(long, default_value = "{}")]
    config: String,
}

/// What was found; each fault is one that a host or an agent would run into.
#[derive(Default)]
struct Findings {
    faults: usize,
}

impl Findings {
    fn good(text: &str) {
        output::say(&format!("ok\t{text}"));
    }

    fn advice(text: &str) {
        output::say(&format!("advice\t{text}"));
    }

    fn fault(&mut self, text: &str) {
        self.faults += 1;
        output::say(&format!("fault\t{text}"));
    }
}

pub(super) fn run(args: &CheckArgs) -> Outcome {
    let config: Value = serde_json::from_str(&args.config)
        .map_err(|error| format!("--config is not JSON: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(check(args, config))
}

async fn check(args: &CheckArgs, session_config: Value) -> Outcome {
    let data_dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut config = Config {
        data_dir: data_dir.path().to_owned(),
        sessions_max: 8,
        ..Config::default()
    };
    config.listen.set_port(0);
    let app = App::build(config, None).await?;
    let mut findings = Findings::default();
    let name = name(&args.file);
    let grants = match &args.plugin {
        Some(folder) => Manifest::load(folder)?.harmless(folder),
        None => crate::policy::Grants::default(),
    };
    let settings = BackendSettings {
        grants,
        ..BackendSettings::default()
    };
    let source = Source {
        name: name.clone(),
        path: args.file.clone(),
        pin: None,
        settings,
    };
    match app.host.load(source).await {
        Ok(info) => {
            Findings::good(&format!("it loads: {} tools", info.listing.tools.len()));
            schemas(&name, &info.listing.tools, &mut findings);
            for skipped in &info.listing.skipped {
                Findings::advice(&format!(
                    "{} is exported and is no tool: {}",
                    skipped.export, skipped.reason
                ));
            }
            if let Some(reason) = &info.listing.no_snapshot {
                Findings::advice(&format!(
                    "its sessions cannot be forked or suspended: {reason}"
                ));
            }
            life(
                &app.host,
                &name,
                &info.listing.tools,
                session_config,
                &mut findings,
            )
            .await;
        }
        Err(error) => findings.fault(error.message()),
    }
    app.host.drain(std::time::Duration::from_secs(5)).await;
    match findings.faults {
        0 => Ok(()),
        1 => Err(format!("{}: one fault", shown(&args.file))),
        faults => Err(format!("{}: {faults} faults", shown(&args.file))),
    }
}

fn name(file: &std::path::Path) -> BackendName {
    let stem = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    BackendName::parse(&stem)
        .unwrap_or_else(|_| BackendName::parse("backend").expect("it is a name"))
}

fn schemas(backend: &BackendName, tools: &[ToolRecord], findings: &mut Findings) {
    if tools.is_empty() {
        findings.fault("it has no tools: export functions from an interface, or at the root");
    }
    for tool in tools {
        if backend.as_str().len() + 1 + tool.name.len() > NAME_MAX {
            findings.fault(&format!("{backend}_{} is longer than the {NAME_MAX} characters that models take as a tool's name", tool.name));
        }
        if tool.description.is_none() {
            Findings::advice(&format!(
                "{} has no description: an agent will not know when to use it",
                tool.name
            ));
        }
        if tool.read_only.is_none() && tool.destructive.is_none() {
            Findings::advice(&format!(
                "{} does not say whether it is read-only or destructive",
                tool.name
            ));
        }
    }
}

async fn life(
    host: &Host,
    name: &BackendName,
    tools: &[ToolRecord],
    config: Value,
    findings: &mut Findings,
) {
    let reports = host.warm_up(WarmUp {
        backends: Some(vec![name.clone()]),
        refresh: false,
    });
    match reports
        .await
        .map(|mut reports| reports.pop().map(|report| report.outcome))
    {
        Ok(Some(Ok(Warmth::Warm {
            start: Start::WithoutImage { reason },
            ..
        }))) => {
            Findings::good("it warms up");
            Findings::advice(&format!(
                "warmup runs again in every session, because there can be no warm image: {reason}"
            ));
        }
        Ok(Some(Ok(_))) => Findings::good("it warms up"),
        Ok(Some(Err(error))) | Err(error) => {
            return findings.fault(&format!("it does not warm up: {}", error.message()));
        }
        Ok(None) => return findings.fault("nothing was warmed up"),
    }
    let caller = Caller::trusted(WorkerId::default());
    let mut session = SessionChoice::Temporary;
    let mut begun = None;
    if tools.iter().any(|tool| tool.stateful) {
        match host
            .create_session(
                &caller,
                name,
                NewSession {
                    config: Some(config),
                    ..NewSession::default()
                },
            )
            .await
        {
            Ok(started) => {
                Findings::good("a session begins");
                session = SessionChoice::Id(started.info.id.clone());
                begun = Some(started.info.id);
            }
            Err(error) => {
                return findings.fault(&format!("no session begins: {}", error.message()));
            }
        }
    }
    harmless_calls(host, &caller, name, tools, &session, findings).await;
    if let Some(id) = begun {
        match host.destroy_session(&caller, &id).await {
            Ok((_, Farewell::Clean)) => Findings::good("the session ends cleanly"),
            Ok((_, Farewell::Unclean(why))) => {
                findings.fault(&format!("the session's cleanup fails: {why}"))
            }
            Err(error) => findings.fault(&format!("the session does not end: {}", error.message())),
        }
    }
}

/// Calls the tools that say they change nothing and that need no params. Whatever they answer is an answer; a trap is a fault.
async fn harmless_calls(
    host: &Host,
    caller: &Caller,
    name: &BackendName,
    tools: &[ToolRecord],
    session: &SessionChoice,
    findings: &mut Findings,
) {
    let needs_nothing = |tool: &&ToolRecord| {
        tool.input
            .get("required")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    };
    for tool in tools
        .iter()
        .filter(|tool| tool.read_only == Some(true))
        .filter(needs_nothing)
    {
        let session = if tool.stateful {
            session.clone()
        } else {
            SessionChoice::Any
        };
        let execute = Execute {
            action: format!("{name}:{}", tool.name),
            params: Bytes::new(),
            session,
            timeout: None,
        };
        match host.execute(caller, &RequestId::next(), execute).await {
            Ok(_) => Findings::good(&format!("{} answers", tool.name)),
            Err(error) => findings.fault(&format!("{} fails: {}", tool.name, error.message())),
        }
    }
}
