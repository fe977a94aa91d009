//! A value as text for a reader: what it is, and what is in it, within bounds. Calls no code of the script: getters are
//! named, not called, and proxies are not looked into.

mod printer;

use boa_engine::builtins::date::Date;
use boa_engine::builtins::error::Error;
use boa_engine::builtins::map::ordered_map::OrderedMap;
use boa_engine::builtins::promise::Promise;
use boa_engine::builtins::proxy::Proxy;
use boa_engine::builtins::regexp::RegExp;
use boa_engine::builtins::set::ordered_set::OrderedSet;
use boa_engine::builtins::typed_array::TypedArray;
use boa_engine::object::JsObject;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsString, JsValue};

use printer::Printer;

/// What is longer is a dump, which nobody reads.
const CHARS_MAX: usize = 10_000;

/// What a value is, in one word.
pub(crate) fn kind(value: &JsValue) -> &'static str {
    let Some(object) = value.as_object() else {
        return if value.is_null() {
            "null"
        } else {
            value.type_of()
        };
    };
    match () {
        () if object.is::<Proxy>() => "proxy",
        () if object.is_callable() => "function",
        () if object.is_array() => "array",
        () if is_error(&object) => "error",
        () if object.is::<Date>() => "date",
        () if object.is::<RegExp>() => "regexp",
        () if object.is::<OrderedMap<JsValue>>() => "map",
        () if object.is::<OrderedSet>() => "set",
        () if object.is::<Promise>() => "promise",
        () if object.is::<TypedArray>() => "typed array",
        () => "object",
    }
}

pub(crate) fn is_error(object: &JsObject) -> bool {
    object.is::<Error>()
}

/// As `console.log` prints it: like `inspect`, but a string is itself.
pub(crate) fn display(value: &JsValue, context: &mut Context) -> String {
    match value.as_string() {
        Some(text) => text.to_std_string_lossy(),
        None => inspect(value, context),
    }
}

/// In JavaScript's own notation as far as there is one.
pub(crate) fn inspect(value: &JsValue, context: &mut Context) -> String {
    shorten(&Printer::print(value, context), CHARS_MAX)
}

/// The objects that the plain properties of `object` hold.
pub(crate) fn children(object: &JsObject, context: &mut Context) -> Vec<JsObject> {
    let keys = keys(object, context);
    keys.iter()
        .filter_map(|key| own(object, key)?.value()?.as_object())
        .collect()
}

/// The `length` of an array; 0 of anything else.
pub(crate) fn length(object: &JsObject) -> usize {
    let length = object
        .is_array()
        .then(|| own(object, &PropertyKey::from(JsString::from("length"))));
    let length = length
        .flatten()
        .and_then(|length| length.value()?.as_number())
        .unwrap_or_default();
    usize::try_from(length as u64).unwrap_or(usize::MAX)
}

/// The first `chars` characters, and a mark if there were more.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// With every run of white space as one space.
pub(crate) fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// The property itself, not its getter's answer.
fn own(object: &JsObject, key: &PropertyKey) -> Option<PropertyDescriptor> {
    object.borrow().properties().get(key)
}

/// The own keys, symbols left out; none of a proxy, whose answer would be the script's.
fn keys(object: &JsObject, context: &mut Context) -> Vec<PropertyKey> {
    if object.is::<Proxy>() {
        return Vec::new();
    }
    let keys = object.own_property_keys(context).unwrap_or_default();
    let is_array = object.is_array();
    let is_shown = |key: &PropertyKey| match key {
        PropertyKey::Symbol(_) => false,
        PropertyKey::String(_) => !is_array,
        PropertyKey::Index(_) => true,
    };
    keys.into_iter().filter(is_shown).collect()
}
