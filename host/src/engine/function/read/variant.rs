//! Variants: `{"tag": "circle", "val": 3.5}`, or `"circle"` for a case without payload.

use serde::de::{self, DeserializeSeed, MapAccess};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::super::problem::{self, Problem};
use super::super::shape::{self, Case};
use super::{Reader, Value, map};

/// The members as they come: usually the tag first, which says how to read the payload.
pub(super) fn variant<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    cases: &[Case],
    mut entries: A,
) -> Result<Val, A::Error> {
    let mut case = None;
    let mut payload = Payload::Absent;
    while let Some(name) = entries.next_key::<String>()? {
        match (&*name, case, &payload) {
            ("tag", None, _) => case = Some(tag(reader, cases, &mut entries)?),
            ("val", Some(case), Payload::Absent) => {
                payload = Payload::Read(map::payload(
                    reader,
                    case.payload.as_ref(),
                    "val",
                    &mut entries,
                )?);
            }
            ("val", None, Payload::Absent) => payload = Payload::Aside(entries.next_value()?),
            ("tag" | "val", ..) => return Err(reader.fail(repeated(&name))),
            _ => return Err(reader.fail(stranger(&name))),
        }
    }
    let Some(case) = case else {
        return Err(reader.fail(untagged(cases)));
    };
    let payload = match payload {
        Payload::Read(payload) => payload,
        Payload::Aside(raw) => aside(reader, case, raw)?,
        Payload::Absent => absent(reader, case)?,
    };
    Ok(Val::Variant(case.name.wit.clone(), payload))
}

/// What is known of the payload so far.
enum Payload<'de> {
    Absent,
    /// It came before the tag, and its text waits for it.
    Aside(&'de RawValue),
    Read(Option<Box<Val>>),
}

/// The short form. None unless it is a case without payload, or with one that may be absent.
pub(super) fn from_tag(cases: &[Case], text: &str) -> Option<Val> {
    let case = cases.iter().find(|case| case.name.is(text))?;
    case.payload
        .is_none()
        .then(|| Val::Variant(case.name.wit.clone(), None))
}

/// Why `from_tag` had no answer.
pub(super) fn misfit<E: de::Error>(value: Value<'_, '_, '_>, cases: &[Case], text: &str) -> E {
    if cases.iter().any(|case| case.name.is(text)) {
        return value.mismatch(format!("{}, which needs a \"val\"", problem::quoted(text)));
    }
    value.stranger(text, cases.iter().map(|case| &case.name))
}

fn tag<'de, 'c, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    cases: &'c [Case],
    entries: &mut A,
) -> Result<&'c Case, A::Error> {
    let text = entries.next_value_seed(Value {
        reader,
        shape: &shape::Shape::Text,
    });
    let text = reader.within(text, || "tag".to_owned())?;
    let Val::String(text) = text else {
        return Err(reader.fail(untagged(cases)));
    };
    let known = cases
        .iter()
        .find(|case| case.name.is(&text))
        .ok_or_else(|| {
            let hint = problem::nearest(&text, cases.iter().map(|case| case.name.wit.as_str()));
            reader.fail(Problem {
                expected: format!("one of {}", tags(cases)),
                found: problem::quoted(&text),
                hint,
            })
        });
    reader.within(known, || "tag".to_owned())
}

fn aside<E: de::Error>(
    reader: &mut Reader<'_>,
    case: &Case,
    raw: &RawValue,
) -> Result<Option<Box<Val>>, E> {
    let Some(shape) = &case.payload else {
        let null = raw.get() == "null";
        let payload = if null {
            Ok(None)
        } else {
            Err(reader.fail(map::no_payload()))
        };
        return reader.within(payload, || "val".to_owned());
    };
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let value = Value { reader, shape }.deserialize(&mut deserializer);
    let value = value.map_err(|error| map::carried(reader, &error));
    reader
        .within(value, || "val".to_owned())
        .map(|value| Some(Box::new(value)))
}

fn absent<E: de::Error>(reader: &mut Reader<'_>, case: &Case) -> Result<Option<Box<Val>>, E> {
    match &case.payload {
        None => Ok(None),
        Some(shape) if shape.is_option() => {
            reader.spend(1)?;
            Ok(Some(Box::new(Val::Option(None))))
        }
        Some(shape) => {
            let expected = format!("\"val\" ({shape}) with the tag {:?}", case.name.wit);
            Err(reader.fail(Problem {
                expected,
                found: "an object without it".to_owned(),
                hint: None,
            }))
        }
    }
}

fn untagged(cases: &[Case]) -> Problem {
    let expected = format!("a \"tag\", one of {}", tags(cases));
    Problem {
        expected,
        found: "an object without it".to_owned(),
        hint: None,
    }
}

fn repeated(name: &str) -> Problem {
    Problem {
        expected: format!("{name:?} once"),
        found: "it twice".to_owned(),
        hint: None,
    }
}

fn stranger(name: &str) -> Problem {
    let expected = "only \"tag\" and \"val\"".to_owned();
    Problem {
        expected,
        found: format!("the unknown member {}", problem::quoted(name)),
        hint: None,
    }
}

fn tags(cases: &[Case]) -> String {
    let mut tags = String::new();
    let _ = shape::list(&mut tags, cases.iter().map(|case| &case.name.wit));
    tags
}
