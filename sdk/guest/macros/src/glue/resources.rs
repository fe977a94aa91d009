//! Resources: the author's struct in a cell, because wit-bindgen lends `&self` and authors write `&mut self`.
//! A guest runs one call at a time, so the cell is free whenever a call begins.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{
    convert::{Way, convert},
    functions, rust_type_or_unit,
};
use crate::{
    model::{Constructor, Fails, Function, Receiver, Resource},
    names,
};

pub(super) fn cell_name(resource: &str) -> Ident {
    format_ident!("{}Cell", names::camel(resource))
}

pub(super) fn cell(resource: &Resource) -> TokenStream {
    let (ident, cell) = (&resource.ident, cell_name(&resource.name));
    let guest = format_ident!("Guest{}", names::camel(&resource.name));
    let constructor = resource
        .constructor
        .as_ref()
        .map(|constructor| constructor_body(constructor, resource));
    let functions = resource
        .functions
        .iter()
        .map(|function| method(function, ident));
    quote! {
        struct #cell(::core::cell::RefCell<super::#ident>);
        impl wit::#guest for #cell {
            #constructor
            #(#functions)*
        }
    }
}

fn constructor_body(constructor: &Constructor, resource: &Resource) -> TokenStream {
    let (ident, cell) = (&resource.ident, cell_name(&resource.name));
    let (parameters, bindings, arguments) = functions::parameters(&constructor.parameters);
    let wrap = quote!(|made| #cell(::core::cell::RefCell::new(made)));
    let (output, result) = match &constructor.fails {
        Fails::Never => (quote!(Self), quote!((#wrap)(made))),
        Fails::With(error) => {
            let ty = rust_type_or_unit(error.as_ref());
            let lowered = error.as_ref().map_or(quote!(error), |error| {
                convert(Way::Lower, error, &quote!(error))
            });
            (
                quote!(::core::result::Result<Self, #ty>),
                quote!(made.map(#wrap).map_err(|error| #lowered)),
            )
        }
    };
    quote! {
        fn new(#(#parameters),*) -> #output {
            #(#bindings)*
            let made = super::#ident::new(#(#arguments),*);
            #result
        }
    }
}

fn method(function: &Function, owner: &Ident) -> TokenStream {
    let ident = &function.ident;
    let target = quote!(super::#owner::#ident);
    match function.receiver {
        Receiver::None => functions::body(function, None, &target),
        Receiver::Shared => functions::body(function, Some(&quote!(&self.0.borrow())), &target),
        Receiver::Exclusive => {
            functions::body(function, Some(&quote!(&mut self.0.borrow_mut())), &target)
        }
    }
}
