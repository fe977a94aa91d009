//! Backends: what can be one, what becomes of its tools, and how its code is kept.

mod cache;
mod files;
mod listing;
mod replace;
