//! What a caller sees of the engine, script by script.

use super::{Engine, Limits, check, one_line};
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
    assert!(!engine.run("1").truncated, "the next call starts afresh");
}

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
fn promises_are_waited_for() {
    check_session(&[
        ("Promise.resolve(5)", "5"),
        ("async function f(x) { await null; return x * 2 } f(4)", "8"),
        ("const v = await f(5); v + 1", "11"),
        ("v", "10"),
        ("const all = await Promise.all([f(1), f(2)])\nall", "[2,4]"),
        ("for await (const x of [f(1)]) console.log(x)", ""),
        (
            "await main()\nasync function main() { return 'main' }",
            "\"main\"",
        ),
        ("main()", "\"main\""),
        ("return 3", "3"),
        ("if (v > 5) { return 'early' } 'late'", "\"early\""),
        (
            "Promise.reject(new TypeError('no'))",
            "TypeError: no (line 1, column 16)",
        ),
        ("await Promise.reject('text')", "Thrown: text"),
        (
            "await new Promise(() => {})",
            "Error: the script awaits a promise that is never settled",
        ),
        ("new Promise(() => {})", "Promise { <pending> }"),
    ]);
}

#[test]
fn timers_run_in_the_order_of_their_delays() {
    check_session(&[
        (
            "const seen = []; setTimeout(x => seen.push(x), 5, 'late'); setTimeout(() => seen.push('soon'), 1); queueMicrotask(() => seen.push('now'))",
            "",
        ),
        ("seen", r#"["now","soon","late"]"#),
        (
            "await new Promise(done => setTimeout(done, 2)); 'waited'",
            "\"waited\"",
        ),
        (
            "let n = 0; await new Promise(done => { const t = setInterval(() => { if (++n === 3) { clearInterval(t); done() } }, 1) }); n",
            "3",
        ),
        (
            "setInterval(() => n++, 1); clearTimeout(setTimeout(() => n = -1, 1)); n",
            "3",
        ),
    ]);
}

#[test]
fn waiting_too_long_for_timers_is_an_error() {
    let mut engine = Engine::new(Limits::default().with_wait_ms(Some(20))).unwrap();
    let error = engine.run("setTimeout(() => {}, 60000); 1").error.unwrap();
    assert_eq!(error.name, "TimeoutError");
    assert!(error.message.contains("20 ms"), "{}", error.message);
    assert_eq!(engine.run("1").error, None, "the timer is gone");
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
