//! Write a Hostel backend in plain Rust.
//!
//! A backend is a module. What it makes public becomes tools; docs, types and errors travel with them.
//!
//! ```
//! /// Notes that an agent keeps while it works.
//! #[hostel::backend]
//! mod notes {
//!     /// How a session is set up.
//!     pub struct Config {
//!         /// At most this many notes.
//!         max: u32,
//!     }
//!
//!     pub struct Session {
//!         room: u32,
//!         notes: Vec<String>,
//!     }
//!
//!     impl Session {
//!         pub fn new(config: Config) -> Result<Self, String> {
//!             let (room, notes) = (config.max, vec![]);
//!             Ok(Self { room, notes })
//!         }
//!
//!         /// Appends a note and returns how many there are.
//!         pub fn add(&mut self, text: String) -> Result<u32, String> {
//!             self.room = self.room.checked_sub(1).ok_or("there is no room left")?;
//!             self.notes.push(text);
//!             Ok(self.notes.len() as u32)
//!         }
//!     }
//!
//!     /// Counts the words of a text.
//!     #[tool(read_only, idempotent)]
//!     pub fn count_words(text: String) -> u32 {
//!         text.split_whitespace().count() as u32
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! `Session` is what an agent has while it works: `new` makes it from the agent's configuration, its `pub fn`s are tools
//! that need one (`notes:add`), and its `Drop`, if it has one, runs when the agent is done. A free `pub fn` is a tool that
//! needs no session (`notes:count_words`). Each session is an instance of the component: nothing is shared.
//!
//! `pub fn warmup() -> Result<(), String>` runs once, before any session; every instance starts from the memory that it
//! leaves behind, so load there what takes time. `pub fn shutdown()` runs once at the end.
//!
//! The crate is a `cdylib`, and `cargo build --release --target wasm32-wasip2` makes the component. For `cargo test` the
//! module is what it looks like: structs and functions.
//!
//! The README lists the types, the hints and what cannot be said. [`log`] and [`progress`] speak to the host while a tool
//! runs. Who would rather begin with WIT begins with [`generate!`].

#![warn(missing_docs)]

#[doc(hidden)]
pub mod __private;
pub mod hooks;
mod host;
pub mod log;
pub mod progress;

pub use hooks::{session::export_session, shutdown::export_shutdown, warmup::export_warmup};
/// Makes a backend of a module: `#[hostel::backend] mod notes { ... }`.
///
/// The module is compiled as it stands, and the macro adds what exports it as the WIT interface `tools` of the package
/// `hostel-plugin:<module>@<version of the crate>`, or of the one in `#[hostel::backend(package = "acme:notes@1.2.0")]`.
///
/// * Tools: every free `pub fn`, and every `pub fn` with `&self` or `&mut self` of `Session`. `pub(crate)` is not `pub`.
/// * Types: those that the tools' signatures name, as structs and enums of the module. Nothing is required of them.
///   `#[flags]` on a struct of `bool`s makes WIT flags of it.
/// * Handles: `#[resource]` on another struct with a public impl lets tools pass it around while it stays in the guest.
/// * Docs: the doc comments of the module, of functions, parameters, types, fields and cases.
/// * Hints: `#[tool(read_only, idempotent, destructive, open_world, title = "...")]` on a tool. Each can be denied, as in
///   `destructive = false`.
///
/// What cannot be expressed in WIT is an error at the line in question, with what to write instead. A crate has one
/// backend. The code that the macro adds contains `unsafe`, so the crate can deny `unsafe_code`, but not forbid it.
pub use hostel_guest_macros::backend;
/// Makes bindings for a WIT file: `hostel::generate!("wit/notes.wit");`.
///
/// The path begins at the folder of `Cargo.toml`. The file can `include hostel:backend/with-session@0.1.0;` and the
/// like without a copy of that package. What is generated is what [`wit_bindgen::generate!`] documents, traits to
/// implement and `export!`, and its other options may follow: `hostel::generate!("wit/notes.wit", world: "notes");`.
/// The component carries the text, so that its docs reach agents; write those of a parameter as a line
/// ``- `name`: what it means`` of the function's.
pub use hostel_guest_macros::generate;
pub use wit_bindgen;

// The generated code names this crate as its users do.
extern crate self as hostel;
