//! What callers are told, and what they may write instead of what would be written.

use super::super::Receiver;
use super::guest::{Guest, dummy};

const WORLD: &str = "
    package test:messages;
    world w {
        enum color { dark-red, green }
        flags access { read, write-all }
        variant figure { none, circle(f64), maybe(option<u8>), rect(tuple<u8, u8>) }
        record drawing { the-name: string, figures: list<figure>, color: option<color> }
        record empty-able { a: option<u8>, b: option<u8> }

        export draw: func(d: drawing, at-once: option<bool>);
        export take-ints: func(a: s8, b: u64);
        export take-f32: func(x: f32);
        export take-f64: func(x: f64);
        export take-char: func(x: char);
        export take-bool: func(x: bool);
        export take-text: func(x: string);
        export take-bytes: func(x: list<u8>);
        export take-many-bytes: func(x: list<list<u8>>);
        export take-three: func(x: list<u8, 3>);
        export take-pair: func(x: tuple<u8, string>);
        export take-figure: func(x: figure);
        export take-access: func(x: access);
        export take-nested: func(x: option<option<u8>>);
        export take-result: func(x: result<u8>);
        export take-empty: func(x: empty-able);
        export take-map: func(x: map<s8, bool>);
        export take-nothing: func();
    }";

async fn guest() -> Guest {
    Guest::new(&dummy(WORLD)).await
}

/// Each case: a function, the arguments, and the message about them.
async fn check_refused(cases: &[(&str, &str, &str)]) {
    let mut guest = guest().await;
    for (name, json, message) in cases {
        let function = guest.plan(name).expect("it can be a tool");
        let refused = function
            .arguments(json, Receiver::None, &mut guest.handles)
            .map(drop);
        assert_eq!(
            refused.map_err(|error| error.to_string()),
            Err((*message).to_owned()),
            "{json}"
        );
    }
}

/// Each case: a function, and arguments that are the same to it.
async fn check_same(cases: &[(&str, &[&str])]) {
    let mut guest = guest().await;
    for (name, spellings) in cases {
        let function = guest.plan(name).expect("it can be a tool");
        let mut read = spellings.iter().map(|json| {
            let arguments = function.arguments(json, Receiver::None, &mut guest.handles);
            format!(
                "{:?}",
                arguments.unwrap_or_else(|error| panic!("{json}: {error}"))
            )
        });
        let first = read.next().expect("there is a case");
        read.zip(&spellings[1..])
            .for_each(|(other, json)| assert_eq!(other, first, "{json}"));
    }
}

#[tokio::test]
async fn every_problem_has_a_place_an_expectation_and_a_finding() {
    check_refused(&[
        ("draw", "[]", "expected an object with the arguments, found an array"),
        ("draw", "\"x\"", "expected an object with the arguments, found the string \"x\""),
        ("draw", "", "expected the argument \"d\" (an object), found an object without it"),
        ("draw", "{", "expected well-formed JSON, found EOF while parsing an object at line 1 column 1"),
        ("take-nothing", "{} x", "expected well-formed JSON, found trailing characters at line 1 column 4"),
        (
            "draw",
            r#"{"d": {"the_name": "x", "figures": [{"tag": "oval"}]}}"#,
            r#"/d/figures/0/tag: expected one of "none", "circle", "maybe", "rect", found "oval""#,
        ),
        (
            "draw",
            r#"{"d": {"the_name": "x", "figures": [], "colour": "green", "b/~": 1}}"#,
            r#"/d/colour: expected one of "the_name", "figures", "color", found the unknown fields "colour", "b/~"; did you mean "color"?"#,
        ),
        (
            "draw",
            r#"{"d": {"the_name": "x", "the-name": "x", "figures": []}}"#,
            r#"/d/the-name: expected the field once, as "the_name" or as "the-name", found it twice"#,
        ),
        ("draw", r#"{"d": {"figures": []}}"#, r#"/d: expected the field "the_name" (a string), found an object without it"#),
        ("draw", r#"{"d": {"the_name": "x", "figures": [], "figures": []}}"#, "/d/figures: expected the field once, found it twice"),
        (
            "draw",
            r#"{"d": {"the_name": "x", "figures": [], "color": "gren"}}"#,
            r#"/d/color: expected one of "dark-red", "green", found "gren"; did you mean "green"?"#,
        ),
        ("draw", r#"{"at_onec": true}"#, r#"/at_onec: expected one of "d", "at_once", found the unknown argument "at_onec"; did you mean "at_once"?"#),
        ("take-nothing", r#"{"b/~": 1}"#, r#"/b~1~0: expected no arguments, found the unknown argument "b/~""#),
    ])
    .await;
}

#[tokio::test]
async fn numbers_that_do_not_fit_are_refused() {
    check_refused(&[
        (
            "take-ints",
            r#"{"a": 5.5, "b": 1}"#,
            "/a: expected an integer (s8, -128 to 127), found 5.5",
        ),
        (
            "take-ints",
            r#"{"a": 128, "b": 1}"#,
            "/a: expected an integer (s8, -128 to 127), found 128",
        ),
        (
            "take-ints",
            r#"{"a": "+1", "b": 1}"#,
            r#"/a: expected an integer (s8, -128 to 127), found the string "+1""#,
        ),
        (
            "take-ints",
            r#"{"a": 1, "b": -1}"#,
            "/b: expected an integer (u64, 0 to 18446744073709551615), found -1",
        ),
        (
            "take-ints",
            r#"{"a": 1, "b": 18446744073709551616}"#,
            "/b: expected an integer (u64, 0 to 18446744073709551615), found 1.8446744073709552e19",
        ),
        (
            "take-ints",
            r#"{"a": 1, "b": 9007199254740993.0}"#,
            "/b: expected an integer (u64, 0 to 18446744073709551615), found 9007199254740992.0",
        ),
        (
            "take-f32",
            r#"{"x": 1e39}"#,
            r#"/x: expected a number (f32), "NaN", "Infinity" or "-Infinity", found 1e39"#,
        ),
        (
            "take-f64",
            r#"{"x": 1e400}"#,
            "/x: expected well-formed JSON, found number out of range at line 1 column 11",
        ),
        (
            "take-f64",
            r#"{"x": "1.5"}"#,
            r#"/x: expected a number, "NaN", "Infinity" or "-Infinity", found the string "1.5""#,
        ),
        (
            "take-bool",
            r#"{"x": 1}"#,
            "/x: expected true or false, found 1",
        ),
    ])
    .await;
}

#[tokio::test]
async fn other_values_that_do_not_fit_are_refused() {
    let long = format!(r#"{{"x": "{}"}}"#, "!".repeat(100_000));
    let quoted = format!("\"{}\"…", "!".repeat(60));
    let long_message = format!(
        "/x: expected bytes as a base64 string, found the string {quoted}, which is not base64"
    );
    check_refused(&[
        ("take-char", r#"{"x": ""}"#, r#"/x: expected a string of exactly one character, found the string """#),
        ("take-char", r#"{"x": "ab"}"#, r#"/x: expected a string of exactly one character, found the string "ab""#),
        ("take-text", r#"{"x": "a\ud800"}"#, "/x: expected well-formed JSON, found unexpected end of hex escape at line 1 column 15"),
        ("take-text", r#"{"x": null}"#, "/x: expected a string, found null"),
        ("take-bytes", r#"{"x": "a"}"#, r#"/x: expected bytes as a base64 string, found the string "a", which is not base64"#),
        ("take-bytes", r#"{"x": "aGFsbG8=="}"#, r#"/x: expected bytes as a base64 string, found the string "aGFsbG8==", which is not base64"#),
        ("take-bytes", r#"{"x": "-_+/"}"#, r#"/x: expected bytes as a base64 string, found the string "-_+/", which is not base64"#),
        ("take-bytes", r#"{"x": [1, 256]}"#, "/x/1: expected an integer (u8, 0 to 255), found 256"),
        ("take-bytes", r#"{"x": {"a": 1}}"#, "/x: expected bytes as a base64 string, found an object"),
        ("take-bytes", &long, &long_message),
        ("take-three", r#"{"x": "AAAAAA=="}"#, "/x: expected 3 bytes as a base64 string, found 4 bytes"),
        ("take-three", r#"{"x": [1, 2]}"#, "/x: expected 3 bytes as a base64 string, found 2 bytes"),
        ("take-pair", r#"{"x": [1]}"#, "/x: expected an array of 2 items, found 1 item"),
        ("take-pair", r#"{"x": [1, "a", 2]}"#, "/x: expected an array of 2 items, found more than 2 items"),
        ("take-figure", r#"{"x": "circle"}"#, r#"/x: expected an object with "tag" (one of "none", "circle", "maybe", "rect") and "val", found "circle", which needs a "val""#),
        ("take-figure", r#"{"x": {"val": 1}}"#, r#"/x: expected a "tag", one of "none", "circle", "maybe", "rect", found an object without it"#),
        ("take-figure", r#"{"x": {"tag": "circle"}}"#, r#"/x: expected "val" (a number, "NaN", "Infinity" or "-Infinity") with the tag "circle", found an object without it"#),
        ("take-figure", r#"{"x": {"val": [1, 300], "tag": "rect"}}"#, "/x/val/1: expected an integer (u8, 0 to 255), found 300"),
        ("take-figure", r#"{"x": {"val": 1e400, "tag": "circle"}}"#, "/x/val: expected well-formed JSON, found number out of range at line 1 column 5"),
        ("take-figure", r#"{"x": {"tag": "none", "val": 1}}"#, "/x/val: expected null, because nothing comes with this case, found a value"),
        ("take-figure", r#"{"x": {"val": 1, "tag": "none"}}"#, "/x/val: expected null, because nothing comes with this case, found a value"),
        ("take-figure", r#"{"x": {"tag": "none", "value": 1}}"#, r#"/x: expected only "tag" and "val", found the unknown member "value""#),
        ("take-figure", r#"{"x": {"tag": "none", "tag": "none"}}"#, r#"/x: expected "tag" once, found it twice"#),
        ("take-access", r#"{"x": ["read", "write"]}"#, r#"/x/1: expected one of "read", "write-all", found "write"; did you mean "write-all"?"#),
        ("take-access", r#"{"x": ["read", "read"]}"#, r#"/x/1: expected every flag at most once, found "read" again"#),
        ("take-access", r#"{"x": {"exec": false}}"#, r#"/x/exec: expected one of "read", "write-all", found "exec""#),
        ("take-nested", r#"{"x": 5}"#, r#"/x: expected null or an object with "some", found 5"#),
        ("take-result", r#"{"x": {}}"#, r#"/x: expected an object with "ok" or "err", found an empty object"#),
        ("take-result", r#"{"x": {"ok": 1, "err": null}}"#, r#"/x: expected an object with "ok" or "err", found another member, "err""#),
        ("take-result", r#"{"x": {"err": 1}}"#, "/x/err: expected null, because nothing comes with this case, found a value"),
        ("take-map", r#"{"x": {"a": true}}"#, r#"/x/a: expected an integer (s8, -128 to 127) as the key, found "a""#),
        ("take-map", r#"{"x": {"1": true, "01": true}}"#, r#"/x/1: expected every key once, found "1" twice"#),
        ("take-map", r#"{"x": {"1": 1}}"#, "/x/1: expected true or false, found 1"),
    ])
    .await;
}

#[tokio::test]
async fn what_may_be_written_instead() {
    check_same(&[
        (
            "draw",
            &[
                r#"{"d": {"the_name": "x", "figures": ["none"], "color": "dark-red"}}"#,
                r#"{"at-once": null, "d": {"figures": [{"val": null, "tag": "none"}], "the-name": "x", "color": "dark_red"}}"#,
            ],
        ),
        ("take-ints", &[r#"{"a": 5, "b": 9007199254740993}"#, r#"{"a": 5.0, "b": "9007199254740993"}"#, r#"{"b": "009007199254740993", "a": "5"}"#]),
        ("take-bytes", &[r#"{"x": "+/8="}"#, r#"{"x": "+/8"}"#, r#"{"x": "-_8"}"#, r#"{"x": "-_8="}"#, r#"{"x": [251, 255]}"#, r#"{"x": "+\/8="}"#]),
        ("take-many-bytes", &[r#"{"x": ["+/8=", ""]}"#, r#"{"x": [[251, 255], []]}"#]),
        ("take-figure", &[r#"{"x": {"tag": "rect", "val": [1, 2]}}"#, r#"{"x": {"val": [1, 2], "tag": "rect"}}"#]),
        ("take-figure", &[r#"{"x": {"tag": "maybe", "val": null}}"#, r#"{"x": {"tag": "maybe"}}"#]),
        ("take-access", &[r#"{"x": ["write-all"]}"#, r#"{"x": ["write_all"]}"#, r#"{"x": {"write-all": true, "read": false}}"#]),
        ("take-nested", &[r#"{"x": null}"#, "{}", "null", "", "  "]),
        ("take-empty", &[r#"{"x": {}}"#, r#"{"x": {"a": null, "b": null}}"#]),
        ("take-nothing", &["{}", "null", "", "\n"]),
    ])
    .await;
}
