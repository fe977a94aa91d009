//! What the macros accept and refuse, tested without a compiler: sources go in as text.

mod accepted;
mod contract;
mod refused;

use std::str::FromStr;

use proc_macro2::TokenStream;
use syn::ItemMod;

use crate::{model::Backend, read};

/// Reads `source`, a module, in a crate of version 1.2.3.
fn read_backend(arguments: &str, source: &str) -> syn::Result<Backend> {
    let module: ItemMod = syn::parse_str(source)
        .unwrap_or_else(|error| panic!("{error} at {:?} of {source}", error.span().start()));
    let arguments = TokenStream::from_str(arguments).expect("the arguments of tests are tokens");
    read::read(arguments, &module, Some("1.2.3".to_owned()))
}
