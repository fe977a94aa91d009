//! What is an array in JSON: lists, tuples, flags.

use serde::de::{IgnoredAny, SeqAccess};
use wasmtime::component::Val;

use super::super::problem::{self, Problem};
use super::super::shape::{Name, Shape};
use super::{Reader, Value};

/// Any number of items of one shape.
pub(super) fn list<'de, A: SeqAccess<'de>>(
    reader: &mut Reader<'_>,
    shape: &Shape,
    mut items: A,
) -> Result<Vec<Val>, A::Error> {
    let mut values = Vec::new();
    loop {
        let item = items.next_element_seed(Value { reader, shape });
        match reader.within(item, || values.len().to_string())? {
            Some(value) => values.push(value),
            None => return Ok(values),
        }
    }
}

/// One item for each of `shapes`.
pub(super) fn exact<'de, 's, A: SeqAccess<'de>>(
    reader: &mut Reader<'_>,
    whole: &Shape,
    shapes: impl ExactSizeIterator<Item = &'s Shape>,
    mut items: A,
) -> Result<Vec<Val>, A::Error> {
    let length = shapes.len();
    let mut values = Vec::new();
    for shape in shapes {
        let item = items.next_element_seed(Value { reader, shape });
        match reader.within(item, || values.len().to_string())? {
            Some(value) => values.push(value),
            None => {
                let found = counted(values.len());
                return Err(reader.fail(Problem {
                    expected: whole.to_string(),
                    found,
                    hint: None,
                }));
            }
        }
    }
    if items.next_element::<IgnoredAny>()?.is_some() {
        let found = format!("more than {length} items");
        return Err(reader.fail(Problem {
            expected: whole.to_string(),
            found,
            hint: None,
        }));
    }
    Ok(values)
}

/// The names of the flags that are set.
pub(super) fn flags<'de, A: SeqAccess<'de>>(
    reader: &mut Reader<'_>,
    names: &[Name],
    mut items: A,
) -> Result<Val, A::Error> {
    let mut set = Set::new(names);
    for index in 0_usize.. {
        let item = items.next_element_seed(Value {
            reader,
            shape: &Shape::Text,
        });
        let Some(flag) = reader.within(item, || index.to_string())? else {
            break;
        };
        let Val::String(flag) = flag else { continue };
        if let Err(problem) = set.insert(&flag) {
            let failed = Err(reader.fail(problem));
            return reader.within(failed, || index.to_string());
        }
    }
    Ok(set.into_value())
}

/// Flags as they come in, in any order.
pub(super) struct Set<'n> {
    names: &'n [Name],
    set: Vec<bool>,
}

impl<'n> Set<'n> {
    pub(super) fn new(names: &'n [Name]) -> Set<'n> {
        Set {
            names,
            set: vec![false; names.len()],
        }
    }

    pub(super) fn insert(&mut self, flag: &str) -> Result<(), Problem> {
        let index = self.position(flag)?;
        match self.set.get_mut(index) {
            Some(set) if !*set => *set = true,
            _ => {
                let expected = "every flag at most once".to_owned();
                return Err(Problem {
                    expected,
                    found: format!("{flag:?} again"),
                    hint: None,
                });
            }
        }
        Ok(())
    }

    pub(super) fn position(&self, flag: &str) -> Result<usize, Problem> {
        self.names
            .iter()
            .position(|name| name.is(flag))
            .ok_or_else(|| {
                let mut expected = "one of ".to_owned();
                let _ = super::super::shape::list(
                    &mut expected,
                    self.names.iter().map(|name| &name.wit),
                );
                let hint = problem::nearest(flag, self.names.iter().map(|name| name.wit.as_str()));
                Problem {
                    expected,
                    found: problem::quoted(flag),
                    hint,
                }
            })
    }

    /// In the order of the declaration.
    pub(super) fn into_value(self) -> Val {
        let names = self.names.iter().zip(self.set).filter(|(_, set)| *set);
        Val::Flags(names.map(|(name, _)| name.wit.clone()).collect())
    }
}

fn counted(items: usize) -> String {
    if items == 1 {
        "1 item".to_owned()
    } else {
        format!("{items} items")
    }
}
