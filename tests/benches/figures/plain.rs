//! The guest in plain wasmtime: the same component and the default configuration, so no epochs, no limiter, no pool. What its kernels
//! take here is what the machine and the compiler give. With epochs it shows what part of the host's price is the compiler's.

use std::path::Path;
use std::time::Duration;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::process::own_thread;

pub(crate) struct Plain {
    engine: Engine,
    component: Component,
    pre: InstancePre<State>,
}

/// Whether the code can be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    None,
    Epochs,
}

/// A deadline that never comes.
const FAR_AWAY: u64 = 1 << 62;

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

impl Plain {
    pub(crate) fn load(component: &Path, checks: Checks) -> Result<Self, String> {
        Self::compile(component, checks).map_err(|error| format!("plain wasmtime: {error:#}"))
    }

    fn compile(component: &Path, checks: Checks) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(checks == Checks::Epochs);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        linker.define_unknown_imports_as_traps(&component)?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Self {
            engine,
            component,
            pre,
        })
    }

    /// Runs a kernel in an instance of its own, as the host does. Answers with its result and with the processor time of it all.
    pub(crate) fn run(&self, kernel: &str, argument: u32) -> Result<(u64, Duration), String> {
        let before = own_thread();
        let result = self.call(kernel, argument);
        let result = result.map_err(|error| format!("plain wasmtime, {kernel}: {error:#}"))?;
        Ok((result, own_thread().saturating_sub(before)))
    }

    fn call(&self, kernel: &str, argument: u32) -> wasmtime::Result<u64> {
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(FAR_AWAY);
        let instance = self.pre.instantiate(&mut store)?;
        let index = self
            .find(kernel)
            .ok_or_else(|| wasmtime::Error::msg("there is no such function"))?;
        let function = instance.get_typed_func::<(u32,), (u64,)>(&mut store, index)?;
        Ok(function.call(&mut store, (argument,))?.0)
    }

    /// The function of this name in any of the exported interfaces.
    fn find(&self, name: &str) -> Option<ComponentExportIndex> {
        let ty = self.component.component_type();
        ty.exports(&self.engine).find_map(|(interface, item)| {
            let ComponentItem::ComponentInstance(instance) = item.ty else {
                return None;
            };
            instance.get_export(&self.engine, name)?;
            let interface = self.component.get_export_index(None, interface)?;
            self.component.get_export_index(Some(&interface), name)
        })
    }
}
