//! Warm images. A component is fitted with functions that read its state, `warmup` runs in one instance of it, the donor, and a snapshot
//! of the donor becomes a component of its own: instances of that one begin where the donor ended, their memory mapped copy-on-write.
//!
//! What the guest held of the host's at that moment is given to each of them anew (`places.rs`). A donor that holds something which
//! cannot be given anew makes no image; its backend then runs `warmup` in every instance.

use std::collections::BTreeMap;

use wasmparser::{Parser, Payload};
use wasmtime::AsContextMut;
use wasmtime::component::TypedFunc;
use wasmtime_wizer::Wizer;

use crate::capability::{Capabilities, GuestClock, Held, HeldByRep, Looks};

mod seed;
mod state;

use super::accessors;
use super::places::{self, Guest};
use state::State;

/// Instances that are the host's own addition to a component, and no tools.
pub(super) const ADDED_INSTANCES: [&str; 2] = [accessors::INSTANCE, "wasmtime:wizer/access"];

/// Changes when the added functions do: code that was compiled before then is of no use.
pub(super) const FITTING_VERSION: u32 = 2;

const WARMUP: &str = "hostel:backend/warmup@";

/// What every instance made from an image needs besides the image's code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restoration {
    /// Names the image: a hash of it.
    pub(crate) id: String,
    pub(crate) held: HeldByRep,
    /// The donor's time at its snapshot, in nanoseconds of [`GuestClock`].
    pub(crate) taken_at: u64,
    /// Where the guest's memory has the seed of its hash maps, if the donor made any.
    pub(crate) seed_at: Option<u32>,
}

impl Restoration {
    pub(super) fn clock(&self) -> GuestClock {
        GuestClock::not_before(self.taken_at)
    }
}

/// A warmed component, not compiled yet.
pub(crate) struct Image {
    pub(crate) component: Vec<u8>,
    pub(crate) restoration: Restoration,
    pub(crate) looks: Looks,
    /// The guest asked other hosts, so the image is good for this process only.
    pub(crate) talked: bool,
    /// It drew random numbers: what it made of them is in every instance.
    pub(crate) drew: bool,
}

/// True for a component that exports a `warmup`. Other components need no image: their own memory is mapped copy-on-write as it is.
fn has_warmup(component: &[u8]) -> bool {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(exports) if depth == 0 => {
                let mut names = exports.into_iter().map_while(Result::ok);
                if names.any(|export| export.name.name.starts_with(WARMUP)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// A component with the functions that images and snapshots are taken through. They cost a running guest nothing.
pub(crate) struct Fitted {
    pub(crate) component: Vec<u8>,
    /// Why no snapshot can be taken of an instance, in words.
    pub(crate) no_snapshot: Option<String>,
}

/// Fits a component.
///
/// # Errors
/// Why there can be neither image nor snapshot of a component of this shape, in words.
pub(crate) fn fit(component: &[u8]) -> Result<Fitted, String> {
    let added = accessors::add(component)?;
    // What cannot be a donor keeps state where the accessors do not reach: in tables, for one.
    let (_, donor) = wizer()
        .instrument_component(&added.component)
        .map_err(|error| format!("{:#}", error.root_cause()))?;
    let component = if has_warmup(component) {
        donor
    } else {
        added.component
    };
    Ok(Fitted {
        component,
        no_snapshot: added.closed,
    })
}

/// Takes the image of a donor in which `warmup` has run. The donor is of no use afterwards.
///
/// # Errors
/// What the guest holds that no copy can be given, or what else stands in the way, in words.
pub(super) async fn take<S: AsContextMut<Data = Capabilities> + Send>(
    component: &[u8],
    mut store: S,
    guest: Guest<'_>,
) -> Result<Image, String> {
    let (held, looks, talked, drew, taken_at, seed) = {
        let mut context = store.as_context_mut();
        let state = context.data_mut();
        if state.keeps_values() {
            return Err("it keeps values in wasi:keyvalue".to_owned());
        }
        let held = state.held().await;
        let held = held.map_err(|what| format!("it holds {what}"))?;
        // An image lasts longer than what is in a file.
        if let Some(opened) = held.values().find_map(Held::opened) {
            return Err(format!("it holds an open {opened}"));
        }
        let seed = state.hash_seed().map_err(|error| error.to_string())?;
        let (talked, drew) = (state.talked(), state.drew());
        (held, state.looked(), talked, drew, state.now(), seed)
    };
    places::check_places(&mut store, guest, &held).await?;
    let fitted = accessors::add(component)?.component;
    let wizer = wizer();
    let (context, _) = wizer
        .instrument_component(&fitted)
        .map_err(|error| format!("{:#}", error.root_cause()))?;
    let mut state = State {
        store: &mut store,
        guest: *guest.instance,
        failure: None,
        seed,
        seeds: BTreeMap::new(),
    };
    let snapshot = wizer.snapshot_component(&context, &mut state).await;
    let seed_at = match state.seeds.into_values().collect::<Vec<_>>().as_slice() {
        [only] => *only,
        _ => None,
    };
    if let Some(failure) = state.failure {
        return Err(format!("its memory cannot be read: {failure}"));
    }
    let component = snapshot.map_err(|error| format!("{:#}", error.root_cause()))?;
    places::try_places(&mut store, guest, &held).await?;
    Ok(Image {
        restoration: Restoration {
            id: blake3::hash(&component).to_hex().to_string(),
            held,
            taken_at,
            seed_at,
        },
        component,
        looks,
        talked,
        drew,
    })
}

/// Gives a fresh instance of a warmed component what its donor held, and a seed of its own.
pub(super) async fn restore(
    mut store: impl AsContextMut<Data = Capabilities>,
    guest: Guest<'_>,
    restoration: &Restoration,
) -> wasmtime::Result<()> {
    places::restore(&mut store, guest, &restoration.held).await?;
    deal(store, guest, restoration).await
}

/// Gives the guest's hash maps a seed of this instance's own.
pub(super) async fn deal(
    mut store: impl AsContextMut<Data = Capabilities>,
    guest: Guest<'_>,
    restoration: &Restoration,
) -> wasmtime::Result<()> {
    if let Some(at) = restoration.seed_at {
        let (k0, k1) = store.as_context_mut().data_mut().hash_seed()?;
        let deal: TypedFunc<(u32, u64, u64), ()> = guest.function(&mut store, accessors::DEAL)?;
        deal.call_async(&mut store, (at, k0, k1)).await?;
    }
    Ok(())
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    wizer
}
