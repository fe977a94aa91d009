//! Calls: which tool is meant, what it may use, and what becomes of it when its caller leaves.

mod disconnect;
mod grants;
mod handles;
mod limits;
mod names;
mod warmup;
