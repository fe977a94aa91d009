//! What a caller learns about a script that fails.

use crate::engine::{check, one_line};

use super::{engine, failed, run};

#[test]
fn errors_name_the_place_in_the_source() {
    for (source, name, message, line, column) in [
        (
            "let a = 1;\n  a.b.c",
            "TypeError",
            "cannot convert 'null' or 'undefined' to object",
            Some(2),
            Some(7),
        ),
        (
            "const x = 1\nnope(x)",
            "ReferenceError",
            "nope is not defined",
            Some(2),
            Some(1),
        ),
        (
            "let q; q()",
            "TypeError",
            "not a callable function",
            Some(1),
            Some(9),
        ),
        (
            "await 1; let q; q()",
            "TypeError",
            "not a callable function",
            Some(1),
            Some(18),
        ),
        (
            "function f() {\n  throw new RangeError('deep')\n}\nf()",
            "RangeError",
            "deep",
            Some(2),
            Some(9),
        ),
        (
            "class MyError extends Error { name = 'MyError' }\nthrow new MyError('mine')",
            "MyError",
            "mine",
            Some(2),
            Some(7),
        ),
        (
            "aa; x.y",
            "ReferenceError",
            "aa is not defined",
            Some(1),
            Some(1),
        ),
        (
            "x.y",
            "ReferenceError",
            "x is not defined",
            Some(1),
            Some(1),
        ),
        (
            "throw 'plain text'",
            "Thrown",
            "plain text",
            Some(1),
            Some(7),
        ),
        ("throw {code: 5}", "Thrown", "{ code: 5 }", Some(1), Some(7)),
        (
            "null.x",
            "TypeError",
            "cannot convert 'null' or 'undefined' to object",
            Some(1),
            Some(6),
        ),
        (
            "JSON.parse('{')",
            "SyntaxError",
            "EOF while parsing an object",
            Some(1),
            Some(11),
        ),
    ] {
        let error = failed(source);
        let found = (&*error.name, &*error.message, error.line, error.column);
        assert_eq!(found, (name, message, line, column), "{source}: {error:?}");
    }
}

#[test]
fn mistakes_in_the_syntax_name_their_place() {
    for (source, line, column, part) in [
        ("let a = ;", 1, 9, "';'"),
        ("if (a {\n}", 1, 7, "'{'"),
        ("1 +\n", 2, 1, "end of the source"),
        ("'open", 1, 6, "string"),
        ("let a; let a", 1, 1, "multiple times"),
        ("await 1; let = 5 5", 1, 18, "5"),
        ("import fs from 'fs'", 1, 8, "no modules here"),
    ] {
        let error = failed(source);
        assert_eq!(error.name, "SyntaxError");
        assert_eq!(
            (error.line, error.column),
            (Some(line), Some(column)),
            "{source}: {error:?}"
        );
        assert!(error.message.contains(part), "{source}: {}", error.message);
        assert_eq!(check(source), Some(error));
    }
    assert_eq!(check("await fetch_it(); return 5"), None);
}

#[test]
fn the_stack_names_the_call_that_brought_each_function() {
    let mut engine = engine();
    engine.run("function outer() { inner() }\nfunction inner() { throw new Error('x') }");
    let error = engine.run("\nouter()").error.unwrap();
    assert_eq!(
        error.stack,
        [
            "inner (call 1:2:26)",
            "outer (call 1:1:25)",
            "<main> (call 2:2:6)"
        ]
    );
    assert_eq!(
        (error.line, error.column),
        (Some(2), Some(6)),
        "the place in this call's source"
    );
}

#[test]
fn errors_that_nobody_caught_are_reported() {
    let outcome = run(
        "Promise.reject(new Error('first')); setTimeout(() => { throw new Error('second') }, 1); 5",
    );
    let mut all = vec![one_line(&outcome.error.unwrap())];
    all.extend(outcome.stderr.lines().map(str::to_owned));
    all.sort();
    assert!(
        all.iter().any(|line| line.contains("first"))
            && all.iter().any(|line| line.contains("second")),
        "{all:?}"
    );
    assert_eq!(
        run("Promise.reject(1).catch(() => 'caught')")
            .value
            .as_deref(),
        Some("\"caught\"")
    );
}
