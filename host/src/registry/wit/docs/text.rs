//! Docs out of WIT text.

use std::collections::BTreeMap;
use std::str;

use wit_parser::{
    Docs, Function, SourceMap, TypeDef, TypeDefKind, UnresolvedPackage, WorldItem, WorldKey,
};

use super::{FunctionText, Interface, Package, TypeText, World};

/// The packages of a text: the main one, and those that are nested in it.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut source = SourceMap::default();
    source.push_str("hostel-wit", text);
    let group = source.parse().map_err(|(_, error)| error.to_string())?;
    Ok(std::iter::once(&group.main)
        .chain(&group.nested)
        .map(package)
        .collect())
}

fn package(unresolved: &UnresolvedPackage) -> Package {
    let interfaces = unresolved.interfaces.iter().filter_map(|(_, interface)| {
        Some((
            interface.name.clone()?,
            self::interface(unresolved, interface),
        ))
    });
    Package {
        name: Some(unresolved.name.clone()),
        docs: unresolved.docs.contents.clone(),
        worlds: unresolved
            .worlds
            .iter()
            .map(|(_, world)| (world.name.clone(), self::world(unresolved, world)))
            .collect(),
        interfaces: interfaces.collect(),
    }
}

fn world(unresolved: &UnresolvedPackage, world: &wit_parser::World) -> World {
    let mut docs = World {
        docs: world.docs.contents.clone(),
        ..World::default()
    };
    for (key, item) in world.imports.iter().chain(&world.exports) {
        let WorldKey::Name(name) = key else { continue };
        match item {
            WorldItem::Function(function) => {
                docs.func_exports.insert(name.clone(), text(function));
            }
            WorldItem::Interface { id, .. } => {
                let interface = interface(unresolved, &unresolved.interfaces[*id]);
                docs.interface_exports.insert(name.clone(), interface);
            }
            WorldItem::Type { id, .. } => {
                docs.types
                    .insert(name.clone(), of_type(&unresolved.types[*id]));
            }
        }
    }
    docs
}

fn interface(unresolved: &UnresolvedPackage, interface: &wit_parser::Interface) -> Interface {
    Interface {
        docs: interface.docs.contents.clone(),
        funcs: interface
            .functions
            .iter()
            .map(|(name, function)| (name.clone(), text(function)))
            .collect(),
        types: interface
            .types
            .iter()
            .map(|(name, id)| (name.clone(), of_type(&unresolved.types[*id])))
            .collect(),
    }
}

fn text(function: &Function) -> FunctionText {
    FunctionText::Object {
        docs: function.docs.contents.clone(),
    }
}

fn of_type(def: &TypeDef) -> TypeText {
    let items: Vec<(&String, &Docs)> = match &def.kind {
        TypeDefKind::Record(record) => record
            .fields
            .iter()
            .map(|field| (&field.name, &field.docs))
            .collect(),
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .map(|case| (&case.name, &case.docs))
            .collect(),
        TypeDefKind::Enum(cases) => cases
            .cases
            .iter()
            .map(|case| (&case.name, &case.docs))
            .collect(),
        TypeDefKind::Flags(flags) => flags
            .flags
            .iter()
            .map(|flag| (&flag.name, &flag.docs))
            .collect(),
        _ => Vec::new(),
    };
    let items = items
        .into_iter()
        .filter_map(|(name, docs)| Some((name.clone(), docs.contents.clone()?)));
    TypeText {
        docs: def.docs.contents.clone(),
        items: items.collect::<BTreeMap<_, _>>(),
    }
}
