//! Bytes on the typed path: that they take it, that they mean the same on either path, and that a megabyte passes.

use super::super::{Given, Receiver};
use super::guest::{Guest, Outcome, component, dummy, echo};

const RESULTS: [&str; 13] = [
    "",
    "bool",
    "u32",
    "u64",
    "string",
    "list<u8>",
    "option<list<u8>>",
    "result<_, string>",
    "result<u32, string>",
    "result<u64, string>",
    "result<string, string>",
    "result<list<u8>, string>",
    "f32",
];

const PARAMETERS: [&str; 13] = [
    "",
    "string",
    "string, string",
    "string, u64, u64",
    "list<u8>",
    "list<u8>, string",
    "list<u8>, list<u8>",
    "list<u8>, u32",
    "string, list<u8>",
    "string, list<u8>, bool",
    "string, string, list<u8>",
    "f32, list<u8>",
    "u32",
];

fn function(name: &str, parameters: &str, result: &str) -> String {
    let mut types: Vec<&str> = parameters.split(", ").collect();
    types.retain(|ty| !ty.is_empty());
    let parameters: Vec<String> = types
        .iter()
        .zip('a'..)
        .map(|(ty, name)| format!("{name}: {ty}"))
        .collect();
    let result = if result.is_empty() {
        String::new()
    } else {
        format!("-> {result}")
    };
    format!("export {name}: func({}) {result};", parameters.join(", "))
}

#[tokio::test]
async fn signatures_on_the_menu_take_the_typed_path_and_others_do_not() {
    for (number, parameters) in PARAMETERS.iter().enumerate() {
        let functions: String = RESULTS
            .iter()
            .zip('a'..)
            .map(|(result, name)| function(&format!("f-{name}"), parameters, result))
            .collect();
        let mut guest =
            Guest::new(&dummy(&format!("package a:b; world w {{ {functions} }}"))).await;
        for (result, name) in RESULTS.iter().zip('a'..) {
            let typed = guest
                .plan(&format!("f-{name}"))
                .expect("it can be a tool")
                .typed
                .is_some();
            let has_bytes = parameters.contains("u8") || result.contains("u8");
            let on_the_menu = number < 11 && *result != "f32";
            assert_eq!(
                typed,
                has_bytes && on_the_menu,
                "({parameters}) -> {result}"
            );
        }
    }
}

#[tokio::test]
async fn every_signature_of_the_menu_can_be_called() {
    // What the guest answers is of no interest here: it traps. That it is reached says that the types fit.
    let mut called = 0;
    for parameters in PARAMETERS {
        let functions: String = RESULTS
            .iter()
            .zip('a'..)
            .map(|(result, name)| function(&format!("f-{name}"), parameters, result))
            .collect();
        let component = dummy(&format!("package a:b; world w {{ {functions} }}"));
        let values = parameters
            .split(", ")
            .filter(|ty| !ty.is_empty())
            .zip('a'..)
            .map(|(ty, name)| {
                let value = match ty {
                    "bool" => "true",
                    "string" | "list<u8>" => "\"AAEC\"",
                    _ => "7",
                };
                format!("\"{name}\": {value}")
            });
        let json = format!("{{{}}}", values.collect::<Vec<_>>().join(", "));
        for name in ('a'..).take(RESULTS.len()) {
            let mut guest = Guest::new(&component).await;
            let name = format!("f-{name}");
            let function = guest.plan(&name).expect("it can be a tool");
            let arguments = function
                .arguments(&json, Receiver::None, &mut guest.handles)
                .expect("they fit");
            called += usize::from(matches!(arguments.0, Given::Typed(_)));
            let func = guest.func(&name);
            let trap = function
                .call(&func, &mut guest.store, None, arguments)
                .await
                .expect_err("it traps");
            assert!(
                trap.to_string().contains("wasm backtrace") || trap.is::<wasmtime::Trap>(),
                "({parameters}): {trap:?}"
            );
        }
    }
    assert!(called > 90, "only {called} were typed");
}

#[tokio::test]
async fn a_megabyte_of_bytes_comes_back() {
    let world = "package a:b; world w { export plain: func(x: list<u8>) -> list<u8>; export boxed: func(x: list<list<u8>>) -> list<list<u8>>; }";
    let mut guest = Guest::new(&component(world, &echo(&["plain", "boxed"]))).await;
    let bytes: Vec<u8> = (0..1_u32 << 20)
        .map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect();
    let text = base64_simd::STANDARD.encode_to_string(&bytes);
    assert_eq!(
        guest.call("plain", &format!("{{\"x\": \"{text}\"}}")).await,
        Outcome::Value(format!("\"{text}\""))
    );
    assert_eq!(
        guest
            .call("boxed", &format!("{{\"x\": [\"{text}\"]}}"))
            .await,
        Outcome::Value(format!("[\"{text}\"]"))
    );
}

/// A guest whose core functions return what the memory holds at 16: a tag, a pointer and a length.
fn answering(tag: u32) -> String {
    format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (data (i32.const 16) "\0{tag}\00\00\00\40\00\00\00\03\00\00\00")
            (data (i32.const 64) "\61\62\63")
            (func (export "maybe") (param i32 i32) (result i32) (i32.const 16))
            (func (export "fallible") (param i32 i32) (result i32) (i32.const 16))
            (func (export "wordy") (param i32 i32) (result i32) (i32.const 16))
            (func (export "silent") (param i32 i32)))"#
    )
}

#[tokio::test]
async fn results_with_two_sides_keep_them() {
    let world = "package a:b; world w {
        export maybe: func(x: list<u8>) -> option<list<u8>>;
        export fallible: func(x: list<u8>) -> result<list<u8>, string>;
        export wordy: func(x: list<u8>) -> result<string, string>;
        export silent: func(x: list<u8>);
    }";
    let json = r#"{"x": "AAEC"}"#;
    let mut good = Guest::new(&component(world, &answering(0))).await;
    let mut bad = Guest::new(&component(world, &answering(1))).await;
    assert_eq!(
        good.call("maybe", json).await,
        Outcome::Value("null".to_owned())
    );
    assert_eq!(
        bad.call("maybe", json).await,
        Outcome::Value("\"YWJj\"".to_owned())
    );
    assert_eq!(
        good.call("fallible", json).await,
        Outcome::Value("\"YWJj\"".to_owned())
    );
    assert_eq!(
        bad.call("fallible", json).await,
        Outcome::ToolError("\"abc\"".to_owned())
    );
    assert_eq!(
        good.call("wordy", json).await,
        Outcome::Value("\"abc\"".to_owned())
    );
    assert_eq!(
        bad.call("wordy", json).await,
        Outcome::ToolError("\"abc\"".to_owned())
    );
    assert_eq!(
        good.call("silent", json).await,
        Outcome::Value("null".to_owned())
    );
}
