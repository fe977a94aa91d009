//! What of a core module's state can be reached from outside, and the exports that make it so.

use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{ExternalKind, GlobalType, Parser, Payload, TypeRef, ValType};

use super::read::Unfit;

/// A core module, ready to be looked into.
pub(super) struct Opened {
    /// With the exports below added to its own.
    pub(super) module: Vec<u8>,
    pub(super) state: OwnState,
}

/// What a core module keeps between two calls.
#[derive(Default)]
pub(super) struct OwnState {
    /// The memories that it defines, by index.
    pub(super) memories: Vec<u32>,
    /// The mutable globals that it defines, by index.
    pub(super) globals: Vec<(u32, GlobalType)>,
}

/// The name under which a module exports its memory.
pub(super) fn memory_name(index: u32) -> String {
    format!("hostel:memory:{index}")
}

/// The name under which a module exports one of its globals.
pub(super) fn global_name(index: u32) -> String {
    format!("hostel:global:{index}")
}

/// Reads a module and exports what it keeps. `place` names it in errors.
///
/// # Errors
/// A module without any exports that keeps state: the snapshot reads a module through them and would silently lose what it remembers.
pub(super) fn open(module: &[u8], place: u32) -> Result<Opened, Unfit> {
    let OwnState {
        mut memories,
        mut globals,
    } = OwnState::default();
    let (mut memory_count, mut global_count) = (0, 0);
    let mut has_exports = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Memory(_) => memory_count += 1,
                        TypeRef::Global(_) => global_count += 1,
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(section) => {
                memories.extend(memory_count..memory_count + section.count());
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let ty = global?.ty;
                    if ty.mutable {
                        globals.push((global_count, ty));
                    }
                    global_count += 1;
                }
            }
            Payload::ExportSection(_) => has_exports = true,
            _ => {}
        }
    }
    let keeps_state = !memories.is_empty() || !globals.is_empty();
    if keeps_state && !has_exports {
        return Err(Unfit::Shape(format!(
            "core module {place} keeps state and exports nothing"
        )));
    }
    Ok(Opened {
        module: with_exports(module, &memories, &globals)?,
        state: OwnState { memories, globals },
    })
}

fn with_exports(
    module: &[u8],
    memories: &[u32],
    globals: &[(u32, GlobalType)],
) -> Result<Vec<u8>, Unfit> {
    let mut copy = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        if let Payload::ExportSection(exports) = &payload {
            let mut all = ExportSection::new();
            for export in exports.clone() {
                let export = export?;
                all.export(export.name, kind(export.kind)?, export.index);
            }
            for index in memories {
                all.export(&memory_name(*index), ExportKind::Memory, *index);
            }
            for (index, _) in globals {
                all.export(&global_name(*index), ExportKind::Global, *index);
            }
            copy.section(&all);
            continue;
        }
        let data = module.get(range).unwrap_or_default();
        copy.section(&RawSection { id, data });
    }
    Ok(copy.finish())
}

fn kind(kind: ExternalKind) -> Result<ExportKind, Unfit> {
    Ok(match kind {
        ExternalKind::Func => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
        ExternalKind::FuncExact => {
            return Err(Unfit::Shape(
                "it exports a function by its exact type".to_owned(),
            ));
        }
    })
}

/// A mutable global's type, if its value has at most eight bytes.
pub(super) fn number(ty: &GlobalType) -> Option<wasm_encoder::ValType> {
    match ty.content_type {
        ValType::I32 => Some(wasm_encoder::ValType::I32),
        ValType::I64 => Some(wasm_encoder::ValType::I64),
        ValType::F32 => Some(wasm_encoder::ValType::F32),
        ValType::F64 => Some(wasm_encoder::ValType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}
