//! What a backend may touch and how much of it. Decisions and words only: capability carries the grants out, engine enforces the limits.
//! Everything is off until it is granted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};

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
    /// Hosts that `wasi:http` may talk to: `api.example.com`, `*.example.com`, `localhost:8080`.
    pub http_hosts: Vec<HostPattern>,
    /// `wasi:keyvalue` buckets, held in memory and dropped with the session.
    pub keyvalue: bool,
    /// Clocks to the nanosecond. Without, to the millisecond: a fine clock is what side channels between neighbours are read with.
    pub precise_clock: bool,
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

/// A host name, `*.` and a name for everything below it, each with an optional port (default: 80 and 443).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    below: bool,
    port: Option<u16>,
}

impl HostPattern {
    /// # Errors
    /// `invalid_request` when it is no host name.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(ErrorCode::InvalidRequest, format!("{text:?} is not a host"))
                .hint("write example.com, *.example.com or example.com:8080")
        };
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let (below, name) = match name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        if name.is_empty() || name.contains(['*', '/', ' ', '@']) {
            return Err(invalid());
        }
        Ok(Self {
            name: name.to_ascii_lowercase(),
            below,
            port,
        })
    }

    pub fn allows(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let port_fits = self
            .port
            .map_or(port == 80 || port == 443, |own| own == port);
        let name_fits = if self.below {
            host.strip_suffix(&self.name)
                .is_some_and(|rest| rest.ends_with('.'))
        } else {
            host == self.name
        };
        port_fits && name_fits
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let below = if self.below { "*." } else { "" };
        match self.port {
            Some(port) => write!(f, "{below}{}:{port}", self.name),
            None => write!(f, "{below}{}", self.name),
        }
    }
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

    #[test]
    fn a_host_pattern_allows_what_it_names_and_nothing_else() {
        let cases = [
            ("example.com", "example.com", 443, true),
            ("example.com", "EXAMPLE.com.", 80, true),
            ("example.com", "example.com", 8080, false),
            ("example.com", "a.example.com", 443, false),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("localhost:8080", "localhost", 8080, true),
            ("localhost:8080", "localhost", 80, false),
        ];
        for (pattern, host, port, expected) in cases {
            assert_eq!(
                HostPattern::parse(pattern).unwrap().allows(host, port),
                expected,
                "{pattern} {host}:{port}"
            );
        }
        for bad in ["", "*", "a/b", "*.*.com", "x:port", "user@host"] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
