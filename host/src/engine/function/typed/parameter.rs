//! What a parameter of the menu may be, and how it is taken out of the arguments.

use wasmtime::component::{ComponentNamedList, Lower, ResourceAny, Val};
use wasmtime::{Result, format_err};

use super::super::read::Argument;
use super::super::shape::{Integer, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    U32,
    U64,
    Text,
    Bytes,
}

impl Kind {
    pub(super) fn of(shape: &Shape) -> Option<Kind> {
        match shape {
            Shape::Bool => Some(Kind::Bool),
            Shape::Integer(Integer::U32) => Some(Kind::U32),
            Shape::Integer(Integer::U64) => Some(Kind::U64),
            Shape::Text => Some(Kind::Text),
            Shape::Bytes => Some(Kind::Bytes),
            _ => None,
        }
    }
}

/// A Rust type that a parameter has in a typed call.
pub(super) trait Parameter<'a>: Sized {
    const KIND: Kind;

    fn of(argument: &'a Argument) -> Option<Self>;
}

pub(super) fn value<'a, P: Parameter<'a>>(argument: &'a Argument) -> Result<P> {
    P::of(argument).ok_or_else(|| format_err!("an argument is not a {:?}", P::KIND))
}

impl<'a> Parameter<'a> for &'a [u8] {
    const KIND: Kind = Kind::Bytes;

    fn of(argument: &'a Argument) -> Option<&'a [u8]> {
        if let Argument::Bytes(bytes) = argument {
            Some(bytes)
        } else {
            None
        }
    }
}

impl<'a> Parameter<'a> for &'a str {
    const KIND: Kind = Kind::Text;

    fn of(argument: &'a Argument) -> Option<&'a str> {
        if let Argument::Other(Val::String(text)) = argument {
            Some(text)
        } else {
            None
        }
    }
}

impl Parameter<'_> for bool {
    const KIND: Kind = Kind::Bool;

    fn of(argument: &Argument) -> Option<bool> {
        if let Argument::Other(Val::Bool(flag)) = argument {
            Some(*flag)
        } else {
            None
        }
    }
}

impl Parameter<'_> for u32 {
    const KIND: Kind = Kind::U32;

    fn of(argument: &Argument) -> Option<u32> {
        if let Argument::Other(Val::U32(number)) = argument {
            Some(*number)
        } else {
            None
        }
    }
}

impl Parameter<'_> for u64 {
    const KIND: Kind = Kind::U64;

    fn of(argument: &Argument) -> Option<u64> {
        if let Argument::Other(Val::U64(number)) = argument {
            Some(*number)
        } else {
            None
        }
    }
}

/// A parameter list that can have a resource put in front.
pub(super) trait Prefixed: ComponentNamedList + Lower {
    type Method: ComponentNamedList + Lower;

    fn method(self, first: ResourceAny) -> Self::Method;
}

macro_rules! prefixed {
    ($($parameter:ident: $ty:ident),*) => {
        impl<$($ty),*> Prefixed for ($($ty,)*)
        where
            ($($ty,)*): ComponentNamedList + Lower,
            (ResourceAny, $($ty,)*): ComponentNamedList + Lower,
        {
            type Method = (ResourceAny, $($ty,)*);

            fn method(self, first: ResourceAny) -> Self::Method {
                let ($($parameter,)*) = self;
                (first, $($parameter,)*)
            }
        }
    };
}

prefixed!();
prefixed!(one: A);
prefixed!(one: A, two: B);
prefixed!(one: A, two: B, three: C);
