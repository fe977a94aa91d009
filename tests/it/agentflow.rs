//! The AgentFlow door: what its clients send and get, number by number, and what went wrong in AgentFlow's own server and does not here.
//! Where no connection is needed, requests go straight to the routes, on a clock that stands still.

mod codes;
mod defects;
mod door;
mod fields;
mod flows;
mod retries;
mod shapes;
