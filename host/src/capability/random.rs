//! Randomness: the runtime's own, with a note of whether the guest drew any. What a `warmup` makes of random numbers is the same in every
//! instance of its image, which its author should hear.

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::random::{insecure_seed, random};
use wasmtime_wasi::random::WasiRandomView;

use super::Capabilities;

/// The version that wasmtime defines; guests that import another 0.2 are linked to it.
const RANDOM: &str = "wasi:random/random@0.2.12";

impl Capabilities {
    /// Seed of this instance's hash maps: what `insecure-seed` answers, always the same two numbers.
    ///
    /// # Errors
    /// None today.
    pub(crate) fn hash_seed(&mut self) -> Result<(u64, u64)> {
        insecure_seed::Host::insecure_seed(self.random())
    }

    /// True when the guest drew random numbers.
    pub(crate) fn drew(&self) -> bool {
        self.drew
    }
}

/// Takes the place of wasmtime's two functions, and does what they do.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> Result<()> {
    let mut interface = linker.instance(RANDOM)?;
    interface.func_wrap(
        "get-random-bytes",
        |mut context: StoreContextMut<'_, Capabilities>, (length,): (u64,)| {
            let state = context.data_mut();
            state.drew = true;
            Ok((random::Host::get_random_bytes(state.random(), length)?,))
        },
    )?;
    interface.func_wrap(
        "get-random-u64",
        |mut context: StoreContextMut<'_, Capabilities>, (): ()| {
            let state = context.data_mut();
            state.drew = true;
            Ok((random::Host::get_random_u64(state.random())?,))
        },
    )
}
