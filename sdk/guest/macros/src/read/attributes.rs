//! Attributes: docs, the macro's own (`#[tool]`, `#[flags]`, `#[resource]`), and `#[cfg]`.

use syn::{Attribute, Expr, ExprLit, FnArg, ImplItem, Item, Lit, Meta, Signature};

use super::Reader;
use crate::hints;

impl Reader<'_> {
    /// The lines of the doc comments among `attributes`, each as it follows `///`.
    pub(super) fn docs(&mut self, attributes: &[Attribute]) -> Vec<String> {
        let mut lines = Vec::new();
        for attribute in attributes.iter().filter(|attribute| is(attribute, "doc")) {
            let Meta::NameValue(pair) = &attribute.meta else {
                continue;
            };
            match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => lines.extend(doc_lines(&text.value())),
                other => self.errors.at(
                    other,
                    "write the docs of a tool in place: the macro cannot see through this",
                ),
            }
        }
        lines
    }

    /// Is this item always there? One that is only there in tests is not a tool's business.
    pub(super) fn applies(&mut self, attributes: &[Attribute]) -> bool {
        let Some(cfg) = attributes.iter().find(|attribute| is(attribute, "cfg")) else {
            return true;
        };
        let is_test = cfg
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"));
        if !is_test {
            self.errors.at(cfg, "a part of a backend's interface cannot be conditional: put the `#[cfg]` inside the function");
        }
        false
    }

    /// Hints on something that is not a tool would be lost without a word.
    pub(super) fn no_hints(&mut self, attributes: &[Attribute]) {
        for attribute in attributes
            .iter()
            .filter(|attribute| hints::is_tool(attribute))
        {
            self.errors.at(attribute, "`#[tool(...)]` describes a tool: a `pub fn` of the module, or a `pub fn` of `Session` that takes `&self`");
        }
    }
}

/// Does the attribute have this one-word name?
pub(super) fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

pub(super) fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| is(attribute, name))
}

/// Takes out what only this macro understands, so that the compiler does not meet it.
pub(crate) fn strip(items: &mut [Item]) {
    for item in items {
        match item {
            Item::Fn(function) => strip_function(&mut function.attrs, &mut function.sig),
            Item::Struct(item) => item.attrs.retain(|attribute| !is_of_types(attribute)),
            Item::Enum(item) => item.attrs.retain(|attribute| !is_of_types(attribute)),
            Item::Impl(block) if block.trait_.is_none() => {
                for item in &mut block.items {
                    if let ImplItem::Fn(function) = item {
                        strip_function(&mut function.attrs, &mut function.sig);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_of_types(attribute: &Attribute) -> bool {
    is(attribute, "flags") || is(attribute, "resource")
}

fn strip_function(attributes: &mut Vec<Attribute>, signature: &mut Signature) {
    attributes.retain(|attribute| !hints::is_tool(attribute));
    for input in &mut signature.inputs {
        if let FnArg::Typed(parameter) = input {
            parameter.attrs.retain(|attribute| !is(attribute, "doc"));
        }
    }
}

/// Several lines come from `/** */` or `#[doc = "..."]`; WIT takes them one by one.
fn doc_lines(text: &str) -> Vec<String> {
    if !text.contains('\n') {
        return vec![allowed(text)];
    }
    let margin = |line: &str| {
        let line = line.trim();
        format!(" {}", line.strip_prefix('*').unwrap_or(line).trim_start())
    };
    text.trim()
        .lines()
        .map(|line| allowed(&margin(line)))
        .collect()
}

/// WIT refuses control characters, and characters that can make text look like something else.
fn allowed(line: &str) -> String {
    let refused = |c: char| {
        (c.is_control() && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{149}' | '\u{673}' | '\u{f77}' | '\u{f79}')
            || matches!(c, '\u{17a3}' | '\u{17a4}' | '\u{17b4}' | '\u{17b5}')
    };
    line.trim_end().replace(refused, "\u{fffd}")
}
