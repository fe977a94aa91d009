//! Copies a component and learns what the addition must know: its index spaces, where its state lies, which resources it has.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use wasm_encoder::{Component, ComponentSectionId, RawSection};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ResourceId};
use wasmparser::types::TypesRef;
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, ExternalKind, InstanceTypeDeclaration, Parser, Payload,
    TypeBounds, Validator, WasmFeatures,
};

use super::CARRIED;
use super::module::{self, OwnState};

/// How many items each index space of the component has.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) core_modules: u32,
    pub(super) core_instances: u32,
    pub(super) core_functions: u32,
    pub(super) core_memories: u32,
    pub(super) instances: u32,
    pub(super) functions: u32,
    pub(super) types: u32,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) copy: Component,
    pub(super) count: Count,
    /// Names of the resources that an instance type defines, by index of the type.
    defined: BTreeMap<u32, Vec<String>>,
    /// The imported instance of each carried resource, by place in [`CARRIED`].
    pub(super) carried: BTreeMap<usize, u32>,
    imported: Vec<u32>,
    exported: Vec<u32>,
    /// What each core module keeps.
    modules: Vec<OwnState>,
    /// The core instance of each core module.
    instances: BTreeMap<u32, u32>,
}

/// Where a component without others in it keeps what it remembers.
pub(super) struct Keeps {
    /// The core instance that defines the memory, and the name of the memory there.
    pub(super) memory: (u32, String),
    /// Each mutable global: its core instance, its name there, its type.
    pub(super) globals: Vec<(u32, String, wasm_encoder::ValType)>,
}

/// A resource that the component defines and exports.
pub(super) struct Own {
    /// The exported instance that names it.
    pub(super) instance: u32,
    pub(super) name: String,
}

pub(super) enum Unfit {
    Unread(wasmparser::BinaryReaderError),
    Shape(String),
}

impl From<wasmparser::BinaryReaderError> for Unfit {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unread(error)
    }
}

impl Reader {
    pub(super) fn read(&mut self, component: &[u8]) -> Result<(), Unfit> {
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
                    let opened =
                        module::open(bytes(component, unchecked_range), self.count.core_modules)?;
                    self.copy(ComponentSectionId::CoreModule as u8, &opened.module);
                    self.modules.push(opened.state);
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

    /// Where the component's state lies.
    ///
    /// # Errors
    /// Why it cannot all be reached, in words.
    pub(super) fn keeps(&self) -> Result<Keeps, String> {
        let (mut memories, mut globals) = (Vec::new(), Vec::new());
        for (module, state) in (0..).zip(&self.modules) {
            let Some(instance) = self.instances.get(&module) else {
                continue;
            };
            let named = state
                .memories
                .iter()
                .map(|memory| module::memory_name(*memory));
            memories.extend(named.map(|name| (*instance, name)));
            for (global, ty) in &state.globals {
                let Some(number) = module::number(ty) else {
                    return Err("it has a mutable global that is no number".to_owned());
                };
                globals.push((*instance, module::global_name(*global), number));
            }
        }
        let count = memories.len();
        let [memory] = <[_; 1]>::try_from(memories)
            .map_err(|_| format!("it has {count} memories, and snapshots are of one"))?;
        Ok(Keeps { memory, globals })
    }

    /// The resources that the component defines and exports, in the order of its exports.
    ///
    /// # Errors
    /// The component is not valid.
    pub(super) fn own_resources(&self, component: &[u8]) -> Result<Vec<Own>, Unfit> {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let types = validator.validate_all(component)?;
        let types = types.as_ref();
        let foreign: HashSet<ResourceId> = self
            .imported
            .iter()
            .flat_map(|instance| resources_of(&types, *instance))
            .map(|(_, id)| id)
            .collect();
        let mut seen = HashSet::new();
        let own = self.exported.iter().flat_map(|instance| {
            resources_of(&types, *instance).map(|(name, id)| (*instance, name, id))
        });
        let own = own.filter(|(_, _, id)| !foreign.contains(id) && seen.insert(*id));
        let own = own.map(|(instance, name, _)| Own {
            instance,
            name: name.to_owned(),
        });
        Ok(own.collect())
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
                    let kind = export?.kind;
                    if kind == ComponentExternalKind::Instance {
                        self.exported.push(count.instances);
                    }
                    count.item(kind);
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
                    self.import(&import?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::ComponentImport<'_>) -> Result<(), Unfit> {
        if let ComponentTypeRef::Instance(ty) = import.ty {
            self.imported.push(self.count.instances);
            let defined = self.defined.get(&ty).map_or(&[][..], Vec::as_slice);
            let interface = import.name.name.split('@').next().unwrap_or_default();
            for (place, _) in CARRIED.iter().enumerate().filter(|(_, carried)| {
                carried.interface == interface && defined.iter().any(|own| own == carried.name)
            }) {
                match self.carried.entry(place) {
                    Entry::Vacant(free) => free.insert(self.count.instances),
                    Entry::Occupied(_) => {
                        return Err(Unfit::Shape(format!(
                            "it imports {interface} in two versions"
                        )));
                    }
                };
            }
        }
        self.count.item(import.ty.kind());
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
            ComponentAlias::CoreInstanceExport { kind, .. } => match kind {
                ExternalKind::Func | ExternalKind::FuncExact => self.core_functions += 1,
                ExternalKind::Memory => self.core_memories += 1,
                ExternalKind::Table | ExternalKind::Global | ExternalKind::Tag => {}
            },
            ComponentAlias::InstanceExport { kind, .. } => self.item(*kind),
            ComponentAlias::Outer { kind, .. } => match kind {
                ComponentOuterAliasKind::Type => self.types += 1,
                ComponentOuterAliasKind::CoreModule => self.core_modules += 1,
                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Component => {}
            },
        }
    }
}

fn resources_of<'t>(
    types: &'t TypesRef<'_>,
    instance: u32,
) -> impl Iterator<Item = (&'t str, ResourceId)> {
    let exports = &types[types.component_instance_at(instance)].exports;
    exports.iter().filter_map(|(name, item)| match item.ty {
        ComponentEntityType::Type {
            referenced: ComponentAnyTypeId::Resource(id),
            ..
        } => Some((name.as_str(), id.resource())),
        _ => None,
    })
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
