//! A tool as the host sees it: its name, its schemas, and what a call of it costs and answers. No wasmtime here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ids::BackendName;

/// An exported function of a backend.
#[derive(Debug)]
pub struct Tool {
    pub backend: BackendName,
    /// In snake_case, unique within the backend.
    pub name: String,
    /// `backend:name`, as agents call it.
    pub full_name: String,
    pub kind: ToolKind,
    pub title: Option<String>,
    pub description: Option<String>,
    /// JSON Schema (2020-12) of the params: an object.
    pub input: Value,
    /// JSON Schema of the answer, if there is one.
    pub output: Option<Value>,
    pub hints: Hints,
    pub export: ExportName,
    /// Where the function stands among those of its module that can be called.
    pub place: usize,
    /// A method of the `session` resource, which the host hands in.
    pub on_session: bool,
    pub(crate) meter: CallMeter,
}

/// Counters of one tool's calls, looked up once.
pub(crate) struct CallMeter {
    ok: metrics::Counter,
    tool_error: metrics::Counter,
    seconds: metrics::Histogram,
}

impl CallMeter {
    pub(crate) fn new(backend: &BackendName, tool: &str) -> Self {
        let count = |outcome: &'static str| metrics::counter!("hostel_calls_total", "backend" => backend.to_string(), "tool" => tool.to_owned(), "outcome" => outcome);
        let seconds = metrics::histogram!("hostel_call_seconds", "backend" => backend.to_string(), "tool" => tool.to_owned());
        Self {
            ok: count("ok"),
            tool_error: count("tool_error"),
            seconds,
        }
    }

    pub(crate) fn count(&self, is_error: bool, took: Duration) {
        let counter = if is_error { &self.tool_error } else { &self.ok };
        counter.increment(1);
        self.seconds.record(took);
    }
}

impl fmt::Debug for CallMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallMeter")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// Runs in a session.
    Stateful,
    /// Every call has a fresh instance.
    Stateless,
}

/// Where a function stands in a component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExportName {
    /// `ns:pkg/iface@1.0.0`, or none at the root.
    pub interface: Option<String>,
    /// As in the binary: `add`, `[method]session.add`.
    pub function: String,
}

impl fmt::Display for ExportName {
    /// `ns:pkg/iface@1.0.0#add`, or the bare name at the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}#{}", self.function),
            None => f.write_str(&self.function),
        }
    }
}

/// What a tool does to the world, for agents that decide whether to ask first. None means that the author did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    pub read_only: Option<bool>,
    pub idempotent: Option<bool>,
    pub destructive: Option<bool>,
    pub open_world: Option<bool>,
}

/// A function that is exported but is no tool, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub export: String,
    pub reason: String,
}

/// What a tool answered: its value or its own error, as JSON text.
#[derive(Debug)]
pub struct ToolAnswer {
    pub json: Vec<u8>,
    pub is_error: bool,
    /// What the guest reached for during the call and did not get.
    pub denied: Vec<Denial>,
}

/// Something that a guest reached for and did not get: why, and what the operator could write to allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// `GET https://example.com/`
    pub what: String,
    pub why: String,
    /// A line of the backend's policy. None: no rule could.
    pub allow: Option<String>,
}

impl Denial {
    /// As programs read it.
    pub fn to_json(&self) -> Value {
        json!({"what": self.what, "why": self.why, "allow": self.allow})
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was denied: {}", self.what, self.why)?;
        match &self.allow {
            Some(allow) => write!(f, "; the operator can allow it with {allow}"),
            None => Ok(()),
        }
    }
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time in the guest and in host calls on its behalf.
    pub duration: Duration,
    /// Time waiting for the session, a slot or a warmup.
    pub queue: Duration,
    /// All linear memories of the instance after the call.
    pub memory_bytes: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
}

/// A shared list of tools in a stable order.
pub type Tools = Arc<[Arc<Tool>]>;
