//! Recursion and nesting: a stack that overflows is a trap, which no test would survive.

use crate::engine::{Engine, Limits};

use super::{answer, check_session, engine, failed, run};

/// An unoptimised interpreter needs more stack than a test's thread has.
fn with_a_large_stack(test: fn()) {
    let thread = std::thread::Builder::new()
        .stack_size(64 * 1024 * 1024)
        .spawn(test);
    thread.unwrap().join().unwrap();
}

#[test]
fn recursion_ends_with_an_error_and_the_session_goes_on() {
    with_a_large_stack(recursion);
}

fn recursion() {
    check_session(&[
        (
            "let depth = 0; function dive() { depth++; dive() } dive()",
            "RangeError: too much recursion: calls are nested more than 500 deep (line 1, column 47)",
        ),
        ("depth > 400 && depth <= 500", "true"),
        ("const sum = n => n ? n + sum(n - 1) : 0; sum(400)", "80200"),
        (
            "(function f() { [1].map(f) })()",
            "RangeError: too much recursion: calls are nested more than 500 deep (line 1, column 24)",
        ),
    ]);
    let mut deep = Engine::new(Limits::default().with_call_depth(Some(5000)).unwrap()).unwrap();
    assert_eq!(
        answer(
            &mut deep,
            "const sum = n => n ? n + sum(n - 1) : 0; sum(4900)"
        ),
        "12007450"
    );
}

#[test]
fn deep_nesting_is_refused_where_it_would_overflow_the_stack() {
    with_a_large_stack(deep_nesting);
}

fn deep_nesting() {
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(failed(&deep).message.contains("nested"));
    assert!(
        failed(&format!("eval(`{}`)", deep.replace('`', "")))
            .message
            .contains("nested")
    );
    assert!(
        failed("JSON.parse('['.repeat(100) + ']'.repeat(100))")
            .message
            .contains("nested")
    );
    assert_eq!(
        run("JSON.parse('{\"a\": [\"((((\"]}', (key, value) => value).a[0] + JSON.parse.name")
            .value
            .as_deref(),
        Some("\"((((parse\"")
    );
    assert_eq!(
        run(&format!("{}1{}", "(".repeat(60), ")".repeat(60)))
            .value
            .as_deref(),
        Some("1")
    );
    assert_eq!(
        run("let a = []; for (let i = 0; i < 5000; i++) a = [a]; a").value,
        None
    );
    assert_eq!(
        run("let a = null; for (let i = 0; i < 50000; i++) a = {next: a}; a").value,
        None
    );
}

#[test]
fn runaway_recursion_of_every_kind_leaves_the_session_intact() {
    with_a_large_stack(runaway_recursion);
}

fn runaway_recursion() {
    for source in [
        "function f() { f() } f()",
        "function* f() { yield* f() } [...f()]",
        "async function f() { await f() } await f()",
        "class A { x = new A } new A",
        "new Proxy({}, {get: (target, key, proxy) => proxy[key]}).x",
        "const f = () => new Promise(done => done(f())); f()",
        "const i = {[Symbol.iterator]() { return this[Symbol.iterator]() }}; [...i]",
        "const o = {toJSON() { return JSON.stringify(o) }}; JSON.stringify(o)",
    ] {
        let mut engine = engine();
        engine.run("let kept = 5");
        assert!(engine.run(source).error.is_some(), "{source}");
        assert_eq!(
            answer(&mut engine, "const list = [1, 2].map(x => x + kept); list"),
            "[6,7]",
            "{source}"
        );
        assert_eq!(
            answer(&mut engine, "await (async () => kept)()"),
            "5",
            "{source}"
        );
        assert_eq!(
            answer(
                &mut engine,
                "const down = n => n ? 1 + down(n - 1) : 0; down(450)"
            ),
            "450",
            "{source}"
        );
    }
}
