//! What is other in a component than in the one before it, in an order in which people want to know it: what it may reach, then its tools.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Known, Surface, ToolSurface};

/// A difference that somebody should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub what: What,
    /// The interface or the tool; none for what concerns the whole component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The closed list of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    ImportAdded,
    ImportRemoved,
    /// Another patch release of the same interface.
    ImportVersion,
    ToolAdded,
    ToolRemoved,
    ToolKind,
    ToolAnnotations,
    ToolDescription,
    ToolInput,
    ToolOutput,
    Description,
    Config,
    Digest,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImportAdded => "import_added",
            Self::ImportRemoved => "import_removed",
            Self::ImportVersion => "import_version",
            Self::ToolAdded => "tool_added",
            Self::ToolRemoved => "tool_removed",
            Self::ToolKind => "tool_kind",
            Self::ToolAnnotations => "tool_annotations",
            Self::ToolDescription => "tool_description",
            Self::ToolInput => "tool_input",
            Self::ToolOutput => "tool_output",
            Self::Description => "description",
            Self::Config => "config",
            Self::Digest => "digest",
        }
    }
}

impl Change {
    /// True for what a caller or an operator has not agreed to yet: more reach, or other words for an agent to follow.
    pub fn widens(&self) -> bool {
        match self.what {
            What::ImportAdded
            | What::ToolAdded
            | What::ToolKind
            | What::ToolAnnotations
            | What::ToolDescription
            | What::ToolInput
            | What::ToolOutput
            | What::Description
            | What::Config => true,
            What::ImportRemoved | What::ImportVersion | What::ToolRemoved | What::Digest => false,
        }
    }

    fn new(what: What, name: Option<&str>, before: Option<String>, after: Option<String>) -> Self {
        Self {
            what,
            name: name.map(str::to_owned),
            before,
            after,
        }
    }
}

impl fmt::Display for Change {
    /// `tool search: its description changed`, and the two below each other, if they are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or_default();
        match self.what {
            What::ImportAdded => return write!(f, "+ imports {name}"),
            What::ImportRemoved => return write!(f, "- imports {name}"),
            What::ToolAdded => write!(f, "+ tool {name}")?,
            What::ToolRemoved => return write!(f, "- tool {name}"),
            What::ImportVersion => write!(f, "~ imports {name} in another version")?,
            What::ToolKind => write!(f, "~ tool {name}: it keeps state otherwise")?,
            What::ToolAnnotations => write!(f, "~ tool {name}: its annotations changed")?,
            What::ToolDescription => write!(f, "~ tool {name}: its description changed")?,
            What::ToolInput => write!(f, "~ tool {name}: the schema of its params changed")?,
            What::ToolOutput => write!(f, "~ tool {name}: the schema of its answer changed")?,
            What::Description => write!(f, "~ the description changed")?,
            What::Config => write!(f, "~ the schema of a session's config changed")?,
            What::Digest => write!(f, "~ the bytes changed")?,
        }
        for (sign, side) in [("-", &self.before), ("+", &self.after)] {
            for line in side.iter().flat_map(|text| text.lines()) {
                let plain: String = line.chars().filter(|c| !c.is_control()).collect();
                write!(f, "\n    {sign} {plain}")?;
            }
        }
        Ok(())
    }
}

/// What is other in `new`.
pub fn between(old: &Surface, new: &Surface) -> Vec<Change> {
    let mut changes = imports(&old.imports, &new.imports);
    tools(&old.tools, &new.tools, &mut changes);
    texts(
        What::Description,
        None,
        old.description.as_ref(),
        new.description.as_ref(),
        &mut changes,
    );
    texts(
        What::Config,
        None,
        old.config.as_ref(),
        new.config.as_ref(),
        &mut changes,
    );
    if !old.digest.eq_ignore_ascii_case(&new.digest) {
        let sides = (Some(old.digest.clone()), Some(new.digest.clone()));
        changes.push(Change::new(What::Digest, None, sides.0, sides.1));
    }
    changes
}

fn imports(old: &[String], new: &[String]) -> Vec<Change> {
    let by_interface = |imports: &[String]| -> BTreeMap<String, String> {
        imports
            .iter()
            .map(|import| (interface(import).to_owned(), import.clone()))
            .collect()
    };
    let (old, new) = (by_interface(old), by_interface(new));
    let mut changes = Vec::new();
    for (interface, after) in &new {
        match old.get(interface) {
            None => changes.push(Change::new(What::ImportAdded, Some(after), None, None)),
            Some(before) if before != after => changes.push(Change::new(
                What::ImportVersion,
                Some(interface),
                Some(before.clone()),
                Some(after.clone()),
            )),
            Some(_) => {}
        }
    }
    let gone = old
        .iter()
        .filter(|(interface, _)| !new.contains_key(*interface));
    changes
        .extend(gone.map(|(_, import)| Change::new(What::ImportRemoved, Some(import), None, None)));
    changes
}

/// `wasi:io/streams@0.2.6` → `wasi:io/streams@0.2`: patch releases add nothing that can be reached.
fn interface(import: &str) -> &str {
    match import.split_once('@') {
        Some((_, version)) if version.matches('.').count() == 2 => import
            .rsplit_once('.')
            .map_or(import, |(interface, _)| interface),
        _ => import,
    }
}

fn tools(
    old: &BTreeMap<String, ToolSurface>,
    new: &BTreeMap<String, ToolSurface>,
    changes: &mut Vec<Change>,
) {
    for (name, after) in new {
        match old.get(name) {
            None => {
                let about = after.description.as_ref().map(Known::shown);
                changes.push(Change::new(What::ToolAdded, Some(name), None, about));
            }
            Some(before) => tool(name, before, after, changes),
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changes.extend(gone.map(|name| Change::new(What::ToolRemoved, Some(name), None, None)));
}

fn tool(name: &str, old: &ToolSurface, new: &ToolSurface, changes: &mut Vec<Change>) {
    let name = Some(name);
    let kind = |tool: &ToolSurface| {
        let word = if tool.stateful {
            "stateful"
        } else {
            "stateless"
        };
        Some(word.to_owned())
    };
    if old.stateful != new.stateful {
        changes.push(Change::new(What::ToolKind, name, kind(old), kind(new)));
    }
    let (before, after) = (old.annotations(), new.annotations());
    if before != after {
        changes.push(Change::new(
            What::ToolAnnotations,
            name,
            Some(before),
            Some(after),
        ));
    }
    texts(
        What::ToolDescription,
        name,
        old.description.as_ref(),
        new.description.as_ref(),
        changes,
    );
    texts(
        What::ToolInput,
        name,
        Some(&old.input),
        Some(&new.input),
        changes,
    );
    texts(
        What::ToolOutput,
        name,
        old.output.as_ref(),
        new.output.as_ref(),
        changes,
    );
}

fn texts(
    what: What,
    name: Option<&str>,
    old: Option<&Known>,
    new: Option<&Known>,
    changes: &mut Vec<Change>,
) {
    if old != new {
        let sides = (old.map(Known::shown), new.map(Known::shown));
        changes.push(Change::new(what, name, sides.0, sides.1));
    }
}
