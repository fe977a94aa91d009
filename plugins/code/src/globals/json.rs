//! `JSON.parse`, which refuses what nests too deeply: the interpreter reads JSON with the parser for programs.

use boa_engine::object::FunctionObjectBuilder;
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction};

use super::text;
use crate::nesting;

pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let json = context.intrinsics().objects().json();
    let name = JsString::from("parse");
    let parse = json
        .get(name.clone(), context)?
        .as_callable()
        .expect("an untouched JSON.parse is a function");
    let guarded = NativeFunction::from_copy_closure_with_captures(guarded, parse);
    let guarded = FunctionObjectBuilder::new(context.realm(), guarded)
        .name(name.clone())
        .length(2)
        .build();
    json.set(name, guarded, true, context).map(drop)
}

fn guarded(
    this: &JsValue,
    arguments: &[JsValue],
    parse: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let json = text(arguments, 0, context)?;
    nesting::check(&json).map_err(|error| JsNativeError::syntax().with_message(error.message))?;
    parse.call(this, arguments, context)
}
