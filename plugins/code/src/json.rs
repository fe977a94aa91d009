//! A value as JSON text, where JSON can say what it is.

use std::collections::HashSet;

use boa_engine::object::JsObject;
use boa_engine::{Context, JsString, JsValue};

use crate::inspect::{children, kind};

/// `JSON.stringify` recurses; deeper values are shown as text.
const LEVELS_MAX: usize = 100;
const OBJECTS_MAX: usize = 100_000;

/// The JSON of `value`; none if JSON has no form for it, or one that would say something else (`{}` for a map).
pub(crate) fn text(value: &JsValue, context: &mut Context) -> Option<String> {
    let is_finite = value.as_number().is_none_or(f64::is_finite);
    let says_it = matches!(
        kind(value),
        "null" | "boolean" | "number" | "string" | "array" | "object" | "date"
    );
    if !is_finite || !says_it || !is_shallow(value, context) {
        return None;
    }
    let json = context.intrinsics().objects().json();
    let stringify = json.get(JsString::from("stringify"), context).ok()?;
    let text = stringify
        .as_callable()?
        .call(&JsValue::undefined(), std::slice::from_ref(value), context)
        .ok()?;
    Some(text.as_string()?.to_std_string_lossy())
}

/// Walks the plain properties without a call of the script's.
fn is_shallow(value: &JsValue, context: &mut Context) -> bool {
    let mut seen = HashSet::new();
    let mut pending: Vec<(JsObject, usize)> = value
        .as_object()
        .into_iter()
        .map(|object| (object, 1))
        .collect();
    while let Some((object, level)) = pending.pop() {
        if level > LEVELS_MAX || seen.len() > OBJECTS_MAX {
            return false;
        }
        if seen.insert(object.clone()) {
            pending.extend(
                children(&object, context)
                    .into_iter()
                    .map(|child| (child, level + 1)),
            );
        }
    }
    true
}
