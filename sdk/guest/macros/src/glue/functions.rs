//! The `Guest` trait of the interface, and what its functions and those of resources have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{
    convert::{Way, convert},
    resources::cell_name,
    rust_type,
};
use crate::{
    model::{Backend, Function, Parameter, Passed, Type},
    names,
};

/// `struct Backend`, which stands for the whole module in wit-bindgen's eyes.
pub(super) fn guest(backend: &Backend) -> TokenStream {
    let resources = backend.resources.iter().map(|resource| {
        let (name, cell) = (names::camel(&resource.name), cell_name(&resource.name));
        quote!(type #name = #cell;)
    });
    let functions = backend.functions.iter().map(|function| {
        let ident = &function.ident;
        body(function, None, &quote!(super::#ident))
    });
    quote! {
        struct Backend;
        impl wit::Guest for Backend {
            #(#resources)*
            #(#functions)*
        }
    }
}

/// A function of a trait: lifts the parameters, calls `target` with them, lowers its result. A method gives `target`
/// the `receiver` first.
pub(super) fn body(
    function: &Function,
    receiver: Option<&TokenStream>,
    target: &TokenStream,
) -> TokenStream {
    let name = names::snake(&function.name);
    let (parameters, bindings, arguments) = parameters(&function.parameters);
    let (output, result) = match &function.result {
        None => (quote!(()), quote!(result)),
        Some(ty) => (rust_type(ty), convert(Way::Lower, ty, &quote!(result))),
    };
    let self_parameter = receiver.map(|_| quote!(&self));
    let parameters = self_parameter.into_iter().chain(parameters);
    let arguments = receiver.cloned().into_iter().chain(arguments);
    quote! {
        fn #name(#(#parameters),*) -> #output {
            #(#bindings)*
            let result = #target(#(#arguments),*);
            #result
        }
    }
}

/// Declarations, statements that make the author's values of them, and what to pass.
pub(super) fn parameters(
    parameters: &[Parameter],
) -> (Vec<TokenStream>, Vec<TokenStream>, Vec<TokenStream>) {
    let mut all = (Vec::new(), Vec::new(), Vec::new());
    for (index, parameter) in parameters.iter().enumerate() {
        let ident = format_ident!("parameter{index}");
        let ty = rust_type(&parameter.ty);
        all.0.push(quote!(#ident: #ty));
        all.1.push(binding(parameter, &ident));
        all.2.push(match parameter.passed {
            Passed::Value => quote!(#ident),
            Passed::Reference => quote!(&#ident),
            Passed::Exclusive => quote!(&mut #ident),
        });
    }
    all
}

fn binding(parameter: &Parameter, ident: &Ident) -> TokenStream {
    match &parameter.ty {
        Type::Borrow(name) => {
            let cell = cell_name(name);
            let (mutable, borrow) = match parameter.passed {
                Passed::Exclusive => (quote!(mut), quote!(borrow_mut)),
                Passed::Value | Passed::Reference => (quote!(), quote!(borrow)),
            };
            quote!(let #mutable #ident = #ident.get::<#cell>().0.#borrow();)
        }
        ty => {
            let lifted = convert(Way::Lift, ty, &quote!(#ident));
            quote!(let #ident = #lifted;)
        }
    }
}
