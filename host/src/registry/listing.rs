//! What a component offers, read once from its bytes: its tools with their schemas, what was left out and why, its hooks and imports.
//! Kept on disk beside the code, so that a host with a filled cache starts without reading a component.

use std::collections::HashMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::Compiled;
use crate::engine::module::{Exported, SESSION_CONSTRUCTOR};
use crate::ids::BackendName;
use crate::tool::{CallMeter, ExportName, Hints, Skipped, Tool, ToolKind};

use super::wit::{FunctionDocs, Wit};

/// The contract's own interfaces are hooks, not tools.
const CONTRACT: &str = "hostel:backend/";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Listing {
    pub description: Option<String>,
    pub tools: Vec<ToolRecord>,
    pub skipped: Vec<SkippedRecord>,
    /// Interfaces that the component imports.
    pub imports: Vec<String>,
    pub hooks: HookNames,
    /// JSON Schema of a session's config, where it is typed.
    pub config: Option<Value>,
    pub warnings: Vec<String>,
    /// Why no warm image can be taken of a component of this shape; its `warmup` then runs in every instance.
    pub no_image: Option<String>,
    /// Why the state of a session of a component of this shape cannot be taken: no checkpoints, forks or suspension.
    pub no_snapshot: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HookNames {
    pub warmup: bool,
    /// `initialize` and `cleanup`.
    pub session: bool,
    pub shutdown: bool,
    /// The exported resource named `session`.
    pub session_resource: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolRecord {
    pub name: String,
    pub interface: Option<String>,
    pub function: String,
    /// Its place among the functions that can be called.
    pub place: usize,
    pub stateful: bool,
    pub title: Option<String>,
    pub description: Option<String>,
    pub input: Value,
    pub output: Option<Value>,
    pub read_only: Option<bool>,
    pub idempotent: Option<bool>,
    pub destructive: Option<bool>,
    pub open_world: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SkippedRecord {
    pub export: String,
    pub reason: String,
}

impl Listing {
    pub(crate) fn read(compiled: &Compiled, wit: Wit) -> Self {
        let exports = compiled.exports();
        let mut docs: HashMap<ExportName, FunctionDocs> = HashMap::new();
        for function in wit.functions {
            docs.insert(
                ExportName {
                    interface: function.interface.clone(),
                    function: function.name.clone(),
                },
                function,
            );
        }
        let hooks = hooks(&exports);
        let mut listing = Self {
            description: wit.docs,
            imports: compiled.imports(),
            hooks,
            warnings: wit.warnings,
            ..Self::default()
        };
        let mut place = 0;
        for export in exports {
            let own_place = place;
            place += usize::from(export.unsupported.is_none());
            if export.name.function == SESSION_CONSTRUCTOR {
                listing.config = docs.remove(&export.name).map(|docs| docs.input);
                continue;
            }
            match no_tool(&export) {
                Some(None) => {}
                Some(Some(reason)) => listing.skipped.push(SkippedRecord {
                    export: export.name.to_string(),
                    reason,
                }),
                None => {
                    let record = record(
                        &listing.hooks,
                        &export,
                        own_place,
                        docs.remove(&export.name),
                    );
                    listing.tools.push(record);
                }
            }
        }
        tell_apart(&mut listing.tools);
        listing
    }

    /// The tools of a backend of this name.
    pub(crate) fn tools(&self, backend: &BackendName) -> Vec<Arc<Tool>> {
        self.tools
            .iter()
            .map(|record| Arc::new(record.tool(backend)))
            .collect()
    }

    pub fn skipped(&self) -> Vec<Skipped> {
        self.skipped
            .iter()
            .map(|skipped| Skipped {
                export: skipped.export.clone(),
                reason: skipped.reason.clone(),
            })
            .collect()
    }

    /// True when some tool needs a session.
    pub fn is_stateful(&self) -> bool {
        self.tools.iter().any(|tool| tool.stateful)
    }
}

impl ToolRecord {
    fn tool(&self, backend: &BackendName) -> Tool {
        Tool {
            backend: backend.clone(),
            name: self.name.clone(),
            full_name: format!("{backend}:{}", self.name),
            kind: if self.stateful {
                ToolKind::Stateful
            } else {
                ToolKind::Stateless
            },
            title: self.title.clone(),
            description: self.description.clone(),
            input: self.input.clone(),
            output: self.output.clone(),
            hints: Hints {
                read_only: self.read_only,
                idempotent: self.idempotent,
                destructive: self.destructive,
                open_world: self.open_world,
            },
            export: ExportName {
                interface: self.interface.clone(),
                function: self.function.clone(),
            },
            place: self.place,
            on_session: on_session(&self.function),
            meter: CallMeter::new(backend, &self.name),
        }
    }
}

fn hooks(exports: &[Exported]) -> HookNames {
    let exports_hook = |interface: &str| {
        let prefix = format!("{CONTRACT}{interface}@0.1.");
        exports.iter().any(|export| {
            export
                .name
                .interface
                .as_deref()
                .is_some_and(|own| own.starts_with(&prefix))
        })
    };
    HookNames {
        warmup: exports_hook("warmup"),
        session: exports_hook("session"),
        shutdown: exports_hook("shutdown"),
        session_resource: exports
            .iter()
            .any(|export| export.name.function == SESSION_CONSTRUCTOR),
    }
}

/// None: it is a tool. Else the reason that it is none, if that is worth telling.
fn no_tool(export: &Exported) -> Option<Option<String>> {
    match export.name.interface.as_deref() {
        Some(interface) if interface.starts_with(CONTRACT) => return Some(None),
        Some("wasi:cli/run") => {}
        Some(interface) if interface.starts_with("wasi:cli/run@") => {
            return Some(Some(
                "the component is a command (wasi:cli/run), and commands have no tools".to_owned(),
            ));
        }
        Some(interface) if interface.starts_with("wasi:") => {
            return Some(Some("it belongs to WASI, not to the backend".to_owned()));
        }
        Some(interface) if !interface.contains(':') => {
            return Some(Some("it is a leftover of the guest's toolchain".to_owned()));
        }
        // QuickJS components start themselves with it; calling it again would start them anew.
        None if export.name.function == "init" && export.is_toolchain_init => {
            return Some(Some("it is a leftover of the guest's toolchain".to_owned()));
        }
        _ => {}
    }
    export.unsupported.clone().map(Some)
}

fn record(
    hooks: &HookNames,
    export: &Exported,
    place: usize,
    docs: Option<FunctionDocs>,
) -> ToolRecord {
    let ExportName {
        interface,
        function,
    } = export.name.clone();
    let stateful = hooks.session || on_session(&function) || export.uses_handles;
    let name = own_name(&function);
    let empty = || serde_json::json!({"type": "object"});
    let Some(docs) = docs else {
        return ToolRecord {
            name,
            interface,
            function,
            place,
            stateful,
            title: None,
            description: None,
            input: empty(),
            output: None,
            read_only: None,
            idempotent: None,
            destructive: None,
            open_world: None,
        };
    };
    let hints = docs.hints;
    ToolRecord {
        name,
        interface,
        function,
        place,
        stateful,
        title: hints.title,
        description: docs.description,
        input: docs.input,
        output: docs.output,
        read_only: hints.read_only,
        idempotent: hints.idempotent,
        destructive: hints.destructive,
        open_world: hints.open_world,
    }
}

fn on_session(function: &str) -> bool {
    function.starts_with("[method]session.")
}

/// `[method]session.add-note` → `add_note`, `[method]cart.add` → `cart_add`, `[constructor]cart` → `cart_new`.
fn own_name(function: &str) -> String {
    let name = match function.split_once(']') {
        Some(("[constructor", resource)) => format!("{resource}_new"),
        Some((_, member)) => member
            .strip_prefix("session.")
            .unwrap_or(member)
            .replace('.', "_"),
        None => function.to_owned(),
    };
    name.replace('-', "_")
}

/// Functions of one name all get the name of their interface before it, and its package too if that is not enough.
fn tell_apart(tools: &mut [ToolRecord]) {
    for whole in [false, true] {
        let mut count: HashMap<String, usize> = HashMap::new();
        for tool in tools.iter() {
            *count.entry(tool.name.clone()).or_default() += 1;
        }
        for tool in tools
            .iter_mut()
            .filter(|tool| count.get(&tool.name).is_some_and(|count| *count > 1))
        {
            let Some(interface) = &tool.interface else {
                continue;
            };
            let id = interface.split('@').next().unwrap_or(interface);
            let prefix = if whole {
                id
            } else {
                id.rsplit('/').next().unwrap_or(id)
            };
            tool.name = format!(
                "{}_{}",
                prefix.replace([':', '/', '-'], "_"),
                own_name(&tool.function)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_agents_call() {
        let cases = [
            ("count-words", "count_words"),
            ("[method]session.add-note", "add_note"),
            ("[method]cart.add-item", "cart_add_item"),
            ("[constructor]cart", "cart_new"),
            ("[static]cart.merge", "cart_merge"),
        ];
        for (function, name) in cases {
            assert_eq!(own_name(function), name);
        }
    }

    #[test]
    fn two_functions_of_one_name_both_get_their_interface() {
        let record = |interface: &str, function: &str| ToolRecord {
            name: own_name(function),
            interface: Some(interface.to_owned()),
            function: function.to_owned(),
            place: 0,
            stateful: false,
            title: None,
            description: None,
            input: Value::Null,
            output: None,
            read_only: None,
            idempotent: None,
            destructive: None,
            open_world: None,
        };
        let mut tools = [
            record("a:b/one@1.0.0", "get"),
            record("a:b/two@1.0.0", "get"),
            record("a:b/two@1.0.0", "put"),
            record("c:d/one@1.0.0", "get"),
        ];
        tell_apart(&mut tools);
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["a_b_one_get", "two_get", "put", "c_d_one_get"]);
    }
}
