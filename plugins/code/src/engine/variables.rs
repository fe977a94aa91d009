//! What a session's scripts have declared.

use std::collections::BTreeSet;

use boa_engine::Source;
use boa_engine::property::PropertyKey;

use super::Engine;
use crate::code::Variable;
use crate::inspect::{self, inspect, kind};

const PREVIEW_CHARS_MAX: usize = 120;

impl Engine {
    /// Variables, functions and classes, sorted by name.
    pub(crate) fn variables(&mut self) -> Vec<Variable> {
        let global = self.context.global_object();
        let keys = global
            .own_property_keys(&mut self.context)
            .unwrap_or_default();
        let new = keys.into_iter().filter(|key| !self.builtins.contains(key));
        let globals = new.filter_map(|key| match key {
            PropertyKey::String(name) => Some(name.to_std_string_lossy()),
            PropertyKey::Symbol(_) | PropertyKey::Index(_) => None,
        });
        let names: BTreeSet<String> = globals.chain(self.declared.iter().cloned()).collect();
        names
            .into_iter()
            .filter_map(|name| self.variable(name))
            .collect()
    }

    fn variable(&mut self, name: String) -> Option<Variable> {
        // Every declared name is an identifier; a property of the global object that was set by hand need not be one.
        let is_identifier = name
            .chars()
            .all(|char| char.is_alphanumeric() || char == '_' || char == '$');
        if !is_identifier {
            return None;
        }
        let value = self.context.eval(Source::from_bytes(&name)).ok()?;
        let shown = inspect::in_one_line(&inspect(&value, &mut self.context));
        let preview = inspect::shorten(&shown, PREVIEW_CHARS_MAX);
        Some(Variable {
            name,
            kind: kind(&value).to_owned(),
            preview,
        })
    }
}
