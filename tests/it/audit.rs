//! The audit log as the host writes it: a line for every verb, whichever door it came through. What the chain and the file can stand is
//! tested beside them.

mod doors;
