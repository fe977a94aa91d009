//! A session of the host as AgentFlow's clients see it: its name, its status, its times.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::session::{SessionInfo, SessionState};

use super::names;

/// The label under which a session keeps its name: `/v1/sessions?labels=agentflow.session_name=…` finds it.
pub(super) const NAME_LABEL: &str = "agentflow.session_name";

/// The name that it was given here; of a session from another door, the same without a number.
pub(super) fn name(info: &SessionInfo) -> String {
    match info.labels.as_map().get(NAME_LABEL) {
        Some(name) => name.clone(),
        None => names::base(&info.key.worker, &info.key.backend),
    }
}

pub(super) fn status(info: &SessionInfo) -> &'static str {
    match info.state {
        SessionState::Starting => "initializing",
        SessionState::Active
        | SessionState::Idle
        | SessionState::Suspended
        | SessionState::Archived => "active",
        SessionState::Failed | SessionState::Released => "error",
    }
}

/// UTC without saying so, in microseconds, as Python's `utcnow().isoformat()` writes it.
pub(super) fn time(at: SystemTime) -> String {
    let text = humantime::format_rfc3339_micros(at).to_string();
    text.trim_end_matches('Z').to_owned()
}

/// Null: not by itself, or not while a call runs.
pub(super) fn expiry(info: &SessionInfo) -> Value {
    json!(info.expires_at.map(time))
}

/// As it stands in a list.
pub(super) fn listed(info: &SessionInfo) -> Value {
    json!({
        "resource_type": info.key.backend.as_str(),
        "session_id": info.id.as_str(),
        "session_name": name(info),
        "status": status(info),
        // What a call begins for itself ends with it, and is in no list.
        "auto_created": false,
        "created_at": time(info.created_at),
        "last_activity": time(info.last_transition_at),
        "expires_at": expiry(info),
    })
}
