//! Types as they stand in signatures and fields.

use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, TypePath};

use super::{Named, Reader, attributes};
use crate::{errors::refuse, model::Type, names};

impl Reader<'_> {
    /// A type that is a value: not `()`, not a reference.
    pub(super) fn ty(&mut self, ty: &syn::Type) -> syn::Result<Type> {
        match ty {
            syn::Type::Paren(inner) => self.ty(&inner.elem),
            syn::Type::Group(inner) => self.ty(&inner.elem),
            syn::Type::Tuple(tuple) if tuple.elems.is_empty() => refuse(
                ty,
                "`()` can only be a function's whole result or stand inside `Result`: write `bool`, or leave it out",
            ),
            syn::Type::Tuple(tuple) => Ok(Type::Tuple(
                tuple
                    .elems
                    .iter()
                    .map(|item| self.ty(item))
                    .collect::<syn::Result<_>>()?,
            )),
            syn::Type::Path(path) if path.qself.is_none() => self.path(path),
            syn::Type::Reference(_) => refuse(
                ty,
                "a reference can only be a whole parameter: write an owned type, such as `String` or `Vec<T>`",
            ),
            syn::Type::Array(_) | syn::Type::Slice(_) => refuse(
                ty,
                "WIT has no arrays of fixed length yet: write `Vec<T>`, or a tuple if they are few",
            ),
            syn::Type::ImplTrait(_) | syn::Type::TraitObject(_) => refuse(
                ty,
                "a tool needs concrete types: write the type itself, such as `Vec<T>` for an iterator",
            ),
            _ => refuse(
                ty,
                format!("this type cannot cross the guest's border: {WHAT_CAN}"),
            ),
        }
    }

    /// A type where nothing is also an answer: `()` is none.
    pub(super) fn ty_or_unit(&mut self, ty: &syn::Type) -> syn::Result<Option<Type>> {
        match ty {
            syn::Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(None),
            syn::Type::Paren(inner) => self.ty_or_unit(&inner.elem),
            other => self.ty(other).map(Some),
        }
    }

    fn path(&mut self, path: &TypePath) -> syn::Result<Type> {
        let segments: Vec<&PathSegment> = path.path.segments.iter().collect();
        match segments.as_slice() {
            [only] if self.named.contains_key(&only.ident.to_string()) => self.named(only),
            [own, last]
                if own.ident == "self" && self.named.contains_key(&last.ident.to_string()) =>
            {
                self.named(last)
            }
            [only] => self.builtin(path, only),
            [first, .., last]
                if ["std", "core", "alloc"]
                    .iter()
                    .any(|root| first.ident == root) =>
            {
                self.builtin(path, last)
            }
            _ => refuse(
                path,
                format!("the types of tools are defined inside the backend's module: {WHAT_CAN}"),
            ),
        }
    }

    /// A struct, an enum or an alias of the module.
    fn named(&mut self, segment: &PathSegment) -> syn::Result<Type> {
        let key = segment.ident.to_string();
        if !segment.arguments.is_none() {
            return refuse(
                segment,
                "a type of a tool cannot be generic: write out the one that is meant",
            );
        }
        if key == "Session" {
            return refuse(
                segment,
                "the session belongs to the host: a tool can neither take nor return it",
            );
        }
        let definition = self.named.get(&key).copied();
        let Some(definition) = definition else {
            return refuse(segment, WHAT_CAN);
        };
        if attributes::has(definition.item.attributes(), "resource") {
            return Ok(Type::Own(names::kebab(&segment.ident)?));
        }
        if self.open.contains(&key) {
            return refuse(
                segment,
                format!(
                    "`{key}` contains itself, which WIT cannot say: refer by index or id, as in `children: Vec<u32>`"
                ),
            );
        }
        if let Named::Alias(alias) = definition.item {
            if !alias.generics.params.is_empty() {
                return refuse(
                    segment,
                    "a type of a tool cannot be generic: write out the one that is meant",
                );
            }
            self.open.push(key);
            let ty = self.ty(&alias.ty);
            self.open.pop();
            return ty;
        }
        self.define(&key, definition);
        Ok(Type::Named(names::kebab(&segment.ident)?))
    }

    fn builtin(&mut self, path: &TypePath, segment: &PathSegment) -> syn::Result<Type> {
        let name = segment.ident.to_string();
        let arguments = arguments(segment)?;
        match (name.as_str(), arguments.as_slice()) {
            ("Vec", [item]) => Ok(Type::List(Box::new(self.ty(item)?))),
            ("Option", [item]) => Ok(Type::Option(Box::new(self.ty(item)?))),
            ("Result", [ok, error]) => Ok(Type::Result(
                self.ty_or_unit(ok)?.map(Box::new),
                self.ty_or_unit(error)?.map(Box::new),
            )),
            (name, []) if let Some((_, wit)) = PLAIN.iter().find(|(rust, _)| *rust == name) => {
                Ok(Type::Plain(wit))
            }
            (name, _) => match INSTEAD.iter().find(|(rust, _)| *rust == name) {
                Some((_, advice)) => refuse(path, advice),
                None => {
                    let written = path.to_token_stream();
                    refuse(
                        path,
                        format!(
                            "`{written}` is not a type of this module, and none that WIT knows: {WHAT_CAN}"
                        ),
                    )
                }
            },
        }
    }
}

/// The types between `<` and `>`.
fn arguments<'a>(segment: &'a PathSegment) -> syn::Result<Vec<&'a syn::Type>> {
    match &segment.arguments {
        PathArguments::None => Ok(Vec::new()),
        PathArguments::AngleBracketed(list) => {
            let one = |argument: &'a GenericArgument| match argument {
                GenericArgument::Type(ty) => Ok(ty),
                other => refuse(other, "a type of a tool takes types only"),
            };
            list.args.iter().map(one).collect()
        }
        PathArguments::Parenthesized(_) => {
            refuse(segment, "a tool cannot take or return a function")
        }
    }
}

const WHAT_CAN: &str = "use numbers, `bool`, `char`, `String`, `Vec`, `Option`, `Result`, tuples, and structs and enums \
                        of this module";

/// Rust's name and WIT's.
const PLAIN: &[(&str, &str)] = &[
    ("bool", "bool"),
    ("char", "char"),
    ("String", "string"),
    ("f32", "f32"),
    ("f64", "f64"),
    ("i8", "s8"),
    ("i16", "s16"),
    ("i32", "s32"),
    ("i64", "s64"),
    ("u8", "u8"),
    ("u16", "u16"),
    ("u32", "u32"),
    ("u64", "u64"),
];

/// What people try, and what to write.
const INSTEAD: &[(&str, &str)] = &[
    ("usize", "`usize` has no fixed size: write `u32`, or `u64`"),
    ("isize", "`isize` has no fixed size: write `i32`, or `i64`"),
    (
        "u128",
        "WIT has no 128-bit numbers: write `u64`, or `String` for the digits",
    ),
    (
        "i128",
        "WIT has no 128-bit numbers: write `i64`, or `String` for the digits",
    ),
    ("str", "write `String`"),
    ("HashMap", MAP),
    ("BTreeMap", MAP),
    ("HashSet", SET),
    ("BTreeSet", SET),
    ("VecDeque", "write `Vec<T>`"),
    ("Box", POINTER),
    ("Rc", POINTER),
    ("Arc", POINTER),
    ("Cow", POINTER),
    ("RefCell", POINTER),
    ("Cell", POINTER),
    (
        "Result",
        "write both types, as in `Result<T, String>`: the macro cannot see what this `Result` stands for",
    ),
    ("Self", "write the type's name"),
    ("PathBuf", "write `String`: a path of WASI is text"),
    ("Path", "write `String`: a path of WASI is text"),
    ("OsString", "write `String`"),
    (
        "Duration",
        "write a number and its unit in the name, as in `timeout_ms: u64`",
    ),
    (
        "Instant",
        "write a number and its unit in the name, as in `started_ms: u64`",
    ),
    (
        "SystemTime",
        "write seconds or milliseconds since 1970 as `u64`",
    ),
    (
        "Value",
        "write `String` and put JSON text into it, or better a struct that names what it holds",
    ),
];

const MAP: &str =
    "WIT has no map that every host understands: write `Vec<(K, V)>`, a list of pairs";
const SET: &str = "WIT has no sets: write `Vec<T>`";
const POINTER: &str = "a pointer cannot cross the guest's border: write the type that it points to";
