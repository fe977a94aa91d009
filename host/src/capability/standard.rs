//! The three standard streams: an input that is empty, an output and an error that go to the log. Remembers which handles of the
//! guest's are theirs, so that a copy of the guest can be given its own.

use std::sync::{Arc, Weak};

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, Pollable, StreamError, StreamResult,
};

use super::Capabilities;
use super::log::Source;

/// The version that wasmtime defines; guests that import another 0.2 are linked to it.
const VERSION: &str = "0.2.12";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standard {
    Input,
    Output,
    Error,
}

/// The handles that were given out.
#[derive(Default)]
pub(super) struct Given(Vec<(u32, Standard, Weak<()>)>);

/// Lives as long as the stream that carries it.
pub(super) struct Alive(#[expect(dead_code, reason = "held, never read")] Arc<()>);

impl Given {
    /// The standard stream that the host resource `rep` is.
    pub(super) fn stream(&self, rep: u32) -> Option<Standard> {
        let found = self
            .0
            .iter()
            .find(|(given, _, alive)| *given == rep && alive.strong_count() > 0);
        found.map(|(_, stream, _)| *stream)
    }

    /// Host resources that are standard streams.
    pub(super) fn reps(&self) -> impl Iterator<Item = u32> {
        let alive = self
            .0
            .iter()
            .filter(|(_, _, alive)| alive.strong_count() > 0);
        alive.map(|(rep, _, _)| *rep)
    }

    fn note(&mut self, rep: u32, stream: Standard, alive: Weak<()>) {
        self.0.retain(|(_, _, alive)| alive.strong_count() > 0);
        self.0.push((rep, stream, alive));
    }
}

impl Capabilities {
    /// Gives the guest a handle of a standard stream.
    pub(super) fn give(&mut self, stream: Standard) -> Result<u32> {
        let life = Arc::new(());
        let alive = Arc::downgrade(&life);
        let rep = match stream {
            Standard::Input => {
                let input: DynInputStream = Box::new(Empty(Alive(life)));
                self.table.push(input)?.rep()
            }
            Standard::Output | Standard::Error => {
                let source = if stream == Standard::Output {
                    Source::Stdout
                } else {
                    Source::Stderr
                };
                let output: DynOutputStream = Box::new(self.log.stream(source, Alive(life)));
                self.table.push(output)?.rep()
            }
        };
        self.given.note(rep, stream, alive);
        Ok(rep)
    }
}

/// Takes the place of wasmtime's own three functions.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> Result<()> {
    linker
        .instance(&format!("wasi:cli/stdin@{VERSION}"))?
        .func_wrap("get-stdin", |mut context: Context<'_>, (): ()| {
            let rep = context.data_mut().give(Standard::Input)?;
            Ok((Resource::<DynInputStream>::new_own(rep),))
        })?;
    for (interface, function, stream) in [
        ("stdout", "get-stdout", Standard::Output),
        ("stderr", "get-stderr", Standard::Error),
    ] {
        linker
            .instance(&format!("wasi:cli/{interface}@{VERSION}"))?
            .func_wrap(function, move |mut context: Context<'_>, (): ()| {
                let rep = context.data_mut().give(stream)?;
                Ok((Resource::<DynOutputStream>::new_own(rep),))
            })?;
    }
    Ok(())
}

type Context<'a> = StoreContextMut<'a, Capabilities>;

struct Empty(#[expect(dead_code, reason = "held, never read")] Alive);

#[async_trait]
impl Pollable for Empty {
    async fn ready(&mut self) {}
}

impl InputStream for Empty {
    fn read(&mut self, _: usize) -> StreamResult<bytes::Bytes> {
        Err(StreamError::Closed)
    }
}
