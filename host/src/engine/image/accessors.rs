//! Adds one exported instance to a component: functions that put a host's resource into the guest's own table of handles and take it
//! out again. A guest that printed during `warmup` knows its standard output as handle 1; a copy of that guest needs one there too.
//!
//! The code of the guest is copied as it is. What is added is one core function, the identity of `i32`: lifted with a handle as
//! parameter or as result it moves an entry of the table, for the canonical ABI does the rest. A second one stores a pair of numbers in the
//! guest's memory: the seed of its hash maps (`seed.rs`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentInstanceSection, ComponentSectionId,
    ComponentTypeSection, ComponentValType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstanceSection, MemArg, MemoryType, Module, ModuleArg, ModuleSection,
    PrimitiveValType, RawSection, TypeSection, ValType,
};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, ExternalKind, InstanceTypeDeclaration, Parser, Payload,
    TypeBounds, TypeRef,
};
use wasmtime::component::ComponentExportIndex;

/// The instance that is added.
pub(in crate::engine) const INSTANCE: &str = "hostel:image/accessors";
const IDENTITY: &str = "identity";
/// `deal: func(at: u32, k0: u64, k1: u64)`; there if the component has just one memory.
pub(super) const DEAL: &str = "deal";

/// A resource of which a copy can be given its own.
pub(super) struct Carried {
    interface: &'static str,
    name: &'static str,
    /// `func(from: own<name>) -> u32`: into the guest's table.
    pub(super) put: &'static str,
    /// `func(from: u32) -> own<name>`: out of it.
    pub(super) take: &'static str,
}

pub(super) const INPUT_STREAM: Carried = Carried {
    interface: "wasi:io/streams",
    name: "input-stream",
    put: "put-input-stream",
    take: "take-input-stream",
};
pub(super) const OUTPUT_STREAM: Carried = Carried {
    interface: "wasi:io/streams",
    name: "output-stream",
    put: "put-output-stream",
    take: "take-output-stream",
};
pub(super) const POLLABLE: Carried = Carried {
    interface: "wasi:io/poll",
    name: "pollable",
    put: "put-pollable",
    take: "take-pollable",
};
pub(super) const DESCRIPTOR: Carried = Carried {
    interface: "wasi:filesystem/types",
    name: "descriptor",
    put: "put-descriptor",
    take: "take-descriptor",
};
const CARRIED: [&Carried; 4] = [&INPUT_STREAM, &OUTPUT_STREAM, &POLLABLE, &DESCRIPTOR];

/// The added functions of one component, by name.
#[derive(Default)]
pub(in crate::engine) struct Accessors(HashMap<&'static str, ComponentExportIndex>);

impl Accessors {
    pub(in crate::engine) fn of(component: &wasmtime::component::Component) -> Self {
        let Some(instance) = component.get_export_index(None, INSTANCE) else {
            return Self::default();
        };
        let names = CARRIED
            .into_iter()
            .flat_map(|carried| [carried.put, carried.take])
            .chain([DEAL]);
        let there = names
            .filter_map(|name| Some((name, component.get_export_index(Some(&instance), name)?)));
        Self(there.collect())
    }

    /// # Errors
    /// The component was fitted without it.
    pub(super) fn get(&self, name: &str) -> wasmtime::Result<&ComponentExportIndex> {
        let found = self.0.get(name);
        found.ok_or_else(|| wasmtime::format_err!("the guest has no {name} of {INSTANCE}"))
    }
}

/// The component with the functions for each of the carried resources that it imports, and for its memory; as it was if it has neither.
///
/// # Errors
/// A shape of component that no image can be taken of, in words.
pub(super) fn add(component: &[u8]) -> Result<Vec<u8>, String> {
    let mut reader = Reader::default();
    reader.read(component).map_err(|error| match error {
        Unfit::Unread(error) => error.to_string(),
        Unfit::Shape(reason) => reason,
    })?;
    let memory = reader.only_memory();
    if reader.resources.is_empty() && memory.is_none() {
        return Ok(component.to_vec());
    }
    Ok(Writer::new(reader.copy, reader.count).write(&reader.resources, memory.as_ref()))
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
    /// The imported instance of each carried resource, by place in [`CARRIED`].
    resources: BTreeMap<usize, u32>,
    /// The name of each memory that a core module defines and exports, with the module's index.
    memories: Vec<(u32, String)>,
    /// The core instance of each core module.
    instances: BTreeMap<u32, u32>,
}

/// A core instance and the name of its memory.
type Memory = (u32, String);

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
                    let memory = exported_memory(module, self.count.core_modules)?;
                    self.memories
                        .extend(memory.map(|name| (self.count.core_modules, name)));
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

    /// The memory of the component, if there is just one.
    fn only_memory(&self) -> Option<Memory> {
        let [(module, name)] = self.memories.as_slice() else {
            return None;
        };
        Some((*self.instances.get(module)?, name.clone()))
    }

    fn copy(&mut self, id: u8, data: &[u8]) {
        self.copy.section(&RawSection { id, data });
    }

    fn tally(&mut self, payload: &Payload<'_>) -> Result<(), Unfit> {
        let count = &mut self.count;
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let wasmparser::Instance::Instantiate { module_index, .. } = instance? {
                        self.instances.insert(module_index, count.core_instances);
                    }
                    count.core_instances += 1;
                }
            }
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
                        for (place, _) in CARRIED.iter().enumerate().filter(|(_, carried)| {
                            carried.interface == interface
                                && defined.iter().any(|own| own == carried.name)
                        }) {
                            match self.resources.entry(place) {
                                Entry::Vacant(free) => free.insert(count.instances),
                                Entry::Occupied(_) => {
                                    return Err(Unfit::Shape(format!(
                                        "it imports {interface} in two versions"
                                    )));
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

/// The name of the module's memory, if it defines and exports one. The snapshot reads a module's state through its exports as well; a
/// module without any would silently lose what it remembers.
fn exported_memory(module: &[u8], index: u32) -> Result<Option<String>, Unfit> {
    let (mut keeps_state, mut has_exports, mut imports_memory) = (false, false, false);
    let mut memory = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imports_memory |= matches!(import?.ty, TypeRef::Memory(_));
                }
            }
            Payload::MemorySection(memories) => keeps_state |= memories.count() > 0,
            Payload::GlobalSection(globals) => {
                for global in globals {
                    keeps_state |= global?.ty.mutable;
                }
            }
            Payload::ExportSection(exports) => {
                has_exports = true;
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Memory {
                        memory = Some(export.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    if keeps_state && !has_exports {
        return Err(Unfit::Shape(format!(
            "core module {index} keeps state and exports nothing"
        )));
    }
    Ok(memory.filter(|_| !imports_memory))
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

    fn write(mut self, resources: &BTreeMap<usize, u32>, memory: Option<&Memory>) -> Vec<u8> {
        let core = self.count.core_instances;
        self.core_module(memory);
        let identity = self.core_function(core, IDENTITY);
        let mut exports = Vec::new();
        if memory.is_some() {
            let deal = self.core_function(core, DEAL);
            let number = |ty| ComponentValType::Primitive(ty);
            let ty = self.ty(|types| {
                let at = ("at", number(PrimitiveValType::U32));
                let k0 = ("k0", number(PrimitiveValType::U64));
                let k1 = ("k1", number(PrimitiveValType::U64));
                types.function().params([at, k0, k1]).result(None);
            });
            exports.push((DEAL, self.lift(deal, ty)));
        }
        for (place, instance) in resources {
            let Some(carried) = CARRIED.get(*place) else {
                continue;
            };
            let ty = self.alias_type(*instance, carried.name);
            let own = self.ty(|types| types.defined_type().own(ty));
            let (handle, number) = (
                ComponentValType::Type(own),
                ComponentValType::Primitive(PrimitiveValType::U32),
            );
            let into = self.mover(handle, number);
            exports.push((carried.put, self.lift(identity, into)));
            let out = self.mover(number, handle);
            exports.push((carried.take, self.lift(identity, out)));
        }
        let mut instance = ComponentInstanceSection::new();
        instance.export_items(
            exports
                .iter()
                .map(|(name, function)| (*name, ComponentExportKind::Func, *function)),
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

    /// The added core module, instantiated with the guest's memory.
    fn core_module(&mut self, memory: Option<&Memory>) {
        const GUEST: &str = "guest";
        let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
        let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
        types.ty().function([ValType::I32], [ValType::I32]);
        functions.function(0);
        exports.export(IDENTITY, ExportKind::Func, 0);
        let mut identity = Function::new([]);
        identity.instructions().local_get(0).end();
        code.function(&identity);
        let mut imports = ImportSection::new();
        if let Some((_, name)) = memory {
            let any = MemoryType {
                minimum: 0,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            };
            imports.import(GUEST, name, any);
            types
                .ty()
                .function([ValType::I32, ValType::I64, ValType::I64], []);
            functions.function(1);
            exports.export(DEAL, ExportKind::Func, 1);
            let at = |offset| MemArg {
                align: 3,
                offset,
                memory_index: 0,
            };
            let mut deal = Function::new([]);
            deal.instructions()
                .local_get(0)
                .local_get(1)
                .i64_store(at(0))
                .local_get(0)
                .local_get(2)
                .i64_store(at(8))
                .end();
            code.function(&deal);
        }
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&exports)
            .section(&code);
        self.component.section(&ModuleSection(&module));
        let guest = memory.map(|(instance, _)| (GUEST, ModuleArg::Instance(*instance)));
        let mut instances = InstanceSection::new();
        instances.instantiate(self.count.core_modules, guest);
        self.component.section(&instances);
    }

    fn core_function(&mut self, instance: u32, name: &str) -> u32 {
        let mut alias = ComponentAliasSection::new();
        alias.alias(Alias::CoreInstanceExport {
            instance,
            kind: ExportKind::Func,
            name,
        });
        self.component.section(&alias);
        self.count.core_functions += 1;
        self.count.core_functions - 1
    }

    /// The type of a function that turns a handle into its number or back.
    fn mover(&mut self, from: ComponentValType, to: ComponentValType) -> u32 {
        self.ty(|types| {
            types.function().params([("from", from)]).result(Some(to));
        })
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

    fn lift(&mut self, core: u32, ty: u32) -> u32 {
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(core, ty, []);
        self.component.section(&lifts);
        self.count.functions += 1;
        self.count.functions - 1
    }
}
