//! The keys of a map: strings in JSON whatever their type is in WIT.

use std::collections::HashSet;

use wasmtime::component::Val;

use super::shape::Key;

/// A key that can be compared; `Val` cannot be hashed.
#[derive(PartialEq, Eq, Hash)]
enum Comparable<'a> {
    Integer(i128),
    Text(&'a str),
}

/// Reads a key. None if the text does not spell one.
pub(super) fn parse(key: Key, text: &str) -> Option<Val> {
    match key {
        Key::Text => Some(Val::String(text.to_owned())),
        Key::Char => text.parse().ok().map(Val::Char),
        Key::Bool => text.parse().ok().map(Val::Bool),
        Key::Integer(integer) => integer.value(decimal(text)?),
    }
}

/// The spelling of a key, unless it is a string, which spells itself.
pub(super) fn spelled(key: &Val) -> String {
    match key {
        Val::Bool(flag) => flag.to_string(),
        Val::Char(character) => character.to_string(),
        Val::String(text) => text.clone(),
        other => integer(other)
            .map(|number| number.to_string())
            .unwrap_or_default(),
    }
}

/// The first entry whose key an earlier entry has.
pub(super) fn repeated(entries: &[(Val, Val)]) -> Option<&Val> {
    let mut seen = HashSet::with_capacity(entries.len());
    entries
        .iter()
        .map(|(key, _)| key)
        .find(|key| !seen.insert(comparable(key)))
}

/// The entries that count: a guest may return a key more than once, and its last value is the one that it means.
pub(super) fn last_of_each(entries: &[(Val, Val)]) -> impl Iterator<Item = &(Val, Val)> {
    let mut seen = HashSet::with_capacity(entries.len());
    let mut last: Vec<_> = entries
        .iter()
        .rev()
        .filter(|(key, _)| seen.insert(comparable(key)))
        .collect();
    last.reverse();
    last.into_iter()
}

/// A decimal number without a plus sign.
pub(super) fn decimal(text: &str) -> Option<i128> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

fn comparable(key: &Val) -> Comparable<'_> {
    match key {
        Val::String(text) => Comparable::Text(text),
        Val::Bool(flag) => Comparable::Integer((*flag).into()),
        Val::Char(character) => Comparable::Integer(u32::from(*character).into()),
        other => Comparable::Integer(integer(other).unwrap_or_default()),
    }
}

fn integer(value: &Val) -> Option<i128> {
    Some(match *value {
        Val::S8(number) => number.into(),
        Val::U8(number) => number.into(),
        Val::S16(number) => number.into(),
        Val::U16(number) => number.into(),
        Val::S32(number) => number.into(),
        Val::U32(number) => number.into(),
        Val::S64(number) => number.into(),
        Val::U64(number) => number.into(),
        _ => return None,
    })
}
