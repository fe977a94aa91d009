//! The form that is written, type by type.

use std::sync::Arc;

use wasmtime::component::Val;

use super::super::fuzz;
use super::super::shape::{Case, Field, Integer, Key, Name, Record, Shape, Sides};

#[track_caller]
fn check(shape: &Shape, value: &Val, text: &str) {
    assert_eq!(fuzz::written(shape, value), text);
    let read = fuzz::read(shape, &format!("{{\"x\":{text}}}"));
    assert_eq!(read.as_ref(), Ok(value), "{text} is read");
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

#[test]
fn integers_that_a_parser_might_round_are_strings() {
    let (s64, u64) = (Shape::Integer(Integer::S64), Shape::Integer(Integer::U64));
    check(&s64, &Val::S64(9_007_199_254_740_991), "9007199254740991");
    check(
        &s64,
        &Val::S64(9_007_199_254_740_992),
        "\"9007199254740992\"",
    );
    check(&s64, &Val::S64(-9_007_199_254_740_991), "-9007199254740991");
    check(
        &s64,
        &Val::S64(-9_007_199_254_740_992),
        "\"-9007199254740992\"",
    );
    check(&s64, &Val::S64(i64::MIN), "\"-9223372036854775808\"");
    check(&u64, &Val::U64(9_007_199_254_740_991), "9007199254740991");
    check(&u64, &Val::U64(u64::MAX), "\"18446744073709551615\"");
    check(&Shape::Integer(Integer::S8), &Val::S8(-128), "-128");
}

#[test]
fn floats_are_short_and_what_json_cannot_say_is_a_string() {
    check(&Shape::F32, &Val::Float32(0.1), "0.1");
    check(&Shape::F32, &Val::Float32(16_777_216.0), "16777216.0");
    check(&Shape::F32, &Val::Float32(f32::NAN), "\"NaN\"");
    check(&Shape::F32, &Val::Float32(f32::MAX), "3.4028235e+38");
    check(&Shape::F64, &Val::Float64(0.1), "0.1");
    check(&Shape::F64, &Val::Float64(-0.0), "-0.0");
    check(&Shape::F64, &Val::Float64(f64::INFINITY), "\"Infinity\"");
    check(
        &Shape::F64,
        &Val::Float64(f64::NEG_INFINITY),
        "\"-Infinity\"",
    );
}

#[test]
fn strings_are_escaped_and_bytes_are_base64() {
    check(
        &Shape::Text,
        &Val::String("a\"\\\n\u{0}é\u{1f600}".to_owned()),
        "\"a\\\"\\\\\\n\\u0000é\u{1f600}\"",
    );
    check(&Shape::Char, &Val::Char('"'), "\"\\\"\"");
    let bytes = |bytes: &[u8]| bytes.iter().copied().map(Val::U8).collect::<Vec<_>>();
    check(&Shape::Bytes, &Val::List(bytes(&[])), "\"\"");
    check(&Shape::Bytes, &Val::List(bytes(&[251, 255])), "\"+/8=\"");
    check(
        &Shape::FixedBytes(3),
        &Val::FixedLengthList(bytes(&[0, 1, 2])),
        "\"AAEC\"",
    );
}

#[test]
fn records_are_in_snake_case_and_leave_empty_options_out() {
    let field = |name: &str, shape| Field {
        name: Name::new(name),
        shape,
    };
    let maybe = Shape::Option(Arc::new(Shape::Bool));
    let fields = vec![
        field("the-first", maybe.clone()),
        field("second", Shape::Bool),
        field("third", maybe),
    ];
    let record = Record { fields };
    let none = record.value(vec![Val::Option(None), Val::Bool(true), Val::Option(None)]);
    let all = record.value(vec![
        some(Val::Bool(true)),
        Val::Bool(true),
        some(Val::Bool(false)),
    ]);
    let shape = Shape::Record(Arc::new(record));
    check(&shape, &none, r#"{"second":true}"#);
    check(
        &shape,
        &all,
        r#"{"the_first":true,"second":true,"third":false}"#,
    );
}

#[test]
fn names_of_cases_and_flags_stay_in_kebab_case() {
    let name = Name::new;
    check(
        &Shape::Enum([name("a-b"), name("c")].into()),
        &Val::Enum("a-b".to_owned()),
        "\"a-b\"",
    );
    let flags = Shape::Flags([name("a-b"), name("c")].into());
    check(
        &flags,
        &Val::Flags(vec!["a-b".to_owned(), "c".to_owned()]),
        r#"["a-b","c"]"#,
    );
    check(&flags, &Val::Flags(vec![]), "[]");
    let variant = Shape::Variant(
        [
            Case {
                name: name("no-val"),
                payload: None,
            },
            Case {
                name: name("b"),
                payload: Some(Shape::Option(Arc::new(Shape::Bool))),
            },
        ]
        .into(),
    );
    check(
        &variant,
        &Val::Variant("no-val".to_owned(), None),
        r#"{"tag":"no-val"}"#,
    );
    check(
        &variant,
        &Val::Variant("b".to_owned(), Some(Box::new(Val::Option(None)))),
        r#"{"tag":"b","val":null}"#,
    );
}

#[test]
fn options_and_results_in_values() {
    let option = Shape::Option(Arc::new(Shape::Text));
    check(&option, &Val::Option(None), "null");
    check(&option, &some(Val::String("x".to_owned())), "\"x\"");
    let nested = Shape::Option(Arc::new(option));
    check(&nested, &Val::Option(None), "null");
    check(&nested, &some(Val::Option(None)), r#"{"some":null}"#);
    check(
        &nested,
        &some(some(Val::String("x".to_owned()))),
        r#"{"some":"x"}"#,
    );
    let result = Shape::Result(Arc::new(Sides {
        ok: None,
        err: Some(Shape::Bool),
    }));
    check(&result, &Val::Result(Ok(None)), r#"{"ok":null}"#);
    check(
        &result,
        &Val::Result(Err(Some(Box::new(Val::Bool(true))))),
        r#"{"err":true}"#,
    );
}

#[test]
fn maps_are_objects_and_the_last_of_equal_keys_counts() {
    let map = Shape::Map(Key::Integer(Integer::S8), Arc::new(Shape::Bool));
    check(&map, &Val::Map(vec![]), "{}");
    check(
        &map,
        &Val::Map(vec![
            (Val::S8(-1), Val::Bool(true)),
            (Val::S8(7), Val::Bool(false)),
        ]),
        r#"{"-1":true,"7":false}"#,
    );
    let again =
        [(1, true), (2, true), (1, false)].map(|(key, value)| (Val::S8(key), Val::Bool(value)));
    assert_eq!(
        fuzz::written(&map, &Val::Map(again.into())),
        r#"{"2":true,"1":false}"#
    );
}
