//! The session, and the other structs that callers hold handles to.

use syn::{Generics, ImplItem, ImplItemFn, Item, ItemImpl, ReturnType, Visibility};

use super::{Reader, attributes, is_public};
use crate::{
    model::{Constructor, Fails, Function, Receiver, Resource},
    names,
};

impl Reader<'_> {
    pub(super) fn resources(&mut self, items: &[Item]) -> Vec<Resource> {
        let mut resources = Vec::new();
        for item in items {
            let (ident, attrs, vis, generics) = match item {
                Item::Struct(item) => (&item.ident, &item.attrs, &item.vis, &item.generics),
                Item::Enum(item) => (&item.ident, &item.attrs, &item.vis, &item.generics),
                _ => continue,
            };
            let is_session = ident == "Session";
            if !is_session && !attributes::has(attrs, "resource") || !self.applies(attrs) {
                continue;
            }
            if self.can_live(ident, vis, generics) {
                resources.extend(self.resource(ident, attrs, items));
            }
        }
        resources.sort_by_key(|resource| !resource.is_session());
        resources
    }

    fn can_live(&mut self, ident: &syn::Ident, vis: &Visibility, generics: &Generics) -> bool {
        if !is_public(vis) {
            self.errors.at(ident, format!("write `pub struct {ident}`, or give it another name if it is not meant for callers"));
        }
        if !generics.params.is_empty() {
            self.errors.at(generics, format!("`{ident}` cannot be generic or borrow: it lives between calls, so it owns what it holds"));
        }
        generics.params.is_empty()
    }

    fn resource(
        &mut self,
        ident: &syn::Ident,
        attrs: &[syn::Attribute],
        items: &[Item],
    ) -> Option<Resource> {
        let name = self.errors.keep(names::kebab(ident))?;
        let mut resource = Resource {
            ident: ident.clone(),
            docs: self.docs(attrs),
            name,
            constructor: None,
            functions: Vec::new(),
        };
        for block in items.iter().filter_map(|item| impl_of(item, ident)) {
            if !self.applies(&block.attrs) {
                continue;
            }
            let docs = self.docs(&block.attrs);
            resource.docs.extend(docs);
            self.impl_block(block, &mut resource);
        }
        if resource.is_session() && resource.constructor.is_none() && !has_new(ident, items) {
            self.errors.at(ident, "a session needs a constructor: write `impl Session { pub fn new(config: Config) -> Result<Self, String> { ... } }`; `new` may also take nothing, and return `Self`");
        }
        Some(resource)
    }

    fn impl_block(&mut self, block: &ItemImpl, resource: &mut Resource) {
        for item in &block.items {
            let ImplItem::Fn(function) = item else {
                continue;
            };
            if !is_public(&function.vis) {
                self.no_hints(&function.attrs);
                continue;
            }
            if !self.applies(&function.attrs) {
                continue;
            }
            if function.sig.ident == "new" {
                resource.constructor = self.constructor(function, &resource.ident);
            } else if let Some(method) = self.method(function) {
                self.resource_function(method, function, resource);
            }
        }
    }

    fn resource_function(
        &mut self,
        method: Function,
        written: &ImplItemFn,
        resource: &mut Resource,
    ) {
        if method.receiver == Receiver::None && resource.is_session() {
            self.errors.at(
                &written.sig.ident,
                "a tool of the session takes `&self` or `&mut self`; if it needs no session, move it out of the impl; if it is no tool, write `pub(super) fn`",
            );
        }
        resource.functions.push(method);
    }

    fn constructor(&mut self, function: &ImplItemFn, owner: &syn::Ident) -> Option<Constructor> {
        self.plain(&function.sig);
        self.no_hints(&function.attrs);
        if let Some(receiver) = function.sig.receiver() {
            self.errors
                .at(receiver, "`new` is the constructor: it takes no `self`");
        }
        let fails = self.fails(&function.sig.output, owner);
        if fails.is_none() {
            self.errors.at(&function.sig, format!("`new` returns `Self` or `Result<Self, String>`, or `{owner}` in place of `Self`"));
        }
        let docs = self.docs(&function.attrs);
        Some(Constructor {
            docs,
            parameters: self.parameters(&function.sig),
            fails: fails?,
        })
    }

    /// None if what `new` returns is neither the resource nor a result of it.
    fn fails(&mut self, output: &ReturnType, owner: &syn::Ident) -> Option<Fails> {
        let ReturnType::Type(_, ty) = output else {
            return None;
        };
        let syn::Type::Path(path) = &**ty else {
            return None;
        };
        let is_owner = |path: &syn::Path| path.is_ident("Self") || path.is_ident(owner);
        if is_owner(&path.path) {
            return Some(Fails::Never);
        }
        let last = path
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Result")?;
        let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        let mut arguments = arguments.args.iter();
        let (ok, error) = (arguments.next()?, arguments.next()?);
        let syn::GenericArgument::Type(syn::Type::Path(ok)) = ok else {
            return None;
        };
        let syn::GenericArgument::Type(error) = error else {
            return None;
        };
        if !is_owner(&ok.path) || arguments.next().is_some() {
            return None;
        }
        let error = self.ty_or_unit(error);
        Some(Fails::With(self.errors.keep(error)?))
    }
}

impl Resource {
    pub(crate) fn is_session(&self) -> bool {
        self.ident == "Session"
    }
}

/// Is there a `pub fn new`, even one that was refused?
fn has_new(ident: &syn::Ident, items: &[Item]) -> bool {
    let functions = items
        .iter()
        .filter_map(|item| impl_of(item, ident))
        .flat_map(|block| &block.items);
    functions.into_iter().any(|item| matches!(item, ImplItem::Fn(function) if function.sig.ident == "new" && is_public(&function.vis)))
}

/// `impl Name { ... }`, if the item is that.
fn impl_of<'a>(item: &'a Item, ident: &syn::Ident) -> Option<&'a ItemImpl> {
    let Item::Impl(block) = item else { return None };
    let syn::Type::Path(path) = &*block.self_ty else {
        return None;
    };
    (block.trait_.is_none() && path.path.is_ident(ident)).then_some(block)
}
