//! A component type as the conversion sees it: a tree of our own, made once when a module is loaded.
//!
//! Reading and writing JSON walk this tree and never the runtime's type tables. It knows neither JSON text nor values;
//! types that have no JSON form (streams, futures) cannot be said in it.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{ResourceType, Val};

/// A type. Composite types are behind an `Arc`, so a type that is used in many places is in memory once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    Text,
    /// `list<u8>`: base64 in JSON.
    Bytes,
    /// `list<u8, N>`: base64 in JSON.
    FixedBytes(u32),
    List(Arc<Shape>),
    FixedList(Arc<Shape>, u32),
    Map(Key, Arc<Shape>),
    Record(Arc<Record>),
    Tuple(Arc<[Shape]>),
    Variant(Arc<[Case]>),
    Enum(Arc<[Name]>),
    Flags(Arc<[Name]>),
    Option(Arc<Shape>),
    Result(Arc<Sides>),
    Own(Arc<Resource>),
    Borrow(Arc<Resource>),
}

/// The integer types; all of their values fit an `i128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

/// What the keys of a map may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Bool,
    Integer(Integer),
    Char,
    Text,
}

/// The fields of a record, or the parameters of a function.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) fields: Vec<Field>,
}

/// A field of a record, or a parameter of a function.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) shape: Shape,
}

/// A case of a variant.
#[derive(Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: Name,
    pub(crate) payload: Option<Shape>,
}

/// Both sides of a result.
#[derive(Debug, PartialEq)]
pub(crate) struct Sides {
    pub(crate) ok: Option<Shape>,
    pub(crate) err: Option<Shape>,
}

/// A resource type of a component, with the name that its handles begin with.
#[derive(Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// The type as the component declares it, before any instance exists: one session has one instance, so this identity
    /// suffices to tell the handles of a session apart.
    pub(crate) ty: ResourceType,
}

/// A WIT name in both of its spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As in WIT: `kebab-case`.
    pub(crate) wit: String,
    /// As in JSON: `snake_case`.
    pub(crate) snake: String,
}

impl Shape {
    pub(crate) fn is_option(&self) -> bool {
        matches!(self, Shape::Option(_))
    }
}

impl Record {
    /// The record with these values, one for each field.
    pub(crate) fn value(&self, values: Vec<Val>) -> Val {
        Val::Record(
            self.fields
                .iter()
                .map(|field| field.name.wit.clone())
                .zip(values)
                .collect(),
        )
    }
}

impl Integer {
    /// The value of this type that equals `number`, if there is one.
    pub(crate) fn value(self, number: i128) -> Option<Val> {
        Some(match self {
            Integer::S8 => Val::S8(number.try_into().ok()?),
            Integer::U8 => Val::U8(number.try_into().ok()?),
            Integer::S16 => Val::S16(number.try_into().ok()?),
            Integer::U16 => Val::U16(number.try_into().ok()?),
            Integer::S32 => Val::S32(number.try_into().ok()?),
            Integer::U32 => Val::U32(number.try_into().ok()?),
            Integer::S64 => Val::S64(number.try_into().ok()?),
            Integer::U64 => Val::U64(number.try_into().ok()?),
        })
    }

    /// The smallest and the largest value.
    pub(crate) fn range(self) -> (i128, i128) {
        match self {
            Integer::S8 => (i8::MIN.into(), i8::MAX.into()),
            Integer::U8 => (0, u8::MAX.into()),
            Integer::S16 => (i16::MIN.into(), i16::MAX.into()),
            Integer::U16 => (0, u16::MAX.into()),
            Integer::S32 => (i32::MIN.into(), i32::MAX.into()),
            Integer::U32 => (0, u32::MAX.into()),
            Integer::S64 => (i64::MIN.into(), i64::MAX.into()),
            Integer::U64 => (0, u64::MAX.into()),
        }
    }
}

impl Name {
    pub(crate) fn new(wit: &str) -> Name {
        Name {
            wit: wit.to_owned(),
            snake: wit.replace('-', "_"),
        }
    }

    /// Whether `spelling` is this name, in either spelling.
    pub(crate) fn is(&self, spelling: &str) -> bool {
        self.snake == spelling || self.wit == spelling
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Integer::S8 => "s8",
            Integer::U8 => "u8",
            Integer::S16 => "s16",
            Integer::U16 => "u16",
            Integer::S32 => "s32",
            Integer::U32 => "u32",
            Integer::S64 => "s64",
            Integer::U64 => "u64",
        })
    }
}

/// What a caller is told to write: "an integer (u8, 0 to 255)".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Bool => f.write_str("true or false"),
            Shape::Integer(integer) => {
                let (least, most) = integer.range();
                write!(f, "an integer ({integer}, {least} to {most})")
            }
            Shape::F32 => f.write_str("a number (f32), \"NaN\", \"Infinity\" or \"-Infinity\""),
            Shape::F64 => f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\""),
            Shape::Char => f.write_str("a string of exactly one character"),
            Shape::Text => f.write_str("a string"),
            Shape::Bytes => f.write_str("bytes as a base64 string"),
            Shape::FixedBytes(length) => write!(f, "{length} bytes as a base64 string"),
            Shape::List(_) => f.write_str("an array"),
            Shape::FixedList(_, length) => write!(f, "an array of {length} items"),
            Shape::Tuple(items) => write!(f, "an array of {} items", items.len()),
            Shape::Map(..) | Shape::Record(_) => f.write_str("an object"),
            Shape::Variant(cases) => {
                f.write_str("an object with \"tag\" (one of ")?;
                list(f, cases.iter().map(|case| &case.name.wit))?;
                f.write_str(") and \"val\"")
            }
            Shape::Enum(names) => {
                f.write_str("one of ")?;
                list(f, names.iter().map(|name| &name.wit))
            }
            Shape::Flags(names) => {
                f.write_str("an array of any of ")?;
                list(f, names.iter().map(|name| &name.wit))
            }
            Shape::Option(some) if some.is_option() => {
                f.write_str("null or an object with \"some\"")
            }
            Shape::Option(some) => write!(f, "{some}, or null"),
            Shape::Result(_) => f.write_str("an object with \"ok\" or \"err\""),
            Shape::Own(resource) | Shape::Borrow(resource) => {
                write!(f, "a handle of a {0}, such as \"{0}#1\"", resource.name)
            }
        }
    }
}

/// At most this many names are listed in a message.
const LISTED_MAX: usize = 24;

/// Names in quotes: `"a", "b"`.
pub(crate) fn list<'a>(
    f: &mut impl fmt::Write,
    names: impl Iterator<Item = &'a String>,
) -> fmt::Result {
    for (index, name) in names.enumerate() {
        if index == LISTED_MAX {
            return f.write_str(", …");
        }
        write!(f, "{}{name:?}", if index == 0 { "" } else { ", " })?;
    }
    Ok(())
}
