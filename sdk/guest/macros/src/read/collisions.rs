//! Names that are different in Rust and the same in WIT.

use std::collections::BTreeMap;

use proc_macro2::Ident;

use crate::{
    errors::Errors,
    model::{Backend, Payload, Shape, TypeDef},
};

pub(super) fn check(backend: &Backend) -> syn::Result<()> {
    let mut errors = Errors::default();
    interface(backend, &mut errors);
    tools(backend, &mut errors);
    parameters(backend, &mut errors);
    for definition in &backend.types {
        members(definition, &mut errors);
    }
    generated(backend, &mut errors);
    errors.finish()
}

/// Types, resources and functions of an interface share one space of names.
fn interface(backend: &Backend, errors: &mut Errors) {
    let mut names = Names::default();
    for definition in &backend.types {
        names.add(&definition.name, &definition.ident, errors);
        if let Shape::Variant(cases) = &definition.shape {
            for case in cases {
                if let Payload::Record(name, _) = &case.payload {
                    names.add(name, &case.ident, errors);
                }
            }
        }
    }
    for resource in &backend.resources {
        names.add(&resource.name, &resource.ident, errors);
        let mut functions = Names::default();
        for function in &resource.functions {
            functions.add(&function.name, &function.ident, errors);
        }
    }
    for function in &backend.functions {
        names.add(&function.name, &function.ident, errors);
    }
}

/// Parameters of one function. WIT gives a method one called `self`.
fn parameters(backend: &Backend, errors: &mut Errors) {
    let methods = backend
        .resources
        .iter()
        .flat_map(|resource| &resource.functions);
    let functions = methods
        .chain(&backend.functions)
        .map(|function| &function.parameters);
    let constructors = backend
        .resources
        .iter()
        .filter_map(|resource| resource.constructor.as_ref());
    for parameters in functions.chain(constructors.map(|constructor| &constructor.parameters)) {
        let mut names = Names::default();
        for parameter in parameters {
            names.add(&parameter.name, &parameter.ident, errors);
            if parameter.name == "self" {
                errors.at(
                    &parameter.ident,
                    "WIT calls a method's object `self`: rename the parameter",
                );
            }
        }
    }
}

/// A caller names a tool without saying whether it needs a session.
fn tools(backend: &Backend, errors: &mut Errors) {
    let session = backend
        .resources
        .iter()
        .find(|resource| resource.is_session());
    let methods = session.iter().flat_map(|session| &session.functions);
    for (method, function) in methods.flat_map(|method| {
        backend
            .functions
            .iter()
            .map(move |function| (method, function))
    }) {
        if method.name == function.name {
            let message = format!(
                "a tool of the session is called `{}` too: rename one",
                function.name
            );
            errors.at(&function.ident, message);
        }
    }
}

fn members(definition: &TypeDef, errors: &mut Errors) {
    let mut names = Names::default();
    match &definition.shape {
        Shape::Record(fields) | Shape::Flags(fields) => {
            fields
                .iter()
                .for_each(|field| names.add(&field.name, &field.ident, errors));
        }
        Shape::Enum(cases) | Shape::Variant(cases) => {
            cases
                .iter()
                .for_each(|case| names.add(&case.name, &case.ident, errors));
        }
        Shape::Tuple(_) => {}
    }
}

/// Names that wit-bindgen's Rust uses for itself.
fn generated(backend: &Backend, errors: &mut Errors) {
    let mut taken: Vec<String> = ["from", "into", "option", "result", "sized"]
        .map(str::to_owned)
        .to_vec();
    for resource in &backend.resources {
        taken.push(format!("guest-{}", resource.name));
        taken.push(format!("{}-borrow", resource.name));
    }
    let types = backend
        .types
        .iter()
        .map(|definition| (&definition.name, &definition.ident));
    let resources = backend
        .resources
        .iter()
        .map(|resource| (&resource.name, &resource.ident));
    for (name, ident) in types.chain(resources) {
        if taken.contains(name) {
            errors.at(
                ident,
                format!("the generated code uses the name `{ident}` itself: rename the type"),
            );
        }
    }
}

#[derive(Default)]
struct Names(BTreeMap<String, Ident>);

impl Names {
    fn add(&mut self, name: &str, ident: &Ident, errors: &mut Errors) {
        match self.0.get(name) {
            Some(other) if other == ident => {
                errors.at(ident, format!("`{ident}` is there twice: rename one"))
            }
            Some(other) => {
                let message =
                    format!("`{ident}` and `{other}` would both be `{name}` in WIT: rename one");
                errors.at(ident, message);
            }
            None => drop(self.0.insert(name.to_owned(), ident.clone())),
        }
    }
}
