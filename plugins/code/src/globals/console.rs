//! `console`: what scripts print, kept for the caller within bounds.

use std::cell::{Cell, RefCell};

use boa_engine::object::ObjectInitializer;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsResult, JsString, JsValue, NativeFunction};

use super::Native;
use crate::inspect::display;

/// What has been printed since the last look, by stream.
pub(crate) struct Console {
    stdout: RefCell<String>,
    stderr: RefCell<String>,
    is_truncated: Cell<bool>,
    /// Bytes that each stream keeps.
    limit: Cell<usize>,
}

/// What a call has printed.
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) truncated: bool,
}

impl Console {
    /// The console of `context`.
    pub(crate) fn of(context: &Context) -> &Self {
        context
            .get_data()
            .expect("every context is built with a console")
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    pub(crate) fn take(&self) -> Printed {
        Printed {
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            truncated: self.is_truncated.take(),
        }
    }

    /// Prints a line on the stream for errors.
    pub(crate) fn complain(&self, line: &str) {
        self.print(&self.stderr, line);
    }

    /// A stream that is full takes nothing more, so what is there is its beginning without gaps.
    fn print(&self, stream: &RefCell<String>, line: &str) {
        let mut stream = stream.borrow_mut();
        if stream.len() + line.len() < self.limit.get() {
            stream.push_str(line);
            stream.push('\n');
        } else {
            self.is_truncated.set(true);
            let room = self.limit.get().saturating_sub(stream.len());
            stream.push_str(
                line.get(..line.floor_char_boundary(room))
                    .unwrap_or_default(),
            );
        }
    }
}

pub(super) fn install(context: &mut Context) -> JsResult<()> {
    context.insert_data(Console {
        stdout: RefCell::default(),
        stderr: RefCell::default(),
        is_truncated: Cell::default(),
        limit: Cell::new(usize::MAX),
    });
    let methods: [(&str, Native); 9] = [
        ("log", log),
        ("info", log),
        ("debug", log),
        ("dir", log),
        ("table", log),
        ("warn", warn),
        ("error", warn),
        ("trace", warn),
        ("assert", assert),
    ];
    let mut console = ObjectInitializer::new(context);
    for (name, method) in methods {
        console.function(NativeFunction::from_fn_ptr(method), JsString::from(name), 0);
    }
    let console = console.build();
    let attribute = Attribute::WRITABLE | Attribute::CONFIGURABLE;
    context.register_global_property(JsString::from("console"), console, attribute)
}

fn log(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = line(arguments, context);
    let console = Console::of(context);
    console.print(&console.stdout, &line);
    Ok(JsValue::undefined())
}

fn warn(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = line(arguments, context);
    Console::of(context).complain(&line);
    Ok(JsValue::undefined())
}

fn assert(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (condition, rest) = arguments
        .split_first()
        .map_or((false, arguments), |(first, rest)| {
            (first.to_boolean(), rest)
        });
    if !condition {
        let line = format!("Assertion failed: {}", line(rest, context));
        Console::of(context).complain(line.trim_end_matches(": "));
    }
    Ok(JsValue::undefined())
}

fn line(arguments: &[JsValue], context: &mut Context) -> String {
    let shown: Vec<String> = arguments
        .iter()
        .map(|argument| display(argument, context))
        .collect();
    shown.join(" ")
}
