//! What a caller sees of the engine, script by script.

mod depth;
mod errors;
mod pending;
mod values;

use super::{Engine, Limits, one_line};
use crate::code::{Outcome, ScriptError};

fn engine() -> Engine {
    Engine::new(Limits::default()).unwrap()
}

fn run(source: &str) -> Outcome {
    engine().run(source)
}

/// The value as JSON or as text, or the error in one line.
fn answer(engine: &mut Engine, source: &str) -> String {
    let outcome = engine.run(source);
    match outcome.error {
        Some(error) => one_line(&error),
        None => outcome.value.unwrap_or(outcome.text),
    }
}

/// Runs sources one after the other in one session and compares the answer of each.
#[track_caller]
fn check_session(calls: &[(&str, &str)]) {
    let mut engine = engine();
    for (source, expected) in calls {
        assert_eq!(answer(&mut engine, source), *expected, "{source}");
    }
}

fn failed(source: &str) -> ScriptError {
    run(source).error.expect("the script fails")
}

#[test]
fn variables_live_from_call_to_call() {
    check_session(&[
        ("let a = 1; const b = 2; var c = 3", ""),
        (
            "function add(x, y) { return x + y } class P { constructor(x) { this.x = x } }",
            "",
        ),
        ("add(a, b) + c + new P(4).x", "10"),
        ("a += 10; a", "11"),
        ("implicit = 7", "7"),
        ("implicit + a", "18"),
    ]);
}

#[test]
fn declaring_again_replaces() {
    check_session(&[
        ("const a = 1; const f = () => 'old'", ""),
        ("const a = 2; a", "2"),
        ("let a; a === undefined", "true"),
        ("var a = 3; a", "3"),
        ("function f() { return 'new' } f()", "\"new\""),
        ("const f = 5; f", "5"),
        ("class A { m() { return 1 } } new A().m()", "1"),
        ("class A { m() { return 2 } }\n(new A()).m()", "2"),
        (
            "const {a, ...rest} = {a: 4, b: 5}; const [x, y = 6] = [1]; [a, rest.b, x, y]",
            "[4,5,1,6]",
        ),
        ("function g() { return 1 }", ""),
        ("const g = () => 2; g()", "2"),
        ("f.name + (() => {}).name + A.name", "\"undefinedA\""),
    ]);
}

#[test]
fn a_declaration_that_throws_leaves_its_name_usable() {
    check_session(&[
        (
            "const data = missing()",
            "ReferenceError: missing is not defined (line 1, column 14)",
        ),
        ("data", ""),
        ("const data = 1; data", "1"),
    ]);
}

#[test]
fn a_prepared_engine_is_as_good_as_new_and_taken_once() {
    Engine::prepare().unwrap();
    let mut first = engine();
    assert_eq!(first.variables(), []);
    assert_eq!(first.run("let mine = 1; mine").value.as_deref(), Some("1"));
    assert_eq!(answer(&mut engine(), "typeof mine"), "\"undefined\"");
    let error = first.run("throw new Error('x')").error.unwrap();
    assert_eq!(error.stack, ["<main> (call 2:1:7)"]);
}

#[test]
fn everyday_scripts_work() {
    check_session(&[
        (
            "const text = 'the cat the dog'; const counts = {}; for (const w of text.split(' ')) counts[w] = (counts[w] ?? 0) + 1; counts",
            r#"{"the":2,"cat":1,"dog":1}"#,
        ),
        (
            "Object.entries(counts).sort(([, a], [, b]) => b - a)[0]",
            r#"["the",2]"#,
        ),
        (
            "[3, 1, 2].toSorted().at(-1) + Object.groupBy([1, 2, 3], n => n % 2 ? 'odd' : 'even').odd.length",
            "5",
        ),
        (
            "'2024-05-06'.match(/(?<y>\\d+)-(?<m>\\d+)/).groups.m",
            "\"05\"",
        ),
        ("new Date('2024-05-06T07:08:09Z').getHours()", "7"),
        (
            "structuredClone === undefined",
            "ReferenceError: structuredClone is not defined (line 1, column 1)",
        ),
        (
            "function* gen() { yield* [1, 2] } [...gen(), ...new Set([2, 2])]",
            "[1,2,2]",
        ),
        (
            "label: for (;;) { for (;;) break label } 'done'",
            "\"done\"",
        ),
        ("'abc'.substr(1, 1) + 'é'.normalize('NFD').length", "\"b2\""),
        (
            "(1234567.891).toFixed(1) + [1, [2, [3]]].flat(Infinity)",
            "\"1234567.91,2,3\"",
        ),
        (
            "try { null.x } catch { 'caught' } finally { 1 }",
            "\"caught\"",
        ),
        ("// only a comment", ""),
        ("", ""),
    ]);
}
