//! Bare wasmtime as the host configures it (`settings` and `pool` in the host's `engine.rs`), and nothing of the host: what a session's start
//! would take if it were an instance alone. Instances are made from an `InstancePre` with a WASI context; no limiter, no grants, no table.

use std::path::Path;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, Instance, InstancePre, Linker, ResourceAny,
};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

/// Instances at once, here and in the host beside it.
pub(crate) const INSTANCES: u32 = 64;

const CONSTRUCTOR: &str = "[constructor]session";
/// A deadline that never comes.
const FAR_AWAY: u64 = 1 << 62;

pub(crate) struct Pooled {
    engine: Engine,
    pre: InstancePre<State>,
    constructor: ComponentExportIndex,
}

pub(crate) struct Started {
    store: Store<State>,
    instance: Instance,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Pooled {
    pub(crate) fn load(
        component: &Path,
        memory_bytes: usize,
        table_elements: usize,
    ) -> Result<Self, String> {
        Self::compile(component, &settings(memory_bytes, table_elements))
            .map_err(|error| format!("bare wasmtime: {error:#}"))
    }

    fn compile(component: &Path, config: &Config) -> wasmtime::Result<Self> {
        let engine = Engine::new(config)?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.define_unknown_imports_as_traps(&component)?;
        let pre = linker.instantiate_pre(&component)?;
        let constructor = constructor(&component)
            .ok_or_else(|| wasmtime::Error::msg("there is no session to construct"))?;
        Ok(Self {
            engine,
            pre,
            constructor,
        })
    }

    /// An instance, and nothing called in it.
    pub(crate) async fn start(&self) -> Result<Started, String> {
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(FAR_AWAY);
        let instance = self.pre.instantiate_async(&mut store).await;
        let instance = instance.map_err(|error| format!("bare wasmtime: {error:#}"))?;
        Ok(Started { store, instance })
    }

    /// Calls the constructor of the guest's session.
    pub(crate) async fn construct(&self, started: &mut Started) -> Result<(), String> {
        let Started { store, instance } = started;
        let construct = async {
            let function =
                instance.get_typed_func::<(), (ResourceAny,)>(&mut *store, self.constructor)?;
            function.call_async(&mut *store, ()).await
        };
        let constructed = construct.await;
        constructed
            .map(drop)
            .map_err(|error| format!("bare wasmtime: {error:#}"))
    }
}

fn constructor(component: &Component) -> Option<ComponentExportIndex> {
    let engine = component.engine();
    let ty = component.component_type();
    ty.exports(engine).find_map(|(name, item)| {
        let ComponentItem::ComponentInstance(_) = item.ty else {
            return None;
        };
        let interface = component.get_export_index(None, name)?;
        component.get_export_index(Some(&interface), CONSTRUCTOR)
    })
}

fn settings(memory_bytes: usize, table_elements: usize) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * 4)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * 2)
        .total_stacks(INSTANCES)
        .max_memory_size(memory_bytes)
        .table_elements(table_elements)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .max_core_instances_per_component(64)
        .max_tables_per_component(64)
        .max_memories_per_component(8)
        .memory_protection_keys(Enabled::Auto);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(512 << 10)
            .table_keep_resident(64 << 10);
    }
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.async_stack_size(1 << 20);
    config.memory_guaranteed_dense_image_size(1 << 30);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
