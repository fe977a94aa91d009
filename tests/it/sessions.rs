//! Sessions, from their first call to their end.

mod access;
mod endings;
mod listing;
mod logs;
mod model;
mod queue;
mod residue;
mod starting;
mod state;
mod states;
mod states_model;
mod storm;
mod temporary;
mod timers;
