//! The host's configuration, checked: flags over environment over file over defaults. The only door through which settings come in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::access::Audience;
use crate::api::{Addresses, Bounds, TlsFiles};
use crate::audit::AuditConfig;
use crate::auth::{AuthSettings, JwtSettings, KeyFile};
use crate::host::Supply;
use crate::ids::BackendName;
use crate::job::JobLimits;
use crate::policy::Limits;
use crate::policy::secret::Secret;
use crate::quota::Workers;
use crate::registry::{BackendSettings, CompileLimits};
use crate::session::Timers;
use crate::telemetry::LogFormat;

mod expand;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod raw;

use raw::RawConfig;

pub const DEFAULT_PORT: u16 = 18890;
/// Beside the configuration, if there is one: what of each backend was approved.
pub const LOCK_FILE: &str = "hostel.lock";

/// Everything that a host needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Default 127.0.0.1:18890.
    pub listen: SocketAddr,
    /// Listen on other than loopback addresses although anyone who reaches the port may call.
    pub allow_remote: bool,
    /// Compiled code, warm images and saved sessions. Default `$XDG_DATA_HOME/hostel` or `~/.local/share/hostel`.
    pub data_dir: PathBuf,
    /// Saved sessions and their folders, of one process at a time. Default: in the data directory.
    pub sessions_dir: Option<PathBuf>,
    /// States of sessions that were suspended for long. Default: with the saved sessions.
    pub archive_dir: Option<PathBuf>,
    /// Folders with components.
    pub plugins: Vec<PathBuf>,
    pub timers: Timers,
    /// Address space and a guard page are set aside for each at the start, about a microsecond apiece. Default 1,000.
    pub sessions_max: u32,
    /// Default: as many. Suspended ones count.
    pub sessions_per_worker: usize,
    /// Suspended sessions, which take a row and a file each. Default 100,000.
    pub suspended_max: usize,
    /// What each worker may have. Default: as the three above and `jobs` say, 1,024 temporary sessions, 4,096 calls in flight, 16 GiB on disk, any rate.
    pub workers: Workers,
    /// Calls in flight, of all workers together. Default 10,000.
    pub calls_max: usize,
    /// What the host may take of the machine's memory. Default: all of it, or what its cgroup has if that is less.
    pub memory_bytes: Option<u64>,
    /// Start only if the worst that this configuration admits fits into it. Default false.
    pub strict_memory: bool,
    /// Default 4 MiB.
    pub body_bytes_max: usize,
    pub jobs: JobLimits,
    /// How long running calls may go on when the host stops. Default 10 s.
    pub drain: Duration,
    /// Default `info`.
    pub log: String,
    pub log_format: LogFormat,
    pub outgoing: OutgoingConfig,
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
    /// Settings of backends that `backends` does not name.
    pub settings: BackendSettings,
    pub backends: BTreeMap<BackendName, BackendConfig>,
    /// The names that the host answers to, and the pages that may call it.
    pub addresses: Addresses,
    /// None: connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Default 1,000.
    pub connections_per_address: usize,
    /// Ask for credentials also where there are no keys.
    pub auth_required: bool,
    /// The issuer whose tokens are taken.
    pub jwt: Option<JwtSettings>,
    /// None: nothing is written down.
    pub audit: Option<AuditConfig>,
    /// What is asked of a component before it is served.
    pub supply: Supply,
    pub compile: CompileLimits,
    /// The `hostel` command itself, which compiles components in processes of their own. None: they are compiled in this one.
    pub program: Option<PathBuf>,
}

/// How guests' requests reach other hosts.
#[derive(Clone, Debug, Default)]
pub struct OutgoingConfig {
    /// Trusted besides those that browsers trust.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Addresses of names that are not looked up.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

/// What the file says about one backend.
#[derive(Clone, Debug)]
pub struct BackendConfig {
    /// None: the file of this name in a plugins folder.
    pub path: Option<PathBuf>,
    /// `sha256:...`
    pub pin: Option<String>,
    pub settings: BackendSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            allow_remote: false,
            data_dir: default_data_dir(),
            sessions_dir: None,
            archive_dir: None,
            plugins: Vec::new(),
            timers: Timers::default(),
            sessions_max: 1_000,
            sessions_per_worker: 1_000,
            suspended_max: 100_000,
            workers: Workers::default(),
            calls_max: 10_000,
            memory_bytes: None,
            strict_memory: false,
            body_bytes_max: 4 << 20,
            jobs: JobLimits::default(),
            drain: Duration::from_secs(10),
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            outgoing: OutgoingConfig::default(),
            secrets: BTreeMap::new(),
            settings: BackendSettings::default(),
            backends: BTreeMap::new(),
            audit: None,
            supply: Supply::default(),
            compile: CompileLimits::default(),
            program: None,
            addresses: Addresses::default(),
            tls: None,
            connections_per_address: Bounds::CONNECTIONS_PER_ADDRESS,
            auth_required: false,
            jwt: None,
        }
    }
}

impl Config {
    /// Reads `hostel.toml`, or JSON of the same shape. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// What is wrong and where; an unknown key with the nearest one that is known.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
        let in_file = |message: String| format!("{}: {message}", path.display());
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        let raw = if is_json {
            raw::parse_json(&text)
        } else {
            raw::parse_toml(&text)
        }
        .map_err(in_file)?;
        let base = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let mut config = Self::checked(raw, base).map_err(in_file)?;
        let lock = path.with_file_name(LOCK_FILE);
        config.supply.lock = lock.exists().then_some(lock);
        Ok(config)
    }

    fn checked(raw: RawConfig, base: &Path) -> Result<Self, String> {
        let defaults = Self::default();
        let server = raw.server;
        let limits = raw.limits.over(Limits::default());
        let settings = BackendSettings {
            limits,
            ..BackendSettings::default()
        };
        let timers = Timers {
            idle_timeout: server
                .session_ttl
                .map_or(defaults.timers.idle_timeout, raw::seconds_or_never),
            max_lifetime: server
                .max_lifetime
                .map_or(defaults.timers.max_lifetime, raw::seconds_or_never),
            on_idle: server.on_idle.unwrap_or_default(),
            archive_after: server.archive_after.and_then(raw::seconds_or_never),
        };
        let secrets = raw.secrets.into_iter().map(|(name, secret)| {
            let checked = secret.checked(&name, base);
            let secret = checked.map_err(|error| format!("secrets.{name}: {error}"))?;
            Ok((name, secret))
        });
        let secrets = secrets.collect::<Result<BTreeMap<String, Secret>, String>>()?;
        let backends = raw.backends.into_iter().map(|(name, backend)| {
            let name = BackendName::parse(&name).map_err(|error| format!("backends: {error}"))?;
            let checked = backend
                .checked(base, &limits, &secrets)
                .map_err(|error| format!("backends.{name}: {error}"))?;
            Ok((name, checked))
        });
        let backends = backends.collect::<Result<_, String>>()?;
        let log_format = match server.log_format {
            None => defaults.log_format,
            Some(text) => LogFormat::parse(&text).ok_or_else(|| {
                format!("server.log_format: {text:?} is none of auto, text, json")
            })?,
        };
        let sessions_max = server.max_sessions.unwrap_or(defaults.sessions_max);
        Ok(Self {
            listen: server.listen.unwrap_or(defaults.listen),
            allow_remote: server.allow_remote.unwrap_or(false),
            data_dir: server
                .data_dir
                .map_or(defaults.data_dir, |path| base.join(path)),
            sessions_dir: server.sessions_dir.map(|path| base.join(path)),
            archive_dir: server.archive_dir.map(|path| base.join(path)),
            plugins: server
                .plugins
                .into_iter()
                .map(|path| base.join(path))
                .collect(),
            timers,
            sessions_max,
            sessions_per_worker: server
                .max_sessions_per_worker
                .unwrap_or(sessions_max as usize),
            suspended_max: server.max_suspended.unwrap_or(defaults.suspended_max),
            workers: raw.workers.checked()?,
            calls_max: server.max_calls.unwrap_or(defaults.calls_max),
            memory_bytes: server.memory_bytes,
            strict_memory: server.strict_memory.unwrap_or(false),
            body_bytes_max: server.body_bytes_max.unwrap_or(defaults.body_bytes_max),
            jobs: raw.jobs.over(defaults.jobs),
            drain: server
                .drain_seconds
                .map_or(defaults.drain, Duration::from_secs),
            log: server.log.unwrap_or(defaults.log),
            log_format,
            outgoing: raw.outgoing.checked(base)?,
            secrets,
            settings,
            backends,
            audit: raw
                .audit
                .checked(base)
                .map_err(|error| format!("audit: {error}"))?,
            supply: Supply {
                lock: None,
                approve_changes: server.approve_changes.unwrap_or(false),
            },
            compile: raw.compile.over(defaults.compile),
            program: None,
            addresses: Addresses::new(server.names, server.origins)
                .map_err(|error| format!("server.{error}"))?,
            tls: server.tls.map(|tls| tls.files(base)),
            connections_per_address: server
                .connections_per_address
                .unwrap_or(defaults.connections_per_address),
            auth_required: raw.auth.required,
            jwt: raw.auth.jwt(base)?,
        })
    }

    /// # Errors
    /// The address can be reached from other machines, and there is not both: keys or an issuer, by which callers are known, and TLS.
    pub fn check_exposure(&self) -> Result<(), String> {
        if self.listen.ip().is_loopback() || self.allow_remote {
            return Ok(());
        }
        let knows_callers =
            self.auth_required || self.jwt.is_some() || KeyFile::of(&self.data_dir).is_there();
        let (danger, way) = match (knows_callers, self.tls.is_some()) {
            (true, true) => return Ok(()),
            (false, true) => (
                "whoever reaches it may call every tool",
                "make keys for its callers (hostel keys new) or name their issuer ([auth.jwt])",
            ),
            (true, false) => (
                "whoever sits on the line reads every key and every answer",
                "give it a certificate ([server] tls = { cert, key })",
            ),
            (false, false) => (
                "whoever reaches it may call every tool",
                "make keys for its callers (hostel keys new, or [auth.jwt]) and give it a certificate ([server] tls = { cert, key })",
            ),
        };
        Err(format!(
            "{} can be reached from other machines, and {danger}; listen on 127.0.0.1, or {way}, or say --allow-remote if a proxy in front does that",
            self.listen
        ))
    }

    /// The backend as the configuration has it, or as the policy file beside its component does: `web.policy.toml` beside `web.wasm`, with
    /// what would stand under `[backends.web]`. None: it has the settings of all.
    ///
    /// # Errors
    /// A policy file that is not fully understood, and two policies for one backend.
    pub fn backend(
        &self,
        name: &BackendName,
        component: &Path,
    ) -> Result<Option<BackendConfig>, String> {
        let own = self.backends.get(name);
        let file = component.with_extension("policy.toml");
        if !file.is_file() {
            return Ok(own.cloned());
        }
        let in_file = |message: String| format!("{}: {message}", file.display());
        if own.is_some() {
            let message =
                format!("the configuration has a policy for {name}, too; keep one of them");
            return Err(in_file(message));
        }
        let text = fs_err::read_to_string(&file).map_err(|error| error.to_string())?;
        let base = file.parent().unwrap_or_else(|| Path::new("."));
        let raw = raw::parse_policy(&text).map_err(in_file)?;
        let limits = &self.settings.limits;
        raw.checked(base, limits, &self.secrets)
            .map(Some)
            .map_err(in_file)
    }

    /// The backends that are not for everybody.
    pub fn audiences(&self) -> BTreeMap<BackendName, Audience> {
        let all = self.backends.iter();
        let some = all.filter(|(_, backend)| !backend.settings.workers.is_everybody());
        some.map(|(name, backend)| (name.clone(), backend.settings.workers.clone()))
            .collect()
    }

    /// What lets callers in.
    pub fn auth(&self) -> AuthSettings {
        AuthSettings {
            keys: Some(KeyFile::of(&self.data_dir).path()),
            jwt: self.jwt.clone(),
            required: self.auth_required,
        }
    }

    /// Settings for a backend: its own, or those of all.
    pub fn settings_of(&self, name: &BackendName) -> BackendSettings {
        self.backends
            .get(name)
            .map_or_else(|| self.settings.clone(), |backend| backend.settings.clone())
    }

    /// The largest memory and the largest tables that any backend may have: the size of the engine's slots.
    pub fn largest(&self) -> (usize, usize) {
        let all = self
            .backends
            .values()
            .map(|backend| &backend.settings)
            .chain([&self.settings]);
        all.fold((0, 0), |(memory, table), settings| {
            (
                memory.max(settings.limits.memory_bytes),
                table.max(settings.limits.table_elements),
            )
        })
    }
}

/// `$XDG_DATA_HOME/hostel`, `~/.local/share/hostel`, or `.hostel` here.
fn default_data_dir() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from(".hostel"), |share| share.join("hostel"))
}

/// Puts environment variables into the strings of a config value.
fn expanded(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(expand::expand(&text, environment)?),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(expanded).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| Ok((key, expanded(value)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one door of configuration"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests;
