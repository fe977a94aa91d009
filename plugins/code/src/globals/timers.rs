//! `setTimeout`, `setInterval`, `queueMicrotask` and `performance.now`.

use boa_engine::job::PromiseJob;
use boa_engine::object::ObjectInitializer;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction};

use super::define;
use crate::event_loop::{EventLoop, Timer};

pub(super) fn install(context: &mut Context) -> JsResult<()> {
    define(
        context,
        &[
            ("setTimeout", 2, set_timeout),
            ("setInterval", 2, set_interval),
            ("clearTimeout", 1, clear),
            ("clearInterval", 1, clear),
            ("queueMicrotask", 1, queue_microtask),
        ],
    )?;
    let mut performance = ObjectInitializer::new(context);
    performance.function(NativeFunction::from_fn_ptr(now), JsString::from("now"), 0);
    let performance = performance.build();
    let attribute = Attribute::WRITABLE | Attribute::CONFIGURABLE;
    context.register_global_property(JsString::from("performance"), performance, attribute)
}

fn set_timeout(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    start(arguments, false, context)
}

fn set_interval(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    start(arguments, true, context)
}

fn start(arguments: &[JsValue], repeats: bool, context: &mut Context) -> JsResult<JsValue> {
    let callback = function(arguments)?;
    let delay = arguments.get_or_undefined(1).to_u32(context)?;
    let arguments = arguments.get(2..).unwrap_or_default().to_vec();
    let timer = Timer {
        callback,
        arguments,
        repeats,
        delay_ms: u64::from(delay),
    };
    let id = EventLoop::of(context).start(timer, context);
    Ok(JsValue::from(id))
}

fn clear(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let id = arguments.get_or_undefined(0).to_u32(context)?;
    EventLoop::of(context).cancel(id);
    Ok(JsValue::undefined())
}

fn queue_microtask(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let callback = function(arguments)?;
    let job = PromiseJob::new(move |context| callback.call(&JsValue::undefined(), &[], context));
    context.enqueue_job(job.into());
    Ok(JsValue::undefined())
}

fn now(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let nanos = context.clock().now().nanos_since_epoch();
    let micros = u64::try_from(nanos / 1000).unwrap_or(u64::MAX);
    Ok(JsValue::from(micros as f64 / 1000.0))
}

fn function(arguments: &[JsValue]) -> JsResult<JsFunction> {
    let first = arguments
        .get_or_undefined(0)
        .as_object()
        .and_then(JsFunction::from_object);
    first.ok_or_else(|| {
        JsNativeError::typ()
            .with_message("the first argument is not a function")
            .into()
    })
}
