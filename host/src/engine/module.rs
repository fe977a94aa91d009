//! A compiled component, linked once: its functions planned, its hooks found. Instances are made from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, ResourceType};

use crate::capability::Capabilities;
use crate::capability::budget::MemoryBudget;
use crate::tool::ExportName;

use super::accessors::Accessors;
use super::function::{Function, Types};
use super::image::{ADDED_INSTANCES, Restoration};
use super::instance::Pristine;
use super::slots::Slots;
use super::{Compiled, Engine};

/// The contract's package; a host built for 0.1.x finds the hooks of every 0.1.y guest.
const CONTRACT: &str = "hostel:backend";
const CONTRACT_VERSION: &str = "0.1.0";
/// The exported resource that makes a backend stateful.
pub(crate) const SESSION_CONSTRUCTOR: &str = "[constructor]session";
const SESSION: &str = "session";

const TOOLCHAIN_INIT_PARAMS: [&str; 4] = ["shim", "script", "entry-path", "disable-gc"];

pub(crate) struct Module {
    pub(super) pre: InstancePre<Capabilities>,
    pub(super) functions: Vec<Export>,
    pub(super) hooks: Hooks,
    /// Of a warmed component: what its instances begin with.
    pub(super) restoration: Option<Restoration>,
    pub(super) accessors: Accessors,
    /// Which of the guest's own resources is `session`, among those that the accessors know.
    pub(super) session_resource: Option<usize>,
    /// Made when a snapshot first needs it.
    pub(super) pristine: OnceLock<Mutex<Pristine>>,
    pub(super) slots: Arc<Slots>,
    /// Of all guests together.
    pub(super) memory: Arc<MemoryBudget>,
    by_name: HashMap<ExportName, usize>,
}

/// A function that can be called.
pub(super) struct Export {
    pub(super) function: Function,
    pub(super) index: ComponentExportIndex,
}

/// The lifecycle exports that are there.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(super) warmup: Option<ComponentExportIndex>,
    pub(super) initialize: Option<ComponentExportIndex>,
    pub(super) cleanup: Option<ComponentExportIndex>,
    pub(super) shutdown: Option<ComponentExportIndex>,
    /// The constructor of the `session` resource, by its place in `functions`.
    pub(super) constructor: Option<usize>,
}

impl Hooks {
    pub(crate) fn has_warmup(&self) -> bool {
        self.warmup.is_some()
    }

    pub(crate) fn has_shutdown(&self) -> bool {
        self.shutdown.is_some()
    }
}

/// An exported function.
pub(crate) struct Exported {
    pub(crate) name: ExportName,
    /// Why it cannot be called, if it cannot.
    pub(crate) unsupported: Option<String>,
    /// Takes or gives handles of resources, which live in a session.
    pub(crate) uses_handles: bool,
    /// Has the signature of the function with which QuickJS components start themselves.
    pub(crate) is_toolchain_init: bool,
}

impl Compiled {
    /// The names of the interfaces that the component imports.
    pub(crate) fn imports(&self) -> Vec<String> {
        self.0
            .component_type()
            .imports(self.0.engine())
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// What the component exports, in its own order.
    pub(crate) fn exports(&self) -> Vec<Exported> {
        let mut found = Vec::new();
        walk(&self.0, |name, ty, planned, _| {
            let names: Vec<&str> = ty.params().map(|(name, _)| name).collect();
            found.push(Exported {
                is_toolchain_init: names == TOOLCHAIN_INIT_PARAMS,
                uses_handles: ty
                    .params()
                    .map(|(_, ty)| ty)
                    .chain(ty.results())
                    .any(|ty| holds_handle(&ty)),
                name,
                unsupported: planned.err(),
            });
        });
        found
    }

    /// Checks that the host offers everything that the component imports.
    ///
    /// # Errors
    /// The first thing that is missing, as the linker names it.
    pub(crate) fn check_imports(&self, engine: &Engine) -> Result<(), String> {
        engine
            .linker(self)?
            .instantiate_pre(&self.0)
            .map(drop)
            .map_err(|error| format!("{error:#}"))
    }
}

impl Module {
    /// Links the component and plans its functions. A warmed component comes with what its instances begin with.
    ///
    /// # Errors
    /// An import that the host lacks, as text.
    pub(crate) fn link(
        engine: &Engine,
        compiled: &Compiled,
        restoration: Option<Restoration>,
    ) -> Result<Self, String> {
        let component = &compiled.0;
        let pre = engine
            .linker(compiled)?
            .instantiate_pre(component)
            .map_err(|error| format!("{error:#}"))?;
        let (mut functions, mut by_name) = (Vec::new(), HashMap::new());
        walk(component, |name, _, planned, index| {
            if let Ok(function) = planned {
                by_name.insert(name, functions.len());
                functions.push(Export { function, index });
            }
        });
        let constructor = by_name
            .iter()
            .find(|(name, _)| name.function == SESSION_CONSTRUCTOR)
            .map(|(_, place)| *place);
        let accessors = Accessors::of(component);
        let hooks = Hooks {
            warmup: hook(component, "warmup", "warmup"),
            initialize: hook(component, "session", "initialize"),
            cleanup: hook(component, "session", "cleanup"),
            shutdown: hook(component, "shutdown", "shutdown"),
            constructor,
        };
        Ok(Self {
            pre,
            functions,
            hooks,
            restoration,
            session_resource: session_resource(component)
                .and_then(|session| accessors.own_resource(&session)),
            accessors,
            pristine: OnceLock::new(),
            slots: engine.slots.clone(),
            memory: engine.memory.clone(),
            by_name,
        })
    }

    /// Names what instances begin with: a hash of the warm image, or `plain`. Snapshots are the difference to it.
    pub(crate) fn image(&self) -> &str {
        self.restoration.as_ref().map_or("plain", |image| &image.id)
    }

    /// True when `warmup` has run already in every instance.
    pub(crate) fn is_warmed(&self) -> bool {
        self.restoration.is_some()
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The place of a function among the module's own.
    pub(crate) fn place(&self, name: &ExportName) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

fn hook(component: &Component, interface: &str, function: &str) -> Option<ComponentExportIndex> {
    let interface = component.get_export_index(
        None,
        format!("{CONTRACT}/{interface}@{CONTRACT_VERSION}").as_str(),
    )?;
    component.get_export_index(Some(&interface), function)
}

/// The type of the resource that [`SESSION_CONSTRUCTOR`] makes.
fn session_resource(component: &Component) -> Option<ResourceType> {
    let engine = component.engine();
    let ty = component.component_type();
    ty.exports(engine).find_map(|(_, item)| match item.ty {
        ComponentItem::ComponentInstance(interface) => {
            interface.get_export(engine, SESSION_CONSTRUCTOR)?;
            match interface.get_export(engine, SESSION)?.ty {
                ComponentItem::Resource(ty) => Some(ty),
                _ => None,
            }
        }
        _ => None,
    })
}

/// The runtime bounds the size of a type written out as a tree, so this ends.
fn holds_handle(ty: &Type) -> bool {
    match ty {
        Type::Own(_) | Type::Borrow(_) => true,
        Type::List(list) => holds_handle(&list.ty()),
        Type::FixedLengthList(list) => holds_handle(&list.ty()),
        Type::Map(map) => holds_handle(&map.value()),
        Type::Option(option) => holds_handle(&option.ty()),
        Type::Record(record) => record.fields().any(|field| holds_handle(&field.ty)),
        Type::Tuple(tuple) => tuple.types().any(|ty| holds_handle(&ty)),
        Type::Variant(variant) => variant
            .cases()
            .any(|case| case.ty.is_some_and(|ty| holds_handle(&ty))),
        Type::Result(result) => result
            .ok()
            .into_iter()
            .chain(result.err())
            .any(|ty| holds_handle(&ty)),
        _ => false,
    }
}

/// Visits every function that the component exports, at its root and one level down.
fn walk(
    component: &Component,
    mut visit: impl FnMut(ExportName, &ComponentFunc, Result<Function, String>, ComponentExportIndex),
) {
    let engine = component.engine();
    let mut types = Types::of(component, engine);
    let mut plan =
        |ty: &ComponentFunc| Function::plan(ty, &mut types).map_err(|reason| reason.to_string());
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => {
                if let Some(index) = component.get_export_index(None, name) {
                    visit(
                        ExportName {
                            interface: None,
                            function: name.to_owned(),
                        },
                        &ty,
                        plan(&ty),
                        index,
                    );
                }
            }
            ComponentItem::ComponentInstance(interface) => {
                let Some(outer) = component
                    .get_export_index(None, name)
                    .filter(|_| !ADDED_INSTANCES.contains(&name))
                else {
                    continue;
                };
                for (function, item) in interface.exports(engine) {
                    if let (ComponentItem::ComponentFunc(ty), Some(index)) =
                        (item.ty, component.get_export_index(Some(&outer), function))
                    {
                        visit(
                            ExportName {
                                interface: Some(name.to_owned()),
                                function: function.to_owned(),
                            },
                            &ty,
                            plan(&ty),
                            index,
                        );
                    }
                }
            }
            ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::Type(_)
            | ComponentItem::Resource(_) => {}
        }
    }
}
