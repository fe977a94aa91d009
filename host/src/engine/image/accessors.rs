//! Adds one exported instance to a component: functions that put a host's resource into the guest's own table of handles and take it
//! out again. A guest that printed during `warmup` knows its standard output as handle 1; a copy of that guest needs one there too.
//!
//! The code of the guest is copied as it is. What is added is one core function, the identity of `i32`: lifted with a handle as
//! parameter or as result it moves an entry of the table, for the canonical ABI does the rest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentInstanceSection, ComponentSectionId,
    ComponentTypeSection, ComponentValType, ExportKind, ExportSection, Function, FunctionSection,
    InstanceSection, Module, ModuleArg, ModuleSection, PrimitiveValType, RawSection, TypeSection,
    ValType,
};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, ExternalKind, InstanceTypeDeclaration, Parser, Payload,
    TypeBounds,
};

/// The instance that is added.
pub(in crate::engine) const INSTANCE: &str = "hostel:image/handles";
const IDENTITY: &str = "identity";

/// The resources of which a copy can be given its own, by interface and name.
const CARRIED: [(&str, &str); 4] = [
    ("wasi:io/streams", "input-stream"),
    ("wasi:io/streams", "output-stream"),
    ("wasi:io/poll", "pollable"),
    ("wasi:filesystem/types", "descriptor"),
];

/// Names of the two functions for a resource.
pub(super) fn put(resource: &str) -> String {
    format!("put-{resource}")
}

pub(super) fn take(resource: &str) -> String {
    format!("take-{resource}")
}

/// The component with the functions for each of the carried resources that it imports; as it was if it imports none.
///
/// # Errors
/// A shape of component that no image can be taken of, in words.
pub(super) fn add(component: &[u8]) -> Result<Vec<u8>, String> {
    let mut reader = Reader::default();
    reader
        .read(component)
        .map_err(|error| match error {
            Unfit::Unread(error) => error.to_string(),
            Unfit::Shape(reason) => reason,
        })?;
    if reader.resources.is_empty() {
        return Ok(component.to_vec());
    }
    Ok(Writer::new(reader.copy, reader.count).write(&reader.resources))
}

/// How many items each index space of the component has.
#[derive(Clone, Copy, Default)]
struct Count {
    core_modules: u32,
    core_instances: u32,
    core_functions: u32,
    instances: u32,
    functions: u32,
    types: u32,
}

/// Copies a component and learns what the addition must know.
#[derive(Default)]
struct Reader {
    copy: Component,
    count: Count,
    /// Names of the resources that an instance type defines, by index of the type.
    defined: BTreeMap<u32, Vec<String>>,
    /// The imported instance of each carried resource.
    resources: BTreeMap<&'static str, u32>,
}

enum Unfit {
    Unread(wasmparser::BinaryReaderError),
    Shape(String),
}

impl From<wasmparser::BinaryReaderError> for Unfit {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unread(error)
    }
}

impl Reader {
    fn read(&mut self, component: &[u8]) -> Result<(), Unfit> {
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            if depth > 0 {
                match payload {
                    Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                    Payload::End(_) => depth -= 1,
                    _ => {}
                }
                continue;
            }
            match &payload {
                Payload::ModuleSection {
                    unchecked_range, ..
                } => {
                    let module = bytes(component, unchecked_range);
                    check_state_is_exported(module, self.count.core_modules)?;
                    self.copy(ComponentSectionId::CoreModule as u8, module);
                    self.count.core_modules += 1;
                    depth += 1;
                }
                Payload::ComponentSection {
                    unchecked_range, ..
                } => {
                    let nested = bytes(component, unchecked_range);
                    self.copy(ComponentSectionId::Component as u8, nested);
                    depth += 1;
                }
                other => {
                    self.tally(other)?;
                    if let Some((id, range)) = payload.as_section() {
                        self.copy(id, bytes(component, &range));
                    }
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, id: u8, data: &[u8]) {
        self.copy.section(&RawSection { id, data });
    }

    fn tally(&mut self, payload: &Payload<'_>) -> Result<(), Unfit> {
        let count = &mut self.count;
        match payload {
            Payload::InstanceSection(section) => count.core_instances += section.count(),
            Payload::ComponentInstanceSection(section) => count.instances += section.count(),
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    count.alias(&alias?);
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function? {
                        CanonicalFunction::Lift { .. } => count.functions += 1,
                        _ => count.core_functions += 1,
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    count.item(export?.kind);
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    if let ComponentType::Instance(declarations) = ty? {
                        self.defined.insert(count.types, resources(&declarations));
                    }
                    count.types += 1;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    if let ComponentTypeRef::Instance(ty) = import.ty {
                        let defined = self.defined.get(&ty).map_or(&[][..], Vec::as_slice);
                        let interface = import.name.name.split('@').next().unwrap_or_default();
                        for (_, resource) in CARRIED
                            .iter()
                            .filter(|(owner, name)| *owner == interface && defined.iter().any(|own| own == name))
                        {
                            match self.resources.entry(resource) {
                                Entry::Vacant(free) => free.insert(count.instances),
                                Entry::Occupied(_) => {
                                    return Err(Unfit::Shape(format!("it imports {interface} in two versions")));
                                }
                            };
                        }
                    }
                    count.item(import.ty.kind());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Count {
    fn item(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Func => self.functions += 1,
            ComponentExternalKind::Type => self.types += 1,
            ComponentExternalKind::Instance => self.instances += 1,
            ComponentExternalKind::Module => self.core_modules += 1,
            ComponentExternalKind::Component | ComponentExternalKind::Value => {}
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind: ExternalKind::Func | ExternalKind::FuncExact,
                ..
            } => self.core_functions += 1,
            ComponentAlias::CoreInstanceExport { .. } => {}
            ComponentAlias::InstanceExport { kind, .. } => self.item(*kind),
            ComponentAlias::Outer { kind, .. } => match kind {
                ComponentOuterAliasKind::Type => self.types += 1,
                ComponentOuterAliasKind::CoreModule => self.core_modules += 1,
                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Component => {}
            },
        }
    }
}

fn bytes<'a>(component: &'a [u8], range: &std::ops::Range<usize>) -> &'a [u8] {
    component.get(range.clone()).unwrap_or_default()
}

fn resources(declarations: &[InstanceTypeDeclaration<'_>]) -> Vec<String> {
    let names = declarations
        .iter()
        .filter_map(|declaration| match declaration {
            InstanceTypeDeclaration::Export {
                name,
                ty: ComponentTypeRef::Type(TypeBounds::SubResource),
            } => Some(name.name.to_owned()),
            _ => None,
        });
    names.collect()
}

/// The snapshot reads a module's state through its exports; a module without any would silently lose what it remembers.
fn check_state_is_exported(module: &[u8], index: u32) -> Result<(), Unfit> {
    let (mut keeps_state, mut has_exports) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::MemorySection(memories) => keeps_state |= memories.count() > 0,
            Payload::GlobalSection(globals) => {
                for global in globals {
                    keeps_state |= global?.ty.mutable;
                }
            }
            Payload::ExportSection(_) => has_exports = true,
            _ => {}
        }
    }
    if keeps_state && !has_exports {
        return Err(Unfit::Shape(format!(
            "core module {index} keeps state and exports nothing"
        )));
    }
    Ok(())
}

/// Appends sections and keeps count of what they add.
struct Writer {
    component: Component,
    count: Count,
}

impl Writer {
    fn new(component: Component, count: Count) -> Self {
        Self { component, count }
    }

    fn write(mut self, resources: &BTreeMap<&'static str, u32>) -> Vec<u8> {
        let identity = self.identity();
        let mut exports = Vec::new();
        for (resource, instance) in resources {
            let ty = self.alias_type(*instance, resource);
            let own = self.ty(|types| types.defined_type().own(ty));
            let (handle, number) = (
                ComponentValType::Type(own),
                ComponentValType::Primitive(PrimitiveValType::U32),
            );
            exports.push((put(resource), self.lift(identity, handle, number)));
            exports.push((take(resource), self.lift(identity, number, handle)));
        }
        let mut instance = ComponentInstanceSection::new();
        instance.export_items(
            exports
                .iter()
                .map(|(name, function)| (name.as_str(), ComponentExportKind::Func, *function)),
        );
        self.component.section(&instance);
        let mut export = ComponentExportSection::new();
        export.export(
            INSTANCE,
            ComponentExportKind::Instance,
            self.count.instances,
            None,
        );
        self.component.section(&export);
        self.component.finish()
    }

    /// A core module whose only function gives back its argument, instantiated.
    fn identity(&mut self) -> u32 {
        let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
        let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
        types.ty().function([ValType::I32], [ValType::I32]);
        functions.function(0);
        exports.export(IDENTITY, ExportKind::Func, 0);
        let mut body = Function::new([]);
        body.instructions().local_get(0).end();
        code.function(&body);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&exports)
            .section(&code);
        self.component.section(&ModuleSection(&module));
        let mut instances = InstanceSection::new();
        instances.instantiate(
            self.count.core_modules,
            std::iter::empty::<(&str, ModuleArg)>(),
        );
        self.component.section(&instances);
        let mut alias = ComponentAliasSection::new();
        alias.alias(Alias::CoreInstanceExport {
            instance: self.count.core_instances,
            kind: ExportKind::Func,
            name: IDENTITY,
        });
        self.component.section(&alias);
        self.count.core_functions
    }

    fn alias_type(&mut self, instance: u32, name: &str) -> u32 {
        let mut alias = ComponentAliasSection::new();
        alias.alias(Alias::InstanceExport {
            instance,
            kind: ComponentExportKind::Type,
            name,
        });
        self.component.section(&alias);
        self.count.types += 1;
        self.count.types - 1
    }

    fn ty(&mut self, define: impl FnOnce(&mut ComponentTypeSection)) -> u32 {
        let mut types = ComponentTypeSection::new();
        define(&mut types);
        self.component.section(&types);
        self.count.types += 1;
        self.count.types - 1
    }

    fn lift(&mut self, core: u32, parameter: ComponentValType, result: ComponentValType) -> u32 {
        let ty = self.ty(|types| {
            types
                .function()
                .params([("from", parameter)])
                .result(Some(result));
        });
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(core, ty, []);
        self.component.section(&lifts);
        self.count.functions += 1;
        self.count.functions - 1
    }
}
