//! What is offered: the tools for sessions, and every tool of the host, described as MCP wants it. Made once per catalogue.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, Tool as Described, ToolAnnotations};
use serde_json::{Value, json};

use crate::host::Host;
use crate::tool::{Hints, Tool, ToolKind, Tools};

use super::names::names;
use super::revision::Revision;
use super::session_tools::SessionTool;

/// How a description begins that the author has not written.
const UNDESCRIBED: &str = "(no description)";
/// The name of the argument that says the session, and what it is if the tool has one of this name.
const HANDLE: [&str; 2] = ["session", "hostel_session"];

pub(super) struct Menu {
    /// What it was made of.
    pub(super) tools: Tools,
    modern: Vec<Described>,
    legacy: Vec<Described>,
    offers: HashMap<String, Offer>,
}

/// What stands behind a name.
#[derive(Clone)]
pub(super) enum Offer {
    Session(SessionTool),
    Tool(Arc<Offered>),
}

/// A tool of the host, and what its calls and answers look like at this door.
pub(super) struct Offered {
    pub(super) tool: Arc<Tool>,
    /// The argument that names a session; none for a stateless tool.
    pub(super) handle: Option<String>,
    pub(super) form: Form,
    /// The schema of its answers, if there are bytes in them.
    pub(super) media: Option<Value>,
}

/// What an answer of a tool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The tool has nothing to say.
    Nothing,
    /// Bytes and nothing else: a picture, perhaps.
    Bytes,
    /// A value that is always an object.
    Object,
    /// Any other value. Revisions before 2026-07-28 have no structured content but objects; there it is the member `result` of one.
    Value,
}

impl Menu {
    pub(super) fn of(host: &Host, tools: &Tools) -> Self {
        let full_names: Vec<&str> = tools.iter().map(|tool| tool.full_name.as_str()).collect();
        let own = SessionTool::ALL.map(SessionTool::name);
        let mut menu = Self {
            tools: tools.clone(),
            modern: Vec::new(),
            legacy: Vec::new(),
            offers: HashMap::new(),
        };
        for tool in SessionTool::ALL {
            let described = tool.described(host, tools);
            menu.modern.push(described.clone());
            menu.legacy.push(described);
            menu.offers
                .insert(tool.name().to_owned(), Offer::Session(tool));
        }
        for (name, tool) in names(&full_names, &own).into_iter().zip(tools.iter()) {
            let offered = Offered::of(tool);
            menu.modern
                .push(described(&name, &offered, Revision::Modern));
            menu.legacy
                .push(described(&name, &offered, Revision::Legacy));
            menu.offers.insert(name, Offer::Tool(Arc::new(offered)));
        }
        menu
    }

    /// In a stable order: the tools for sessions, then those of the backends by name.
    pub(super) fn list(&self, revision: Revision) -> &[Described] {
        match revision {
            Revision::Modern => &self.modern,
            Revision::Legacy => &self.legacy,
        }
    }

    pub(super) fn offer(&self, name: &str) -> Option<&Offer> {
        self.offers.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.modern.iter().map(|tool| tool.name.as_ref())
    }
}

impl Offered {
    pub(super) fn of(tool: &Arc<Tool>) -> Self {
        Self {
            tool: tool.clone(),
            handle: handle(tool),
            form: Form::of(tool.output.as_ref()),
            media: tool.output.clone().filter(has_bytes),
        }
    }
}

impl Form {
    fn of(output: Option<&Value>) -> Self {
        match output {
            None => Self::Nothing,
            Some(schema) if is_bytes(schema) => Self::Bytes,
            Some(schema) if rooted(schema).get("type").is_some_and(|ty| ty == "object") => {
                Self::Object
            }
            Some(_) => Self::Value,
        }
    }
}

/// Whether a schema is that of `list<u8>`.
pub(super) fn is_bytes(schema: &Value) -> bool {
    schema
        .get("contentEncoding")
        .is_some_and(|encoding| encoding == "base64")
}

/// Whether there are bytes anywhere in a schema.
fn has_bytes(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => is_bytes(schema) || members.values().any(has_bytes),
        Value::Array(items) => items.iter().any(has_bytes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn described(name: &str, offered: &Offered, revision: Revision) -> Described {
    let tool = &offered.tool;
    let description = match tool.description.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => format!("{UNDESCRIBED} {}", tool.full_name),
    };
    let mut described = Described::new(name.to_owned(), description, input(offered));
    described.title.clone_from(&tool.title);
    described.output_schema = output(offered, revision);
    described.annotations = annotations(tool.hints);
    let mut meta = MetaObject::new();
    meta.insert("hostel/tool".to_owned(), json!(tool.full_name));
    described.meta = Some(meta);
    described
}

fn annotations(hints: Hints) -> Option<ToolAnnotations> {
    (hints != Hints::default()).then(|| {
        ToolAnnotations::from_raw(
            None,
            hints.read_only,
            hints.destructive,
            hints.idempotent,
            hints.open_world,
        )
    })
}

/// The name of the argument that says the session: one that the tool itself does not have.
fn handle(tool: &Tool) -> Option<String> {
    if tool.kind == ToolKind::Stateless {
        return None;
    }
    let own = |name: &str| {
        let properties = tool.input.get("properties");
        properties.is_some_and(|properties| properties.get(name).is_some())
    };
    let numbered = (2_u32..).map(|number| format!("hostel_session_{number}"));
    HANDLE
        .into_iter()
        .map(str::to_owned)
        .chain(numbered)
        .find(|name| !own(name))
}

fn input(offered: &Offered) -> JsonObject {
    let mut schema = object(&offered.tool.input);
    if let Some(handle) = &offered.handle {
        let description = format!(
            "The session to run in: an id from {}, or the name of one of yours. Without it the tool runs in your session \"default\", \
             or, if there is none, in a temporary one that keeps nothing after this call.",
            SessionTool::Create.name()
        );
        let properties = schema
            .entry("properties")
            .or_insert_with(|| Value::Object(JsonObject::new()));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(
                handle.clone(),
                json!({"type": "string", "description": description}),
            );
        }
    }
    schema
}

fn output(offered: &Offered, revision: Revision) -> Option<Arc<JsonObject>> {
    let schema = offered.tool.output.as_ref()?;
    match (offered.form, revision) {
        // A picture is content, and there is nothing besides.
        (Form::Nothing | Form::Bytes, _) => None,
        (Form::Object, _) | (Form::Value, Revision::Modern) => Some(Arc::new(rooted(schema))),
        (Form::Value, Revision::Legacy) => {
            let mut inner = rooted(schema);
            let definitions = inner.remove("$defs");
            let mut outer = object(
                &json!({"type": "object", "properties": {"result": inner}, "required": ["result"], "additionalProperties": false}),
            );
            if let Some(definitions) = definitions {
                outer.insert("$defs".to_owned(), definitions);
            }
            Some(Arc::new(outer))
        }
    }
}

/// The schema with what it is at its root, where it only refers to one of its definitions: older clients look no further.
fn rooted(schema: &Value) -> JsonObject {
    let mut root = object(schema);
    let reference = root.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|reference| reference.strip_prefix("#/$defs/"));
    let definitions = root.get("$defs").and_then(Value::as_object);
    let definition = name
        .zip(definitions)
        .and_then(|(name, definitions)| definitions.get(name)?.as_object().cloned());
    if let Some(definition) = definition {
        root.remove("$ref");
        for (word, value) in definition {
            root.entry(word).or_insert(value);
        }
    }
    root
}

fn object(schema: &Value) -> JsonObject {
    schema.as_object().cloned().unwrap_or_default()
}
