//! Components made on the spot from WIT and a core module that a test writes by hand, and a way to call them.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Func, Instance, Linker};
use wasmtime::{Config, Engine, Store};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

use super::super::{Function, Handles, Receiver, Types, Unsupported, Unwritten, Verdict};

/// A live instance with its functions planned.
pub(crate) struct Guest {
    engine: Engine,
    component: Component,
    pub(crate) store: Store<()>,
    instance: Instance,
    types: Types,
    pub(crate) handles: Handles,
}

/// The size of the handle table.
pub(crate) const HANDLES_MAX: usize = 3;

/// How a call came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Value(String),
    ToolError(String),
    Refused(String),
    Unwritten(Unwritten),
}

/// The core of a guest whose every function takes one list (or string, or map) and returns it as it is. The memory of
/// the items is the same on the way in and on the way out, whatever their type.
pub(crate) fn echo(names: &[&str]) -> String {
    let exports: String = names
        .iter()
        .map(|name| format!("(export {name:?} (func $echo))"))
        .collect();
    format!(
        r#"(module
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
                (result i32) (local $at i32)
                (local.set $at (i32.and
                    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get $align))))
                (global.set $next (i32.add (local.get $at) (local.get $size)))
                (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
                    (then (drop (memory.grow (i32.add (i32.const 1)
                        (i32.shr_u (i32.sub (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
                            (i32.const 16)))))))
                (local.get $at))
            (func $echo (param i32 i32) (result i32)
                (i32.store (i32.const 8) (local.get 0))
                (i32.store (i32.const 12) (local.get 1))
                (i32.const 8))
            {exports})"#
    )
}

/// A component of a world and a core module in text form.
pub(crate) fn component(wit: &str, core: &str) -> Vec<u8> {
    let (resolve, world) = parsed(wit);
    encoded(
        &resolve,
        world,
        wat::parse_str(core).expect("the core module is valid"),
    )
}

/// A component of a world whose every function is there and traps.
pub(crate) fn dummy(wit: &str) -> Vec<u8> {
    let (resolve, world) = parsed(wit);
    let module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    encoded(&resolve, world, module)
}

fn parsed(wit: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).expect("the WIT is valid");
    let world = resolve
        .select_world(&[package], None)
        .expect("there is one world");
    (resolve, world)
}

fn encoded(resolve: &Resolve, world: WorldId, mut module: Vec<u8>) -> Vec<u8> {
    wit_component::embed_component_metadata(
        &mut module,
        resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .expect("the world can be embedded");
    let mut encoder = wit_component::ComponentEncoder::default()
        .module(&module)
        .expect("it is a module");
    encoder.encode().expect("the module fits the world")
}

pub(crate) fn engine() -> Engine {
    let mut config = Config::new();
    config
        .wasm_component_model_map(true)
        .wasm_component_model_fixed_length_lists(true);
    config.concurrency_support(false);
    Engine::new(&config).expect("the configuration is valid")
}

impl Guest {
    pub(crate) async fn new(component: &[u8]) -> Guest {
        let engine = engine();
        let component = Component::new(&engine, component).expect("the component compiles");
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .expect("it needs no imports");
        let types = Types::of(&component, &engine);
        Guest {
            engine,
            component,
            store,
            instance,
            types,
            handles: Handles::new(HANDLES_MAX),
        }
    }

    pub(crate) fn plan(&mut self, name: &str) -> Result<Function, Unsupported> {
        let (interface, name) = split(name);
        let whole = self.component.component_type();
        let item = match interface {
            None => whole.get_export(&self.engine, name).map(|item| item.ty),
            Some(interface) => match whole
                .get_export(&self.engine, interface)
                .map(|item| item.ty)
            {
                Some(ComponentItem::ComponentInstance(instance)) => {
                    instance.get_export(&self.engine, name).map(|item| item.ty)
                }
                _ => None,
            },
        };
        let Some(ComponentItem::ComponentFunc(ty)) = item else {
            panic!("the guest has no function {name:?}")
        };
        Function::plan(&ty, &mut self.types)
    }

    pub(crate) fn func(&mut self, name: &str) -> Func {
        let (interface, name) = split(name);
        let parent =
            interface.and_then(|interface| self.component.get_export_index(None, interface));
        let index = self
            .component
            .get_export_index(parent.as_ref(), name)
            .expect("it is exported");
        self.instance
            .get_func(&mut self.store, index)
            .expect("it is a function")
    }

    pub(crate) async fn call(&mut self, name: &str, json: &str) -> Outcome {
        self.call_within(name, json, usize::MAX).await
    }

    pub(crate) async fn call_within(&mut self, name: &str, json: &str, limit: usize) -> Outcome {
        let function = self.plan(name).expect("it can be a tool");
        let arguments = match function.arguments(json, Receiver::None, &mut self.handles) {
            Ok(arguments) => arguments,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let func = self.func(name);
        let answer = function
            .call(&func, &mut self.store, None, arguments)
            .await
            .expect("the guest does not trap");
        let mut out = b"before".to_vec();
        let verdict = function.write(&answer, &mut self.handles, limit, &mut out);
        let text = String::from_utf8(out)
            .expect("JSON is UTF-8")
            .split_off("before".len());
        match verdict {
            Ok(Verdict::Value) => Outcome::Value(text),
            Ok(Verdict::ToolError) => Outcome::ToolError(text),
            Err(error) => {
                assert_eq!(text, "", "what was called off is taken back");
                Outcome::Unwritten(error)
            }
        }
    }
}

/// `interface#name`, or a name at the root.
fn split(name: &str) -> (Option<&str>, &str) {
    name.split_once('#')
        .map_or((None, name), |(interface, name)| (Some(interface), name))
}
