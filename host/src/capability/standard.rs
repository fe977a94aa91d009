//! The three standard streams: an input that is empty, an output and an error that go to the log.

use std::sync::Arc;

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, Pollable, StreamError, StreamResult,
};

use super::Capabilities;
use super::log::Source;
use super::streams::Origin;

/// The version that wasmtime defines; guests that import another 0.2 are linked to it.
const VERSION: &str = "0.2.12";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standard {
    Input,
    Output,
    Error,
}

impl Capabilities {
    /// Gives the guest a handle of a standard stream.
    pub(super) fn give(&mut self, stream: Standard) -> Result<u32> {
        let origin = Arc::new(Origin::Standard(stream));
        let rep = match stream {
            Standard::Input => {
                let input: DynInputStream = Box::new(Empty(origin.clone()));
                self.table.push(input)?.rep()
            }
            Standard::Output | Standard::Error => {
                let source = if stream == Standard::Output {
                    Source::Stdout
                } else {
                    Source::Stderr
                };
                let output: DynOutputStream = Box::new(self.log.stream(source, origin.clone()));
                self.table.push(output)?.rep()
            }
        };
        self.origins.note(rep, &origin);
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

struct Empty(#[expect(dead_code, reason = "held, never read")] Arc<Origin>);

#[async_trait]
impl Pollable for Empty {
    async fn ready(&mut self) {}
}

impl InputStream for Empty {
    fn read(&mut self, _: usize) -> StreamResult<bytes::Bytes> {
        Err(StreamError::Closed)
    }
}
