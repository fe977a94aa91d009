//! Structs and enums of the module, as the types that tools speak of.

use syn::{Attribute, Fields, Generics, Ident, ItemEnum, ItemStruct, Variant};

use super::{Definition, Named, Reader, attributes};
use crate::{
    model::{Case, Field, Payload, Shape, Type, TypeDef},
    names,
};

impl Reader<'_> {
    /// Reads a struct or an enum, once.
    pub(super) fn define(&mut self, key: &str, definition: Definition<'_>) {
        if self.types.contains_key(&definition.place) {
            return;
        }
        self.open.push(key.to_owned());
        let defined = match definition.item {
            Named::Struct(item) => self.structure(item),
            Named::Enum(item) => self.enumeration(item),
            Named::Alias(_) => None,
        };
        self.open.pop();
        if let Some(defined) = defined {
            self.types.insert(definition.place, defined);
        }
    }

    fn structure(&mut self, item: &ItemStruct) -> Option<TypeDef> {
        let (name, docs) = self.head(&item.ident, &item.attrs, &item.generics)?;
        let has_flags = attributes::has(&item.attrs, "flags");
        let shape = match &item.fields {
            _ if item.fields.is_empty() => {
                self.errors.at(
                    &item.ident,
                    "WIT has no empty records: add a field, or leave the type out",
                );
                return None;
            }
            Fields::Named(fields) if has_flags => Shape::Flags(self.flags(item, fields)),
            Fields::Named(fields) => Shape::Record(self.fields(fields)),
            other => {
                if has_flags {
                    self.errors.at(other, FLAGS);
                }
                Shape::Tuple(self.items(other))
            }
        };
        Some(TypeDef {
            ident: item.ident.clone(),
            name,
            docs,
            shape,
        })
    }

    fn enumeration(&mut self, item: &ItemEnum) -> Option<TypeDef> {
        let (name, docs) = self.head(&item.ident, &item.attrs, &item.generics)?;
        if attributes::has(&item.attrs, "flags") {
            self.errors.at(&item.ident, FLAGS);
        }
        if item.variants.is_empty() {
            self.errors.at(
                &item.ident,
                "WIT has no empty enums: add a case, or leave the type out",
            );
            return None;
        }
        let cases: Vec<Case> = item
            .variants
            .iter()
            .filter_map(|variant| self.case(&name, variant))
            .collect();
        let is_plain = cases
            .iter()
            .all(|case| matches!(case.payload, Payload::None));
        let shape = if is_plain {
            Shape::Enum(cases)
        } else {
            Shape::Variant(cases)
        };
        Some(TypeDef {
            ident: item.ident.clone(),
            name,
            docs,
            shape,
        })
    }

    /// What structs and enums have in common.
    fn head(
        &mut self,
        ident: &Ident,
        attrs: &[Attribute],
        generics: &Generics,
    ) -> Option<(String, Vec<String>)> {
        if !generics.params.is_empty() {
            self.errors.at(
                generics,
                "a type of a tool cannot be generic or borrow: write out the one that is meant",
            );
            return None;
        }
        if !self.applies(attrs) {
            return None;
        }
        let name = self.errors.keep(names::kebab(ident))?;
        Some((name, self.docs(attrs)))
    }

    fn case(&mut self, owner: &str, variant: &Variant) -> Option<Case> {
        if !self.applies(&variant.attrs) {
            return None;
        }
        let name = self.errors.keep(names::kebab(&variant.ident))?;
        let payload = match &variant.fields {
            Fields::Unit => Payload::None,
            fields if fields.is_empty() => Payload::None,
            Fields::Named(fields) => {
                Payload::Record(format!("{owner}-{name}"), self.fields(fields))
            }
            Fields::Unnamed(_) => Payload::Tuple(self.items(&variant.fields)),
        };
        if !matches!(variant.fields, Fields::Unit) && variant.fields.is_empty() {
            self.errors.at(
                variant,
                format!("write `{}` alone: it holds nothing", variant.ident),
            );
        }
        Some(Case {
            ident: variant.ident.clone(),
            name,
            docs: self.docs(&variant.attrs),
            payload,
        })
    }

    fn flags(&mut self, item: &ItemStruct, fields: &syn::FieldsNamed) -> Vec<Field> {
        let read = self.fields(fields);
        for (field, written) in read.iter().zip(&fields.named) {
            if !matches!(field.ty, Type::Plain("bool")) {
                self.errors
                    .at(&written.ty, "a field of `#[flags]` is a `bool`");
            }
        }
        if fields.named.len() > 32 {
            self.errors.at(
                &item.ident,
                "flags can be 32 at most: make two types of them",
            );
        }
        read
    }

    fn fields(&mut self, fields: &syn::FieldsNamed) -> Vec<Field> {
        let one = |field: &syn::Field| {
            let ident = field.ident.clone()?;
            let is_there = self.applies(&field.attrs);
            let name = names::kebab(&ident);
            let (name, ty) = (self.errors.keep(name), self.ty(&field.ty));
            let ty = self.errors.keep(ty);
            let docs = self.docs(&field.attrs);
            is_there.then_some(Field {
                ident,
                name: name?,
                docs,
                ty: ty?,
            })
        };
        fields.named.iter().filter_map(one).collect()
    }

    fn items(&mut self, fields: &Fields) -> Vec<Type> {
        let one = |field: &syn::Field| {
            let ty = self.ty(&field.ty);
            self.errors.keep(ty)
        };
        fields.iter().filter_map(one).collect()
    }
}

const FLAGS: &str = "flags are a struct of `bool`s: write `#[flags] pub struct Access { pub read: bool, pub write: bool }`";
