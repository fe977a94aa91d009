//! What is an object in JSON with members that are not fields: maps, flags, and objects of one member.

use serde::de::{Error, IgnoredAny, MapAccess};
use wasmtime::component::Val;

use super::super::key;
use super::super::problem::{self, Problem};
use super::super::shape::{Key, Name, Shape, Sides};
use super::sequence::Set;
use super::{Reader, Value};

/// A `map<K, V>`. A key that is there twice has no meaning that both sides would agree on.
pub(super) fn map<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    kind: Key,
    shape: &Shape,
    mut entries: A,
) -> Result<Val, A::Error> {
    let mut values = Vec::new();
    while let Some(name) = entries.next_key::<String>()? {
        reader.spend(1)?;
        let key = key::parse(kind, &name).ok_or_else(|| reader.fail(misspelled(kind, &name)));
        let key = reader.within(key, || name.clone())?;
        let value = entries.next_value_seed(Value { reader, shape });
        values.push((key, reader.within(value, || name.clone())?));
    }
    if let Some(key) = key::repeated(&values).map(key::spelled) {
        let problem = Problem {
            expected: "every key once".to_owned(),
            found: problem::quoted(&key) + " twice",
            hint: None,
        };
        let failed = Err(reader.fail(problem));
        return reader.within(failed, || key);
    }
    Ok(Val::Map(values))
}

fn misspelled(kind: Key, name: &str) -> Problem {
    let expected = match kind {
        Key::Bool => "the key \"true\" or \"false\"".to_owned(),
        Key::Integer(integer) => format!("{} as the key", Shape::Integer(integer)),
        Key::Char => "a key of exactly one character".to_owned(),
        Key::Text => "a key".to_owned(),
    };
    Problem {
        expected,
        found: problem::quoted(name),
        hint: None,
    }
}

/// Flags as an object of booleans.
pub(super) fn flags<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    names: &[Name],
    mut entries: A,
) -> Result<Val, A::Error> {
    let mut set = Set::new(names);
    while let Some(name) = entries.next_key::<String>()? {
        let on = entries.next_value_seed(Value {
            reader,
            shape: &Shape::Bool,
        });
        let on = matches!(reader.within(on, || name.clone())?, Val::Bool(true));
        let known = if on {
            set.insert(&name)
        } else {
            set.position(&name).map(|_| ())
        };
        if let Err(problem) = known {
            let failed = Err(reader.fail(problem));
            return reader.within(failed, || name.clone());
        }
    }
    Ok(set.into_value())
}

/// `{"ok": ...}` or `{"err": ...}`; null where the side has no payload.
pub(super) fn result<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    whole: &Shape,
    sides: &Sides,
    mut entries: A,
) -> Result<Val, A::Error> {
    let name = only_key(reader, whole, &["ok", "err"], &mut entries)?;
    let side = if name == "ok" { &sides.ok } else { &sides.err };
    let payload = payload(reader, side.as_ref(), name, &mut entries)?;
    no_more(reader, whole, &mut entries)?;
    Ok(Val::Result(if name == "ok" {
        Ok(payload)
    } else {
        Err(payload)
    }))
}

/// `{"some": ...}`: an option around an option, where null alone would be ambiguous.
pub(super) fn some<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    whole: &Shape,
    shape: &Shape,
    mut entries: A,
) -> Result<Val, A::Error> {
    let name = only_key(reader, whole, &["some"], &mut entries)?;
    let value = payload(reader, Some(shape), name, &mut entries)?;
    no_more(reader, whole, &mut entries)?;
    Ok(Val::Option(value))
}

/// The value of a member that has a payload, or null if it has none.
pub(super) fn payload<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    shape: Option<&Shape>,
    name: &str,
    entries: &mut A,
) -> Result<Option<Box<Val>>, A::Error> {
    let payload = match shape {
        Some(shape) => entries
            .next_value_seed(Value { reader, shape })
            .map(|value| Some(Box::new(value))),
        None => match entries.next_value::<Option<IgnoredAny>>() {
            Ok(Some(_)) => Err(reader.fail(no_payload())),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
    };
    reader.within(payload, || name.to_owned())
}

pub(super) fn no_payload() -> Problem {
    Problem {
        expected: "null, because nothing comes with this case".to_owned(),
        found: "a value".to_owned(),
        hint: None,
    }
}

fn only_key<'de, 'n, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    whole: &Shape,
    names: &[&'n str],
    entries: &mut A,
) -> Result<&'n str, A::Error> {
    let key = entries.next_key::<String>()?;
    let found = match &key {
        Some(key) => match names.iter().find(|name| *name == key) {
            Some(name) => return Ok(name),
            None => format!("the member {}", problem::quoted(key)),
        },
        None => "an empty object".to_owned(),
    };
    Err(reader.fail(Problem {
        expected: whole.to_string(),
        found,
        hint: None,
    }))
}

fn no_more<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    whole: &Shape,
    entries: &mut A,
) -> Result<(), A::Error> {
    match entries.next_key::<String>()? {
        None => Ok(()),
        Some(key) => {
            let found = format!("another member, {}", problem::quoted(&key));
            Err(reader.fail(Problem {
                expected: whole.to_string(),
                found,
                hint: None,
            }))
        }
    }
}

/// An error of an inner parser as the error of the outer one; what is said to the caller is in the reader.
pub(super) fn carried<E: Error>(reader: &mut Reader<'_>, error: &serde_json::Error) -> E {
    reader.fail(super::malformed(error))
}
