//! Functions: their names, their parameters and what they return.

use syn::{FnArg, ImplItemFn, ItemFn, Pat, PatType, ReturnType, Signature, TypeReference};

use super::Reader;
use crate::{
    errors::refuse,
    hints::Hints,
    model::{Function, Parameter, Passed, Receiver, Type},
    names,
};

impl Reader<'_> {
    /// A stateless tool.
    pub(super) fn free_function(&mut self, item: &ItemFn) -> Option<Function> {
        self.function(&item.attrs, &item.sig)
    }

    /// A function of a resource.
    pub(super) fn method(&mut self, item: &ImplItemFn) -> Option<Function> {
        self.function(&item.attrs, &item.sig)
    }

    fn function(&mut self, attrs: &[syn::Attribute], signature: &Signature) -> Option<Function> {
        self.plain(signature);
        let receiver = self.receiver(signature);
        let name = self.errors.keep(names::kebab(&signature.ident));
        let hints = self.errors.keep(Hints::read(attrs));
        let docs = self.docs(attrs);
        let parameters = self.parameters(signature);
        let result = self.result(&signature.output);
        let result = self.errors.keep(result)?;
        Some(Function {
            ident: signature.ident.clone(),
            name: name?,
            docs,
            hints: hints?,
            receiver,
            parameters,
            result,
        })
    }

    /// Refuses what no tool can be.
    pub(super) fn plain(&mut self, signature: &Signature) {
        let ident = &signature.ident;
        if let Some(word) = &signature.asyncness {
            self.errors.at(
                word,
                format!(
                    "a tool runs to its end: write `fn {ident}`, and block where you would await"
                ),
            );
        }
        if let Some(word) = &signature.unsafety {
            self.errors
                .at(word, "anyone can call a tool: it must be safe");
        }
        if let Some(abi) = &signature.abi {
            self.errors
                .at(abi, "the macro exports the function: leave `extern` out");
        }
        if !signature.generics.params.is_empty() {
            self.errors.at(
                &signature.generics,
                "a tool cannot be generic or name lifetimes: write the types that are meant",
            );
        }
    }

    fn receiver(&mut self, signature: &Signature) -> Receiver {
        let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else {
            return Receiver::None;
        };
        if receiver.colon_token.is_some() || receiver.reference.is_none() {
            self.errors.at(
                receiver,
                "write `&self` or `&mut self`: the host keeps what the tool works on",
            );
        }
        if receiver.mutability.is_some() {
            Receiver::Exclusive
        } else {
            Receiver::Shared
        }
    }

    pub(super) fn parameters(&mut self, signature: &Signature) -> Vec<Parameter> {
        let typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(parameter),
            FnArg::Receiver(_) => None,
        });
        typed
            .filter_map(|parameter| self.parameter(parameter))
            .collect()
    }

    fn parameter(&mut self, parameter: &PatType) -> Option<Parameter> {
        for attribute in parameter
            .attrs
            .iter()
            .filter(|attribute| !attribute.path().is_ident("doc"))
        {
            self.errors.at(
                attribute,
                "a parameter of a tool can have docs and no other attribute",
            );
        }
        let docs = self.docs(&parameter.attrs);
        let passed = match &*parameter.ty {
            syn::Type::Reference(reference) => self.referenced(reference),
            value => self.ty(value).map(|ty| (ty, Passed::Value)),
        };
        let passed = self.errors.keep(passed);
        let Pat::Ident(pattern) = &*parameter.pat else {
            self.errors.at(&parameter.pat, "a parameter of a tool has a name, which callers use: write one, and take it apart inside");
            return None;
        };
        let name = self.errors.keep(names::kebab(&pattern.ident))?;
        let (ty, passed) = passed?;
        Some(Parameter {
            ident: pattern.ident.clone(),
            name,
            docs,
            ty,
            passed,
        })
    }

    /// The macro owns the value and lends it: `&str`, `&[T]`, `&Note`, and handles to resources.
    fn referenced(&mut self, reference: &TypeReference) -> syn::Result<(Type, Passed)> {
        if let Some(lifetime) = &reference.lifetime {
            return refuse(
                lifetime,
                "a parameter lives as long as the call: leave the lifetime out",
            );
        }
        let ty = match &*reference.elem {
            syn::Type::Path(path) if path.path.is_ident("str") => Type::Plain("string"),
            syn::Type::Slice(slice) => Type::List(Box::new(self.ty(&slice.elem)?)),
            other => self.ty(other)?,
        };
        match (ty, reference.mutability) {
            (Type::Own(name), None) => Ok((Type::Borrow(name), Passed::Reference)),
            (Type::Own(name), Some(_)) => Ok((Type::Borrow(name), Passed::Exclusive)),
            (_, Some(_)) => refuse(
                reference,
                "the caller would not see the change: take the value, and return the new one",
            ),
            (ty, None) => Ok((ty, Passed::Reference)),
        }
    }

    fn result(&mut self, output: &ReturnType) -> syn::Result<Option<Type>> {
        match output {
            ReturnType::Default => Ok(None),
            ReturnType::Type(_, ty) => self.ty_or_unit(ty),
        }
    }
}
