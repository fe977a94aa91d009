//! Bindings of what the host offers besides WASI. Linked in only when used.

#![allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]

hostel_guest_macros::contract!("host", ownership: Borrowing { duplicate_if_necessary: true });
