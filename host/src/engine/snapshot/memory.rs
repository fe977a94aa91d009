//! Reads and writes a guest's memory and globals through the functions that were added to it.

use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;
use wasmtime::component::{Func, TypedFunc, WasmList};
use wasmtime::{AsContextMut, Result};

use crate::capability::Capabilities;

use super::super::accessors;
use super::super::instance::Pristine;
use super::super::places::Guest;
use super::{Run, dirty};

pub(in crate::engine) const WASM_PAGE: usize = 64 << 10;
/// Where the globals are written for a moment if nothing in the memory was touched yet.
const BORROWED_AT: u32 = 8;

/// The added functions, found once per instance.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Reach {
    size: TypedFunc<(), (u32,)>,
    grow: TypedFunc<(u32,), (i32,)>,
    view: TypedFunc<(u32, u32), (WasmList<u8>,)>,
    aim: TypedFunc<(u32,), ()>,
    write: Func,
    globals_size: TypedFunc<(), (u32,)>,
    globals_dump: TypedFunc<(u32,), ()>,
    globals_load: TypedFunc<(u32,), ()>,
}

/// What a memory and the globals beside it hold.
pub(in crate::engine) struct Contents {
    /// Pages of 64 KiB.
    pub(in crate::engine) pages: u32,
    /// What is otherwise than in the pristine one.
    pub(in crate::engine) runs: Vec<Run>,
    pub(in crate::engine) globals: Vec<u8>,
}

impl Reach {
    /// # Errors
    /// The component was fitted without the functions.
    pub(in crate::engine) fn of(
        store: &mut impl AsContextMut<Data = Capabilities>,
        guest: Guest<'_>,
    ) -> Result<Self> {
        let write = guest.accessors.get(accessors::MEMORY_WRITE)?;
        let write = guest.instance.get_func(&mut *store, write);
        Ok(Self {
            size: guest.function(store, accessors::MEMORY_SIZE)?,
            grow: guest.function(store, accessors::MEMORY_GROW)?,
            view: guest.function(store, accessors::MEMORY_VIEW)?,
            aim: guest.function(store, accessors::MEMORY_AIM)?,
            write: write.ok_or_else(|| wasmtime::format_err!("the guest cannot be written to"))?,
            globals_size: guest.function(store, accessors::GLOBALS_SIZE)?,
            globals_dump: guest.function(store, accessors::GLOBALS_DUMP)?,
            globals_load: guest.function(store, accessors::GLOBALS_LOAD)?,
        })
    }

    /// The whole memory, as it is now and wherever it grows to.
    pub(in crate::engine) async fn memory(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
    ) -> Result<WasmList<u8>> {
        let (pages,) = self.size.call_async(&mut *store, ()).await?;
        let bytes = u32::try_from(pages as usize * WASM_PAGE)?;
        let (memory,) = self.view.call_async(&mut *store, (0, bytes)).await?;
        Ok(memory)
    }

    /// Reads what differs from the pristine instance; without one, everything that is not zero.
    pub(in crate::engine) async fn read(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        pristine: Option<&Mutex<Pristine>>,
    ) -> Result<Contents> {
        let memory = self.memory(store).await?;
        let memory = memory.as_le_slice(store.as_context());
        let pages = u32::try_from(memory.len() / WASM_PAGE)?;
        let runs = match pristine {
            Some(pristine) => {
                let pristine = pristine
                    .lock()
                    .expect("no code panics while it holds the pristine instance");
                changed(memory, pristine.memory(), dirty::written(memory))
            }
            None => changed(memory, &[], dirty::written(memory)),
        };
        let at = runs.first().map_or(BORROWED_AT, |run| run.at);
        let globals = self.read_globals(store, at).await?;
        Ok(Contents {
            pages,
            runs,
            globals,
        })
    }

    /// Makes a fresh instance's memory and globals those of the snapshot.
    ///
    /// # Errors
    /// The memory cannot grow as far; the instance is then of no use.
    pub(in crate::engine) async fn apply(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        pages: u32,
        runs: &[Run],
        globals: &[u8],
    ) -> Result<()> {
        let (size,) = self.size.call_async(&mut *store, ()).await?;
        if size < pages {
            let (before,) = self.grow.call_async(&mut *store, (pages - size,)).await?;
            wasmtime::ensure!(before >= 0, "its memory cannot grow to {pages} pages");
        }
        // Before the memory: it is borrowed for the globals.
        let at = runs.first().map_or(BORROWED_AT, |run| run.at);
        self.write_globals(store, at, globals).await?;
        for run in runs {
            self.write(store, run.at, &run.bytes).await?;
        }
        Ok(())
    }

    async fn read_globals(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        at: u32,
    ) -> Result<Vec<u8>> {
        let (length,) = self.globals_size.call_async(&mut *store, ()).await?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let at = self.room(store, at, length).await?;
        let before = self.bytes(store, at, length).await?;
        self.globals_dump.call_async(&mut *store, (at,)).await?;
        let globals = self.bytes(store, at, length).await?;
        self.write(store, at, &before).await?;
        Ok(globals)
    }

    async fn write_globals(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        at: u32,
        globals: &[u8],
    ) -> Result<()> {
        let (length,) = self.globals_size.call_async(&mut *store, ()).await?;
        wasmtime::ensure!(
            length as usize == globals.len(),
            "it has {length} bytes of globals, and the snapshot {}",
            globals.len()
        );
        if length == 0 {
            return Ok(());
        }
        let at = self.room(store, at, length).await?;
        let before = self.bytes(store, at, length).await?;
        self.write(store, at, globals).await?;
        self.globals_load.call_async(&mut *store, (at,)).await?;
        self.write(store, at, &before).await
    }

    /// A place for `length` bytes, near `at` if there is room.
    async fn room(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        at: u32,
        length: u32,
    ) -> Result<u32> {
        let (pages,) = self.size.call_async(&mut *store, ()).await?;
        let end = u64::from(pages) * WASM_PAGE as u64;
        if u64::from(at) + u64::from(length) <= end {
            return Ok(at);
        }
        let last = end.checked_sub(u64::from(length));
        let last = last.and_then(|last| u32::try_from(last & !7).ok());
        last.ok_or_else(|| wasmtime::format_err!("its memory has no room for its globals"))
    }

    async fn bytes(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        at: u32,
        length: u32,
    ) -> Result<Vec<u8>> {
        let (bytes,) = self.view.call_async(&mut *store, (at, length)).await?;
        Ok(bytes.as_le_slice(store.as_context()).to_vec())
    }

    async fn write(
        &self,
        store: &mut impl AsContextMut<Data = Capabilities>,
        at: u32,
        bytes: &[u8],
    ) -> Result<()> {
        self.aim.call_async(&mut *store, (at,)).await?;
        let write: TypedFunc<(&[u8],), ()> = self.write.typed(store.as_context())?;
        write.call_async(&mut *store, (bytes,)).await
    }
}

/// Everything in a memory that is not zero.
pub(in crate::engine) fn contents(memory: &[u8]) -> Vec<Run> {
    changed(memory, &[], all_pages(memory))
}

/// What a memory that is `base` with `runs` written over it has otherwise than the pristine one.
pub(in crate::engine) fn rebased(
    bytes: usize,
    base: &[Run],
    runs: &[Run],
    pristine: &[u8],
) -> Result<Vec<Run>> {
    // As long as the pristine one, where that is longer: what was not there then is zero.
    let mut memory = vec![0; bytes.max(pristine.len())];
    for run in base.iter().chain(runs) {
        let at = run.at as usize;
        let place = memory.get_mut(at..at + run.bytes.len());
        let place = place.ok_or_else(|| wasmtime::format_err!("it lies outside of its memory"))?;
        place.copy_from_slice(&run.bytes);
    }
    Ok(changed(&memory, pristine, all_pages(&memory)))
}

fn all_pages(memory: &[u8]) -> Vec<usize> {
    (0..memory.len().div_ceil(dirty::page_bytes())).collect()
}

/// The candidates that differ from what the pristine memory has there, neighbours joined. What lies past its end was zero.
fn changed(memory: &[u8], pristine: &[u8], candidates: Vec<usize>) -> Vec<Run> {
    let page_bytes = dirty::page_bytes();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for page in candidates {
        let start = page * page_bytes;
        let end = (start + page_bytes).min(memory.len());
        let is_same = match (memory.get(start..end), pristine.get(start..end)) {
            (Some(now), Some(then)) => now == then,
            (Some(now), None) => is_zero(now),
            (None, _) => true,
        };
        if is_same {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    let run = |range: Range<usize>| {
        let bytes = Bytes::copy_from_slice(memory.get(range.clone())?);
        let at = u32::try_from(range.start).ok()?;
        Some(Run { at, bytes })
    };
    ranges.into_iter().filter_map(run).collect()
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
