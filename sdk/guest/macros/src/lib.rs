//! The macros behind `hostel-guest`: [`macro@backend`] turns a module of plain Rust into an exported WIT interface, and
//! [`macro@generate`] makes bindings for WIT that the author wrote by hand.
//!
//! `backend` works in three steps, a file each: `read` makes a `model` of the module (or errors at the author's
//! lines), `wit` and `hints` write the model down as text, `glue` as Rust that joins the author's items to the
//! functions which wit-bindgen generates for that text. Nothing here runs in a plugin.

mod backend;
mod door;
mod errors;
mod glue;
mod hints;
mod model;
mod names;
mod package;
mod read;
mod wit;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes a Hostel backend of a module: see the documentation of the `hostel` crate.
#[proc_macro_attribute]
pub fn backend(arguments: TokenStream, module: TokenStream) -> TokenStream {
    backend::expand(arguments.into(), module.into()).into()
}

/// Generates bindings for a WIT file and carries its text: see the documentation of the `hostel` crate.
#[proc_macro]
pub fn generate(input: TokenStream) -> TokenStream {
    door::expand(input.into()).into()
}

#[doc(hidden)]
#[proc_macro]
pub fn contract(input: TokenStream) -> TokenStream {
    door::contract(input.into()).into()
}
