//! The HTTP door: what it takes, what it answers, and what it does not put up with. What happens behind it is tested behind it.

mod backends;
mod batch;
mod bodies;
mod codes;
mod drain;
mod envelope;
mod headers;
mod jobs;
mod openapi;
mod routes;
mod sessions;
mod states;
