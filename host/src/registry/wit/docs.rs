//! The doc comments of a component's author, by package, interface and name.
//!
//! They come as WIT text (parsed, but not resolved: what it imports need not be there) or in wit-parser's JSON form. Both
//! become the same `Package`. The component's own types are matched with it by name; a version in a name does not matter.

mod text;

use std::collections::BTreeMap;

use serde::Deserialize;
use wit_parser::PackageName;

use super::prose;
use super::sections::Sections;

/// All docs that were found.
#[derive(Debug, Default)]
pub(super) struct Docs {
    packages: Vec<Package>,
}

/// Where a function or a type is declared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// In a world.
    Root,
    /// In an interface that has no package, exported under a plain name.
    Plain(&'a str),
    Interface {
        package: &'a PackageName,
        name: &'a str,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Package {
    /// The JSON form does not say it.
    #[serde(skip)]
    name: Option<PackageName>,
    docs: Option<String>,
    worlds: BTreeMap<String, World>,
    interfaces: BTreeMap<String, Interface>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct World {
    docs: Option<String>,
    funcs: BTreeMap<String, FunctionText>,
    func_exports: BTreeMap<String, FunctionText>,
    interfaces: BTreeMap<String, Interface>,
    interface_exports: BTreeMap<String, Interface>,
    types: BTreeMap<String, TypeText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Interface {
    docs: Option<String>,
    funcs: BTreeMap<String, FunctionText>,
    types: BTreeMap<String, TypeText>,
}

/// Docs of a function: a bare string in the first version of the format, an object in the second.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FunctionText {
    Bare(Option<String>),
    Object { docs: Option<String> },
}

/// Docs of a type, and of its fields or cases.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TypeText {
    docs: Option<String>,
    items: BTreeMap<String, String>,
}

impl Docs {
    pub(super) fn read(sections: &Sections<'_>, warnings: &mut Vec<String>) -> Docs {
        let mut docs = Docs::default();
        for bytes in &sections.wit {
            match text::packages(bytes) {
                Ok(packages) => docs.packages.extend(packages),
                Err(error) => warnings.push(format!("a section hostel-wit is not read: {error}")),
            }
        }
        for bytes in &sections.package_docs {
            match encoded(bytes) {
                Ok(package) => docs.packages.push(package),
                Err(error) => warnings.push(format!("a section package-docs is not read: {error}")),
            }
        }
        docs
    }

    pub(super) fn function<'d>(&'d self, place: Place<'_>, name: &str) -> Option<&'d str> {
        let text = match place {
            Place::Root => self.worlds().find_map(|world| {
                world
                    .func_exports
                    .get(name)
                    .or_else(|| world.funcs.get(name))
            }),
            _ => self
                .interfaces(place)
                .find_map(|interface| interface.funcs.get(name)),
        };
        text.and_then(FunctionText::docs)
    }

    pub(super) fn of_type<'d>(&'d self, place: Place<'_>, name: &str) -> Option<&'d TypeText> {
        match place {
            Place::Root => self.worlds().find_map(|world| world.types.get(name)),
            _ => self
                .interfaces(place)
                .find_map(|interface| interface.types.get(name)),
        }
    }

    /// What the backend is: the docs of a world, else of its package, else of an interface of it. Worlds and packages that
    /// are not the backend's own may be in the text too.
    pub(super) fn backend(&self, package: Option<&PackageName>) -> Option<String> {
        let own: Vec<&Package> = self
            .packages
            .iter()
            .filter(|candidate| candidate.may_be(package))
            .collect();
        let worlds = own
            .iter()
            .flat_map(|package| package.worlds.values())
            .filter_map(|world| world.docs.as_deref());
        let packages = own.iter().filter_map(|package| package.docs.as_deref());
        let interfaces = own
            .iter()
            .flat_map(|package| package.interfaces.values())
            .filter_map(|interface| interface.docs.as_deref());
        worlds
            .chain(packages)
            .chain(interfaces)
            .find_map(prose::clean)
    }

    /// The name of the first package that has one.
    pub(super) fn package(&self) -> Option<String> {
        self.packages
            .iter()
            .find_map(|package| package.name.as_ref())
            .map(ToString::to_string)
    }

    fn worlds(&self) -> impl Iterator<Item = &World> {
        self.packages
            .iter()
            .flat_map(|package| package.worlds.values())
    }

    fn interfaces<'d: 'p, 'p>(
        &'d self,
        place: Place<'p>,
    ) -> Box<dyn Iterator<Item = &'d Interface> + 'p> {
        match place {
            Place::Root => Box::new(std::iter::empty()),
            Place::Plain(name) => Box::new(self.worlds().filter_map(move |world| {
                world
                    .interface_exports
                    .get(name)
                    .or_else(|| world.interfaces.get(name))
            })),
            Place::Interface { package, name } => {
                let packages = self
                    .packages
                    .iter()
                    .filter(move |candidate| candidate.may_be(Some(package)));
                Box::new(packages.filter_map(move |candidate| candidate.interfaces.get(name)))
            }
        }
    }
}

impl Package {
    /// Whether this can be `name`: a package whose name is not known can be any.
    fn may_be(&self, name: Option<&PackageName>) -> bool {
        match (&self.name, name) {
            (Some(own), Some(name)) => own.namespace == name.namespace && own.name == name.name,
            _ => true,
        }
    }
}

impl FunctionText {
    fn docs(&self) -> Option<&str> {
        let (FunctionText::Bare(docs) | FunctionText::Object { docs }) = self;
        docs.as_deref()
    }
}

impl TypeText {
    pub(super) fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// The docs of a field or a case.
    pub(super) fn item(&self, name: &str) -> Option<&str> {
        self.items.get(name).map(String::as_str)
    }
}

/// wit-parser's form: a version byte (0 or 1), then JSON. The byte may be missing.
fn encoded(bytes: &[u8]) -> Result<Package, serde_json::Error> {
    serde_json::from_slice(
        bytes
            .strip_prefix(&[0])
            .or_else(|| bytes.strip_prefix(&[1]))
            .unwrap_or(bytes),
    )
}
