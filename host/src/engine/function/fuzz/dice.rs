//! Shapes and values out of bytes: the same bytes, the same value; no more bytes, the simplest there is.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "an index is rolled below the length, and all bits are random"
)]

use std::sync::Arc;

use wasmtime::component::Val;

use super::super::key::last_of_each;
use super::super::shape::{Case, Field, Integer, Key, Name, Record, Shape, Sides};
use super::list_of;

/// The shape of a byte.
pub(super) const BYTE: Shape = Shape::Integer(Integer::U8);

/// How deep the shapes are.
pub(crate) const DEPTH: usize = 4;

/// A source of choices.
pub(crate) struct Dice<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

const INTEGERS: [Integer; 8] = [
    Integer::S8,
    Integer::U8,
    Integer::S16,
    Integer::U16,
    Integer::S32,
    Integer::U32,
    Integer::S64,
    Integer::U64,
];

const NAMES: [&str; 8] = [
    "a",
    "b-c",
    "the-x",
    "tag",
    "val",
    "some",
    "list",
    "kebab-2-case",
];

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Dice<'a> {
        Dice {
            bytes: bytes.iter(),
        }
    }

    pub(crate) fn roll(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.roll()) % limit
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.roll()))
    }

    /// Small numbers, large ones, and the ones at the edges.
    fn number(&mut self, integer: Integer) -> i128 {
        let (least, most) = integer.range();
        match self.below(4) {
            0 => i128::from(self.roll()).clamp(least, most),
            1 => least,
            2 => most,
            _ => least + i128::from(self.word()) % (most - least + 1),
        }
    }

    fn character(&mut self) -> char {
        let word =
            u32::from(self.roll()) << 13 ^ u32::from(self.roll()) << 6 ^ u32::from(self.roll());
        char::from_u32(word).unwrap_or('\u{fffd}')
    }

    fn text(&mut self) -> String {
        (0..self.below(6)).map(|_| self.character()).collect()
    }
}

pub(crate) fn shape(dice: &mut Dice<'_>, depth: usize) -> Shape {
    let (simple, all) = (10, 20);
    let inner = depth.saturating_sub(1);
    match dice.below(if depth == 0 { simple } else { all }) {
        0 => Shape::Bool,
        1 => Shape::Integer(integer(dice)),
        2 => Shape::F32,
        3 => Shape::F64,
        4 => Shape::Char,
        5 => Shape::Text,
        6 => Shape::Bytes,
        7 => Shape::FixedBytes(1 + u32::from(dice.roll() % 4)),
        8 => Shape::Enum(names(dice).into()),
        9 => Shape::Flags(names(dice).into()),
        10 | 11 => list_of(shape(dice, inner)),
        12 => match shape(dice, inner) {
            BYTE => Shape::FixedBytes(3),
            item => Shape::FixedList(Arc::new(item), 1 + u32::from(dice.roll() % 3)),
        },
        13 => Shape::Map(key(dice), Arc::new(shape(dice, inner))),
        14 => {
            let fields = names(dice).into_iter().map(|name| Field {
                name,
                shape: shape(dice, inner),
            });
            Shape::Record(Arc::new(Record {
                fields: fields.collect(),
            }))
        }
        15 => Shape::Tuple((0..=dice.below(3)).map(|_| shape(dice, inner)).collect()),
        16 => {
            let cases = names(dice).into_iter().map(|name| Case {
                name,
                payload: maybe(dice, inner),
            });
            Shape::Variant(cases.collect())
        }
        17 | 18 => Shape::Option(Arc::new(shape(dice, inner))),
        _ => Shape::Result(Arc::new(Sides {
            ok: maybe(dice, inner),
            err: maybe(dice, inner),
        })),
    }
}

pub(crate) fn value(dice: &mut Dice<'_>, shape: &Shape) -> Val {
    match shape {
        Shape::Bool => Val::Bool(dice.roll() > 127),
        Shape::Integer(integer) => integer
            .value(dice.number(*integer))
            .expect("the number is in its range"),
        Shape::F32 => Val::Float32(f32::from_bits(dice.word() as u32)),
        Shape::F64 => Val::Float64(f64::from_bits(dice.word())),
        Shape::Char => Val::Char(dice.character()),
        Shape::Text => Val::String(dice.text()),
        Shape::Bytes => Val::List((0..dice.below(9)).map(|_| Val::U8(dice.roll())).collect()),
        Shape::FixedBytes(length) => {
            Val::FixedLengthList((0..*length).map(|_| Val::U8(dice.roll())).collect())
        }
        Shape::List(item) => Val::List((0..dice.below(4)).map(|_| value(dice, item)).collect()),
        Shape::FixedList(item, length) => {
            Val::FixedLengthList((0..*length).map(|_| value(dice, item)).collect())
        }
        Shape::Map(kind, item) => {
            let mut entries: Vec<(Val, Val)> = Vec::new();
            for _ in 0..dice.below(4) {
                entries.push((map_key(dice, *kind), value(dice, item)));
            }
            Val::Map(last_of_each(&entries).cloned().collect())
        }
        Shape::Record(record) => record.value(
            record
                .fields
                .iter()
                .map(|field| value(dice, &field.shape))
                .collect(),
        ),
        Shape::Tuple(items) => Val::Tuple(items.iter().map(|item| value(dice, item)).collect()),
        Shape::Variant(cases) => {
            let case = &cases[dice.below(cases.len())];
            Val::Variant(case.name.wit.clone(), payload(dice, case.payload.as_ref()))
        }
        Shape::Enum(names) => Val::Enum(names[dice.below(names.len())].wit.clone()),
        Shape::Flags(names) => {
            let set = names.iter().filter(|_| dice.roll() > 127);
            Val::Flags(set.map(|name| name.wit.clone()).collect())
        }
        Shape::Option(some) => {
            let some = (dice.roll() > 63).then_some(&**some);
            Val::Option(payload(dice, some))
        }
        Shape::Result(sides) if dice.roll() > 127 => {
            Val::Result(Err(payload(dice, sides.err.as_ref())))
        }
        Shape::Result(sides) => Val::Result(Ok(payload(dice, sides.ok.as_ref()))),
        Shape::Own(_) | Shape::Borrow(_) => unreachable!("no resources are rolled"),
    }
}

fn payload(dice: &mut Dice<'_>, shape: Option<&Shape>) -> Option<Box<Val>> {
    shape.map(|shape| Box::new(value(dice, shape)))
}

fn maybe(dice: &mut Dice<'_>, depth: usize) -> Option<Shape> {
    (dice.roll() > 63).then(|| shape(dice, depth))
}

/// At least one name, none of them twice.
fn names(dice: &mut Dice<'_>) -> Vec<Name> {
    let (first, count) = (dice.below(NAMES.len()), 1 + dice.below(4));
    NAMES
        .iter()
        .cycle()
        .skip(first)
        .take(count)
        .map(|name| Name::new(name))
        .collect()
}

fn integer(dice: &mut Dice<'_>) -> Integer {
    INTEGERS[dice.below(INTEGERS.len())]
}

fn key(dice: &mut Dice<'_>) -> Key {
    match dice.below(4) {
        0 => Key::Text,
        1 => Key::Bool,
        2 => Key::Char,
        _ => Key::Integer(integer(dice)),
    }
}

fn map_key(dice: &mut Dice<'_>, kind: Key) -> Val {
    match kind {
        Key::Text => Val::String(dice.text()),
        Key::Bool => Val::Bool(dice.roll() > 127),
        Key::Char => Val::Char(dice.character()),
        Key::Integer(integer) => integer
            .value(dice.number(integer))
            .expect("the number is in its range"),
    }
}
