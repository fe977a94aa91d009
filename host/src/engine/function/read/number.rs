//! Numbers, and the strings that stand for numbers.

use wasmtime::component::Val;

use super::super::key;
use super::super::shape::Shape;
use super::SAFE_MAX;

/// A JSON number without fraction and exponent.
pub(super) fn from_integer(shape: &Shape, number: i128) -> Option<Val> {
    match shape {
        Shape::Integer(integer) => integer.value(number),
        // The nearest one: that is what the same digits with `.0` would mean.
        Shape::F32 => Some(Val::Float32(number as f32)),
        Shape::F64 => Some(Val::Float64(number as f64)),
        _ => None,
    }
}

/// A JSON number with fraction or exponent, or a large one. `5.0` is an integer; `5.5` is not.
pub(super) fn from_float(shape: &Shape, number: f64) -> Option<Val> {
    match shape {
        Shape::Integer(integer) => integer.value(whole(number)?),
        Shape::F32 => narrow(number).map(Val::Float32),
        Shape::F64 => Some(Val::Float64(number)),
        _ => None,
    }
}

/// A decimal string for an integer, or one of the numbers that JSON cannot say.
pub(super) fn from_text(shape: &Shape, text: &str) -> Option<Val> {
    match shape {
        Shape::Integer(integer) => integer.value(key::decimal(text)?),
        Shape::F32 => special(text).and_then(narrow).map(Val::Float32),
        Shape::F64 => special(text).map(Val::Float64),
        _ => None,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the number is whole and its size was checked"
)]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() <= SAFE_MAX as f64).then_some(number as i128)
}

/// A finite number that an f32 cannot hold must not become an infinity.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest f32 is what is meant"
)]
fn narrow(number: f64) -> Option<f32> {
    let narrowed = number as f32;
    (narrowed.is_finite() || !number.is_finite()).then_some(narrowed)
}

fn special(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
