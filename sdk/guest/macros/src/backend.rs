//! `#[backend] mod ...`: from the author's module to the module that is compiled.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemMod;

use crate::{glue, hints, read, wit};

/// The module with its glue; or, besides the module as it was, the errors.
pub(crate) fn expand(arguments: TokenStream, module: TokenStream) -> TokenStream {
    let mut module: ItemMod = match syn::parse2(module) {
        Ok(module) => module,
        Err(error) => return error.into_compile_error(),
    };
    let backend = read::read(arguments, &module, crate_version());
    if let Some((_, items)) = &mut module.content {
        read::strip(items);
    }
    match backend {
        Ok(backend) => {
            let glue = glue::module(
                &backend,
                &wit::text(&backend),
                hints::section(&backend).as_deref(),
            );
            // The lint asks who else could use a `pub` item: here it is the host.
            module.attrs.push(
                syn::parse_quote!(#[allow(unreachable_pub, reason = "callers of the backend")]),
            );
            if let Some((_, items)) = &mut module.content {
                items.push(syn::Item::Verbatim(glue));
            }
            quote!(#module)
        }
        Err(error) => {
            // The module stays, so that its users do not drown the errors that matter.
            let errors = error.into_compile_error();
            quote!(#module #errors)
        }
    }
}

/// The version of the crate that is being compiled.
#[expect(
    clippy::disallowed_methods,
    reason = "this is how cargo tells a macro about the crate that it runs for"
)]
fn crate_version() -> Option<String> {
    std::env::var("CARGO_PKG_VERSION").ok()
}
