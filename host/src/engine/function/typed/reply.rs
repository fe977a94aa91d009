//! What a result of the menu may be, and how it becomes an answer.

use wasmtime::component::{ComponentNamedList, Lift, Val};

use super::super::Answer;
use super::super::shape::{Integer, Shape, Sides};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Bool,
    U32,
    U64,
    Text,
    Bytes,
    MaybeBytes,
    /// `result<_, string>`, and so on.
    NothingOr,
    U32Or,
    U64Or,
    TextOr,
    BytesOr,
}

impl Reply {
    pub(super) fn of(shape: Option<&Shape>) -> Option<Reply> {
        match shape {
            None => Some(Reply::Nothing),
            Some(Shape::Option(some)) if **some == Shape::Bytes => Some(Reply::MaybeBytes),
            Some(Shape::Result(sides)) => Reply::fallible(sides),
            Some(shape) => Reply::plain(shape),
        }
    }

    fn plain(shape: &Shape) -> Option<Reply> {
        match shape {
            Shape::Bool => Some(Reply::Bool),
            Shape::Integer(Integer::U32) => Some(Reply::U32),
            Shape::Integer(Integer::U64) => Some(Reply::U64),
            Shape::Text => Some(Reply::Text),
            Shape::Bytes => Some(Reply::Bytes),
            _ => None,
        }
    }

    fn fallible(sides: &Sides) -> Option<Reply> {
        match (&sides.ok, &sides.err) {
            (None, Some(Shape::Text)) => Some(Reply::NothingOr),
            (Some(Shape::Integer(Integer::U32)), Some(Shape::Text)) => Some(Reply::U32Or),
            (Some(Shape::Integer(Integer::U64)), Some(Shape::Text)) => Some(Reply::U64Or),
            (Some(Shape::Text), Some(Shape::Text)) => Some(Reply::TextOr),
            (Some(Shape::Bytes), Some(Shape::Text)) => Some(Reply::BytesOr),
            _ => None,
        }
    }

    pub(super) fn has_bytes(self) -> bool {
        matches!(self, Reply::Bytes | Reply::MaybeBytes | Reply::BytesOr)
    }
}

/// A Rust type that the results have in a typed call.
pub(super) trait Replied: ComponentNamedList + Lift + 'static {
    fn answer(self) -> Answer;
}

impl Replied for () {
    fn answer(self) -> Answer {
        Answer::Nothing
    }
}

impl Replied for (Vec<u8>,) {
    fn answer(self) -> Answer {
        Answer::Bytes(self.0)
    }
}

impl Replied for (Option<Vec<u8>>,) {
    fn answer(self) -> Answer {
        self.0
            .map_or(Answer::Value(Val::Option(None)), Answer::Bytes)
    }
}

impl Replied for (Result<Vec<u8>, String>,) {
    fn answer(self) -> Answer {
        match self.0 {
            Ok(bytes) => Answer::Bytes(bytes),
            Err(error) => Answer::Value(Val::Result(Err(Some(Box::new(Val::String(error)))))),
        }
    }
}

impl Replied for (Result<(), String>,) {
    fn answer(self) -> Answer {
        fallible(self.0.map(|()| None))
    }
}

macro_rules! values {
    ($($ty:ty => $variant:ident),*) => {
        $(
            impl Replied for ($ty,) {
                fn answer(self) -> Answer {
                    Answer::Value(Val::$variant(self.0))
                }
            }
        )*
    };
}

values!(bool => Bool, u32 => U32, u64 => U64, String => String);

macro_rules! fallible_values {
    ($($ty:ty => $variant:ident),*) => {
        $(
            impl Replied for (Result<$ty, String>,) {
                fn answer(self) -> Answer {
                    fallible(self.0.map(|value| Some(Val::$variant(value))))
                }
            }
        )*
    };
}

fallible_values!(u32 => U32, u64 => U64, String => String);

fn fallible(value: Result<Option<Val>, String>) -> Answer {
    let value = value.map(|value| value.map(Box::new));
    Answer::Value(Val::Result(
        value.map_err(|error| Some(Box::new(Val::String(error)))),
    ))
}
