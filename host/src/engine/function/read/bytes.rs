//! `list<u8>`: a base64 string, or an array of numbers.
//!
//! A byte as a `Val` takes forty; a function with a place for bytes on the typed path gets them as they are.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use wasmtime::component::Val;

use super::super::base64;
use super::super::problem::{self, Problem};
use super::super::shape::Shape;
use super::value::BYTE;
use super::{Item, Reader, Value, sequence};

/// An argument of a function on the typed path.
#[derive(Debug)]
pub(crate) enum Argument {
    Bytes(Vec<u8>),
    Other(Val),
}

impl Item for Argument {
    fn read<'de, D: Deserializer<'de>>(
        seed: Value<'_, '_, '_>,
        deserializer: D,
    ) -> Result<Argument, D::Error> {
        match seed.shape {
            Shape::Bytes => deserializer
                .deserialize_any(Bytes {
                    reader: seed.reader,
                })
                .map(Argument::Bytes),
            _ => seed.deserialize(deserializer).map(Argument::Other),
        }
    }

    fn none() -> Argument {
        Argument::Other(Val::Option(None))
    }
}

/// Bytes that stay bytes.
struct Bytes<'r, 'h> {
    reader: &'r mut Reader<'h>,
}

impl<'de> Visitor<'de> for Bytes<'_, '_> {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shape::Bytes)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        from_text(self.reader, &Shape::Bytes, text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<u8>, A::Error> {
        from_sequence(self.reader, &Shape::Bytes, items)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Vec<u8>, E> {
        Err(self.value().mismatch(flag.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<u8>, E> {
        Err(self.value().mismatch(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<u8>, E> {
        Err(self.value().mismatch(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Vec<u8>, E> {
        Err(self.value().mismatch(format!("{number:?}")))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<u8>, E> {
        Err(self.value().mismatch("null"))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, _: A) -> Result<Vec<u8>, A::Error> {
        Err(self.value().mismatch("an object"))
    }
}

impl<'r, 'h> Bytes<'r, 'h> {
    fn value(self) -> Value<'r, 'h, 'static> {
        Value {
            reader: self.reader,
            shape: &Shape::Bytes,
        }
    }
}

pub(super) fn from_text<E: de::Error>(
    reader: &mut Reader<'_>,
    shape: &Shape,
    text: &str,
) -> Result<Vec<u8>, E> {
    match base64::decode(text) {
        Some(bytes) => checked(reader, shape, bytes),
        None => {
            let found = format!("the string {}, which is not base64", problem::quoted(text));
            Err(reader.fail(Problem {
                expected: shape.to_string(),
                found,
                hint: None,
            }))
        }
    }
}

pub(super) fn from_sequence<'de, A: SeqAccess<'de>>(
    reader: &mut Reader<'_>,
    shape: &Shape,
    items: A,
) -> Result<Vec<u8>, A::Error> {
    let items = sequence::list(reader, BYTE, items)?;
    checked(reader, shape, flat(&items))
}

/// Spreads bytes out for a function that is not on the typed path.
pub(super) fn into_value<E: de::Error>(
    reader: &mut Reader<'_>,
    shape: &Shape,
    bytes: &[u8],
) -> Result<Val, E> {
    reader.spend(bytes.len())?;
    let items = bytes.iter().copied().map(Val::U8).collect();
    Ok(if matches!(shape, Shape::Bytes) {
        Val::List(items)
    } else {
        Val::FixedLengthList(items)
    })
}

/// The bytes of a `list<u8>` that came spread out.
pub(crate) fn flat(items: &[Val]) -> Vec<u8> {
    items
        .iter()
        .map(|item| if let Val::U8(byte) = item { *byte } else { 0 })
        .collect()
}

fn checked<E: de::Error>(
    reader: &mut Reader<'_>,
    shape: &Shape,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, E> {
    match shape {
        Shape::FixedBytes(length) if bytes.len() != *length as usize => {
            let found = format!("{} bytes", bytes.len());
            Err(reader.fail(Problem {
                expected: shape.to_string(),
                found,
                hint: None,
            }))
        }
        _ => Ok(bytes),
    }
}
