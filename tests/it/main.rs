//! One binary for all tests at Hostel's boundaries.
//!
//! Most speak to the host's verbs on a stopped clock; those below `http`, `agentflow` and `cli` go through the doors.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests fail like tests: where they stand, with the place"
)]

mod adversarial;
mod agentflow;
mod audit;
mod callers;
mod calls;
mod cli;
mod http;
mod images;
mod mcp;
mod plugins;
mod policy;
mod quotas;
mod registry;
mod sessions;
mod supply;
mod tidy;
