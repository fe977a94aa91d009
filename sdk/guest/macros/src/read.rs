//! Reads a module into a [`Backend`], or says at the author's lines what to write instead.
//!
//! Public functions, the session and what their signatures name are read; every other item of the module is the
//! author's own business and is not looked at.

mod attributes;
mod collisions;
mod data;
mod functions;
mod hooks;
mod resources;
mod types;

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use syn::{Attribute, Item, ItemEnum, ItemMod, ItemStruct, ItemType, Visibility};

pub(crate) use self::attributes::strip;
use crate::{
    errors::{Errors, refuse},
    model::{Backend, Function, Hook, TypeDef},
    package::Package,
};

/// Reads `module` as a backend. `version` is the version of the crate that it stands in.
pub(crate) fn read(
    arguments: TokenStream,
    module: &ItemMod,
    version: Option<String>,
) -> syn::Result<Backend> {
    let Some((_, items)) = &module.content else {
        return refuse(
            module,
            "write the module's body in place, as in `mod notes { ... }`: the macro must see it",
        );
    };
    let mut reader = Reader::new(items);
    let package = Package::of(arguments, &module.ident, version);
    let package = reader.errors.keep(package);
    let docs = reader.docs(&module.attrs);
    let resources = reader.resources(items);
    let (functions, hooks) = reader.free_functions(items);
    let Reader { types, errors, .. } = reader;
    errors.finish()?;
    let backend = Backend {
        package: package.expect("a package that was refused left an error"),
        docs,
        types: types.into_values().collect(),
        resources,
        functions,
        hooks,
    };
    collisions::check(&backend)?;
    if backend.functions.is_empty()
        && backend
            .resources
            .iter()
            .all(|resource| resource.functions.is_empty())
    {
        return refuse(
            &module.ident,
            "this backend has no tools: add a `pub fn`, or a `pub fn` with `&self` to `Session`",
        );
    }
    Ok(backend)
}

/// Everything that is known while a module is read.
struct Reader<'a> {
    /// The structs, enums and aliases of the module, by name.
    named: BTreeMap<String, Definition<'a>>,
    /// The types that tools speak of, by their place in the module.
    types: BTreeMap<usize, TypeDef>,
    /// The types that are being read, outermost first: one that is met again is recursive.
    open: Vec<String>,
    errors: Errors,
}

#[derive(Clone, Copy)]
struct Definition<'a> {
    place: usize,
    item: Named<'a>,
}

#[derive(Clone, Copy)]
enum Named<'a> {
    Struct(&'a ItemStruct),
    Enum(&'a ItemEnum),
    Alias(&'a ItemType),
}

impl Named<'_> {
    fn attributes(&self) -> &[Attribute] {
        match self {
            Named::Struct(item) => &item.attrs,
            Named::Enum(item) => &item.attrs,
            Named::Alias(item) => &item.attrs,
        }
    }
}

impl<'a> Reader<'a> {
    fn new(items: &'a [Item]) -> Self {
        let named = items.iter().enumerate().filter_map(|(place, item)| {
            let (ident, item) = match item {
                Item::Struct(item) => (&item.ident, Named::Struct(item)),
                Item::Enum(item) => (&item.ident, Named::Enum(item)),
                Item::Type(item) => (&item.ident, Named::Alias(item)),
                _ => return None,
            };
            Some((ident.to_string(), Definition { place, item }))
        });
        Self {
            named: named.collect(),
            types: BTreeMap::new(),
            open: Vec::new(),
            errors: Errors::default(),
        }
    }

    /// The `pub fn`s of the module: tools, and the hooks among them.
    fn free_functions(&mut self, items: &[Item]) -> (Vec<Function>, Vec<Hook>) {
        let (mut functions, mut hooks) = (Vec::new(), Vec::new());
        for item in items {
            let Item::Fn(item) = item else { continue };
            if !is_public(&item.vis) {
                self.no_hints(&item.attrs);
                continue;
            }
            if !self.applies(&item.attrs) {
                continue;
            }
            match hooks::kind(&item.sig.ident) {
                Some(kind) => hooks.extend(self.hook(kind, item)),
                None => functions.extend(self.free_function(item)),
            }
        }
        (functions, hooks)
    }
}

/// `pub`, and not `pub(crate)` or the like: those are the author's own.
fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
