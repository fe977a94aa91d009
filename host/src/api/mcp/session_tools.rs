//! The tools of the door itself: Hostel's sessions as handles that a model makes, passes on and gives back.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{JsonObject, Tool as Described, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::http::body::parse;
use crate::api::http::sessions::{self, CreateBody, ListQuery, SessionBody};
use crate::api::http::states::{self, ForkBody};
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Host};
use crate::ids::{RequestId, SessionId};
use crate::session::OnIdle;
use crate::tool::{Tool, ToolKind};

/// Of all schemas of configs together, in the description of the create tool.
const CONFIG_BYTES_MAX: usize = 4_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionTool {
    Create,
    List,
    Destroy,
    Fork,
}

/// The arguments that say one session, and those of the fork beside it.
#[derive(Deserialize)]
struct Named {
    session: String,
    #[serde(flatten)]
    rest: JsonObject,
}

impl SessionTool {
    pub(super) const ALL: [Self; 4] = [Self::Create, Self::List, Self::Destroy, Self::Fork];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "session_create",
            Self::List => "session_list",
            Self::Destroy => "session_destroy",
            Self::Fork => "session_fork",
        }
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// Those of the verb behind it; `invalid_request` for arguments that do not have its form.
    pub(super) async fn run(
        self,
        host: &Host,
        caller: &Caller,
        request_id: &RequestId,
        arguments: &[u8],
    ) -> Result<Value> {
        match self {
            Self::Create => {
                let body: CreateBody = parse(arguments)?;
                own(caller, body.worker())?;
                let (backend, new) = body.checked(host)?;
                let started = host.create_session(caller, &backend, new).await?;
                Ok(json!(SessionBody::from(started.info)))
            }
            Self::List => {
                let query: ListQuery = parse(arguments)?;
                own(caller, query.worker())?;
                let page = host.list_sessions(caller, &query.checked(caller)?)?;
                Ok(sessions::page_body(page))
            }
            Self::Destroy => {
                let (id, rest) = named(arguments)?;
                if let Some(unknown) = rest.keys().next() {
                    let message = format!("/{unknown}: there is no such argument");
                    return Err(Error::new(ErrorCode::InvalidRequest, message));
                }
                let (info, farewell) = host.destroy_session(caller, &id).await?;
                Ok(json!(SessionBody::gone(info, farewell)))
            }
            Self::Fork => {
                let (id, rest) = named(arguments)?;
                let body: ForkBody = parse(Value::Object(rest).to_string().as_bytes())?;
                let forks = host.fork(caller, &id, &body.checked()?).await?;
                Ok(states::forks_body(forks, request_id, |started| {
                    SessionBody::from(started.info)
                }))
            }
        }
    }

    pub(super) fn described(self, host: &Host, tools: &[Arc<Tool>]) -> Described {
        let (title, description, input, hints) = match self {
            Self::Create => (
                "Create a session",
                create_description(host),
                create_input(host, tools),
                ToolAnnotations::from_raw(None, Some(false), Some(false), Some(false), Some(false)),
            ),
            Self::List => (
                "List sessions",
                "Lists your live sessions, newest first.".to_owned(),
                json!({
                    "backend": {"type": "string", "description": "Only those of this backend."},
                    "labels": {"type": "string", "description": "Only those with these labels: key=value,key=value."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "cursor": {"type": "string", "description": "next_cursor of the page before."},
                }),
                ToolAnnotations::from_raw(None, Some(true), None, None, Some(false)),
            ),
            Self::Destroy => (
                "Destroy a session",
                "Ends a session: a call that runs in it is stopped, and what it holds is gone.".to_owned(),
                json!({"session": {"type": "string", "description": "The session's id."}}),
                ToolAnnotations::from_raw(None, Some(false), Some(true), Some(false), Some(false)),
            ),
            Self::Fork => (
                "Fork a session",
                "Makes sessions that begin where this one is now, each with an id of its own; they and this one go on independently. \
                 Use it to try several ways from one point and keep the best."
                    .to_owned(),
                json!({
                    "session": {"type": "string", "description": "The id of the session to fork."},
                    "count": {"type": "integer", "minimum": 1, "default": 1},
                    "name": {"type": "string", "description": "Of the only fork; of several, their names are this and a number."},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                }),
                ToolAnnotations::from_raw(None, Some(false), Some(false), Some(false), Some(false)),
            ),
        };
        let required: &[&str] = match self {
            Self::Create => &["backend"],
            Self::List => &[],
            Self::Destroy | Self::Fork => &["session"],
        };
        let schema = json!({"type": "object", "properties": input, "required": required, "additionalProperties": false});
        Described::new(self.name(), description, object(&schema))
            .with_title(title)
            .with_raw_output_schema(Arc::new(object(&self.output())))
            .with_annotations(hints)
    }

    fn output(self) -> Value {
        let session = json!({
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "Pass it as the `session` of tools."},
                "backend": {"type": "string"},
                "name": {"type": "string"},
                "state": {"type": "string"},
                "expires_at": {"type": ["string", "null"], "description": "When it ends unless it is used before."},
            },
            "required": ["id", "backend", "name", "state"],
        });
        match self {
            Self::Create | Self::Destroy => session,
            Self::List => json!({
                "type": "object",
                "properties": {
                    "sessions": {"type": "array", "items": session},
                    "total": {"type": "integer"},
                    "next_cursor": {"type": ["string", "null"]},
                },
                "required": ["sessions", "total"],
            }),
            Self::Fork => json!({
                "type": "object",
                "properties": {
                    "forks": {"type": "array", "items": {"type": "object"}, "description": "A session, or why there is none."},
                    "total": {"type": "integer"},
                    "succeeded": {"type": "integer"},
                },
                "required": ["forks", "total", "succeeded"],
            }),
        }
    }
}

/// Says how long a session lives: whoever makes one must know.
fn create_description(host: &Host) -> String {
    let timers = host.timers();
    let mut text = "Creates a session: an instance of a backend of your own, whose state lasts from call to call. Pass the id of the answer \
                    as `session` to that backend's tools."
        .to_owned();
    let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
    // Writing to memory cannot fail.
    let _ = match (timers.idle_timeout, timers.on_idle) {
        (Some(idle), OnIdle::Release) => write!(
            text,
            " It ends when it was not used for {} (idle_timeout)",
            seconds(idle)
        ),
        (Some(idle), OnIdle::Suspend) => write!(
            text,
            " It is parked when it was not used for {} (idle_timeout), and the next call wakes it up",
            seconds(idle)
        ),
        (None, _) => write!(text, " It does not end by being idle"),
    };
    let _ = match timers.max_lifetime {
        Some(life) => write!(
            text,
            ", and at the latest {} after its creation (max_lifetime).",
            seconds(life)
        ),
        None => write!(text, "."),
    };
    let _ = write!(
        text,
        " Every call starts the idle time anew. Destroy it with {} when you are done.",
        SessionTool::Destroy.name()
    );
    text
}

fn create_input(host: &Host, tools: &[Arc<Tool>]) -> Value {
    let stateful = tools.iter().filter(|tool| tool.kind == ToolKind::Stateful);
    let mut backends: Vec<&str> = stateful.map(|tool| tool.backend.as_str()).collect();
    backends.dedup();
    let mut backend =
        object(&json!({"type": "string", "description": "Whose tools the session is for."}));
    if !backends.is_empty() {
        backend.insert("enum".to_owned(), json!(backends));
    }
    json!({
        "backend": backend,
        "name": {"type": "string", "description": "A name to call it by; default \"default\", which tools use when no session is named."},
        "config": {"description": config_description(host, &backends)},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "idle_timeout": {"type": "number", "minimum": 0, "description": "Seconds; 0: never."},
        "max_lifetime": {"type": "number", "minimum": 0, "description": "Seconds; 0: no limit."},
        "if_exists": {"enum": ["error", "return"], "description": "What to do if you have a session of this name. Default error."},
        "checkpoint": {"enum": ["manual", "call", "off"], "description": "call: a call that fails badly leaves the session as it was before."},
    })
}

fn config_description(host: &Host, backends: &[&str]) -> String {
    let mut text = "Settings of the session, in the form that its backend wants.".to_owned();
    for backend in host.backends() {
        let Some(schema) = backend.listing.config else {
            continue;
        };
        let schema = schema.to_string();
        let is_offered = backends.contains(&backend.name.as_str());
        if is_offered && text.len() + schema.len() <= CONFIG_BYTES_MAX {
            let _ = write!(text, " Of {}: {schema}.", backend.name);
        }
    }
    text
}

/// At this door nobody speaks for somebody else.
fn own(caller: &Caller, said: Option<&str>) -> Result<()> {
    match said {
        Some(worker) if worker != caller.worker.as_str() => Err(Error::new(
            ErrorCode::Forbidden,
            format!("the caller is {}, and not {worker:?}", caller.worker),
        )
        .hint("leave the worker out")),
        _ => Ok(()),
    }
}

fn named(arguments: &[u8]) -> Result<(SessionId, JsonObject)> {
    let named: Named = parse(arguments)?;
    Ok((SessionId::parse(&named.session)?, named.rest))
}

fn object(schema: &Value) -> JsonObject {
    schema.as_object().cloned().unwrap_or_default()
}
