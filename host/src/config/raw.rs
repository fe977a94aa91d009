//! The configuration file as it is written. Unknown keys are errors with the nearest name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::access::Audience;
use crate::error::nearest_field;
use crate::job::JobLimits;
use crate::policy::secret::Secret;
use crate::policy::{CheckpointLimits, FolderAccess, FolderGrant, Grants, Limits};
use crate::registry::BackendSettings;
use crate::session::OnIdle;

use super::{BackendConfig, expanded};

mod audit;
mod auth;
mod compile;
mod reach;
mod workers;

use auth::{RawAuth, RawTls};
use reach::{RawBinding, RawHttpRule, tcp_rule, whole_host};
pub(super) use reach::{RawOutgoing, RawSecret};
use workers::RawWorkers;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) server: RawServer,
    pub(super) jobs: RawJobs,
    pub(super) workers: RawWorkers,
    pub(super) limits: RawLimits,
    pub(super) outgoing: RawOutgoing,
    pub(super) secrets: BTreeMap<String, RawSecret>,
    pub(super) backends: BTreeMap<String, RawBackend>,
    pub(super) audit: audit::RawAudit,
    pub(super) compile: compile::RawCompile,
    pub(super) auth: RawAuth,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawServer {
    pub(super) listen: Option<SocketAddr>,
    pub(super) allow_remote: Option<bool>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) sessions_dir: Option<PathBuf>,
    pub(super) archive_dir: Option<PathBuf>,
    /// Seconds; 0: never.
    pub(super) archive_after: Option<f64>,
    pub(super) plugins: Vec<PathBuf>,
    /// Seconds; 0: never.
    pub(super) session_ttl: Option<f64>,
    /// Seconds; 0: never.
    pub(super) max_lifetime: Option<f64>,
    pub(super) on_idle: Option<OnIdle>,
    pub(super) max_sessions: Option<u32>,
    pub(super) max_sessions_per_worker: Option<usize>,
    pub(super) max_suspended: Option<usize>,
    pub(super) max_calls: Option<usize>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) strict_memory: Option<bool>,
    pub(super) body_bytes_max: Option<usize>,
    pub(super) drain_seconds: Option<u64>,
    pub(super) approve_changes: Option<bool>,
    pub(super) log: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) names: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) tls: Option<RawTls>,
    pub(super) connections_per_address: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawJobs {
    /// Seconds.
    keep: Option<u64>,
    per_worker: Option<usize>,
    kept_bytes: Option<usize>,
    event_bytes: Option<usize>,
}

impl RawJobs {
    pub(super) fn over(&self, base: JobLimits) -> JobLimits {
        JobLimits {
            keep: self.keep.map_or(base.keep, Duration::from_secs),
            per_worker: self.per_worker.unwrap_or(base.per_worker),
            kept_bytes: self.kept_bytes.unwrap_or(base.kept_bytes),
            event_bytes: self.event_bytes.unwrap_or(base.event_bytes),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBackend {
    path: Option<PathBuf>,
    digest: Option<String>,
    config: Value,
    workspace: bool,
    folders: Vec<RawFolder>,
    env: BTreeMap<String, String>,
    config_store: BTreeMap<String, String>,
    http_hosts: Vec<String>,
    http: Vec<RawHttpRule>,
    tcp: Vec<String>,
    secrets: Vec<RawBinding>,
    keyvalue: bool,
    precise_clock: bool,
    limits: RawLimits,
    workers: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFolder {
    host: PathBuf,
    guest: String,
    #[serde(default = "yes")]
    read_only: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLimits {
    call_ms: Option<u64>,
    cpu_ms: Option<u64>,
    warmup_ms: Option<u64>,
    initialize_ms: Option<u64>,
    cleanup_ms: Option<u64>,
    memory_bytes: Option<usize>,
    table_elements: Option<usize>,
    instances: Option<usize>,
    result_bytes: Option<usize>,
    log_bytes: Option<usize>,
    open_handles: Option<usize>,
    host_call_bytes: Option<usize>,
    workspace_bytes: Option<u64>,
    workspace_files: Option<u64>,
    http_requests: Option<usize>,
    http_bytes: Option<u64>,
    http_ms: Option<u64>,
    queue: Option<usize>,
    checkpoints: Option<usize>,
    checkpoint_bytes: Option<u64>,
}

impl RawLimits {
    pub(super) fn over(&self, base: Limits) -> Limits {
        let time = |own: Option<u64>, base: Duration| own.map_or(base, Duration::from_millis);
        Limits {
            call: time(self.call_ms, base.call),
            cpu: time(self.cpu_ms, base.cpu),
            warmup: time(self.warmup_ms, base.warmup),
            initialize: time(self.initialize_ms, base.initialize),
            cleanup: time(self.cleanup_ms, base.cleanup),
            memory_bytes: self.memory_bytes.unwrap_or(base.memory_bytes),
            table_elements: self.table_elements.unwrap_or(base.table_elements),
            instances: self.instances.unwrap_or(base.instances),
            result_bytes: self.result_bytes.unwrap_or(base.result_bytes),
            log_bytes: self.log_bytes.unwrap_or(base.log_bytes),
            open_handles: self.open_handles.unwrap_or(base.open_handles),
            host_call_bytes: self.host_call_bytes.unwrap_or(base.host_call_bytes),
            workspace_bytes: self.workspace_bytes.unwrap_or(base.workspace_bytes),
            workspace_files: self.workspace_files.unwrap_or(base.workspace_files),
            http_requests: self.http_requests.unwrap_or(base.http_requests),
            http_bytes: self.http_bytes.unwrap_or(base.http_bytes),
            http: time(self.http_ms, base.http),
            queue: self.queue.unwrap_or(base.queue),
            checkpoints: CheckpointLimits {
                count: self.checkpoints.unwrap_or(base.checkpoints.count),
                bytes: self.checkpoint_bytes.unwrap_or(base.checkpoints.bytes),
            },
        }
    }
}

impl RawBackend {
    pub(super) fn checked(
        self,
        base: &Path,
        limits: &Limits,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<BackendConfig, String> {
        if !matches!(self.config, Value::Null | Value::Object(_)) {
            return Err("config is not a table".to_owned());
        }
        let folders = self
            .folders
            .into_iter()
            .map(|folder| folder.checked(base))
            .collect::<Result<Vec<_>, _>>()?;
        check_mounts(&folders, self.workspace)?;
        check_variables(self.env.keys())?;
        let mut http = Vec::new();
        for (number, rule) in (1..).zip(&self.http) {
            http.push(
                rule.checked()
                    .map_err(|error| format!("http, rule {number}: {error}"))?,
            );
        }
        for host in &self.http_hosts {
            http.push(whole_host(host)?);
        }
        let tcp = self.tcp.iter().map(|text| tcp_rule(text));
        let bindings = self
            .secrets
            .into_iter()
            .map(|binding| binding.checked(secrets));
        let grants = Grants {
            workspace: self.workspace,
            folders,
            env: strings(self.env)?,
            config_store: strings(self.config_store)?,
            http,
            tcp: tcp
                .collect::<Result<_, _>>()
                .map_err(|error| format!("tcp: {error}"))?,
            secrets: bindings
                .collect::<Result<_, _>>()
                .map_err(|error| format!("secrets: {error}"))?,
            keyvalue: self.keyvalue,
            precise_clock: self.precise_clock,
        };
        let settings = BackendSettings {
            config: expanded(self.config)?,
            grants,
            limits: self.limits.over(*limits),
            workers: match self.workers {
                None => Audience::default(),
                Some(names) => {
                    Audience::these(names).map_err(|error| format!("workers: {error}"))?
                }
            },
        };
        let pin = self.digest.map(checked_digest).transpose()?;
        Ok(BackendConfig {
            path: self.path.map(|path| base.join(path)),
            pin,
            settings,
        })
    }
}

impl RawFolder {
    fn checked(self, base: &Path) -> Result<FolderGrant, String> {
        let (host, guest) = (&self.host, &self.guest);
        let Some(below) = guest.strip_prefix('/') else {
            return Err(format!(
                "folders: the guest's path {guest:?} does not start with /"
            ));
        };
        let below = below.strip_suffix('/').unwrap_or(below);
        let is_odd = |part: &str| matches!(part, "" | "." | "..");
        if guest.contains(char::is_control) || !below.is_empty() && below.split('/').any(is_odd) {
            return Err(format!(
                "folders: the guest's path {guest:?} has a part that is no name"
            ));
        }
        if host.as_os_str().is_empty() {
            return Err(format!("folders: no host folder is named for {guest:?}"));
        }
        let access = if self.read_only {
            FolderAccess::ReadOnly
        } else {
            FolderAccess::ReadWrite
        };
        Ok(FolderGrant {
            host: base.join(self.host),
            guest: self.guest,
            access,
        })
    }
}

/// # Errors
/// Two folders for one place.
fn check_mounts(folders: &[FolderGrant], workspace: bool) -> Result<(), String> {
    let own = workspace.then_some("/workspace");
    let mounts = folders.iter().map(|folder| folder.guest.as_str());
    let mut seen = BTreeSet::new();
    for guest in mounts.chain(own) {
        if !seen.insert(guest.trim_end_matches('/')) {
            return Err(format!("folders: two are granted as {guest:?}"));
        }
    }
    Ok(())
}

/// # Errors
/// A name that no environment can have.
fn check_variables<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut names = names.into_iter();
    match names.find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        Some(name) => Err(format!("env: {name:?} is not the name of a variable")),
        None => Ok(()),
    }
}

fn strings(raw: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    raw.into_iter()
        .map(|(name, text)| Ok((name, super::expand::expand(&text, super::environment)?)))
        .collect()
}

fn checked_digest(text: String) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(format!(
        "digest {text:?} is not sha256: and 64 hexadecimal digits"
    ))
}

/// 0 means never.
pub(super) fn seconds_or_never(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
}

fn yes() -> bool {
    true
}

pub(super) fn parse_toml(text: &str) -> Result<RawConfig, String> {
    toml::from_str(text).map_err(|error| with_nearest(&error.to_string()))
}

pub(super) fn parse_policy(text: &str) -> Result<RawBackend, String> {
    toml::from_str(text).map_err(|error| with_nearest(&error.to_string()))
}

/// Reads JSON; an unknown field is named with the nearest that is known.
pub(super) fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| with_nearest(&error.to_string()))
}

fn with_nearest(message: &str) -> String {
    match nearest_field(message) {
        Some(near) => format!("{}; did you mean `{near}`?", message.trim_end()),
        None => message.trim_end().to_owned(),
    }
}
