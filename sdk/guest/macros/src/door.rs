//! `generate!("wit/notes.wit")`: bindings for hand-written WIT, which is carried along for its docs. The WIT of
//! `hostel:backend` is at hand there without a copy in the author's `wit/deps`.

use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    LitStr, Token,
    parse::{Parse, ParseStream},
};

use crate::glue;

/// The contract between host and guests, as in `wit/backend.wit`.
pub(crate) const CONTRACT: &str = include_str!("../wit/backend.wit");

/// A file or a world, and options of wit-bindgen's that are passed on.
struct Input {
    subject: LitStr,
    options: TokenStream,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let subject = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(Self {
            subject,
            options: input.parse()?,
        })
    }
}

/// `generate!("wit/notes.wit", world: "notes")`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    syn::parse2(input)
        .and_then(|input| from_file(&input))
        .unwrap_or_else(syn::Error::into_compile_error)
}

/// `contract!("with-warmup", ...)`: bindings for one world of the contract, for the `hostel` crate itself.
pub(crate) fn contract(input: TokenStream) -> TokenStream {
    let Input { subject, options } = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    quote! {
        ::wit_bindgen::generate!({
            inline: #CONTRACT,
            path: [],
            world: #subject,
            runtime_path: "::hostel::wit_bindgen::rt",
            #options
        });
    }
}

fn from_file(input: &Input) -> syn::Result<TokenStream> {
    let Input { subject, options } = input;
    let path = crate_root().join(subject.value());
    let written = read(&path).map_err(|problem| syn::Error::new(subject.span(), problem))?;
    let text = with_contract(&written);
    let sections = glue::sections(&text, None);
    let path = path.display().to_string();
    Ok(quote! {
        ::hostel::wit_bindgen::generate!({
            inline: #text,
            path: [],
            runtime_path: "::hostel::wit_bindgen::rt",
            generate_all,
            #options
        });
        // Another text is another build.
        const _: &str = include_str!(#path);
        #sections
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "one small file, named in the error; a library for that would build with every plugin"
)]
fn read(path: &PathBuf) -> Result<String, String> {
    match std::fs::read(path) {
        Ok(bytes) => {
            String::from_utf8(bytes).map_err(|_| format!("`{}` is not text", path.display()))
        }
        Err(error) => Err(format!(
            "cannot read `{}`: {error}; name the WIT file, beginning at the folder of Cargo.toml",
            path.display()
        )),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is how cargo tells a macro about the crate that it runs for"
)]
fn crate_root() -> PathBuf {
    std::env::var("CARGO_MANIFEST_DIR")
        .unwrap_or_default()
        .into()
}

/// The author's text and, if it speaks of `hostel:backend` without bringing it, the contract as a package inside it.
pub(crate) fn with_contract(written: &str) -> String {
    if !written.contains("hostel:backend") || written.contains("package hostel:backend") {
        return written.to_owned();
    }
    let nested = CONTRACT.replacen(
        "package hostel:backend@0.1.0;",
        "package hostel:backend@0.1.0 {",
        1,
    );
    format!("{written}\n{nested}}}\n")
}
