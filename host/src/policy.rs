//! What a backend may touch and how much of it. Decisions and words only: capability carries the grants out, engine enforces the limits.
//! Everything is off until it is granted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};

pub mod address;
pub mod explain;
pub mod host;
pub mod http;
mod live;
pub mod secret;

use self::address::Network;
use self::http::HttpRule;
use self::secret::SecretBinding;
use crate::tool::Denial;
pub use live::LiveGrants;

/// What the operator lets a backend reach. The default grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// A folder of the session's own, read-write at `/workspace`, removed with the session.
    pub workspace: bool,
    pub folders: Vec<FolderGrant>,
    /// Environment variables that the guest sees.
    pub env: BTreeMap<String, String>,
    /// Answers of `wasi:config/store`.
    pub config_store: BTreeMap<String, String>,
    /// Requests that `wasi:http` may make.
    pub http: Vec<HttpRule>,
    /// What the host adds to some of them.
    pub secrets: Vec<SecretBinding>,
    /// Addresses to which TCP connections may be made.
    pub tcp: Vec<TcpRule>,
    /// `wasi:keyvalue` buckets, held in memory and dropped with the session.
    pub keyvalue: bool,
    /// Clocks to the nanosecond. Without, to the millisecond: a fine clock is what side channels between neighbours are read with.
    pub precise_clock: bool,
}

impl Grants {
    /// True when a guest that was made with `other` has all that it may have by these: the rest is asked for at each use.
    pub fn fit_instance_of(&self, other: &Self) -> bool {
        self.workspace == other.workspace
            && self.folders == other.folders
            && self.variables() == other.variables()
            && self.config_store == other.config_store
            && self.keyvalue == other.keyvalue
            && self.precise_clock == other.precise_clock
    }

    /// Everything that is granted, a line each: what it is about, and how far it goes. No value of an environment variable is in it.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if self.workspace {
            lines.push((
                "workspace",
                "a folder of the session's own, /workspace".to_owned(),
            ));
        }
        for folder in &self.folders {
            let how = match folder.access {
                FolderAccess::ReadOnly => "read",
                FolderAccess::ReadWrite => "read and write",
            };
            let (guest, host) = (&folder.guest, folder.host.display());
            lines.push(("folder", format!("{how} {guest}, which is {host}")));
        }
        lines.extend(self.variables().into_keys().map(|name| ("env", name)));
        lines.extend(
            self.config_store
                .keys()
                .map(|key| ("config_store", key.clone())),
        );
        lines.extend(self.http.iter().map(|rule| ("http", rule.to_string())));
        lines.extend(self.tcp.iter().map(|rule| ("tcp", rule.to_string())));
        for binding in &self.secrets {
            let (secret, header, host) = (
                binding.secret.name(),
                &binding.header,
                &binding.requests.host,
            );
            lines.push((
                "secret",
                format!("{secret}, in the header {header} to {host}"),
            ));
        }
        if self.keyvalue {
            lines.push(("keyvalue", "buckets of the session's own".to_owned()));
        }
        if self.precise_clock {
            lines.push(("precise_clock", "clocks show nanoseconds".to_owned()));
        }
        lines
    }

    /// The environment that the guest sees, placeholders of secrets included.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let placeholders = self.secrets.iter().filter_map(|binding| {
            let name = binding.env.clone()?;
            Some((name, binding.secret.placeholder()))
        });
        placeholders.chain(self.env.clone()).collect()
    }
}

/// Addresses that a guest may connect to, at one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpRule {
    pub network: Network,
    pub port: u16,
}

impl TcpRule {
    /// Reads `10.0.0.5:5432`, `10.0.0.0/8:5432` or `[fd00::5]:5432`.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            let message = format!("{text:?} is not an address with a port");
            Error::new(ErrorCode::InvalidRequest, message)
                .hint("write 10.0.0.5:5432, 10.0.0.0/8:5432 or [fd00::5]:5432; names are not looked up for sockets")
        };
        let (network, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let network = match network.strip_prefix('[') {
            None if network.contains(':') => return Err(invalid()),
            None => network.to_owned(),
            // [fd00::]/8 and [fd00::/8] are the same.
            Some(rest) => rest
                .split_once(']')
                .map(|(one, other)| format!("{one}{other}"))
                .ok_or_else(invalid)?,
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0);
        Ok(Self {
            network: Network::parse(&network).map_err(|_| invalid())?,
            port: port.ok_or_else(invalid)?,
        })
    }

    pub fn allows(&self, address: SocketAddr) -> bool {
        self.port == address.port() && self.network.contains(address.ip())
    }

    /// What a connection is told that no rule allows.
    pub fn missing(address: SocketAddr) -> Denial {
        Denial {
            what: format!("a TCP connection to {address}"),
            why: "no rule of the backend's policy names the address and port".to_owned(),
            allow: Some(format!("tcp = [\"{address}\"]")),
        }
    }
}

impl std::fmt::Display for TcpRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let network = self.network.to_string();
        if network.contains(':') {
            write!(f, "[{network}]:{}", self.port)
        } else {
            write!(f, "{network}:{}", self.port)
        }
    }
}

/// A folder of the host's in the guest's file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderGrant {
    pub host: PathBuf,
    /// Absolute, as the guest sees it.
    pub guest: String,
    pub access: FolderAccess,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderAccess {
    ReadOnly,
    ReadWrite,
}

/// Bounds on every instance, always on. The figures are safe for a host of thousands of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a call, waiting in host calls included. Default 30 s.
    pub call: Duration,
    /// Time on the processor per call. Default 5 s.
    pub cpu: Duration,
    /// The same two for `warmup`, which loads and builds. Default 120 s.
    pub warmup: Duration,
    /// `initialize` or the session's constructor. Default 10 s.
    pub initialize: Duration,
    /// `cleanup`, destructors and `shutdown`. Default 2 s.
    pub cleanup: Duration,
    /// All linear memories together. Default 64 MiB.
    pub memory_bytes: usize,
    /// Elements of all tables together. Default 20,000.
    pub table_elements: usize,
    /// Core instances inside the component. Default 30.
    pub instances: usize,
    /// JSON of an answer. Default 4 MiB.
    pub result_bytes: usize,
    /// Log ring of a session. Default 64 KiB.
    pub log_bytes: usize,
    /// Host resources that a guest holds at once: open files, streams, requests. Default 1,024.
    pub open_handles: usize,
    /// Bytes that one host call may copy out of the guest. Default 8 MiB.
    pub host_call_bytes: usize,
    /// What one instance puts into its workspace and its read-write folders, by length. Default 1 GiB.
    pub workspace_bytes: u64,
    /// The same in files, folders and links. Default 10,000.
    pub workspace_files: u64,
    /// Outgoing HTTP requests at once. Default 16.
    pub http_requests: usize,
    /// Bytes of the body of an outgoing request, and of its answer. Default 16 MiB.
    pub http_bytes: u64,
    /// From an outgoing request to the end of its answer. Default 60 s.
    pub http: Duration,
    /// Calls that wait for a session; one more is `session_busy`. Default 32.
    pub queue: usize,
    pub checkpoints: CheckpointLimits,
}

/// What the checkpoints of a session may take; the oldest give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointLimits {
    /// Default 16.
    pub count: usize,
    /// All together, folders included, before compression. Default 256 MiB.
    pub bytes: u64,
}

impl Default for CheckpointLimits {
    fn default() -> Self {
        Self {
            count: 16,
            bytes: 256 << 20,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(30),
            cpu: Duration::from_secs(5),
            warmup: Duration::from_secs(120),
            initialize: Duration::from_secs(10),
            cleanup: Duration::from_secs(2),
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            instances: 30,
            result_bytes: 4 << 20,
            log_bytes: 64 << 10,
            open_handles: 1024,
            host_call_bytes: 8 << 20,
            workspace_bytes: 1 << 30,
            workspace_files: 10_000,
            http_requests: 16,
            http_bytes: 16 << 20,
            http: Duration::from_secs(60),
            queue: 32,
            checkpoints: CheckpointLimits::default(),
        }
    }
}

/// What a caller may ask to have tighter in a session of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitRequest {
    pub call: Option<Duration>,
    pub cpu: Option<Duration>,
    pub memory_bytes: Option<usize>,
    pub result_bytes: Option<usize>,
    pub workspace_bytes: Option<u64>,
    pub workspace_files: Option<u64>,
    pub queue: Option<usize>,
}

impl Limits {
    /// The limits of a session: the caller's where it asked, never wider than the policy's.
    ///
    /// # Errors
    /// `policy_denied` for a limit that is wider, naming it and the most that is allowed.
    pub fn tightened(&self, request: &LimitRequest) -> Result<Self> {
        Ok(Self {
            call: tighter("call_ms", self.call, request.call)?,
            cpu: tighter("cpu_ms", self.cpu, request.cpu)?,
            memory_bytes: tighter("memory_bytes", self.memory_bytes, request.memory_bytes)?,
            result_bytes: tighter("result_bytes", self.result_bytes, request.result_bytes)?,
            workspace_bytes: tighter(
                "workspace_bytes",
                self.workspace_bytes,
                request.workspace_bytes,
            )?,
            workspace_files: tighter(
                "workspace_files",
                self.workspace_files,
                request.workspace_files,
            )?,
            queue: tighter("queue", self.queue, request.queue)?,
            ..*self
        })
    }
}

impl Limits {
    /// As [`Limits::tightened`], but a limit that is wider than the policy's by now is the policy's.
    #[must_use]
    pub fn narrowed(&self, request: &LimitRequest) -> Self {
        Self {
            call: narrower(self.call, request.call),
            cpu: narrower(self.cpu, request.cpu),
            memory_bytes: narrower(self.memory_bytes, request.memory_bytes),
            result_bytes: narrower(self.result_bytes, request.result_bytes),
            workspace_bytes: narrower(self.workspace_bytes, request.workspace_bytes),
            workspace_files: narrower(self.workspace_files, request.workspace_files),
            queue: narrower(self.queue, request.queue),
            ..*self
        }
    }
}

fn narrower<T: Ord>(allowed: T, asked: Option<T>) -> T {
    match asked {
        Some(asked) => allowed.min(asked),
        None => allowed,
    }
}

fn tighter<T: PartialOrd + std::fmt::Debug>(
    name: &'static str,
    allowed: T,
    asked: Option<T>,
) -> Result<T> {
    match asked {
        None => Ok(allowed),
        Some(asked) if asked <= allowed => Ok(asked),
        Some(asked) => Err(Error::new(
            ErrorCode::PolicyDenied,
            format!("limit {name} {asked:?} is wider than the policy's {allowed:?}"),
        )
        .hint("a session's limits can only be tighter than its backend's")
        .detail("limit", name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_gets_tighter_limits_and_never_wider_ones() {
        let policy = Limits::default();
        let request = LimitRequest {
            memory_bytes: Some(1 << 20),
            ..LimitRequest::default()
        };
        assert_eq!(policy.tightened(&request).unwrap().memory_bytes, 1 << 20);
        let request = LimitRequest {
            call: Some(Duration::from_secs(3600)),
            ..LimitRequest::default()
        };
        assert_eq!(
            policy.tightened(&request).unwrap_err().code(),
            ErrorCode::PolicyDenied
        );
    }
}
