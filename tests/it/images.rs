//! Warm images: one warmup, many instances; kept on disk, and never believed when they are out of date.

mod cached;
mod guest;
mod javascript;
mod python;
mod refresh;
mod remember;
mod states;
