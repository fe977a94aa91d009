//! Shapes as WIT text, for components that take and return them.

use std::fmt::Write as _;

use super::super::shape::{Key, Name, Shape};

/// Declarations of the named types that a shape needs, and the name or expression of the shape itself.
#[derive(Default)]
pub(crate) struct WitText {
    declarations: String,
    count: usize,
}

/// A world with a function `echo: func(x: list<SHAPE>) -> list<SHAPE>`.
pub(crate) fn echo_world(shape: &Shape) -> String {
    let mut text = WitText::default();
    let ty = text.of(shape);
    format!(
        "package test:echo;\nworld w {{\n{}export echo: func(x: list<{ty}>) -> list<{ty}>;\n}}\n",
        text.declarations
    )
}

impl WitText {
    fn of(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Bool => "bool".to_owned(),
            Shape::Integer(integer) => integer.to_string(),
            Shape::F32 => "f32".to_owned(),
            Shape::F64 => "f64".to_owned(),
            Shape::Char => "char".to_owned(),
            Shape::Text => "string".to_owned(),
            Shape::Bytes => "list<u8>".to_owned(),
            Shape::FixedBytes(length) => format!("list<u8, {length}>"),
            Shape::List(item) => format!("list<{}>", self.of(item)),
            Shape::FixedList(item, length) => format!("list<{}, {length}>", self.of(item)),
            Shape::Map(key, item) => format!("map<{}, {}>", self::key(*key), self.of(item)),
            Shape::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| self.of(item)).collect();
                format!("tuple<{}>", items.join(", "))
            }
            Shape::Option(some) => format!("option<{}>", self.of(some)),
            Shape::Result(sides) => {
                let ok = sides.ok.as_ref().map_or("_".to_owned(), |ok| self.of(ok));
                let err = sides.err.as_ref().map(|err| self.of(err));
                match err {
                    Some(err) => format!("result<{ok}, {err}>"),
                    None if ok == "_" => "result".to_owned(),
                    None => format!("result<{ok}>"),
                }
            }
            Shape::Record(record) => {
                let fields: Vec<String> = record
                    .fields
                    .iter()
                    .map(|field| format!("%{}: {}", field.name.wit, self.of(&field.shape)))
                    .collect();
                self.declare("record", &fields)
            }
            Shape::Variant(cases) => {
                let mut lines = Vec::new();
                for case in cases.iter() {
                    let payload = case
                        .payload
                        .as_ref()
                        .map_or(String::new(), |payload| format!("({})", self.of(payload)));
                    lines.push(format!("%{}{payload}", case.name.wit));
                }
                self.declare("variant", &lines)
            }
            Shape::Enum(cases) => self.declare("enum", &names(cases)),
            Shape::Flags(flags) => self.declare("flags", &names(flags)),
            Shape::Own(_) | Shape::Borrow(_) => unreachable!("no resources are rolled"),
        }
    }

    fn declare(&mut self, kind: &str, members: &[String]) -> String {
        self.count += 1;
        let name = format!("t{}", self.count);
        writeln!(
            self.declarations,
            "{kind} {name} {{ {} }}",
            members.join(", ")
        )
        .expect("a string takes all text");
        name
    }
}

fn names(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| format!("%{}", name.wit)).collect()
}

fn key(key: Key) -> String {
    match key {
        Key::Text => "string".to_owned(),
        Key::Bool => "bool".to_owned(),
        Key::Char => "char".to_owned(),
        Key::Integer(integer) => integer.to_string(),
    }
}
