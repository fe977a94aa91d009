//! An instance in which nothing has run, kept for comparison. Its memory is the mapped image itself and costs next to nothing.

use std::sync::{Arc, Mutex};

use wasmtime::Store;
use wasmtime::component::WasmList;

use crate::capability::log::LogRing;
use crate::capability::{Capabilities, GuestClock};

use super::super::slots::Slot;
use super::super::{Fault, Module};
use super::{Instance, Recipe, host_fault};

pub(in crate::engine) struct Pristine {
    store: Store<Capabilities>,
    memory: WasmList<u8>,
    _slot: Slot,
}

impl Pristine {
    pub(in crate::engine) fn memory(&self) -> &[u8] {
        self.memory.as_le_slice(&self.store)
    }
}

/// The module's pristine instance, made when it is first needed. None: there is no room for one now, and a snapshot is larger than it
/// need be.
pub(super) async fn of(module: &Arc<Module>) -> Option<&Mutex<Pristine>> {
    if let Some(made) = module.pristine.get() {
        return Some(made);
    }
    let slot = module.slots.try_slot()?;
    match make(module, slot).await {
        // Two snapshots may have begun at once; the first one stays.
        Ok(made) => Some(module.pristine.get_or_init(|| Mutex::new(made))),
        Err(fault) => {
            tracing::debug!(?fault, "no pristine instance");
            None
        }
    }
}

async fn make(module: &Arc<Module>, slot: Slot) -> Result<Pristine, Fault> {
    let recipe = Recipe::default();
    let log = Arc::new(LogRing::new(0));
    let mut made = Instance::bare(module, &recipe, slot, None, GuestClock::default(), log).await?;
    made.store.set_hostcall_fuel(usize::MAX);
    let memory = async { made.reach()?.memory(&mut made.store).await };
    let memory = memory.await;
    let memory = memory.map_err(host_fault("cannot read a pristine instance"))?;
    // What is left holds the module, which holds the pristine instance.
    let Instance { store, _slot, .. } = *made;
    Ok(Pristine {
        store,
        memory,
        _slot,
    })
}
