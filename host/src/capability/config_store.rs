//! `wasi:config/store`: names and values that the operator wrote. A pre-release version matches only itself, so the draft that many
//! components were built against is offered beside the published candidate.

use std::collections::BTreeMap;

use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

use super::Capabilities;

mod draft {
    wasmtime::component::bindgen!({
        path: "wit/config-draft.wit",
        world: "wasi:config/imports",
        imports: { default: trappable },
    });
}

use draft::wasi::config::store;

/// The values, in both forms that the interfaces want.
pub(super) struct ConfigStore {
    values: BTreeMap<String, String>,
    published: WasiConfigVariables,
}

impl ConfigStore {
    pub(super) fn new(values: &BTreeMap<String, String>) -> Self {
        let published = values
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self {
            values: values.clone(),
            published,
        }
    }
}

pub(super) fn link(linker: &mut Linker<Capabilities>) -> wasmtime::Result<()> {
    wasmtime_wasi_config::add_to_linker(linker, |state: &mut Capabilities| {
        WasiConfig::from(&state.config_store.published)
    })?;
    store::add_to_linker::<_, HasSelf<ConfigStore>>(linker, |state| &mut state.config_store)
}

impl store::Host for ConfigStore {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.values.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self
            .values
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()))
    }
}
