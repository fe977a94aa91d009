//! What the operator lets backends reach: changed while they run, explained before they try, and kept from those who were given nothing.

mod change;
mod denied;
mod explain;
mod world;
