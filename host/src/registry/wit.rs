//! What a component's bytes say about its exported functions: names, JSON Schemas, descriptions, hints.
//!
//! Types always come from the binary. Doc comments do not survive today's toolchains, so texts and hints come from custom
//! sections at any depth of the file: a text that lies can do no more than lie in a description, and a section that cannot
//! be read costs a warning and nothing else. Which functions become tools, and under which names, is decided elsewhere.

#![expect(
    clippy::indexing_slicing,
    reason = "a WIT id is looked up in the arena that it came from, and a member is set in a JSON object"
)]

mod docs;
mod function;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hints;
mod prose;
mod schema;
mod sections;

use serde_json::Value;
use wit_component::DecodedWasm;
use wit_parser::{Function, InterfaceId, PackageName, Resolve, WorldId, WorldItem};

use self::docs::Docs;
use self::function::Describer;
use self::hints::HintTable;
use self::sections::Sections;

pub(crate) use self::hints::Hints;

/// Everything that the component's bytes say about its exported functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wit {
    /// In the order of the binary.
    pub(crate) functions: Vec<FunctionDocs>,
    /// The package of the exported interfaces, as in `demo:notes@0.1.0`; else the one that the docs speak of.
    pub(crate) package: Option<String>,
    /// What the backend is, as its world, its package or its interface says.
    pub(crate) docs: Option<String>,
    /// What could not be read, and why. For the log.
    pub(crate) warnings: Vec<String>,
}

/// One exported function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FunctionDocs {
    /// As in `demo:notes/tools@0.1.0`; a plain name for an instance exported under one; None at the component's root.
    pub(crate) interface: Option<String>,
    /// As in the binary: `[method]session.add`.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// JSON Schema (2020-12) of the arguments, an object. For a method of `session` it leaves the receiver out; for the
    /// constructor of `session` it is the schema of the session's config.
    pub(crate) input: Value,
    /// JSON Schema of the answer; the good side, if the function returns a `result`. None if there is nothing to answer.
    pub(crate) output: Option<Value>,
    /// Whether the function can answer with an error of its own.
    pub(crate) fallible: bool,
    pub(crate) hints: Hints,
}

/// The component's bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WitError {
    #[error("cannot decode the types of the component: {reason}")]
    Decode { reason: String },
    #[error("the file is not a WebAssembly component")]
    NotComponent,
    #[error("the file is a WIT package and not a component")]
    Package,
}

/// Reads a component. It takes time that grows with the file (tens of milliseconds for one of 20 MB): keep what it returns.
///
/// # Errors
/// If the bytes are not a component whose types WIT can express.
pub(crate) fn read(component: &[u8]) -> Result<Wit, WitError> {
    if !wasmparser::Parser::is_component(component) {
        return Err(WitError::NotComponent);
    }
    let mut warnings = Vec::new();
    let sections = Sections::find(component, &mut warnings);
    let docs = Docs::read(&sections, &mut warnings);
    let hints = HintTable::read(&sections, &mut warnings);
    let decoded = wit_component::decode(&sections.without_package_docs(component));
    let (resolve, world) = match decoded.map_err(|error| WitError::Decode {
        reason: format!("{error:#}"),
    })? {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => return Err(WitError::Package),
    };

    let exports = exports(&resolve, world);
    let package = exports
        .iter()
        .find_map(|export| own_package(&resolve, export.id?));
    let mut describer = Describer::new(&resolve, &docs, &hints, warnings);
    let functions = exports
        .iter()
        .flat_map(|export| describer.all(export))
        .collect();
    Ok(Wit {
        functions,
        docs: docs.backend(package.as_ref()),
        package: package
            .map(|name| name.to_string())
            .or_else(|| docs.package()),
        warnings: describer.warnings,
    })
}

/// An interface that the component exports, or all that it exports at its root.
struct Export<'a> {
    name: Option<String>,
    id: Option<InterfaceId>,
    functions: Vec<&'a Function>,
}

fn exports(resolve: &Resolve, world: WorldId) -> Vec<Export<'_>> {
    let mut root = Export {
        name: None,
        id: None,
        functions: Vec::new(),
    };
    let mut exports = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        match item {
            WorldItem::Function(function) => root.functions.push(function),
            WorldItem::Interface { id, .. } => {
                let functions = resolve.interfaces[*id].functions.values().collect();
                exports.push(Export {
                    name: Some(resolve.name_world_key(key)),
                    id: Some(*id),
                    functions,
                });
            }
            WorldItem::Type { .. } => {}
        }
    }
    exports.push(root);
    exports
}

/// The package of an interface, unless it belongs to the platform or was made up by the decoder.
fn own_package(resolve: &Resolve, id: InterfaceId) -> Option<PackageName> {
    let name = &resolve.packages[resolve.interfaces[id].package?].name;
    let foreign = matches!(
        (name.namespace.as_str(), name.name.as_str()),
        ("wasi", _) | ("hostel" | "root", "backend" | "component")
    );
    (!foreign).then(|| name.clone())
}

#[cfg(test)]
mod tests;
