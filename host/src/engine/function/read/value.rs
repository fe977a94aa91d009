//! One value of a shape: what the JSON text may say there, and who reads it.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use wasmtime::component::Val;

use super::super::handles::Fault;
use super::super::problem::{self, Problem};
use super::super::shape::{Integer, Name, Resource, Shape};
use super::{Reader, bytes, fields, map, number, sequence, variant};

/// A value that is about to be read.
pub(crate) struct Value<'r, 'h, 's> {
    pub(crate) reader: &'r mut Reader<'h>,
    pub(crate) shape: &'s Shape,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        self.reader.spend(1)?;
        match self.shape {
            Shape::Option(some) if !some.is_option() => deserializer.deserialize_option(Maybe {
                reader: self.reader,
                some,
            }),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shape)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Val, E> {
        match self.shape {
            Shape::Bool => Ok(Val::Bool(flag)),
            _ => Err(self.mismatch(flag.to_string())),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Val, E> {
        number::from_integer(self.shape, number.into())
            .ok_or_else(|| self.mismatch(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Val, E> {
        number::from_integer(self.shape, number.into())
            .ok_or_else(|| self.mismatch(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Val, E> {
        number::from_float(self.shape, number).ok_or_else(|| self.mismatch(format!("{number:?}")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Val, E> {
        match self.shape {
            Shape::Text => Ok(Val::String(text.to_owned())),
            Shape::Enum(names) => match names.iter().find(|name| name.is(text)) {
                Some(name) => Ok(Val::Enum(name.wit.clone())),
                None => Err(self.stranger(text, names.iter())),
            },
            Shape::Bytes | Shape::FixedBytes(_) => {
                let bytes = bytes::from_text(self.reader, self.shape, text)?;
                bytes::into_value(self.reader, self.shape, &bytes)
            }
            Shape::Variant(cases) => {
                variant::from_tag(cases, text).ok_or_else(|| variant::misfit(self, cases, text))
            }
            Shape::Own(resource) => self.handle(resource, text, Use::Consume),
            Shape::Borrow(resource) => self.handle(resource, text, Use::Borrow),
            Shape::Char => single(text)
                .map(Val::Char)
                .ok_or_else(|| self.mismatch_text(text)),
            _ => number::from_text(self.shape, text).ok_or_else(|| self.mismatch_text(text)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Val, E> {
        match self.shape {
            Shape::Option(_) => Ok(Val::Option(None)),
            _ => Err(self.mismatch("null")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Val, A::Error> {
        match self.shape {
            Shape::List(item) => sequence::list(self.reader, item, items).map(Val::List),
            Shape::FixedList(item, length) => {
                let shapes = std::iter::repeat_n(&**item, *length as usize);
                sequence::exact(self.reader, self.shape, shapes, items).map(Val::FixedLengthList)
            }
            Shape::Tuple(shapes) => {
                sequence::exact(self.reader, self.shape, shapes.iter(), items).map(Val::Tuple)
            }
            Shape::Flags(names) => sequence::flags(self.reader, names, items),
            Shape::Bytes | Shape::FixedBytes(_) => {
                let bytes = bytes::from_sequence(self.reader, self.shape, items)?;
                bytes::into_value(self.reader, self.shape, &bytes)
            }
            _ => Err(self.mismatch("an array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Val, A::Error> {
        match self.shape {
            Shape::Record(record) => fields::record(self.reader, record, entries),
            Shape::Map(key, item) => map::map(self.reader, *key, item, entries),
            Shape::Variant(cases) => variant::variant(self.reader, cases, entries),
            Shape::Flags(names) => map::flags(self.reader, names, entries),
            Shape::Result(sides) => map::result(self.reader, self.shape, sides, entries),
            Shape::Option(some) => map::some(self.reader, self.shape, some, entries),
            _ => Err(self.mismatch("an object")),
        }
    }
}

/// What a call does with the resource of a handle.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Consume,
    Borrow,
}

impl Value<'_, '_, '_> {
    pub(super) fn mismatch<E: de::Error>(self, found: impl Into<String>) -> E {
        let expected = self.shape.to_string();
        self.reader.fail(Problem {
            expected,
            found: found.into(),
            hint: None,
        })
    }

    fn mismatch_text<E: de::Error>(self, text: &str) -> E {
        self.mismatch(format!("the string {}", problem::quoted(text)))
    }

    /// A string that is none of the names that it could have been.
    pub(super) fn stranger<'n, E: de::Error>(
        self,
        text: &str,
        names: impl Iterator<Item = &'n Name>,
    ) -> E {
        let hint = problem::nearest(text, names.map(|name| name.wit.as_str()));
        let found = problem::quoted(text);
        self.reader.fail(Problem {
            expected: self.shape.to_string(),
            found,
            hint,
        })
    }

    /// The wrong resource type must be found here: handed to the guest, it would end the session.
    fn handle<E: de::Error>(self, resource: &Resource, text: &str, usage: Use) -> Result<Val, E> {
        let quoted = problem::quoted(text);
        let (number, value) = match self.reader.handles.find(text, resource) {
            Ok(found) => found,
            Err(Fault::Unknown) => {
                return Err(self.mismatch(format!("{quoted}, which is no handle of this session")));
            }
            Err(Fault::Kind(name)) => {
                return Err(self.mismatch(format!("{quoted}, a handle of a {name}")));
            }
        };
        let consumed = self.reader.consumed.contains(&number);
        let borrowed = self.reader.borrowed.contains(&number);
        if consumed || (usage == Use::Consume && borrowed) {
            return Err(self.mismatch(format!("{quoted}, which the same call gives away")));
        }
        match usage {
            Use::Consume => self.reader.consumed.insert(number),
            Use::Borrow => self.reader.borrowed.insert(number),
        };
        Ok(Val::Resource(value))
    }
}

/// An `option` whose JSON form is null or the value itself.
struct Maybe<'r, 'h, 's> {
    reader: &'r mut Reader<'h>,
    some: &'s Shape,
}

impl<'de> Visitor<'de> for Maybe<'_, '_, '_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or null", self.some)
    }

    fn visit_none<E: de::Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        let some = Value {
            reader: self.reader,
            shape: self.some,
        }
        .deserialize(deserializer)?;
        Ok(Val::Option(Some(Box::new(some))))
    }
}

/// A byte: what the items of a `list<u8>` are if it comes as an array.
pub(super) const BYTE: &Shape = &Shape::Integer(Integer::U8);

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}
