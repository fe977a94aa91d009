//! Where the streams that a guest holds come from: a standard stream, or a file and how far into it, so that a copy of the guest can
//! be given its own. The runtime's own streams of files do not tell their position; these count what goes through them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::{Descriptor, File, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, FsResult, InputStream, OutputStream, Pollable, StreamError,
    StreamResult,
};

use super::Capabilities;
use super::disk::{self, Purse};
use super::looked::{TYPES, answer};
use super::standard::Standard;

pub(super) enum Origin {
    Standard(Standard),
    File(FileStream),
}

/// A stream of a file.
pub(super) struct FileStream {
    pub(super) file: File,
    pub(super) way: Way,
    /// Where the next byte is read or written.
    position: AtomicU64,
    /// A write went wrong: nobody knows how far it got.
    failed: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write,
    Append,
}

impl FileStream {
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Origin {
    /// Where the next byte is written. None: at the file's end.
    fn position(&self) -> Option<u64> {
        match self {
            Self::File(stream) if stream.way == Way::Write => Some(stream.position()),
            Self::File(_) | Self::Standard(_) => None,
        }
    }

    fn advance(&self, bytes: usize) {
        if let Self::File(stream) = self {
            stream.position.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    fn fail(&self) {
        if let Self::File(stream) = self {
            stream.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// The streams that were given out, by number of the host's table. Each keeps its origin alive.
#[derive(Default)]
pub(super) struct Origins(Vec<(u32, Weak<Origin>)>);

impl Origins {
    /// Where the host resource `rep` comes from, if it is a stream.
    pub(super) fn of(&self, rep: u32) -> Option<Arc<Origin>> {
        let mut found = self.0.iter().filter(|(given, _)| *given == rep);
        found.find_map(|(_, origin)| origin.upgrade())
    }

    /// Host resources that are streams.
    pub(super) fn reps(&self) -> impl Iterator<Item = u32> {
        let alive = self.0.iter().filter(|(_, origin)| is_alive(origin));
        alive.map(|(rep, _)| *rep)
    }

    pub(super) fn note(&mut self, rep: u32, origin: &Arc<Origin>) {
        self.0.retain(|(_, origin)| is_alive(origin));
        self.0.push((rep, Arc::downgrade(origin)));
    }
}

fn is_alive(origin: &Weak<Origin>) -> bool {
    origin.strong_count() > 0
}

impl Capabilities {
    /// Opens a stream of the open file `of`. Where it begins is of no meaning to one that appends.
    ///
    /// # Errors
    /// Those of the WASI functions of the same purpose.
    pub(super) fn stream(
        &mut self,
        of: &Resource<Descriptor>,
        way: Way,
        position: u64,
    ) -> FsResult<u32> {
        let open = self.table.get(of)?;
        if way != Way::Read {
            self.may_change(open);
        }
        let file = match open {
            Descriptor::File(file) => Some(file.clone()),
            Descriptor::Dir(_) => None,
        };
        let descriptor = Resource::new_borrow(of.rep());
        let mut files = self.filesystem();
        let plain = match way {
            Way::Read => files.read_via_stream(descriptor, position)?.rep(),
            Way::Write => files.write_via_stream(descriptor, position)?.rep(),
            Way::Append => files.append_via_stream(descriptor)?.rep(),
        };
        let Some(file) = file else { return Ok(plain) };
        let purse = match way {
            Way::Read => None,
            Way::Write | Way::Append => Purse::of(self.disk.as_ref(), &file),
        };
        let origin = Arc::new(Origin::File(FileStream {
            file,
            way,
            position: AtomicU64::new(position),
            failed: AtomicBool::new(false),
        }));
        let counted = if way == Way::Read {
            let inner = self.table.delete(Resource::new_own(plain))?;
            let reader: DynInputStream = Box::new(Reader {
                inner,
                origin: origin.clone(),
            });
            self.table.push(reader)?.rep()
        } else {
            let inner = self.table.delete(Resource::new_own(plain))?;
            let writer: DynOutputStream = Box::new(Writer {
                inner,
                origin: origin.clone(),
                failure: None,
                purse,
                waiting: None,
            });
            self.table.push(writer)?.rep()
        };
        self.origins.note(counted, &origin);
        Ok(counted)
    }
}

/// Takes the place of wasmtime's functions that open streams of files, and does what they do.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut context: Context<'_>, (of, at): (Resource<Descriptor>, u64)| {
            let rep = context.data_mut().stream(&of, Way::Read, at);
            answer(rep.map(Resource::<DynInputStream>::new_own))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut context: Context<'_>, (of, at): (Resource<Descriptor>, u64)| {
            let rep = context.data_mut().stream(&of, Way::Write, at);
            answer(rep.map(Resource::<DynOutputStream>::new_own))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut context: Context<'_>, (of,): (Resource<Descriptor>,)| {
            let rep = context.data_mut().stream(&of, Way::Append, 0);
            answer(rep.map(Resource::<DynOutputStream>::new_own))
        },
    )
}

type Context<'a> = StoreContextMut<'a, Capabilities>;

struct Reader {
    inner: DynInputStream,
    origin: Arc<Origin>,
}

impl Reader {
    fn count(&self, outcome: StreamResult<Bytes>) -> StreamResult<Bytes> {
        let bytes = outcome?;
        self.origin.advance(bytes.len());
        Ok(bytes)
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let outcome = self.inner.read(size);
        self.count(outcome)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        let outcome = self.inner.blocking_read(size).await;
        self.count(outcome)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

struct Writer {
    inner: DynOutputStream,
    origin: Arc<Origin>,
    /// What the guest is told by its next call.
    failure: Option<StreamError>,
    /// None: what it writes is not counted.
    purse: Option<Purse>,
    /// Taken from the guest, and not paid for yet.
    waiting: Option<Bytes>,
}

impl Writer {
    fn check(&mut self) -> StreamResult<()> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn note<T>(&self, outcome: StreamResult<T>) -> StreamResult<T> {
        if outcome.is_err() {
            self.origin.fail();
        }
        outcome
    }

    fn begin(&mut self, bytes: Bytes) -> StreamResult<()> {
        let length = bytes.len();
        let outcome = self.inner.write(bytes);
        self.note(outcome)?;
        self.origin.advance(length);
        Ok(())
    }

    /// No write is under way.
    fn settle(&mut self) {
        if let Some(purse) = &mut self.purse {
            purse.settle();
        }
    }
}

#[async_trait]
impl Pollable for Writer {
    /// A write that is under way has ended afterwards, well or not.
    async fn ready(&mut self) {
        self.inner.ready().await;
        self.settle();
        if let (Some(purse), Some(bytes)) = (&mut self.purse, &self.waiting) {
            let is_paid = purse.pay(self.origin.position(), bytes.len()).await;
            let bytes = self.waiting.take().unwrap_or_default();
            let outcome = if is_paid {
                self.begin(bytes)
            } else {
                Err(disk::full())
            };
            self.failure = self.note(outcome).err();
            self.inner.ready().await;
            self.settle();
        }
        if self.failure.is_none() {
            let outcome = self.inner.check_write();
            self.failure = self.note(outcome).err();
        }
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if self.waiting.is_some() {
            return Err(StreamError::trap(
                "write without a check-write that allows it",
            ));
        }
        if let Some(purse) = &mut self.purse
            && !purse.try_pay(self.origin.position(), bytes.len())
        {
            self.waiting = Some(bytes);
            return Ok(());
        }
        self.begin(bytes)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check()?;
        if self.purse.is_some() {
            self.ready().await;
            self.check()?;
        }
        let length = bytes.len();
        if let Some(purse) = &mut self.purse
            && !purse.pay(self.origin.position(), length).await
        {
            return Err(disk::full());
        }
        let outcome = self.inner.blocking_write_and_flush(bytes).await;
        self.settle();
        self.note(outcome)?;
        self.origin.advance(length);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()?;
        let outcome = self.inner.flush();
        self.note(outcome)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        if self.waiting.is_some() {
            return Ok(0);
        }
        let outcome = self.inner.check_write();
        let permit = self.note(outcome)?;
        if permit > 0 {
            self.settle();
        }
        Ok(permit)
    }

    async fn cancel(&mut self) {
        if self.waiting.is_some() {
            self.ready().await;
        }
        self.inner.cancel().await;
    }
}
