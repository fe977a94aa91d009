//! Adds one exported instance to a component: functions through which the host reads and writes the guest's state, and moves handles into
//! and out of the guest's own table. Warm images and snapshots of sessions are taken and applied through them.
//!
//! The code of the guest is copied as it is, and calls cost what they did. What is added:
//!
//! | function | what it does |
//! | --- | --- |
//! | `memory-size: func() -> u32` | pages of 64 KiB |
//! | `memory-grow: func(pages: u32) -> s32` | the size before, or -1 |
//! | `memory-view: func(at: u32, length: u32) -> list<u8>` | the bytes there, not copied |
//! | `memory-aim: func(at: u32)`, `memory-write: func(bytes: list<u8>)` | the bytes go where was aimed |
//! | `globals-size: func() -> u32` | bytes that all mutable globals take, eight each |
//! | `globals-dump: func(at: u32)`, `globals-load: func(at: u32)` | all of them into the memory, and back |
//! | `deal: func(at: u32, k0: u64, k1: u64)` | a pair of numbers into the memory: the seed of hash maps |
//! | `put-R: func(from: own<R>) -> u32`, `take-R: func(from: u32) -> own<R>` | a host's resource into the guest's table, and out of it |
//! | `rep-N: func(of: borrow<R>) -> u32`, `adopt-N: func(rep: u32) -> own<R>` | the number behind a resource of the guest's own, and back |
//!
//! `memory-`, `globals-` and `deal` are there if the component has just one memory. For `put` and `take` one core function suffices, the identity of `i32`: lifted
//! with a handle as parameter or result it moves an entry of the table, for the canonical ABI does the rest.

use std::collections::HashMap;

use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, ResourceType};

mod module;
mod read;
mod write;

use read::{Reader, Unfit};

/// The instance that is added.
pub(super) const INSTANCE: &str = "hostel:image/accessors";

pub(super) const MEMORY_SIZE: &str = "memory-size";
pub(super) const MEMORY_GROW: &str = "memory-grow";
pub(super) const MEMORY_VIEW: &str = "memory-view";
pub(super) const MEMORY_AIM: &str = "memory-aim";
pub(super) const MEMORY_WRITE: &str = "memory-write";
pub(super) const GLOBALS_SIZE: &str = "globals-size";
pub(super) const GLOBALS_DUMP: &str = "globals-dump";
pub(super) const GLOBALS_LOAD: &str = "globals-load";
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

/// The function that answers with the number behind a resource of the guest's own.
pub(super) fn rep_name(number: usize) -> String {
    format!("rep-{number}")
}

/// The function that makes a handle of such a number.
pub(super) fn adopt_name(number: usize) -> String {
    format!("adopt-{number}")
}

/// A component with the added instance.
pub(super) struct Fitted {
    pub(super) component: Vec<u8>,
    /// Why its state cannot be read from outside, in words.
    pub(super) closed: Option<String>,
}

/// Adds the functions.
///
/// # Errors
/// A shape of component of which there can be neither image nor snapshot, in words.
pub(super) fn add(component: &[u8]) -> Result<Fitted, String> {
    let in_words = |error| match error {
        Unfit::Unread(error) => error.to_string(),
        Unfit::Shape(reason) => reason,
    };
    let mut reader = Reader::default();
    reader.read(component).map_err(in_words)?;
    let own = reader.own_resources(component).map_err(in_words)?;
    let (keeps, closed) = match reader.keeps() {
        Ok(keeps) => (Some(keeps), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(Fitted {
        component: write::write(reader, keeps.as_ref(), &own),
        closed,
    })
}

/// The added functions of one component.
#[derive(Default)]
pub(super) struct Accessors {
    functions: HashMap<String, ComponentExportIndex>,
    /// The guest's own resources, in the component's order.
    own: Vec<ResourceType>,
}

impl Accessors {
    pub(super) fn of(component: &Component) -> Self {
        let engine = component.engine();
        let Some(added) = component.get_export_index(None, INSTANCE) else {
            return Self::default();
        };
        let ty = component.component_type();
        let Some(ComponentItem::ComponentInstance(ty)) =
            ty.get_export(engine, INSTANCE).map(|export| export.ty)
        else {
            return Self::default();
        };
        let functions = ty.exports(engine).filter_map(|(name, _)| {
            Some((
                name.to_owned(),
                component.get_export_index(Some(&added), name)?,
            ))
        });
        let own = (0..).map_while(|number| {
            let adopt = ty.get_export(engine, &adopt_name(number))?.ty;
            match adopt {
                ComponentItem::ComponentFunc(adopt) => match adopt.results().next()? {
                    Type::Own(resource) => Some(resource),
                    _ => None,
                },
                _ => None,
            }
        });
        Self {
            functions: functions.collect(),
            own: own.collect(),
        }
    }

    /// True when the guest's memory and globals can be read and written.
    pub(super) fn reach_state(&self) -> bool {
        self.functions.contains_key(MEMORY_VIEW)
    }

    /// Which of the guest's own resources this is.
    pub(super) fn own_resource(&self, ty: &ResourceType) -> Option<usize> {
        self.own.iter().position(|own| own == ty)
    }

    /// # Errors
    /// There is no such resource.
    pub(super) fn own_type(&self, number: usize) -> wasmtime::Result<ResourceType> {
        let own = self.own.get(number).copied();
        own.ok_or_else(|| wasmtime::format_err!("the guest has no resource {number} of its own"))
    }

    /// # Errors
    /// The component was fitted without it.
    pub(super) fn get(&self, name: &str) -> wasmtime::Result<&ComponentExportIndex> {
        let found = self.functions.get(name);
        found.ok_or_else(|| wasmtime::format_err!("the guest has no {name} of {INSTANCE}"))
    }
}
