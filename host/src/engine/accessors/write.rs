//! Appends the addition to a copied component: one core module, instantiated with the guest's state, and its functions lifted.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, Component,
    ComponentAliasSection, ComponentExportKind, ComponentExportSection, ComponentInstanceSection,
    ComponentTypeEncoder, ComponentTypeSection, ComponentValType, ConstExpr, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    InstanceSection, InstructionSink, MemArg, MemoryType, Module, ModuleArg, ModuleSection,
    PrimitiveValType, TypeSection, ValType,
};

use super::read::{Count, Keeps, Own, Reader};
use super::{
    CARRIED, DEAL, GLOBALS_DUMP, GLOBALS_LOAD, GLOBALS_SIZE, INSTANCE, MEMORY_AIM, MEMORY_GROW,
    MEMORY_SIZE, MEMORY_VIEW, MEMORY_WRITE, adopt_name, rep_name,
};

const IDENTITY: &str = "identity";
/// Gives back what `memory-view` borrowed.
const VIEWED: &str = "viewed";
const REALLOC: &str = "realloc";
/// `memory-view` answers with a pointer to a pointer and a length, which must lie in the guest's memory: here, where nothing lies at address
/// zero's side, until its end.
const BORROWED_AT: i32 = 8;

const U8: ComponentValType = ComponentValType::Primitive(PrimitiveValType::U8);
const U32: ComponentValType = ComponentValType::Primitive(PrimitiveValType::U32);
const S32: ComponentValType = ComponentValType::Primitive(PrimitiveValType::S32);
const U64: ComponentValType = ComponentValType::Primitive(PrimitiveValType::U64);

/// Appends sections and keeps count of what they add.
pub(super) struct Writer {
    component: Component,
    count: Count,
    /// The core instance of the added module.
    core: u32,
    exports: Vec<(String, u32)>,
}

/// The parameters of a function, by name.
type Params<'a> = &'a [(&'a str, ComponentValType)];

/// The component with the addition.
pub(super) fn write(reader: Reader, keeps: Option<&Keeps>, own: &[Own]) -> Vec<u8> {
    let mut writer = Writer {
        component: reader.copy,
        count: reader.count,
        core: 0,
        exports: Vec::new(),
    };
    writer.core_module(keeps);
    if let Some(keeps) = keeps {
        writer.state(keeps);
    }
    let identity = writer.core_function(IDENTITY);
    for (place, instance) in &reader.carried {
        if let Some(carried) = CARRIED.get(*place) {
            let ty = writer.alias_type(*instance, carried.name);
            let handle = writer.define(|ty_of| ty_of.own(ty));
            writer.lift(carried.put, identity, &[("from", handle)], Some(U32), &[]);
            writer.lift(carried.take, identity, &[("from", U32)], Some(handle), &[]);
        }
    }
    for (number, own) in own.iter().enumerate() {
        let ty = writer.alias_type(own.instance, &own.name);
        let borrowed = writer.define(|ty_of| ty_of.borrow(ty));
        let rep = rep_name(number);
        writer.lift(&rep, identity, &[("of", borrowed)], Some(U32), &[]);
        let handle = writer.define(|ty_of| ty_of.own(ty));
        let new = writer.resource_new(ty);
        let adopt = adopt_name(number);
        writer.lift(&adopt, new, &[("rep", U32)], Some(handle), &[]);
    }
    writer.finish()
}

impl Writer {
    fn finish(mut self) -> Vec<u8> {
        let mut instance = ComponentInstanceSection::new();
        instance.export_items(
            self.exports
                .iter()
                .map(|(name, function)| (name.as_str(), ComponentExportKind::Func, *function)),
        );
        self.component.section(&instance);
        let mut export = ComponentExportSection::new();
        let kind = ComponentExportKind::Instance;
        export.export(INSTANCE, kind, self.count.instances, None);
        self.component.section(&export);
        self.component.finish()
    }

    /// The functions that reach the guest's memory and globals.
    fn state(&mut self, keeps: &Keeps) {
        let (instance, name) = &keeps.memory;
        let memory = CanonicalOption::Memory(self.core_memory(*instance, name));
        let bytes = self.define(|ty| ty.list(U8));
        let plain: [(&str, Params<'_>, Option<ComponentValType>); 7] = [
            (MEMORY_SIZE, &[], Some(U32)),
            (MEMORY_GROW, &[("pages", U32)], Some(S32)),
            (MEMORY_AIM, &[("at", U32)], None),
            (GLOBALS_SIZE, &[], Some(U32)),
            (GLOBALS_DUMP, &[("at", U32)], None),
            (GLOBALS_LOAD, &[("at", U32)], None),
            (DEAL, &[("at", U32), ("k0", U64), ("k1", U64)], None),
        ];
        for (name, params, result) in plain {
            let core = self.core_function(name);
            self.lift(name, core, params, result, &[]);
        }
        let (view, viewed) = (self.core_function(MEMORY_VIEW), self.core_function(VIEWED));
        let options = [memory, CanonicalOption::PostReturn(viewed)];
        let params: Params<'_> = &[("at", U32), ("length", U32)];
        self.lift(MEMORY_VIEW, view, params, Some(bytes), &options);
        let (write, realloc) = (
            self.core_function(MEMORY_WRITE),
            self.core_function(REALLOC),
        );
        let options = [memory, CanonicalOption::Realloc(realloc)];
        self.lift(MEMORY_WRITE, write, &[("bytes", bytes)], None, &options);
    }

    /// The added core module, instantiated with the guest's memory and globals.
    fn core_module(&mut self, keeps: Option<&Keeps>) {
        let mut code = Code::default();
        let (mut imports, mut own) = (ImportSection::new(), GlobalSection::new());
        let mut sources = Vec::new();
        code.function(IDENTITY, &[ValType::I32], &[ValType::I32], |code| {
            code.local_get(0);
        });
        if let Some(keeps) = keeps {
            import_state(keeps, &mut imports);
            code.state(keeps, &mut own);
            sources.push(keeps.memory.0);
            sources.extend(keeps.globals.iter().map(|(instance, ..)| *instance));
            sources.sort_unstable();
            sources.dedup();
        }
        let mut module = Module::new();
        module
            .section(&code.types)
            .section(&imports)
            .section(&code.functions)
            .section(&own)
            .section(&code.exports)
            .section(&code.bodies);
        self.component.section(&ModuleSection(&module));
        let names: Vec<(String, u32)> = sources
            .into_iter()
            .map(|instance| (source_name(instance), instance))
            .collect();
        let mut instances = InstanceSection::new();
        instances.instantiate(
            self.count.core_modules,
            names
                .iter()
                .map(|(name, instance)| (name.as_str(), ModuleArg::Instance(*instance))),
        );
        self.component.section(&instances);
        self.core = self.count.core_instances;
    }

    fn core_function(&mut self, name: &str) -> u32 {
        self.core_alias(self.core, ExportKind::Func, name);
        self.count.core_functions += 1;
        self.count.core_functions - 1
    }

    fn core_memory(&mut self, instance: u32, name: &str) -> u32 {
        self.core_alias(instance, ExportKind::Memory, name);
        self.count.core_memories += 1;
        self.count.core_memories - 1
    }

    fn core_alias(&mut self, instance: u32, kind: ExportKind, name: &str) {
        let mut alias = ComponentAliasSection::new();
        alias.alias(Alias::CoreInstanceExport {
            instance,
            kind,
            name,
        });
        self.component.section(&alias);
    }

    fn resource_new(&mut self, ty: u32) -> u32 {
        let mut functions = CanonicalFunctionSection::new();
        functions.resource_new(ty);
        self.component.section(&functions);
        self.count.core_functions += 1;
        self.count.core_functions - 1
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

    fn define(
        &mut self,
        define: impl FnOnce(wasm_encoder::ComponentDefinedTypeEncoder<'_>),
    ) -> ComponentValType {
        ComponentValType::Type(self.ty(|ty| define(ty.defined_type())))
    }

    fn ty(&mut self, define: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        let mut types = ComponentTypeSection::new();
        define(types.ty());
        self.component.section(&types);
        self.count.types += 1;
        self.count.types - 1
    }

    /// Lifts a core function and notes it for export.
    fn lift(
        &mut self,
        name: &str,
        core: u32,
        params: Params<'_>,
        result: Option<ComponentValType>,
        options: &[CanonicalOption],
    ) {
        let ty = self.ty(|ty| {
            ty.function().params(params.iter().copied()).result(result);
        });
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(core, ty, options.iter().copied());
        self.component.section(&lifts);
        self.exports.push((name.to_owned(), self.count.functions));
        self.count.functions += 1;
    }
}

fn source_name(instance: u32) -> String {
    format!("instance-{instance}")
}

fn import_state(keeps: &Keeps, imports: &mut ImportSection) {
    let any = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let (instance, name) = &keeps.memory;
    imports.import(&source_name(*instance), name, any);
    for (instance, name, val_type) in &keeps.globals {
        let ty = GlobalType {
            val_type: *val_type,
            mutable: true,
            shared: false,
        };
        imports.import(&source_name(*instance), name, ty);
    }
}

/// The functions of the added core module.
#[derive(Default)]
struct Code {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    bodies: CodeSection,
    count: u32,
}

impl Code {
    fn function(
        &mut self,
        name: &str,
        params: &[ValType],
        results: &[ValType],
        body: impl FnOnce(&mut InstructionSink<'_>),
    ) {
        let types = self.types.ty();
        types.function(params.iter().copied(), results.iter().copied());
        self.functions.function(self.count);
        self.exports.export(name, ExportKind::Func, self.count);
        let mut function = Function::new([]);
        let mut instructions = function.instructions();
        body(&mut instructions);
        instructions.end();
        self.bodies.function(&function);
        self.count += 1;
    }

    fn state(&mut self, keeps: &Keeps, own: &mut GlobalSection) {
        use ValType::{I32, I64};
        let count = u32::try_from(keeps.globals.len()).unwrap_or(u32::MAX);
        // The module's own come after those that it imports.
        let (aim, borrowed) = (count, count + 1);
        for (val_type, zero) in [
            (I32, ConstExpr::i32_const(0)),
            (I64, ConstExpr::i64_const(0)),
        ] {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            own.global(ty, &zero);
        }
        self.function(MEMORY_SIZE, &[], &[I32], |code| {
            code.memory_size(0);
        });
        self.function(MEMORY_GROW, &[I32], &[I32], |code| {
            code.local_get(0).memory_grow(0);
        });
        self.function(MEMORY_VIEW, &[I32, I32], &[I32], |code| {
            code.i32_const(BORROWED_AT).i64_load(at(0, 3));
            code.global_set(borrowed);
            code.i32_const(BORROWED_AT).local_get(0).i32_store(at(0, 2));
            code.i32_const(BORROWED_AT).local_get(1).i32_store(at(4, 2));
            code.i32_const(BORROWED_AT);
        });
        self.function(VIEWED, &[I32], &[], |code| {
            code.i32_const(BORROWED_AT).global_get(borrowed);
            code.i64_store(at(0, 3));
        });
        self.function(MEMORY_AIM, &[I32], &[], |code| {
            code.local_get(0).global_set(aim);
        });
        self.function(REALLOC, &[I32; 4], &[I32], |code| {
            code.global_get(aim);
        });
        self.function(MEMORY_WRITE, &[I32, I32], &[], |_| {});
        self.function(DEAL, &[I32, I64, I64], &[], |code| {
            code.local_get(0).local_get(1).i64_store(at(0, 3));
            code.local_get(0).local_get(2).i64_store(at(8, 3));
        });
        self.function(GLOBALS_SIZE, &[], &[I32], |code| {
            code.i32_const((count * 8).cast_signed());
        });
        self.globals(keeps);
    }

    fn globals(&mut self, keeps: &Keeps) {
        let globals: Vec<(u32, ValType)> = (0..)
            .zip(keeps.globals.iter().map(|(.., ty)| *ty))
            .collect();
        self.function(GLOBALS_DUMP, &[ValType::I32], &[], |code| {
            for (global, ty) in &globals {
                code.local_get(0).global_get(*global);
                let place = at(u64::from(*global) * 8, 2);
                match ty {
                    ValType::I64 => code.i64_store(place),
                    ValType::F32 => code.f32_store(place),
                    ValType::F64 => code.f64_store(place),
                    _ => code.i32_store(place),
                };
            }
        });
        self.function(GLOBALS_LOAD, &[ValType::I32], &[], |code| {
            for (global, ty) in &globals {
                code.local_get(0);
                let place = at(u64::from(*global) * 8, 2);
                match ty {
                    ValType::I64 => code.i64_load(place),
                    ValType::F32 => code.f32_load(place),
                    ValType::F64 => code.f64_load(place),
                    _ => code.i32_load(place),
                };
                code.global_set(*global);
            }
        });
    }
}

fn at(offset: u64, align: u32) -> MemArg {
    MemArg {
        align,
        offset,
        memory_index: 0,
    }
}
