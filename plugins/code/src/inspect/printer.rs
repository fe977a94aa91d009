//! Writes a value in JavaScript's notation, four levels deep and a hundred entries wide.

use boa_engine::builtins::map::ordered_map::OrderedMap;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::builtins::set::ordered_set::OrderedSet;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsPromise;
use boa_engine::property::{DescriptorKind, PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsString, JsValue};

use super::{CHARS_MAX, keys, kind, length, own};

const LEVELS_MAX: usize = 4;
const ENTRIES_MAX: usize = 100;

pub(super) struct Printer<'a> {
    out: String,
    /// The objects that contain the one at hand.
    above: Vec<JsObject>,
    context: &'a mut Context,
}

impl<'a> Printer<'a> {
    pub(super) fn print(value: &JsValue, context: &'a mut Context) -> String {
        let mut printer = Self {
            out: String::new(),
            above: Vec::new(),
            context,
        };
        printer.value(value);
        printer.out
    }

    fn value(&mut self, value: &JsValue) {
        match value.as_object() {
            Some(object) => self.object(value, &object),
            None => match value.as_string() {
                Some(text) => self.out.push_str(&quoted(&text)),
                None => self.out.push_str(&value.display().to_string()),
            },
        }
    }

    fn object(&mut self, value: &JsValue, object: &JsObject) {
        if self.above.contains(object) {
            return self.out.push_str("[Circular]");
        }
        let kind = kind(value);
        if self.above.len() == LEVELS_MAX
            && matches!(kind, "array" | "object" | "map" | "set" | "promise")
        {
            return self.out.push_str(if kind == "array" {
                "[Array]"
            } else {
                "[Object]"
            });
        }
        self.above.push(object.clone());
        match kind {
            "array" => self.array(object),
            "map" => self.map(object),
            "set" => self.set(object),
            "promise" => self.promise(object),
            "proxy" => self.out.push_str("[Proxy]"),
            "error" => self.error(object),
            "object" => self.plain(object),
            // Functions, dates, regular expressions and typed arrays: flat, and bounded by the interpreter.
            _ => self.out.push_str(&value.display().to_string()),
        }
        self.above.pop();
    }

    fn array(&mut self, array: &JsObject) {
        let length = length(array);
        let indices = (0_u32..).take(length.min(ENTRIES_MAX));
        let shown: Vec<PropertyDescriptor> = indices
            .map(|index| own(array, &index.into()).unwrap_or_default())
            .collect();
        let left_out = length - shown.len();
        self.entries('[', ']', shown, left_out, Self::property);
    }

    fn plain(&mut self, object: &JsObject) {
        if let Some(name) = class_name(object) {
            self.out.push_str(&name);
            self.out.push(' ');
        }
        let mut keys = keys(object, self.context);
        let left_out = keys.len().saturating_sub(ENTRIES_MAX);
        keys.truncate(ENTRIES_MAX);
        let shown: Vec<(PropertyKey, PropertyDescriptor)> = keys
            .into_iter()
            .filter_map(|key| own(object, &key).map(|property| (key, property)))
            .collect();
        self.entries('{', '}', shown, left_out, |printer, (key, property)| {
            printer.out.push_str(&name_of(&key));
            printer.out.push_str(": ");
            printer.property(property);
        });
    }

    fn map(&mut self, object: &JsObject) {
        let Some(map) = object.downcast_ref::<OrderedMap<JsValue>>() else {
            return;
        };
        let (size, shown) = (map.len(), map.iter().take(ENTRIES_MAX));
        let shown: Vec<(JsValue, JsValue)> = shown
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        drop(map);
        self.out.push_str(&format!("Map({size}) "));
        let left_out = size.saturating_sub(shown.len());
        self.entries('{', '}', shown, left_out, |printer, (key, value)| {
            printer.value(&key);
            printer.out.push_str(" => ");
            printer.value(&value);
        });
    }

    fn set(&mut self, object: &JsObject) {
        let Some(set) = object.downcast_ref::<OrderedSet>() else {
            return;
        };
        let (size, shown) = (
            set.len(),
            set.iter()
                .take(ENTRIES_MAX)
                .cloned()
                .collect::<Vec<JsValue>>(),
        );
        drop(set);
        self.out.push_str(&format!("Set({size}) "));
        let left_out = size.saturating_sub(shown.len());
        self.entries('{', '}', shown, left_out, |printer, value| {
            printer.value(&value)
        });
    }

    fn promise(&mut self, object: &JsObject) {
        self.out.push_str("Promise { ");
        match JsPromise::from_object(object.clone()).map(|promise| promise.state()) {
            Ok(PromiseState::Fulfilled(value)) => self.value(&value),
            Ok(PromiseState::Rejected(reason)) => {
                self.out.push_str("<rejected> ");
                self.value(&reason);
            }
            Ok(PromiseState::Pending) | Err(_) => self.out.push_str("<pending>"),
        }
        self.out.push_str(" }");
    }

    fn error(&mut self, error: &JsObject) {
        let name = inherited_text(error, "name").unwrap_or_else(|| "Error".into());
        self.out.push_str(&name);
        if let Some(message) =
            inherited_text(error, "message").filter(|message| !message.is_empty())
        {
            self.out.push_str(": ");
            self.out.push_str(&message);
        }
    }

    fn property(&mut self, property: PropertyDescriptor) {
        match property.kind() {
            DescriptorKind::Data {
                value: Some(value), ..
            } => self.value(value),
            DescriptorKind::Accessor { get: Some(_), .. } => self.out.push_str("[Getter]"),
            DescriptorKind::Accessor { .. } => self.out.push_str("[Setter]"),
            DescriptorKind::Data { .. } | DescriptorKind::Generic => self.out.push_str("undefined"),
        }
    }

    /// `shown` between two brackets, with a note on the `left_out` that follow them.
    fn entries<T>(
        &mut self,
        open: char,
        close: char,
        shown: Vec<T>,
        left_out: usize,
        mut show: impl FnMut(&mut Self, T),
    ) {
        let pad = if open == '{' && !shown.is_empty() {
            " "
        } else {
            ""
        };
        self.out.push(open);
        self.out.push_str(pad);
        for (index, entry) in shown.into_iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if self.out.len() > CHARS_MAX * 4 {
                return;
            }
            show(self, entry);
        }
        if left_out > 0 {
            self.out.push_str(&format!(", … {left_out} more"));
        }
        self.out.push_str(pad);
        self.out.push(close);
    }
}

/// The name of an object's class, unless it is a plain object.
fn class_name(object: &JsObject) -> Option<String> {
    let Some(prototype) = object.prototype() else {
        return Some("[Object: null prototype]".into());
    };
    prototype.prototype()?;
    let constructor = own(
        &prototype,
        &PropertyKey::from(JsString::from("constructor")),
    )?;
    let name = own(
        &constructor.value()?.as_object()?,
        &PropertyKey::from(JsString::from("name")),
    )?;
    Some(name.value()?.as_string()?.to_std_string_lossy()).filter(|name| !name.is_empty())
}

/// A key as one writes it: quoted unless it is an identifier or a number.
fn name_of(key: &PropertyKey) -> String {
    let PropertyKey::String(name) = key else {
        return key.to_string();
    };
    let text = name.to_std_string_lossy();
    let is_name = text
        .chars()
        .all(|char| char.is_alphanumeric() || char == '_' || char == '$');
    let starts_as_name = text
        .chars()
        .next()
        .is_some_and(|char| !char.is_ascii_digit());
    if is_name && starts_as_name {
        text
    } else {
        quoted(name)
    }
}

fn quoted(text: &JsString) -> String {
    let text = text.to_std_string_lossy();
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            char if char == quote => out.extend(['\\', char]),
            char if char.is_control() => out.extend(char.escape_unicode()),
            char => out.push(char),
        }
    }
    out.push(quote);
    out
}

/// A plain property that is a string, of the object or of the nearest prototype that has it.
fn inherited_text(object: &JsObject, name: &str) -> Option<String> {
    let key = PropertyKey::from(JsString::from(name));
    let mut holder = Some(object.clone());
    while let Some(object) = holder {
        if let Some(property) = own(&object, &key) {
            return Some(property.value()?.as_string()?.to_std_string_lossy());
        }
        holder = object.prototype();
    }
    None
}
