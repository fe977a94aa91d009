//! Values to JSON text, straight into the buffer of the answer.
//!
//! What would exceed the limit is noticed while it is written, not after. Numbers and strings are formatted by serde_json;
//! names need no escaping, because WIT names have neither quotes nor control characters.

use std::io;
use std::sync::Arc;

use serde_json::ser::{CompactFormatter, Formatter};
use wasmtime::component::{ResourceAny, Val};

use super::handles::{self, Handles};
use super::read::{SAFE_MAX, flat};
use super::shape::{Record, Resource, Shape, Sides};
use super::{base64, key};

/// An answer that was called off. Nothing of it stays in the buffer, and its resources are orphans of the handle table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the session holds {limit} resources already")]
    TooManyHandles { limit: usize },
}

/// Where an answer is written to, up to a limit.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The length that `out` may reach.
    end: usize,
    handles: &'a mut Handles,
    /// The handle table had no room.
    full: bool,
}

type Written = io::Result<()>;

/// Appends what `write` writes, or nothing at all: then no handle is left in the table either.
pub(super) fn write(
    handles: &mut Handles,
    limit: usize,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Writer<'_>) -> Written,
) -> Result<(), Unwritten> {
    let (start, mark, most) = (out.len(), handles.mark(), handles.limit());
    let mut writer = Writer {
        end: start.saturating_add(limit),
        out: &mut *out,
        handles: &mut *handles,
        full: false,
    };
    let written = write(&mut writer);
    let full = writer.full;
    if written.is_ok() {
        return Ok(());
    }
    out.truncate(start);
    handles.revoke(mark);
    Err(if full {
        Unwritten::TooManyHandles { limit: most }
    } else {
        Unwritten::TooLarge { limit }
    })
}

impl Writer<'_> {
    pub(super) fn value(&mut self, shape: &Shape, value: &Val) -> Written {
        match (shape, value) {
            (_, Val::Bool(flag)) => CompactFormatter.write_bool(self, *flag),
            (_, Val::S8(number)) => CompactFormatter.write_i8(self, *number),
            (_, Val::U8(number)) => CompactFormatter.write_u8(self, *number),
            (_, Val::S16(number)) => CompactFormatter.write_i16(self, *number),
            (_, Val::U16(number)) => CompactFormatter.write_u16(self, *number),
            (_, Val::S32(number)) => CompactFormatter.write_i32(self, *number),
            (_, Val::U32(number)) => CompactFormatter.write_u32(self, *number),
            (_, Val::S64(number)) => self.quoted_if(number.unsigned_abs() > SAFE_MAX, |out| {
                CompactFormatter.write_i64(out, *number)
            }),
            (_, Val::U64(number)) => self.quoted_if(*number > SAFE_MAX, |out| {
                CompactFormatter.write_u64(out, *number)
            }),
            (_, Val::Float32(number)) if number.is_finite() => self.narrow(*number),
            (_, Val::Float32(number)) => self.special((*number).into()),
            (_, Val::Float64(number)) if number.is_finite() => {
                CompactFormatter.write_f64(self, *number)
            }
            (_, Val::Float64(number)) => self.special(*number),
            (_, Val::Char(character)) => self.text(character.encode_utf8(&mut [0; 4])),
            (_, Val::String(text)) => self.text(text),
            (_, Val::Enum(name)) => self.name(name),
            (_, Val::Flags(names)) => self.array(names, |out, name| out.name(name)),
            (
                Shape::Bytes | Shape::FixedBytes(_),
                Val::List(items) | Val::FixedLengthList(items),
            ) => self.bytes(&flat(items)),
            (Shape::List(item), Val::List(items))
            | (Shape::FixedList(item, _), Val::FixedLengthList(items)) => {
                self.array(items, |out, value| out.value(item, value))
            }
            (Shape::Tuple(shapes), Val::Tuple(items)) => self
                .array(shapes.iter().zip(items), |out, (shape, value)| {
                    out.value(shape, value)
                }),
            (Shape::Map(_, item), Val::Map(entries)) => self.map(item, entries),
            (Shape::Record(record), Val::Record(fields)) => self.record(record, fields),
            (Shape::Variant(cases), Val::Variant(name, payload)) => {
                let case = cases.iter().find(|case| case.name.wit == *name);
                self.variant(
                    name,
                    case.and_then(|case| case.payload.as_ref())
                        .zip(payload.as_deref()),
                )
            }
            (Shape::Option(_), Val::Option(None)) => self.raw("null"),
            (Shape::Option(some), Val::Option(Some(value))) if some.is_option() => {
                self.member("some", Some((some, value)))
            }
            (Shape::Option(some), Val::Option(Some(value))) => self.value(some, value),
            (Shape::Result(sides), Val::Result(value)) => self.result(sides, value),
            (Shape::Own(resource) | Shape::Borrow(resource), Val::Resource(value)) => {
                self.resource(resource, *value)
            }
            (shape, value) => {
                unreachable!("{value:?} came out of a function whose type says {shape}")
            }
        }
    }

    /// `null`: what a function without a result answers.
    pub(super) fn null(&mut self) -> Written {
        self.raw("null")
    }

    pub(super) fn text(&mut self, text: &str) -> Written {
        // Escaping only lengthens, and a text that cannot fit need not be looked at.
        self.room(text.len() + 2)?;
        serde_json::to_writer(self, text).map_err(io::Error::from)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Written {
        self.room(base64::length(bytes.len()) + 2)?;
        self.out.push(b'"');
        base64::append(bytes, self.out);
        self.out.push(b'"');
        Ok(())
    }

    fn record(&mut self, record: &Record, fields: &[(String, Val)]) -> Written {
        let present = record
            .fields
            .iter()
            .zip(fields)
            .filter(|(_, (_, value))| !matches!(value, Val::Option(None)));
        let mut separator = "{";
        for (field, (_, value)) in present {
            self.raw(separator)?;
            self.name(&field.name.snake)?;
            self.raw(":")?;
            self.value(&field.shape, value)?;
            separator = ",";
        }
        self.raw(if separator == "{" { "{}" } else { "}" })
    }

    fn map(&mut self, item: &Shape, entries: &[(Val, Val)]) -> Written {
        let mut separator = "{";
        for (key, value) in key::last_of_each(entries) {
            self.raw(separator)?;
            match key {
                Val::String(text) => self.text(text)?,
                other => self.text(&key::spelled(other))?,
            }
            self.raw(":")?;
            self.value(item, value)?;
            separator = ",";
        }
        self.raw(if separator == "{" { "{}" } else { "}" })
    }

    fn variant(&mut self, name: &str, payload: Option<(&Shape, &Val)>) -> Written {
        self.raw("{\"tag\":")?;
        self.name(name)?;
        if let Some((shape, value)) = payload {
            self.raw(",\"val\":")?;
            self.value(shape, value)?;
        }
        self.raw("}")
    }

    fn result(
        &mut self,
        sides: &Sides,
        value: &Result<Option<Box<Val>>, Option<Box<Val>>>,
    ) -> Written {
        match value {
            Ok(value) => self.member("ok", sides.ok.as_ref().zip(value.as_deref())),
            Err(value) => self.member("err", sides.err.as_ref().zip(value.as_deref())),
        }
    }

    /// An object of one member, null if there is nothing to put in it.
    fn member(&mut self, name: &str, value: Option<(&Shape, &Val)>) -> Written {
        self.raw("{")?;
        self.name(name)?;
        self.raw(":")?;
        match value {
            Some((shape, value)) => self.value(shape, value)?,
            None => self.null()?,
        }
        self.raw("}")
    }

    fn resource(&mut self, kind: &Arc<Resource>, resource: ResourceAny) -> Written {
        match self.handles.insert(resource, kind) {
            Ok(number) => {
                use std::io::Write as _;
                write!(self, "\"{}\"", handles::spelled(kind, number))
            }
            Err(handles::Full) => {
                self.full = true;
                self.stop()
            }
        }
    }

    fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> Written,
    ) -> Written {
        self.raw("[")?;
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",")?;
            }
            each(self, item)?;
        }
        self.raw("]")
    }

    /// An f32 in as few digits as tell it from its neighbours: `0.1`. Most readers, ours among them, round to an f64 first
    /// and to an f32 then, and a few numbers (`-7.038531e-26`) come out one off that way: those get all the digits.
    #[expect(clippy::cast_possible_truncation, reason = "it is what a reader does")]
    fn narrow(&mut self, number: f32) -> Written {
        let start = self.out.len();
        CompactFormatter.write_f32(self, number)?;
        let digits = self
            .out
            .get(start..)
            .and_then(|text| str::from_utf8(text).ok());
        let read = digits.and_then(|digits| digits.parse::<f64>().ok());
        if read.is_some_and(|read| read as f32 == number) {
            return Ok(());
        }
        self.out.truncate(start);
        CompactFormatter.write_f64(self, number.into())
    }

    fn special(&mut self, number: f64) -> Written {
        self.raw(if number.is_nan() {
            "\"NaN\""
        } else if number > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        })
    }

    fn quoted_if(&mut self, quoted: bool, write: impl FnOnce(&mut Self) -> Written) -> Written {
        let quote = if quoted { "\"" } else { "" };
        self.raw(quote)?;
        write(self)?;
        self.raw(quote)
    }

    /// A WIT name in quotes.
    fn name(&mut self, name: &str) -> Written {
        self.room(name.len() + 2)?;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'"');
        Ok(())
    }

    fn raw(&mut self, text: &str) -> Written {
        self.room(text.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn room(&self, bytes: usize) -> Written {
        if self.end - self.out.len() >= bytes {
            Ok(())
        } else {
            self.stop()
        }
    }

    /// Ends the writing. The kind is never looked at; `full` tells why.
    fn stop(&self) -> Written {
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.room(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
