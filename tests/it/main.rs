//! One binary for all tests at Hostel's boundaries.
//!
//! Most speak to the host's verbs on a stopped clock; those below `http` and `cli` go through the doors.

mod calls;
mod cli;
mod http;
mod plugins;
mod registry;
mod sessions;
mod tidy;
