//! What a backend is, after its module was read and found right. No syntax trees below this line: names, shapes, docs.

use proc_macro2::Ident;

use crate::{hints::Hints, package::Package};

pub(crate) struct Backend {
    pub(crate) package: Package,
    pub(crate) docs: Vec<String>,
    /// The records, enums and so on that the tools speak of, in the module's order.
    pub(crate) types: Vec<TypeDef>,
    /// The session, if there is one, and the other resources.
    pub(crate) resources: Vec<Resource>,
    /// The stateless tools.
    pub(crate) functions: Vec<Function>,
    pub(crate) hooks: Vec<Hook>,
}

/// A struct or an enum of the module, as a WIT type.
pub(crate) struct TypeDef {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    /// `struct Note { text: String }`.
    Record(Vec<Field>),
    /// `struct Millis(u64)`, another name for what it holds.
    Tuple(Vec<Type>),
    /// `#[flags] struct Access { read: bool, write: bool }`.
    Flags(Vec<Field>),
    /// An enum without payloads.
    Enum(Vec<Case>),
    /// An enum with payloads.
    Variant(Vec<Case>),
}

pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) ty: Type,
}

pub(crate) struct Case {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) payload: Payload,
}

pub(crate) enum Payload {
    None,
    /// `Text(String)`, or `At(u32, u32)`, which travels as a tuple.
    Tuple(Vec<Type>),
    /// `Box { width: f64, height: f64 }`, which travels as a record of its own with this WIT name.
    Record(String, Vec<Field>),
}

/// A type as tools speak of it.
#[derive(Clone)]
pub(crate) enum Type {
    /// The same type in the author's Rust and in wit-bindgen's, with its WIT name.
    Plain(&'static str),
    List(Box<Type>),
    Option(Box<Type>),
    Result(Option<Box<Type>>, Option<Box<Type>>),
    Tuple(Vec<Type>),
    /// A `TypeDef` by its WIT name.
    Named(String),
    /// A handle to a resource, by the resource's WIT name.
    Own(String),
    Borrow(String),
}

/// A struct that lives in the guest while others hold handles to it.
pub(crate) struct Resource {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) constructor: Option<Constructor>,
    pub(crate) functions: Vec<Function>,
}

pub(crate) struct Constructor {
    pub(crate) docs: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) fails: Fails,
}

/// Can a constructor say no, and with what?
pub(crate) enum Fails {
    Never,
    With(Option<Type>),
}

pub(crate) struct Function {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) hints: Hints,
    pub(crate) receiver: Receiver,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Option<Type>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Receiver {
    None,
    Shared,
    Exclusive,
}

pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) ty: Type,
    pub(crate) passed: Passed,
}

/// How the author's function takes a parameter.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Passed {
    Value,
    Reference,
    Exclusive,
}

pub(crate) struct Hook {
    pub(crate) kind: HookKind,
    pub(crate) ident: Ident,
    /// Returns a `Result`.
    pub(crate) is_fallible: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum HookKind {
    Warmup,
    Shutdown,
}
