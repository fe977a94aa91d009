//! What scripts find beside the language itself: a console, timers and the workspace's files.

mod console;
mod files;
mod json;
mod timers;

use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsNativeError, JsResult, JsString, JsValue, NativeFunction, Source};

pub(crate) use console::Console;

/// A function of ours as the interpreter calls it.
type Native = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

/// Defines all globals in `context`.
pub(crate) fn install(context: &mut Context) -> JsResult<()> {
    console::install(context)?;
    timers::install(context)?;
    json::install(context)?;
    files::install(context)?;
    context
        .eval(Source::from_bytes(include_str!("globals/prelude.js")))
        .map(drop)
}

/// Defines functions of the global object.
fn define(context: &mut Context, functions: &[(&str, usize, Native)]) -> JsResult<()> {
    for (name, length, function) in functions {
        let function = callable(context, name, *length, *function);
        let attribute = Attribute::WRITABLE | Attribute::CONFIGURABLE;
        context.register_global_property(JsString::from(*name), function, attribute)?;
    }
    Ok(())
}

fn callable(context: &Context, name: &str, length: usize, function: Native) -> JsValue {
    let function =
        FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(function));
    function
        .name(JsString::from(name))
        .length(length)
        .build()
        .into()
}

/// An error that the script can catch.
fn error(message: impl Into<String>) -> JsNativeError {
    JsNativeError::error().with_message(message.into())
}

/// The argument at `index` as text.
fn text(arguments: &[JsValue], index: usize, context: &mut Context) -> JsResult<String> {
    let value = arguments.get(index).cloned().unwrap_or_default();
    Ok(value.to_string(context)?.to_std_string_lossy())
}
