//! Hostel, a WebAssembly tool host for AI agents. Each session is a component instance of its own.
//!
//! ```text
//!             HTTP            MCP                           doors: bytes -> typed request -> bytes
//!           api/http        api/mcp
//!               └──────────────┤
//!                            host                           every verb, once; one span per call
//!                              │
//!                           router                          backend:tool -> which backend, which tool
//!                              │
//!                           session                         one keeper per session, one loan per call
//!                    ┌─────────┴──────────┐
//!                 engine              registry              wasmtime │ known backends
//!                    │
//!                capability                                 one file per capability
//!    ─────────────────────────────────────────────────
//!     policy · quota · watch · ids · tool · label · error   words and decisions: no I/O, no wasmtime
//! ```
//!
//! A module uses those below it and none above. `ARCHITECTURE.md` beside this crate is the map.

pub mod access;
pub mod error;
pub mod ids;
pub mod label;
pub mod policy;
pub mod quota;
pub mod tool;
pub mod watch;

pub mod audit;
pub mod auth;
pub mod capability;
pub mod durable;
pub mod engine;
mod https;
pub mod registry;
pub mod session;

pub mod host;
pub mod job;
mod router;

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod telemetry;

/// What the fuzz targets in `tests/fuzz` drive.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads the first bytes as a type and the rest as the JSON of a value of it.
    pub fn arguments(data: &[u8]) {
        crate::engine::function::fuzz::arguments(data);
    }

    /// Reads the bytes as a component, without compiling it.
    pub fn component(data: &[u8]) {
        crate::registry::fuzz::component(data);
    }

    /// Reads the bytes as sections with a component's texts.
    pub fn sections(data: &[u8]) {
        crate::registry::fuzz::sections(data);
    }

    /// Reads the text as a configuration.
    pub fn config(data: &[u8]) {
        crate::config::fuzz::config(data);
    }

    /// Sends the bytes as a body to one of the doors.
    pub fn requests(data: &[u8]) {
        crate::app::fuzz::requests(data);
    }

    /// Reads the bytes as a snapshot file, and as changes of a good one.
    pub fn snapshot(data: &[u8]) {
        crate::durable::file::fuzz::snapshot(data);
    }
}
