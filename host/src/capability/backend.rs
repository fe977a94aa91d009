//! What the host offers guests besides WASI: `hostel:backend/log` and `/progress`, one module per version of the contract,
//! so that a plugin built against an old one keeps working.

use wasmtime::component::{HasSelf, Linker};

use super::Capabilities;
use super::log::Level;

mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "hostel:backend/host",
        imports: { default: trappable },
    });
}

use v0_1::hostel::backend::{log, progress};

/// Of a part of a result: one event must not push all others out of their log.
const PARTIAL_BYTES_MAX: usize = 64 << 10;

pub(super) fn link(linker: &mut Linker<Capabilities>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Capabilities>>(linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<Capabilities>>(linker, |state| state)
}

impl log::Host for Capabilities {
    fn log(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log.event(level, &message, &fields);
        Ok(())
    }
}

impl progress::Host for Capabilities {
    fn report(&mut self, done: u64, total: Option<u64>, message: String) -> wasmtime::Result<()> {
        self.log.progress(done, total, &message);
        Ok(())
    }

    fn partial(&mut self, value: String) -> wasmtime::Result<Result<(), String>> {
        if value.len() > PARTIAL_BYTES_MAX {
            let length = value.len();
            return Ok(Err(format!(
                "a part of a result has at most {PARTIAL_BYTES_MAX} bytes, and this one {length}"
            )));
        }
        self.log.partial(value);
        Ok(Ok(()))
    }
}
