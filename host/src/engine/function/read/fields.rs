//! Objects with known members: records, and the arguments of a function.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use wasmtime::component::Val;

use super::super::problem::{self, Problem};
use super::super::shape::{self, Field, Record};
use super::{Reader, Value};

/// What a member is read into.
pub(crate) trait Item: Sized {
    fn read<'de, D: Deserializer<'de>>(
        seed: Value<'_, '_, '_>,
        deserializer: D,
    ) -> Result<Self, D::Error>;

    /// What an absent `option` stands for.
    fn none() -> Self;
}

impl Item for Val {
    fn read<'de, D: Deserializer<'de>>(
        seed: Value<'_, '_, '_>,
        deserializer: D,
    ) -> Result<Val, D::Error> {
        seed.deserialize(deserializer)
    }

    fn none() -> Val {
        Val::Option(None)
    }
}

/// What the members are called when something is wrong with them.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Argument,
    Field,
}

/// All members of an object, in the order of `fields`. Null stands for an object without members.
pub(crate) struct Fields<'r, 'h, 's, T> {
    reader: &'r mut Reader<'h>,
    fields: &'s [Field],
    role: Role,
    items: Vec<Option<T>>,
    unknown: Vec<String>,
}

/// At most this many unknown members are named.
const UNKNOWN_MAX: usize = 8;

/// A record as a value.
pub(super) fn record<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    record: &Record,
    entries: A,
) -> Result<Val, A::Error> {
    reader.spend(record.fields.len())?;
    let values = Fields::new(reader, &record.fields, Role::Field).visit_map(entries)?;
    Ok(record.value(values))
}

impl<'r, 'h, 's, T: Item> Fields<'r, 'h, 's, T> {
    pub(crate) fn new(reader: &'r mut Reader<'h>, fields: &'s [Field], role: Role) -> Self {
        let items = fields.iter().map(|_| None).collect();
        Fields {
            reader,
            fields,
            role,
            items,
            unknown: Vec::new(),
        }
    }

    /// Fills the gaps that may be there, and names the rest.
    fn finish<E: de::Error>(self) -> Result<Vec<T>, E> {
        if let Some(first) = self.unknown.first() {
            let problem = self.strangers(first);
            let failed = Err(self.reader.fail(problem));
            return self.reader.within(failed, || first.clone());
        }
        let mut items = Vec::with_capacity(self.items.len() + 1);
        for (item, field) in self.items.into_iter().zip(self.fields) {
            match item {
                Some(item) => items.push(item),
                None if field.shape.is_option() => {
                    self.reader.spend(1)?;
                    items.push(T::none());
                }
                None => return Err(self.reader.fail(missing(self.role, field))),
            }
        }
        Ok(items)
    }

    fn strangers(&self, first: &str) -> Problem {
        let names = || self.fields.iter().map(|field| &field.name.snake);
        let mut expected = String::new();
        if self.fields.is_empty() {
            expected = format!("no {}s", self.role);
        } else {
            expected.push_str("one of ");
            let _ = shape::list(&mut expected, names());
        }
        let plural = if self.unknown.len() == 1 { "" } else { "s" };
        let mut found = format!("the unknown {}{plural} ", self.role);
        let _ = shape::list(&mut found, self.unknown.iter());
        let hint = problem::nearest(&first.replace('-', "_"), names().map(String::as_str));
        Problem {
            expected,
            found,
            hint,
        }
    }
}

impl<'de, T: Item> DeserializeSeed<'de> for Fields<'_, '_, '_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Item> Visitor<'de> for Fields<'_, '_, '_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the {}s", self.role)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
        self.finish()
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut next = 0;
        while let Some(member) = entries.next_key_seed(Member {
            fields: self.fields,
            next,
        })? {
            let (index, spelling) = match member {
                Found::Known(index, spelling) => (index, spelling),
                Found::Unknown(name) => {
                    entries.next_value::<IgnoredAny>()?;
                    if self.unknown.len() < UNKNOWN_MAX {
                        self.unknown.push(name);
                    }
                    continue;
                }
            };
            let (Some(field), Some(slot)) = (self.fields.get(index), self.items.get_mut(index))
            else {
                continue;
            };
            let name = || spelling.of(field).to_owned();
            if slot.is_some() {
                let problem = repeated(self.role, field);
                let failed = Err(self.reader.fail(problem));
                return self.reader.within(failed, name);
            }
            let item = entries.next_value_seed(Slot {
                value: Value {
                    reader: self.reader,
                    shape: &field.shape,
                },
                item: slot,
            });
            self.reader.within(item, name)?;
            next = index + 1;
        }
        self.finish()
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Vec<T>, E> {
        Err(self.mismatch(flag.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<T>, E> {
        Err(self.mismatch(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<T>, E> {
        Err(self.mismatch(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Vec<T>, E> {
        Err(self.mismatch(format!("{number:?}")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        Err(self.mismatch(format!("the string {}", problem::quoted(text))))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<Vec<T>, A::Error> {
        Err(self.mismatch("an array".to_owned()))
    }
}

impl<T> Fields<'_, '_, '_, T> {
    fn mismatch<E: de::Error>(self, found: String) -> E {
        let expected = format!("an object with the {}s", self.role);
        self.reader.fail(Problem {
            expected,
            found,
            hint: None,
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Argument => "argument",
            Role::Field => "field",
        })
    }
}

fn missing(role: Role, field: &Field) -> Problem {
    let expected = format!("the {role} {:?} ({})", field.name.snake, field.shape);
    Problem {
        expected,
        found: "an object without it".to_owned(),
        hint: None,
    }
}

fn repeated(role: Role, field: &Field) -> Problem {
    let name = &field.name;
    let spellings = if name.wit == name.snake {
        String::new()
    } else {
        format!(", as {:?} or as {:?}", name.snake, name.wit)
    };
    Problem {
        expected: format!("the {role} once{spellings}"),
        found: "it twice".to_owned(),
        hint: None,
    }
}

/// A member's value on its way into its place.
struct Slot<'r, 'h, 's, 'i, T> {
    value: Value<'r, 'h, 's>,
    item: &'i mut Option<T>,
}

impl<'de, T: Item> DeserializeSeed<'de> for Slot<'_, '_, '_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.item = Some(T::read(self.value, deserializer)?);
        Ok(())
    }
}

/// The name of a member, looked up without a copy.
struct Member<'s> {
    fields: &'s [Field],
    /// Where the search begins: most objects have their members in order.
    next: usize,
}

enum Found {
    Known(usize, Spelling),
    Unknown(String),
}

#[derive(Clone, Copy)]
enum Spelling {
    Snake,
    Wit,
}

impl Spelling {
    fn of(self, field: &Field) -> &str {
        match self {
            Spelling::Snake => &field.name.snake,
            Spelling::Wit => &field.name.wit,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Member<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Found, E> {
        let fields = self.fields.iter().enumerate();
        let in_order = fields.clone().skip(self.next).chain(fields.take(self.next));
        for (index, field) in in_order {
            if field.name.snake == name {
                return Ok(Found::Known(index, Spelling::Snake));
            }
            if field.name.wit == name {
                return Ok(Found::Known(index, Spelling::Wit));
            }
        }
        Ok(Found::Unknown(name.to_owned()))
    }
}
