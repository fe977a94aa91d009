//! The MCP door: the host's tools for models, at `/mcp` and over standard input and output. Revision 2026-07-28, and those before it that
//! begin with `initialize`. The SDK (`rmcp`) has the protocol; here is what the words mean on this host.

mod desk;
mod door;
mod media;
mod menu;
mod names;
mod plain;
mod result;
mod revision;
mod server;
mod session_tools;
mod stdio;
mod tasks;

pub(super) use door::{PATH, routes, turned_away};
pub(crate) use stdio::serve as serve_stdio;
