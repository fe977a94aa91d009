//! What scripts evaluate to, print and leave behind.

use crate::engine::{Engine, Limits};

use super::{engine, run};

#[test]
fn values_are_json_where_json_has_a_form() {
    for (source, json, text, kind) in [
        ("1 + 1", Some("2"), "2", "number"),
        ("'a' + 'b'", Some("\"ab\""), "ab", "string"),
        (
            "({a: [1, {b: null}]})",
            Some(r#"{"a":[1,{"b":null}]}"#),
            "{ a: [1, { b: null }] }",
            "object",
        ),
        (
            "new Date(0)",
            Some("\"1970-01-01T00:00:00.000Z\""),
            "1970-01-01T00:00:00.000Z",
            "date",
        ),
        ("null", Some("null"), "null", "null"),
        ("undefined", None, "", "undefined"),
        ("let a = 1", None, "", "undefined"),
        ("0 / 0", None, "NaN", "number"),
        ("10n ** 20n", None, "100000000000000000000n", "bigint"),
        ("[1n]", None, "[1n]", "array"),
        (
            "new Map([['a', {b: 1}]])",
            None,
            "Map(1) { 'a' => { b: 1 } }",
            "map",
        ),
        ("new Set([1, 'x'])", None, "Set(2) { 1, 'x' }", "set"),
        ("Symbol('s')", None, "Symbol(s)", "symbol"),
        (
            "(function named() {})",
            None,
            "[Function: named]",
            "function",
        ),
        (
            "class A { constructor() { this.x = 1 } get y() { return 2 } }; new A()",
            Some("{\"x\":1}"),
            "A { x: 1 }",
            "object",
        ),
        (
            "const o = {}; o.self = o; o",
            None,
            "{ self: [Circular] }",
            "object",
        ),
        ("new TypeError('no')", None, "TypeError: no", "error"),
        ("/a+/gi", None, "/a+/gi", "regexp"),
        (
            "({get a() { return 1 }, 'b-c': undefined})",
            Some("{\"a\":1}"),
            "{ a: [Getter], 'b-c': undefined }",
            "object",
        ),
        ("new Proxy({a: 1}, {})", None, "[Proxy]", "proxy"),
        (
            "[[[[[[1]]]]]]",
            Some("[[[[[[1]]]]]]"),
            "[[[[[Array]]]]]",
            "array",
        ),
        (
            "Array.from({length: 102}, (_, i) => i).length",
            Some("102"),
            "102",
            "number",
        ),
    ] {
        let outcome = run(source);
        assert_eq!(outcome.error, None, "{source}");
        assert_eq!(
            (outcome.value.as_deref(), &*outcome.text, &*outcome.kind),
            (json, text, kind),
            "{source}"
        );
    }
}

#[test]
fn typed_arrays_and_long_arrays_are_shown_within_bounds() {
    assert!(run("new Uint8Array(3)").text.contains("Uint8Array"));
    assert!(
        run("Array.from({length: 102}, (_, i) => i)")
            .text
            .ends_with("99, … 2 more]")
    );
    assert!(run("'x'.repeat(1e6)").text.chars().count() < 11_000);
}

#[test]
fn the_console_is_captured_by_stream() {
    let outcome = run(
        "console.log('a', 1, {b: [2]}); console.warn('w'); console.error(new Error('e')); console.assert(false, 'no'); 5",
    );
    assert_eq!(outcome.stdout, "a 1 { b: [2] }\n");
    assert_eq!(outcome.stderr, "w\nError: e\nAssertion failed: no\n");
    assert_eq!(outcome.value.as_deref(), Some("5"));
}

#[test]
fn output_ends_at_its_limit_and_says_so() {
    let limits = Limits::default().with_output_bytes(Some(100)).unwrap();
    let mut engine = Engine::new(limits).unwrap();
    let outcome =
        engine.run("for (let i = 0; i < 1000; i++) console.log('line é ' + i); 'v'.repeat(200)");
    assert!(
        outcome.stdout.len() <= 100 && outcome.stdout.starts_with("line é 0\nline é 1\n"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.truncated);
    assert_eq!(outcome.value, None);
    assert!(
        engine
            .run("Array.from({length: 1e5}, (_, i) => i)")
            .truncated
    );
    assert!(!engine.run("1").truncated, "the next call starts afresh");
}

#[test]
fn variables_are_listed_with_a_preview() {
    let mut engine = engine();
    assert_eq!(engine.variables(), []);
    engine.run("const list = [1, 2]; function f() {} class A {} let text = 'one\\ntwo'; later = 1; let empty");
    let found: Vec<String> = engine
        .variables()
        .iter()
        .map(|variable| {
            format!(
                "{}: {} = {}",
                variable.name, variable.kind, variable.preview
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "A: function = [class A]",
            "empty: undefined = undefined",
            "f: function = [Function: f]",
            "later: number = 1",
            "list: array = [1, 2]",
            "text: string = 'one\\ntwo'",
        ]
    );
}
