//! What the author says about the use of a tool, for agents to weigh: a section `hostel-tools` of JSON,
//! `{"version": 1, "tools": {"count-words": {"title": "Count words", "read_only": true}}}`.
//!
//! They are claims, not checks.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sections::Sections;

/// The hints of one tool; what is None was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Hints {
    pub(crate) title: Option<String>,
    /// It changes nothing.
    pub(crate) read_only: Option<bool>,
    /// A second call with the same arguments changes nothing more.
    pub(crate) idempotent: Option<bool>,
    /// It may overwrite or delete.
    pub(crate) destructive: Option<bool>,
    /// It reaches beyond its own session: the network, other systems.
    pub(crate) open_world: Option<bool>,
}

#[derive(Deserialize)]
struct Section {
    version: u32,
    #[serde(default)]
    tools: BTreeMap<String, Hints>,
}

/// The version of the section that is understood.
const VERSION: u32 = 1;

/// The hints of all tools of a component, by the names that the sections use.
#[derive(Debug, Default)]
pub(super) struct HintTable {
    tools: BTreeMap<String, Hints>,
}

impl HintTable {
    /// A later section outdoes an earlier one: it was appended by someone who could see the first.
    pub(super) fn read(sections: &Sections<'_>, warnings: &mut Vec<String>) -> HintTable {
        let mut table = HintTable::default();
        for bytes in &sections.tools {
            match serde_json::from_slice::<Section>(bytes) {
                Ok(section) if section.version == VERSION => {
                    table.tools.extend(
                        section
                            .tools
                            .into_iter()
                            .map(|(name, hints)| (name.replace('_', "-"), hints)),
                    );
                }
                Ok(section) => warnings.push(format!(
                    "a section hostel-tools is not read: its version is {}",
                    section.version
                )),
                Err(error) => warnings.push(format!("a section hostel-tools is not read: {error}")),
            }
        }
        table
    }

    /// The hints of a function, by its raw name (`[method]session.add`), its dotted name (`session.add`) or its last name
    /// (`add`).
    pub(super) fn get(&self, function: &str) -> Hints {
        let dotted = function
            .split_once(']')
            .map_or(function, |(_, dotted)| dotted);
        let last = dotted.rsplit_once('.').map_or(dotted, |(_, last)| last);
        [function, dotted, last]
            .iter()
            .find_map(|name| self.tools.get(*name))
            .cloned()
            .unwrap_or_default()
    }
}
