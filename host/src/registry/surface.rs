//! What of a component concerns those who call it and those who answer for it: which bytes it is, what it imports, and what its tools say of
//! themselves. An operator approves this; `change.rs` says what is other in another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listing::ToolRecord;
use super::{Listing, Prepared};

mod change;

pub use change::{Change, What, between};

/// What was approved, or is to be. Texts and schemas are known by their hashes; where they are at hand, too, changes are shown in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// `sha256:` of the component.
    pub digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Known>,
    /// Schema of a session's config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Known>,
    /// Interfaces, in alphabetical order.
    pub imports: Vec<String>,
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSurface>,
}

/// One tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSurface {
    pub stateful: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Known>,
    pub input: Known,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Known>,
}

/// A text, known by its hash: `blake3:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known {
    hash: String,
    #[serde(skip)]
    text: Option<String>,
}

impl Known {
    fn of(text: String) -> Self {
        Self {
            hash: format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()),
            text: Some(text),
        }
    }

    /// The same whatever the order of an object's members is.
    fn of_json(value: &Value) -> Self {
        Self::of(sorted(value).to_string())
    }

    pub(super) fn shown(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.hash.clone())
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Known {}

impl Surface {
    pub fn of(prepared: &Prepared) -> Self {
        Self::read(&prepared.digest, &prepared.listing)
    }

    pub(crate) fn read(digest: &str, listing: &Listing) -> Self {
        let mut imports = listing.imports.clone();
        imports.sort_unstable();
        let tools = listing.tools.iter();
        Self {
            digest: digest.to_owned(),
            description: listing.description.clone().map(Known::of),
            config: listing.config.as_ref().map(Known::of_json),
            imports,
            tools: tools
                .map(|tool| (tool.name.clone(), ToolSurface::read(tool)))
                .collect(),
        }
    }
}

impl ToolSurface {
    fn read(tool: &ToolRecord) -> Self {
        Self {
            stateful: tool.stateful,
            title: tool.title.clone(),
            read_only: tool.read_only,
            idempotent: tool.idempotent,
            destructive: tool.destructive,
            open_world: tool.open_world,
            description: tool.description.clone().map(Known::of),
            input: Known::of_json(&tool.input),
            output: tool.output.as_ref().map(Known::of_json),
        }
    }

    /// What the author claims of its use, in words.
    fn annotations(&self) -> String {
        let claims = [
            ("read_only", self.read_only),
            ("idempotent", self.idempotent),
            ("destructive", self.destructive),
            ("open_world", self.open_world),
        ];
        let mut words: Vec<String> = claims
            .into_iter()
            .filter_map(|(name, claim)| Some(format!("{name} = {}", claim?)))
            .collect();
        words.extend(
            self.title
                .as_ref()
                .map(|title| format!("title = {title:?}")),
        );
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> = members
                .iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.clone(), value))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
