//! The Rust that joins a module's items to what wit-bindgen generates for its WIT.
//!
//! All of it is one hidden child module. The author's types stay as they were written; `convert` moves values between
//! them and wit-bindgen's.

mod convert;
mod functions;
mod hooks;
mod resources;

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::{
    model::{Backend, Type},
    names,
};

/// The child module. `wit` is the backend's WIT, `hints` its `hostel-tools` section.
pub(crate) fn module(backend: &Backend, wit: &str, hints: Option<&str>) -> TokenStream {
    let (namespace, package) = (
        names::snake(&backend.package.namespace),
        names::snake(&backend.package.name),
    );
    let conversions = backend.types.iter().map(convert::functions);
    let resources = backend.resources.iter().map(resources::cell);
    let guest = functions::guest(backend);
    let hooks = hooks::exports(&backend.hooks);
    let sections = sections(wit, hints);
    quote! {
        #[doc(hidden)]
        #[allow(warnings, unsafe_code, clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
        mod __hostel {
            mod bindings {
                ::hostel::__private::wit_bindgen::generate!({
                    inline: #wit,
                    path: [],
                    world: "backend",
                    runtime_path: "::hostel::__private::wit_bindgen::rt",
                });
            }
            use bindings::exports::#namespace::#package::tools as wit;

            #(#conversions)*
            #(#resources)*
            #guest
            #hooks

            // A component is one backend: a second one in the crate has this name too, and the compiler says so.
            #[macro_export]
            macro_rules! a_crate_has_one_hostel_backend {
                () => {};
            }

            #[cfg(target_arch = "wasm32")]
            bindings::export!(Backend with_types_in bindings);
            #sections
        }
    }
}

/// Texts for the host, as custom sections of the core module: linkers keep those, and they end up in the component.
pub(crate) fn sections(wit: &str, hints: Option<&str>) -> TokenStream {
    let section = |name: &str, text: &str| {
        let (bytes, length) = (Literal::byte_string(text.as_bytes()), text.len());
        quote! {
            const _: () = {
                #[cfg(target_arch = "wasm32")]
                #[used]
                #[unsafe(link_section = #name)]
                static SECTION: [u8; #length] = *#bytes;
            };
        }
    };
    let wit = section("hostel-wit", wit);
    let hints = hints.map(|hints| section("hostel-tools", hints));
    quote! { #wit #hints }
}

/// A type in wit-bindgen's Rust, as signatures name it.
fn rust_type(ty: &Type) -> TokenStream {
    match ty {
        Type::Plain(name) => plain_type(name),
        Type::List(item) => {
            let item = rust_type(item);
            quote!(::std::vec::Vec<#item>)
        }
        Type::Option(item) => {
            let item = rust_type(item);
            quote!(::core::option::Option<#item>)
        }
        Type::Result(ok, error) => {
            let (ok, error) = (
                rust_type_or_unit(ok.as_deref()),
                rust_type_or_unit(error.as_deref()),
            );
            quote!(::core::result::Result<#ok, #error>)
        }
        Type::Tuple(items) => {
            let items = items.iter().map(rust_type);
            quote!((#(#items,)*))
        }
        Type::Named(name) | Type::Own(name) => {
            let ident = names::camel(name);
            quote!(wit::#ident)
        }
        Type::Borrow(name) => {
            let ident = format_ident!("{}Borrow", names::camel(name));
            quote!(wit::#ident<'_>)
        }
    }
}

fn rust_type_or_unit(ty: Option<&Type>) -> TokenStream {
    ty.map_or_else(|| quote!(()), rust_type)
}

fn plain_type(name: &str) -> TokenStream {
    if name == "string" {
        return quote!(::std::string::String);
    }
    // WIT says s32 where Rust says i32; the other names are the same.
    let rust = format_ident!(
        "{}",
        name.strip_prefix('s')
            .map_or_else(|| name.to_owned(), |width| format!("i{width}"))
    );
    quote!(::core::primitive::#rust)
}
