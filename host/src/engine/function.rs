//! One exported function of a component: JSON arguments in, a call, JSON answer out.
//!
//! A `Function` is planned when its module is loaded and serves every session; nothing here belongs to an instance but
//! what a caller hands in. The mapping between JSON and component values is in `read` and `write`, and nowhere else:
//!
//! | WIT | JSON | also read |
//! | --- | --- | --- |
//! | bool | `true` | |
//! | s8 to s32, u8 to u32 | `5` | `5.0`, `"5"` |
//! | s64, u64 | a number within ±(2^53 - 1), else a decimal string | either |
//! | f32, f64 | a number, `"NaN"`, `"Infinity"`, `"-Infinity"` | |
//! | char, string | a string | |
//! | `list<u8>`, `list<u8, N>` | base64 (standard alphabet, padded) | URL-safe alphabet, no padding, an array of numbers |
//! | `list<T>`, `list<T, N>`, tuple | an array | |
//! | `map<K, V>` | an object, its keys spelled as strings | |
//! | record | an object in `snake_case`, without its empty options | `kebab-case`; null for an empty option |
//! | variant | `{"tag": "circle", "val": 3.5}` | `"none"` for a case without payload; a tag in `snake_case` |
//! | enum | a string | `snake_case` |
//! | flags | an array of strings | an object of booleans; `snake_case` |
//! | `option<T>` | null, or the value | |
//! | `option<option<T>>` | null, or `{"some": ...}` | |
//! | result | `{"ok": ...}` or `{"err": ...}`; as the result of a function the answer, or the tool's own error | |
//! | own, borrow | a handle, `"cart#7"` | |

mod base64;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod handles;
mod key;
mod plan;
mod problem;
mod read;
mod shape;
mod typed;
mod write;

use serde::de::DeserializeSeed;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Func, ResourceAny, Val};
use wasmtime::{AsContextMut, bail};

pub(crate) use self::handles::Handles;
pub(crate) use self::plan::{Types, Unsupported};
pub(crate) use self::problem::ParamError;
pub(crate) use self::shape::Resource;
pub(crate) use self::write::Unwritten;

use self::read::{Argument, Fields, Item, Role};
use self::shape::{Field, Record, Shape};
use self::typed::Signature;

/// An exported function that can be a tool.
#[derive(Debug)]
pub(crate) struct Function {
    params: Record,
    result: Option<Shape>,
    typed: Option<Signature>,
}

/// Whose job the first parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// The host supplies it: it is the session's resource, and the caller's arguments say nothing of it.
    Session,
    /// All parameters are the caller's.
    None,
}

/// The arguments of one call, checked against the function.
#[derive(Debug)]
pub(crate) struct Arguments(Given);

#[derive(Debug)]
enum Given {
    Typed(Vec<Argument>),
    Dynamic(Vec<Val>),
}

/// What a function returned. It may hold resources: write it, or take the resource out of it, but do not just drop it.
#[derive(Debug)]
pub(crate) enum Answer {
    Nothing,
    Value(Val),
    /// Bytes that came back as bytes, be they the result or its good side.
    Bytes(Vec<u8>),
}

/// What the JSON that was written is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer.
    Value,
    /// The tool's own error: the bad side of the `result` that the function returns. The call worked.
    ToolError,
}

impl Function {
    /// Plans a function. `types` is the component's, and shared between its functions.
    ///
    /// # Errors
    /// If the function cannot be a tool, with the reason.
    pub(crate) fn plan(ty: &ComponentFunc, types: &mut Types) -> Result<Function, Unsupported> {
        let params = types.params(ty)?;
        let result = types.result(ty)?;
        let typed = Signature::find(&params, result.as_ref());
        Ok(Function {
            params,
            result,
            typed,
        })
    }

    /// Reads the arguments of a call: an object; empty text and null are one without members.
    ///
    /// # Errors
    /// If anything in it does not fit. Then no handle is consumed.
    pub(crate) fn arguments(
        &self,
        json: &str,
        receiver: Receiver,
        handles: &mut Handles,
    ) -> Result<Arguments, ParamError> {
        let fields = match (receiver, self.params.fields.as_slice()) {
            (Receiver::Session, [_, rest @ ..]) => rest,
            (_, all) => all,
        };
        let given = match self.typed {
            Some(_) => Given::Typed(items(json, fields, Role::Argument, handles)?),
            None => Given::Dynamic(items(json, fields, Role::Argument, handles)?),
        };
        Ok(Arguments(given))
    }

    /// Reads the arguments of the session's constructor from the session's config, an object. If the constructor's only
    /// parameter is a record, the config is that record; otherwise it has a member for each parameter.
    ///
    /// # Errors
    /// As `arguments`.
    pub(crate) fn config_arguments(
        &self,
        json: &str,
        handles: &mut Handles,
    ) -> Result<Arguments, ParamError> {
        let [
            Field {
                shape: Shape::Record(record),
                ..
            },
        ] = self.params.fields.as_slice()
        else {
            return self.arguments(json, Receiver::None, handles);
        };
        let values: Vec<Val> = items(json, &record.fields, Role::Field, handles)?;
        Ok(Arguments(Given::Dynamic(vec![record.value(values)])))
    }

    /// Calls the function. `receiver` is there if the arguments were read with `Receiver::Session`.
    ///
    /// # Errors
    /// If the guest traps, or a limit of the store ends it: then the store is done for.
    ///
    /// # Cancel safety
    /// None: a call that is dropped half-way leaves an instance that cannot be entered again.
    pub(crate) async fn call<S>(
        &self,
        func: &Func,
        mut store: S,
        receiver: Option<ResourceAny>,
        arguments: Arguments,
    ) -> wasmtime::Result<Answer>
    where
        S: AsContextMut<Data: Send>,
    {
        let store = store.as_context_mut();
        match (arguments.0, self.typed) {
            (Given::Typed(arguments), Some(signature)) => {
                signature.call(*func, store, receiver, &arguments)?.await
            }
            (Given::Dynamic(mut values), _) => {
                if let Some(receiver) = receiver {
                    values.insert(0, Val::Resource(receiver));
                }
                let mut results = [Val::Bool(false)];
                let used = if self.result.is_some() {
                    &mut results[..]
                } else {
                    &mut []
                };
                func.call_async(store, &values, used).await?;
                let [result] = results;
                Ok(if self.result.is_some() {
                    Answer::Value(result)
                } else {
                    Answer::Nothing
                })
            }
            (Given::Typed(_), None) => bail!("the arguments are those of another function"),
        }
    }

    /// Appends the JSON of an answer to `out`, at most `limit` bytes. Resources in it get handles.
    ///
    /// # Errors
    /// If the answer is too large, or its resources too many. Then `out` is as it was, and every resource of the answer is
    /// among `Handles::orphans`.
    pub(crate) fn write(
        &self,
        answer: &Answer,
        handles: &mut Handles,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<Verdict, Unwritten> {
        let (verdict, content) = self.content(answer);
        let written = write::write(handles, limit, out, |writer| match content {
            Content::Nothing => writer.null(),
            Content::Value(shape, value) => writer.value(shape, value),
            Content::Bytes(bytes) => writer.bytes(bytes),
        });
        if let (Err(_), Answer::Value(value)) = (written, answer) {
            handles.orphan(value);
        }
        written.map(|()| verdict)
    }

    /// Takes the resource that a constructor made.
    ///
    /// # Errors
    /// The answer itself if it is not a resource but the constructor's own error, which `write` can put into words.
    pub(crate) fn resource(answer: Answer) -> Result<ResourceAny, Answer> {
        match &answer {
            Answer::Value(Val::Resource(resource)) => Ok(*resource),
            Answer::Value(Val::Result(Ok(Some(value)))) => match **value {
                Val::Resource(resource) => Ok(resource),
                _ => Err(answer),
            },
            _ => Err(answer),
        }
    }

    fn content<'a>(&'a self, answer: &'a Answer) -> (Verdict, Content<'a>) {
        match (answer, &self.result) {
            (Answer::Value(Val::Result(value)), Some(Shape::Result(sides))) => match value {
                Ok(value) => (
                    Verdict::Value,
                    Content::side(sides.ok.as_ref(), value.as_deref()),
                ),
                Err(value) => (
                    Verdict::ToolError,
                    Content::side(sides.err.as_ref(), value.as_deref()),
                ),
            },
            (Answer::Value(value), shape) => {
                (Verdict::Value, Content::side(shape.as_ref(), Some(value)))
            }
            (Answer::Bytes(bytes), _) => (Verdict::Value, Content::Bytes(bytes)),
            (Answer::Nothing, _) => (Verdict::Value, Content::Nothing),
        }
    }
}

/// What is left of an answer when the function's own `result` is taken off.
enum Content<'a> {
    Nothing,
    Value(&'a Shape, &'a Val),
    Bytes(&'a [u8]),
}

impl<'a> Content<'a> {
    fn side(shape: Option<&'a Shape>, value: Option<&'a Val>) -> Content<'a> {
        shape.zip(value).map_or(Content::Nothing, |(shape, value)| {
            Content::Value(shape, value)
        })
    }
}

fn items<T: Item>(
    json: &str,
    fields: &[Field],
    role: Role,
    handles: &mut Handles,
) -> Result<Vec<T>, ParamError> {
    read::read(json, handles, |reader, deserializer| {
        Fields::new(reader, fields, role).deserialize(deserializer)
    })
}

#[cfg(test)]
pub(crate) mod tests;
