//! What holds for every shape and every value.

use proptest::collection::vec;
use proptest::prelude::*;
use wasmtime::component::Val;

use super::super::fuzz::{self, dice, dice::Dice};
use super::super::shape::Shape;

proptest! {
    #[test]
    fn a_value_that_is_written_reads_the_same(shape in vec(any::<u8>(), 0..64), value in vec(any::<u8>(), 0..256)) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let value = dice::value(&mut Dice::new(&value), &shape);
        let text = fuzz::written(&shape, &value);
        let read = fuzz::read(&shape, &format!("{{\"x\":{text}}}"));
        prop_assert_eq!(read.as_ref(), Ok(&value), "{} of {:?}", text, shape);
    }

    #[test]
    fn what_is_written_is_json(shape in vec(any::<u8>(), 0..64), value in vec(any::<u8>(), 0..256)) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let text = fuzz::written(&shape, &dice::value(&mut Dice::new(&value), &shape));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn text_that_was_tampered_with_is_read_or_refused_but_never_more(
        shape in vec(any::<u8>(), 0..64),
        value in vec(any::<u8>(), 0..128),
        edits in vec((any::<prop::sample::Index>(), 0_usize..4, any::<prop::sample::Index>()), 1..5),
    ) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let text = fuzz::written(&shape, &dice::value(&mut Dice::new(&value), &shape));
        fuzz::check(&shape, &tampered(&format!("{{\"x\":{text}}}"), &edits));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused_but_never_more(data in vec(any::<u8>(), 0..200)) {
        fuzz::arguments(&data);
    }
}

/// Pieces that are put where they do not belong.
const PIECES: [&str; 24] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "5",
    "5.5",
    "-1",
    "1e400",
    "1e30",
    "\"NaN\"",
    "\"x\"",
    "{}",
    "[]",
    "\\ud800",
    "\"val\":",
    "\"tag\":",
    "é",
    "\"5\"",
    "18446744073709551616",
];

fn tampered(text: &str, edits: &[(prop::sample::Index, usize, prop::sample::Index)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, kind, piece) in edits {
        let at = place.index(characters.len() + 1);
        let end = (at + 1).min(characters.len());
        let piece: Vec<char> = PIECES[piece.index(PIECES.len())].chars().collect();
        match kind {
            0 => drop(characters.splice(at..at, piece)),
            1 => drop(characters.splice(at..end, piece)),
            2 => drop(characters.drain(at..end)),
            _ => characters.truncate(at.max(1)),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn an_f32_survives_readers_that_round_twice() {
    for (bits, text) in [
        (0x3dcc_cccd, "0.1"),
        (0x95ae_43fd, "-7.038530691851209e-26"),
        (0x8000_0000, "-0.0"),
    ] {
        let number = f32::from_bits(bits);
        assert_eq!(fuzz::written(&Shape::F32, &Val::Float32(number)), text);
        let read = fuzz::read(&Shape::F32, &format!("{{\"x\":{text}}}"));
        assert_eq!(read, Ok(Val::Float32(number)));
    }
}
