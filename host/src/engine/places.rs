//! The guest's own table of handles: which places are taken, what stands there, and how a copy gets the same.
//!
//! The canonical ABI numbers handles from 1 and uses a freed number again, last freed first; the host's table of resources does the same from 0.
//! Both change in step, so handle n is resource n-1. That is a guess about the guest until it has been tried, and trying a wrong one traps:
//! so it is tried in the donor, after its image was taken.

use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, Resource, TypedFunc};
use wasmtime::{AsContextMut, Result};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use crate::capability::{Capabilities, Held, HeldByRep};

use super::accessors::{Accessors, Carried, DESCRIPTOR, INPUT_STREAM, OUTPUT_STREAM, POLLABLE};

/// Stands in for a resource while places are counted. No table of the host's is that long.
const DUMMY: u32 = u32::MAX;
/// Places looked at before the search is given up.
const PLACES_MAX: usize = 10_000;

/// A guest and the functions that were added to it.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) instance: &'a Instance,
    pub(super) accessors: &'a Accessors,
}

impl Guest<'_> {
    pub(super) fn function<P, R>(
        self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        name: &str,
    ) -> Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let index = self.accessors.get(name)?;
        self.instance.get_typed_func(store, index)
    }

    /// A resource that the guest's table can be probed with.
    fn any_kind(self) -> Option<Held> {
        let known = KINDS
            .into_iter()
            .find(|(carried, _)| self.accessors.get(carried.put).is_ok());
        known.map(|(_, kind)| kind)
    }
}

/// One kind for each resource that can be carried.
const KINDS: [(&Carried, Held); 4] = [
    (&INPUT_STREAM, Held::Stdin),
    (&OUTPUT_STREAM, Held::Stdout),
    (&POLLABLE, Held::Pollable(0)),
    (&DESCRIPTOR, Held::Folder(String::new())),
];

/// One function pair per resource; `$call` is made for the one that `held` names.
macro_rules! for_kind {
    ($held:expr, $call:ident ( $($argument:expr),* )) => {
        match $held {
            Held::Stdin | Held::Reader { .. } => $call::<DynInputStream>(&INPUT_STREAM, $($argument),*).await,
            Held::Stdout | Held::Stderr | Held::Writer { .. } | Held::Appender { .. } => {
                $call::<DynOutputStream>(&OUTPUT_STREAM, $($argument),*).await
            }
            Held::Pollable(_) => $call::<DynPollable>(&POLLABLE, $($argument),*).await,
            Held::Folder(_) | Held::Opened(_) => $call::<Descriptor>(&DESCRIPTOR, $($argument),*).await,
        }
    };
}

/// Checks that the guest holds just what the host's table has, each at the place that [`restore`] would give it. Changes nothing.
///
/// # Errors
/// In words, when the guest holds something of its own besides.
pub(super) async fn check_places(
    mut store: impl AsContextMut<Data = Capabilities>,
    guest: Guest<'_>,
    held: &HeldByRep,
) -> Result<(), String> {
    let Some(kind) = guest.any_kind() else {
        return match held.is_empty() {
            true => Ok(()),
            false => Err("it holds what it cannot have been given".to_owned()),
        };
    };
    let free = for_kind!(kind, free_places((&mut store, guest), held.len()))
        .map_err(|error| format!("{:#}", error.root_cause()))?;
    let Some(free) = free else {
        return Err("it holds resources that it defines itself".to_owned());
    };
    match held.keys().find(|rep| free.contains(&(**rep + 1))) {
        None => Ok(()),
        Some(rep) => Err(format!("handle {} is not where the host has it", rep + 1)),
    }
}

/// Takes every handle out of the guest and looks at it. The guest is of no use afterwards.
///
/// # Errors
/// What is not where [`check_places`] thought.
pub(super) async fn try_places(
    mut store: impl AsContextMut<Data = Capabilities>,
    guest: Guest<'_>,
    held: &HeldByRep,
) -> Result<(), String> {
    for (rep, kind) in held {
        let found = for_kind!(kind, take_out((&mut store, guest), rep + 1));
        if !found.is_ok_and(|found| found == *rep) {
            return Err(format!("handle {} is another one than it seems", rep + 1));
        }
    }
    Ok(())
}

/// Gives a fresh guest the handles that its donor had, host side and guest side.
///
/// # Errors
/// A folder that is no longer granted; the instance is then of no use.
pub(super) async fn restore(
    mut store: impl AsContextMut<Data = Capabilities>,
    guest: Guest<'_>,
    held: &HeldByRep,
) -> Result<()> {
    store.as_context_mut().data_mut().hold(held).await?;
    let Some((last, any)) = held.last_key_value() else {
        return Ok(());
    };
    let mut gaps = Vec::new();
    for rep in 0..=*last {
        let place = match held.get(&rep) {
            Some(kind) => for_kind!(kind, put_in((&mut store, guest), rep))?,
            None => {
                let place = for_kind!(any, put_in((&mut store, guest), DUMMY))?;
                gaps.push(place);
                place
            }
        };
        wasmtime::ensure!(
            place == rep + 1,
            "the guest's table of handles is not empty"
        );
    }
    for place in gaps.into_iter().rev() {
        for_kind!(any, take_out((&mut store, guest), place))?;
    }
    Ok(())
}

/// Fills the table until no place below its end is free, and empties it in reverse, which leaves it as it was.
/// None: there are more taken places than `taken`.
async fn free_places<T: 'static>(
    carried: &Carried,
    (store, guest): (&mut impl AsContextMut<Data = Capabilities>, Guest<'_>),
    taken: usize,
) -> Result<Option<Vec<u32>>> {
    let put: TypedFunc<(Resource<T>,), (u32,)> = guest.function(store, carried.put)?;
    let take: TypedFunc<(u32,), (Resource<T>,)> = guest.function(store, carried.take)?;
    let (mut free, mut end, mut full) = (Vec::new(), 0, false);
    while !full && free.len() < PLACES_MAX {
        let (place,) = put
            .call_async(&mut *store, (Resource::new_own(DUMMY),))
            .await?;
        free.push(place);
        end = end.max(place);
        full = end as usize == free.len() + taken;
    }
    for place in free.iter().rev() {
        take.call_async(&mut *store, (*place,)).await?;
    }
    Ok(full.then_some(free))
}

async fn put_in<T: 'static>(
    carried: &Carried,
    (store, guest): (&mut impl AsContextMut<Data = Capabilities>, Guest<'_>),
    rep: u32,
) -> Result<u32> {
    let put: TypedFunc<(Resource<T>,), (u32,)> = guest.function(store, carried.put)?;
    let (place,) = put
        .call_async(&mut *store, (Resource::new_own(rep),))
        .await?;
    Ok(place)
}

async fn take_out<T: 'static>(
    carried: &Carried,
    (store, guest): (&mut impl AsContextMut<Data = Capabilities>, Guest<'_>),
    place: u32,
) -> Result<u32> {
    let take: TypedFunc<(u32,), (Resource<T>,)> = guest.function(store, carried.take)?;
    let (taken,) = take.call_async(&mut *store, (place,)).await?;
    Ok(taken.rep())
}
