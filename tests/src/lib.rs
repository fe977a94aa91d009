//! What the tests at Hostel's boundaries are written with: guests in text form, a host without doors, and a host that serves.

mod guest;
mod host;
mod neighbour;
mod server;

pub use guest::{Behaviour, Guest, Hook};
pub use host::{TestHost, TestSession, Worker};
pub use neighbour::Neighbour;
pub use server::{Answer, TestServer};
