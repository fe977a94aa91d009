//! What a fuzzer is let loose on: arbitrary text read as arguments of an arbitrary shape. Compiled for tests and fuzzing only.

pub(crate) mod dice;

use std::sync::Arc;

use serde::de::DeserializeSeed;
use wasmtime::component::Val;

use self::dice::Dice;
use super::read::{self, Fields, Role};
use super::shape::{Field, Name, Shape};
use super::{Handles, ParamError, write};

/// Takes `data` for a shape and a JSON text. The text is read; what could be read is written, and must read the same again.
///
/// # Panics
/// If one of the promises of the conversion is broken.
pub(crate) fn arguments(data: &[u8]) {
    let mut dice = Dice::new(data);
    let length = usize::from(dice.roll());
    let (shape, text) = data.split_at_checked(length).unwrap_or((data, &[]));
    let shape = dice::shape(&mut Dice::new(shape), dice::DEPTH);
    if let Ok(text) = std::str::from_utf8(text) {
        check(&shape, text);
    }
}

/// The promises, for a value of `shape` in the place of the argument `x`.
pub(crate) fn check(shape: &Shape, text: &str) {
    match read(shape, text) {
        Ok(value) => {
            let written = written(shape, &value);
            let again = read(shape, &format!("{{\"x\":{written}}}"));
            assert_eq!(again.as_ref(), Ok(&value), "{written} was written");
        }
        Err(error) => {
            assert!(
                error.pointer.is_empty() || error.pointer.starts_with('/'),
                "{error:?} points nowhere"
            );
            assert!(
                !error.expected.is_empty() && !error.found.is_empty(),
                "{error:?} says nothing"
            );
        }
    }
}

/// Reads the argument `x` of a function without any other.
pub(crate) fn read(shape: &Shape, text: &str) -> Result<Val, ParamError> {
    let fields = [Field {
        name: Name::new("x"),
        shape: shape.clone(),
    }];
    let mut handles = Handles::new(0);
    let mut values: Vec<Val> = read::read(text, &mut handles, |reader, deserializer| {
        Fields::new(reader, &fields, Role::Argument).deserialize(deserializer)
    })?;
    Ok(values.pop().expect("there is one argument"))
}

pub(crate) fn written(shape: &Shape, value: &Val) -> String {
    let mut out = Vec::new();
    write::write(&mut Handles::new(0), usize::MAX, &mut out, |writer| {
        writer.value(shape, value)
    })
    .expect("there is no limit, and no resource in it");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A list of a shape.
pub(crate) fn list_of(item: Shape) -> Shape {
    if item == dice::BYTE {
        Shape::Bytes
    } else {
        Shape::List(Arc::new(item))
    }
}
