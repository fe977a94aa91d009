//! `#[tool(read_only, title = "...")]`: what agents should know of a tool beyond its types, and the section that tells
//! the host.

use std::fmt::Write as _;

use syn::{Attribute, LitBool, LitStr, meta::ParseNestedMeta};

use crate::model::{Backend, Function};

/// The hints of one tool. None is what the author left unsaid.
#[derive(Default)]
pub(crate) struct Hints {
    title: Option<String>,
    read_only: Option<bool>,
    idempotent: Option<bool>,
    destructive: Option<bool>,
    open_world: Option<bool>,
}

impl Hints {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut hints = Self::default();
        for attribute in attributes.iter().filter(|attribute| is_tool(attribute)) {
            attribute.parse_nested_meta(|meta| hints.set(&meta))?;
        }
        if hints.read_only == Some(true) && hints.destructive == Some(true) {
            let attribute = attributes.iter().find(|attribute| is_tool(attribute));
            return crate::errors::refuse(
                &attribute,
                "a tool that is `read_only` cannot be `destructive`",
            );
        }
        Ok(hints)
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("title") {
            self.title = Some(meta.value()?.parse::<LitStr>()?.value());
            return Ok(());
        }
        let hint = [
            ("read_only", &mut self.read_only),
            ("idempotent", &mut self.idempotent),
            ("destructive", &mut self.destructive),
            ("open_world", &mut self.open_world),
        ];
        let Some((_, value)) = hint.into_iter().find(|(name, _)| meta.path.is_ident(name)) else {
            return Err(meta.error(
                "unknown hint: the hints are `read_only`, `idempotent`, `destructive`, `open_world` and `title = \"...\"`",
            ));
        };
        let is_given = meta.input.peek(syn::Token![=]);
        *value = Some(if is_given {
            meta.value()?.parse::<LitBool>()?.value
        } else {
            true
        });
        Ok(())
    }

    /// The JSON object, or none if nothing was said.
    fn json(&self) -> Option<String> {
        let title = self
            .title
            .as_ref()
            .map(|title| format!("\"title\":{}", string(title)));
        let flags = [
            ("read_only", self.read_only),
            ("idempotent", self.idempotent),
            ("destructive", self.destructive),
            ("open_world", self.open_world),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
        let members: Vec<String> = title.into_iter().chain(flags).collect();
        (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
    }
}

pub(crate) fn is_tool(attribute: &Attribute) -> bool {
    attribute.path().is_ident("tool")
}

/// The `hostel-tools` section, or none if no tool has a hint. Tools of the session have their plain name, those of
/// another resource `resource.name`.
pub(crate) fn section(backend: &Backend) -> Option<String> {
    let free = backend.functions.iter().map(|function| entry(function, ""));
    let methods = backend.resources.iter().flat_map(|resource| {
        let prefix = if resource.is_session() {
            String::new()
        } else {
            format!("{}.", resource.name)
        };
        resource
            .functions
            .iter()
            .map(move |function| entry(function, &prefix))
    });
    let tools: Vec<String> = methods.chain(free).flatten().collect();
    (!tools.is_empty()).then(|| format!("{{\"version\":1,\"tools\":{{{}}}}}", tools.join(",")))
}

fn entry(function: &Function, prefix: &str) -> Option<String> {
    let hints = function.hints.json()?;
    Some(format!("\"{prefix}{}\":{hints}", function.name))
}

/// A JSON string.
fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_control() && control <= '\u{ff}' => {
                write!(json, "\\u{:04x}", u32::from(control)).expect("a String takes every write");
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}
