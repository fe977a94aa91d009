//! The command line: what can be said, and which file does it. Human output on a terminal, `--json` for programs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::session::Timers;
use crate::telemetry::{self, LogFormat};

mod audit;
mod build;
mod call;
mod check;
mod client;
mod compile;
mod diff;
mod inspect;
mod keys;
mod lock;
mod mcp;
mod new;
mod output;
mod plugin;
mod policy;
mod serve;
mod sessions;
mod tools;
mod up;
mod usage;
mod warmup;

/// This program, whatever its file is called now, and also when another version has taken its place on disk.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// What a command answers with when it fails: words for people.
type Outcome = Result<(), String>;

#[derive(Debug, Parser)]
#[command(
    name = "hostel",
    version,
    about = "A WebAssembly tool host for AI agents",
    max_term_width = 110
)]
#[command(
    after_help = "Start here:\n  hostel new my-backend      write a backend that builds\n  hostel up my-backend       build it, serve it, rebuild it when it changes\n  hostel call my-backend:greet '{\"name\": \"Ada\"}'"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the plugins below a folder, serve them, rebuild and reload them when their sources change.
    Up(up::UpArgs),
    /// Serve the components of a folder or of a configuration file. Grants nothing that the configuration does not.
    Serve(serve::ServeArgs),
    /// Serve one MCP client on standard input and output: the command to name in the client's settings.
    Mcp(mcp::McpArgs),
    /// Run every `warmup` now and keep the warm images, so that a host serves at once when it starts.
    Warmup(warmup::WarmupArgs),
    /// Call a tool of a running host.
    Call(call::CallArgs),
    /// List the tools of a running host, or show one with its schemas.
    Tools(tools::ToolsArgs),
    /// Say what a backend may do, and why.
    Policy(policy::PolicyArgs),
    /// List, create, show and end sessions of a running host.
    Sessions(sessions::SessionsArgs),
    /// Make, list and revoke the API keys by which a host knows its callers.
    Keys(keys::KeysArgs),
    /// Show what a worker has used of a running host, and how much of what it may have.
    Usage(usage::UsageArgs),
    /// Show what the host sees in a component: tools, schemas, hooks, imports, and what was left out and why.
    Inspect(inspect::InspectArgs),
    /// Write a new backend in Rust that builds.
    New(new::NewArgs),
    /// Build plugins from their sources into components.
    Build(build::BuildArgs),
    /// Check a component as a host would use it: it loads, warms up, starts and ends a session, and its schemas are sound.
    Check(check::CheckArgs),
    /// Show what a component asks for and says of itself that another does not.
    Diff(diff::DiffArgs),
    /// Approve the backends of a configuration as they are now, or show what is other than was approved.
    Lock(lock::LockArgs),
    /// Compile a component for the host that started this process.
    #[command(hide = true)]
    Compile(compile::CompileArgs),
    /// Check, follow and read an audit log.
    Audit(audit::AuditArgs),
}

/// Settings of a host. Flags go over the environment, and that over the file.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Host")]
struct HostArgs {
    /// Configuration: hostel.toml, or JSON of the same shape.
    #[arg(long, env = "HOSTEL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to serve at [default: 127.0.0.1:18890].
    #[arg(long, env = "HOSTEL_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Serve at an address that other machines can reach, although the host itself has no keys or no TLS: a proxy in front sees to that.
    #[arg(long, env = "HOSTEL_ALLOW_REMOTE")]
    allow_remote: bool,
    /// Compiled code and saved sessions [default: ~/.local/share/hostel].
    #[arg(long, env = "HOSTEL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Seconds after which an unused session ends; 0: never [default: 300].
    #[arg(long, env = "HOSTEL_SESSION_TTL", value_name = "SECONDS")]
    session_ttl: Option<f64>,
    /// Seconds after which any session ends; 0: never [default: 1800].
    #[arg(long, env = "HOSTEL_MAX_LIFETIME", value_name = "SECONDS")]
    max_lifetime: Option<f64>,
    /// Live sessions at once [default: 1000].
    #[arg(long, env = "HOSTEL_MAX_SESSIONS", value_name = "COUNT")]
    max_sessions: Option<u32>,
    /// What to log: error, warn, info, debug, or a filter such as hostel_host=debug [default: info].
    #[arg(long, env = "HOSTEL_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Log lines for people or for programs: auto, text, json [default: auto].
    #[arg(long, env = "HOSTEL_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
}

impl HostArgs {
    fn config(&self, plugins: &[PathBuf]) -> Result<Config, String> {
        let mut config = self
            .config
            .as_deref()
            .map(Config::load)
            .transpose()?
            .unwrap_or_default();
        config.listen = self.listen.unwrap_or(config.listen);
        config.allow_remote |= self.allow_remote;
        if let Some(data_dir) = &self.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        let seconds = |given: Option<f64>, set: Option<Duration>| match given {
            None => Ok(set),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map(|time| Some(time).filter(|time| !time.is_zero()))
                .map_err(|error| format!("{seconds} is no number of seconds: {error}")),
        };
        config.timers = Timers {
            idle_timeout: seconds(self.session_ttl, config.timers.idle_timeout)?,
            max_lifetime: seconds(self.max_lifetime, config.timers.max_lifetime)?,
            ..config.timers
        };
        config.sessions_max = self.max_sessions.unwrap_or(config.sessions_max);
        if self.max_sessions.is_some() {
            config.sessions_per_worker = config.sessions_max as usize;
        }
        if let Some(log) = &self.log {
            config.log.clone_from(log);
        }
        if let Some(format) = &self.log_format {
            config.log_format = LogFormat::parse(format)
                .ok_or_else(|| format!("--log-format: {format:?} is none of auto, text, json"))?;
        }
        config.program = Some(OWN_PROGRAM.into());
        if !plugins.is_empty() {
            config.plugins = plugins.to_vec();
        }
        Ok(config)
    }
}

/// Folders of components.
#[derive(Clone, Debug, Args)]
struct PluginArgs {
    /// A folder with components (*.wasm); the stem of each file is its backend's name. May be given several times.
    #[arg(
        long,
        env = "HOSTEL_PLUGINS",
        value_name = "DIR",
        value_delimiter = ':'
    )]
    plugins: Vec<PathBuf>,
}

/// A host over components that are there.
#[derive(Clone, Debug, Args)]
struct ComponentArgs {
    #[command(flatten)]
    folders: PluginArgs,
    #[command(flatten)]
    host: HostArgs,
}

impl ComponentArgs {
    /// `doing`: what there is to be something for.
    fn config(&self, doing: &str) -> Result<Config, String> {
        let config = self.host.config(&self.folders.plugins)?;
        if config.plugins.is_empty() && config.backends.is_empty() {
            return Err(format!(
                "there is nothing to {doing}: name a folder of components with --plugins, or a configuration with --config; `hostel up` builds plugins from their sources"
            ));
        }
        Ok(config)
    }
}

/// Where a running host is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Client")]
struct ClientArgs {
    /// The host to ask.
    #[arg(
        long,
        env = "HOSTEL_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:18890"
    )]
    server: String,
    /// An API key (see `hostel keys`), or a session's token, which opens that session alone.
    #[arg(long, env = "HOSTEL_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
    /// A certificate to trust beside those that this machine trusts, as PEM: for hosts whose certificate is their own.
    #[arg(long, env = "HOSTEL_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Who calls.
    #[arg(long, env = "HOSTEL_WORKER", value_name = "ID")]
    worker: Option<String>,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Up(args) => up::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Mcp(args) => mcp::run(&args),
        Command::Warmup(args) => warmup::run(&args),
        Command::Call(args) => client::block_on(call::run(args)),
        Command::Tools(args) => client::block_on(tools::run(args)),
        Command::Policy(args) => policy::run(args),
        Command::Sessions(args) => client::block_on(sessions::run(args)),
        Command::Keys(args) => keys::run(args),
        Command::Usage(args) => client::block_on(usage::run(args)),
        Command::Inspect(args) => inspect::run(&args),
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Lock(args) => lock::run(&args),
        Command::Compile(args) => compile::run(&args),
        Command::Audit(args) => audit::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            output::complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn start_logs(config: &Config) -> Outcome {
    telemetry::start_logs(&config.log, config.log_format)
}

/// A path as the user would write it: relative to where they stand, if it lies below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}
