//! The conversion, from both sides, and through live guests.

pub(crate) mod guest;
mod limits;
mod live;
mod messages;
mod properties;
mod resources;
mod typed;
pub(crate) mod wit_text;
mod written;
