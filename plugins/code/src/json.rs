//! A value as JSON text, where JSON can say what it is and the text is not too long.

use std::collections::HashSet;

use boa_engine::object::JsObject;
use boa_engine::{Context, JsString, JsValue};

use crate::inspect::{children, kind, length};

/// `JSON.stringify` recurses; deeper values are shown as text.
const LEVELS_MAX: usize = 100;

/// What became of a value.
pub(crate) enum Json {
    Text(String),
    /// It would have more bytes than asked for.
    TooLong,
    /// JSON has no form for it, or one that would say something else (`{}` for a map).
    Inexpressible,
}

/// The JSON of `value` in at most `bytes_max` bytes.
pub(crate) fn text(value: &JsValue, bytes_max: usize, context: &mut Context) -> Json {
    let is_finite = value.as_number().is_none_or(f64::is_finite);
    let says_it = matches!(
        kind(value),
        "null" | "boolean" | "number" | "string" | "array" | "object" | "date"
    );
    if !is_finite || !says_it {
        return Json::Inexpressible;
    }
    if let Err(reason) = measure(value, bytes_max, context) {
        return reason;
    }
    match stringify(value, context) {
        Some(text) if text.len() > bytes_max => Json::TooLong,
        Some(text) => Json::Text(text),
        None => Json::Inexpressible,
    }
}

/// Walks the plain properties, without a call of the script's, and stops where it is clear that there will be no text: a
/// text that nobody gets is not worth the memory.
fn measure(value: &JsValue, bytes_max: usize, context: &mut Context) -> Result<(), Json> {
    let mut bytes = value.as_string().map_or(0, |text| text.len());
    let mut seen = HashSet::new();
    let mut pending: Vec<(JsObject, usize)> = value
        .as_object()
        .into_iter()
        .map(|object| (object, 1))
        .collect();
    while let Some((object, level)) = pending.pop() {
        // An entry takes two bytes or more: itself and a comma.
        bytes = bytes.saturating_add(length(&object).saturating_mul(2).max(2));
        if bytes > bytes_max {
            return Err(Json::TooLong);
        }
        if level > LEVELS_MAX {
            return Err(Json::Inexpressible);
        }
        if seen.insert(object.clone()) {
            let children = children(&object, context);
            pending.extend(children.into_iter().map(|child| (child, level + 1)));
        }
    }
    if bytes > bytes_max {
        Err(Json::TooLong)
    } else {
        Ok(())
    }
}

fn stringify(value: &JsValue, context: &mut Context) -> Option<String> {
    let json = context.intrinsics().objects().json();
    let stringify = json.get(JsString::from("stringify"), context).ok()?;
    let arguments = std::slice::from_ref(value);
    let text = stringify
        .as_callable()?
        .call(&JsValue::undefined(), arguments, context)
        .ok()?;
    Some(text.as_string()?.to_std_string_lossy())
}
