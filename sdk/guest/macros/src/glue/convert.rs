//! Moves values between the author's types (`super::Note`) and wit-bindgen's (`wit::Note`): `lift` inwards, `lower`
//! outwards. Where both are the same type, nothing is done.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::resources::cell_name;
use crate::{
    model::{Case, Field, Payload, Shape, Type, TypeDef},
    names,
};

/// Into the guest, or out of it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    Lift,
    Lower,
}

/// An expression that turns `value` into the other side's type.
pub(super) fn convert(way: Way, ty: &Type, value: &TokenStream) -> TokenStream {
    if is_same(ty) {
        return value.clone();
    }
    let item = quote!(item);
    match ty {
        Type::Plain(_) => value.clone(),
        Type::List(inner) => {
            let converted = convert(way, inner, &item);
            quote!((#value).into_iter().map(|item| #converted).collect::<::std::vec::Vec<_>>())
        }
        Type::Option(inner) => {
            let converted = convert(way, inner, &item);
            quote!((#value).map(|item| #converted))
        }
        Type::Result(ok, error) => {
            let [ok, error] = [ok, error].map(|side| {
                side.as_ref()
                    .map_or(item.clone(), |ty| convert(way, ty, &item))
            });
            quote!((#value).map(|item| #ok).map_err(|item| #error))
        }
        Type::Tuple(items) => {
            let parts = parts(items.len());
            let converted = items
                .iter()
                .zip(&parts)
                .map(|(ty, part)| convert(way, ty, &quote!(#part)));
            quote!({ let (#(#parts,)*) = #value; (#(#converted,)*) })
        }
        Type::Named(name) => {
            let function = function_name(way, name);
            quote!(#function(#value))
        }
        Type::Own(name) => {
            let (cell, resource) = (cell_name(name), names::camel(name));
            match way {
                Way::Lift => quote!((#value).into_inner::<#cell>().0.into_inner()),
                Way::Lower => {
                    quote!(wit::#resource::new(#cell(::core::cell::RefCell::new(#value))))
                }
            }
        }
        Type::Borrow(_) => value.clone(),
    }
}

/// The two functions that convert a type of the module.
pub(super) fn functions(definition: &TypeDef) -> TokenStream {
    let (ident, wit) = (&definition.ident, names::camel(&definition.name));
    let [lift, lower] = [Way::Lift, Way::Lower].map(|way| {
        let function = function_name(way, &definition.name);
        let body = body(way, definition);
        let (from, to) = match way {
            Way::Lift => (quote!(wit::#wit), quote!(super::#ident)),
            Way::Lower => (quote!(super::#ident), quote!(wit::#wit)),
        };
        quote! { fn #function(value: #from) -> #to { #body } }
    });
    quote! { #lift #lower }
}

fn body(way: Way, definition: &TypeDef) -> TokenStream {
    let (ident, wit) = (&definition.ident, names::camel(&definition.name));
    match &definition.shape {
        Shape::Record(fields) => match way {
            Way::Lift => from_wit_record(&quote!(super::#ident), fields),
            Way::Lower => {
                let taken = fields.iter().map(|field| &field.ident);
                let built = to_wit_record(&wit, fields);
                quote! { let super::#ident { #(#taken,)* } = value; #built }
            }
        },
        Shape::Tuple(items) => {
            let parts = parts(items.len());
            let converted: Vec<_> = items
                .iter()
                .zip(&parts)
                .map(|(ty, part)| convert(way, ty, &quote!(#part)))
                .collect();
            match way {
                Way::Lift => {
                    let group = grouped(&parts);
                    quote! { let #group = value; super::#ident(#(#converted),*) }
                }
                Way::Lower => {
                    let group = grouped(&converted);
                    quote! { let super::#ident(#(#parts),*) = value; #group }
                }
            }
        }
        Shape::Flags(fields) => flags(way, ident, &wit, fields),
        Shape::Enum(cases) | Shape::Variant(cases) => {
            let arms = cases.iter().map(|case| arm(way, ident, &wit, case));
            quote! { match value { #(#arms)* } }
        }
    }
}

fn arm(way: Way, owner: &Ident, wit_owner: &Ident, case: &Case) -> TokenStream {
    let (ident, wit) = (&case.ident, names::case(&case.name));
    match (&case.payload, way) {
        (Payload::None, Way::Lift) => quote! { wit::#wit_owner::#wit => super::#owner::#ident, },
        (Payload::None, Way::Lower) => quote! { super::#owner::#ident => wit::#wit_owner::#wit, },
        (Payload::Tuple(items), way) => {
            let parts = parts(items.len());
            let converted: Vec<_> = items
                .iter()
                .zip(&parts)
                .map(|(ty, part)| convert(way, ty, &quote!(#part)))
                .collect();
            match way {
                Way::Lift => {
                    let group = grouped(&parts);
                    quote! { wit::#wit_owner::#wit(#group) => super::#owner::#ident(#(#converted),*), }
                }
                Way::Lower => {
                    let group = grouped(&converted);
                    quote! { super::#owner::#ident(#(#parts),*) => wit::#wit_owner::#wit(#group), }
                }
            }
        }
        (Payload::Record(_, fields), Way::Lift) => {
            let built = from_wit_record(&quote!(super::#owner::#ident), fields);
            quote! { wit::#wit_owner::#wit(value) => #built, }
        }
        (Payload::Record(record, fields), Way::Lower) => {
            let taken = fields.iter().map(|field| &field.ident);
            let built = to_wit_record(&names::camel(record), fields);
            quote! { super::#owner::#ident { #(#taken,)* } => wit::#wit_owner::#wit(#built), }
        }
    }
}

/// `Note { text: value.text }`: from wit-bindgen's record in `value`.
fn from_wit_record(constructor: &TokenStream, fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let (ident, wit) = (&field.ident, names::snake(&field.name));
        let converted = convert(Way::Lift, &field.ty, &quote!(value.#wit));
        quote!(#ident: #converted)
    });
    quote!(#constructor { #(#fields,)* })
}

/// `wit::Note { text: text }`: from the author's fields, as variables.
fn to_wit_record(wit: &Ident, fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let (ident, wit) = (&field.ident, names::snake(&field.name));
        let converted = convert(Way::Lower, &field.ty, &quote!(#ident));
        quote!(#wit: #converted)
    });
    quote!(wit::#wit { #(#fields,)* })
}

fn flags(way: Way, ident: &Ident, wit: &Ident, fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let (field, flag) = (&field.ident, names::shouty(&field.name));
        match way {
            Way::Lift => quote!(#field: value.contains(wit::#wit::#flag),),
            Way::Lower => quote!(flags.set(wit::#wit::#flag, value.#field);),
        }
    });
    match way {
        Way::Lift => quote!(super::#ident { #(#fields)* }),
        Way::Lower => quote! { let mut flags = wit::#wit::empty(); #(#fields)* flags },
    }
}

/// Is the type the same on both sides?
fn is_same(ty: &Type) -> bool {
    match ty {
        Type::Plain(_) | Type::Borrow(_) => true,
        Type::List(item) | Type::Option(item) => is_same(item),
        Type::Result(ok, error) => [ok, error].into_iter().flatten().all(|ty| is_same(ty)),
        Type::Tuple(items) => items.iter().all(is_same),
        Type::Named(_) | Type::Own(_) => false,
    }
}

fn function_name(way: Way, name: &str) -> Ident {
    let verb = if way == Way::Lift { "lift" } else { "lower" };
    format_ident!("{verb}_{}", names::snake(name))
}

fn parts(count: usize) -> Vec<Ident> {
    (0..count)
        .map(|index| format_ident!("part{index}"))
        .collect()
}

/// One thing stands for itself, several for a tuple: as in `wit`.
fn grouped(parts: &[impl quote::ToTokens]) -> TokenStream {
    match parts {
        [only] => quote!(#only),
        parts => quote!((#(#parts,)*)),
    }
}
