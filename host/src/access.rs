//! Words for who calls and what it may do: scopes, credentials, and which workers a backend is for. They decide; they do not look anything up.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::{BackendName, KeyId, SessionId, WorkerId};
use crate::tool::Tool;

/// Scopes of one key or token. More are a mistake.
const SCOPES_MAX: usize = 256;

/// What a caller has shown of itself, for logs. It opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: the host asks for nothing.
    Nobody,
    /// The token of a session.
    Session(SessionId),
    /// An API key.
    Key(KeyId),
    /// A token of somebody else's making, about `subject`.
    Token { subject: Arc<str>, issuer: Arc<str> },
}

impl Credential {
    /// The API key, if it is one.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Key(id) => Some(id),
            Self::Nobody | Self::Session(_) | Self::Token { .. } => None,
        }
    }
}

impl fmt::Display for Credential {
    /// `nobody`, `session ses_…`, `key k_…`, `token sub@issuer`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Session(id) => write!(f, "session {id}"),
            Self::Key(id) => write!(f, "key {id}"),
            Self::Token { subject, issuer } => write!(f, "token {subject}@{issuer}"),
        }
    }
}

/// One thing that a key or a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `call`: every tool.
    Call,
    /// `call:BACKEND`: every tool of one backend.
    CallBackend(BackendName),
    /// `call:BACKEND.TOOL`: this tool, by its own name.
    CallTool(BackendName, String),
    /// `sessions`: the worker's own.
    Sessions,
    /// `jobs`: the worker's own.
    Jobs,
    /// `admin`: backends, shutdown, metrics, what other workers have, and speaking for any worker.
    Admin,
}

impl Scope {
    /// Those without a backend in them.
    pub const PLAIN: [&'static str; 4] = ["call", "sessions", "jobs", "admin"];

    /// # Errors
    /// `invalid_request`, naming what there is.
    pub fn parse(text: &str) -> Result<Self> {
        let unknown = || {
            Error::new(
                ErrorCode::InvalidRequest,
                format!("{text:?} is not a scope"),
            )
            .hint("the scopes are call, call:BACKEND, call:BACKEND.TOOL, sessions, jobs and admin")
        };
        let Some(whose) = text.strip_prefix("call:") else {
            return match text {
                "call" => Ok(Self::Call),
                "sessions" => Ok(Self::Sessions),
                "jobs" => Ok(Self::Jobs),
                "admin" => Ok(Self::Admin),
                _ => Err(unknown()),
            };
        };
        let (backend, tool) = match whose.split_once('.') {
            Some((backend, tool)) => (backend, Some(tool)),
            None => (whose, None),
        };
        let backend = BackendName::parse(backend).map_err(|_| unknown())?;
        let is_name = |name: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            !name.is_empty() && name.len() <= 256 && name.chars().all(fits)
        };
        match tool {
            None => Ok(Self::CallBackend(backend)),
            Some(tool) if is_name(tool) => Ok(Self::CallTool(backend, tool.to_owned())),
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call => f.write_str("call"),
            Self::CallBackend(backend) => write!(f, "call:{backend}"),
            Self::CallTool(backend, tool) => write!(f, "call:{backend}.{tool}"),
            Self::Sessions => f.write_str("sessions"),
            Self::Jobs => f.write_str("jobs"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// All that a caller may do.
#[derive(Clone, Debug)]
pub struct Scopes {
    calls: Calls,
    sessions: bool,
    jobs: bool,
    admin: bool,
}

#[derive(Clone, Debug)]
enum Calls {
    All,
    /// None of them: nothing.
    These(Arc<[Scope]>),
}

impl Scopes {
    /// Of whoever is let in without being asked.
    pub fn everything() -> Self {
        Self {
            admin: true,
            ..Self::usual()
        }
    }

    /// Of a key that was made without a word on it: call, sessions and jobs.
    pub fn usual() -> Self {
        Self {
            calls: Calls::All,
            sessions: true,
            jobs: true,
            admin: false,
        }
    }

    /// # Errors
    /// `invalid_request` for more than anybody needs.
    pub fn of(scopes: Vec<Scope>) -> Result<Self> {
        if scopes.len() > SCOPES_MAX {
            let message = format!("{} scopes; at most {SCOPES_MAX}", scopes.len());
            return Err(Error::new(ErrorCode::InvalidRequest, message));
        }
        let has = |scope: &Scope| scopes.contains(scope);
        let (sessions, jobs, admin) =
            (has(&Scope::Sessions), has(&Scope::Jobs), has(&Scope::Admin));
        let calls = if has(&Scope::Call) {
            Calls::All
        } else {
            let these = scopes.into_iter();
            let these = these
                .filter(|scope| matches!(scope, Scope::CallBackend(_) | Scope::CallTool(_, _)));
            Calls::These(these.collect())
        };
        Ok(Self {
            calls,
            sessions,
            jobs,
            admin,
        })
    }

    /// As they are written, each once.
    pub fn list(&self) -> Vec<Scope> {
        let mut list = match &self.calls {
            Calls::All => vec![Scope::Call],
            Calls::These(these) => these.to_vec(),
        };
        let rest = [
            (self.sessions, Scope::Sessions),
            (self.jobs, Scope::Jobs),
            (self.admin, Scope::Admin),
        ];
        list.extend(
            rest.into_iter()
                .filter(|(has, _)| *has)
                .map(|(_, scope)| scope),
        );
        list
    }

    pub fn has_sessions(&self) -> bool {
        self.sessions
    }

    pub fn has_jobs(&self) -> bool {
        self.jobs
    }

    pub fn has_admin(&self) -> bool {
        self.admin
    }

    /// Whether it is less than [`Scopes::usual`].
    pub fn is_limited(&self) -> bool {
        !(matches!(self.calls, Calls::All) && self.sessions && self.jobs)
    }

    pub fn calls(&self, tool: &Tool) -> bool {
        match &self.calls {
            Calls::All => true,
            Calls::These(these) => these.iter().any(|scope| match scope {
                Scope::CallBackend(backend) => *backend == tool.backend,
                Scope::CallTool(backend, name) => *backend == tool.backend && *name == tool.name,
                Scope::Call | Scope::Sessions | Scope::Jobs | Scope::Admin => false,
            }),
        }
    }

    /// Whether every tool of this backend may be called.
    pub fn calls_all_of(&self, backend: &BackendName) -> bool {
        match &self.calls {
            Calls::All => true,
            Calls::These(these) => these
                .iter()
                .any(|scope| matches!(scope, Scope::CallBackend(own) if own == backend)),
        }
    }
}

/// The workers that a backend is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience(Option<Arc<[String]>>);

impl Audience {
    /// Names, in which `*` stands for anything. An empty list is nobody.
    ///
    /// # Errors
    /// `invalid_request` for what no worker can be called.
    pub fn these(patterns: Vec<String>) -> Result<Self> {
        for pattern in &patterns {
            WorkerId::parse(pattern)?;
        }
        Ok(Self(Some(patterns.into())))
    }

    /// Everybody, whatever they are called.
    pub fn is_everybody(&self) -> bool {
        self.0.is_none()
    }

    pub fn include(&self, worker: &WorkerId) -> bool {
        match &self.0 {
            None => true,
            Some(patterns) => patterns
                .iter()
                .any(|pattern| fits(pattern, worker.as_str())),
        }
    }
}

/// Whether the name is what the pattern says; `*` is any run of characters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any: what comes after has the most left.
        let Some(place) = name.find(part) else {
            return false;
        };
        name = name.get(place + part.len()..).unwrap_or_default();
    }
    name.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for text in [
            "call",
            "call:rag",
            "call:rag.search",
            "call:my-backend.add_note",
            "sessions",
            "jobs",
            "admin",
        ] {
            assert_eq!(Scope::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "Call",
            "call:",
            "call:Rag",
            "call:rag.",
            "call:rag.a b",
            "call:*",
            "all",
            "call:rag:search",
        ] {
            assert!(Scope::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn scopes_are_listed_once_and_the_widest_call_swallows_the_others() {
        let scopes = ["jobs", "call:rag", "call", "jobs"];
        let scopes = scopes.map(|text| Scope::parse(text).unwrap()).to_vec();
        let listed: Vec<String> = Scopes::of(scopes)
            .unwrap()
            .list()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(listed, ["call", "jobs"]);
    }

    #[test]
    fn patterns_of_workers_have_stars() {
        let cases = [
            ("alice", "alice", true),
            ("alice", "alicex", false),
            ("team-*", "team-", true),
            ("team-*", "team-7", true),
            ("team-*", "xteam-7", false),
            ("*", "anyone", true),
            ("*-ops", "a-ops", true),
            ("*-ops", "a-ops-b", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ab*b", "ab", false),
        ];
        for (pattern, name, expected) in cases {
            let workers = Audience::these(vec![pattern.to_owned()]).unwrap();
            let worker = WorkerId::parse(name).unwrap();
            assert_eq!(workers.include(&worker), expected, "{pattern} {name}");
        }
        let nobody = Audience::these(Vec::new()).unwrap();
        assert!(!nobody.include(&WorkerId::default()));
        assert!(Audience::default().include(&WorkerId::default()));
    }
}
