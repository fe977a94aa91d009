//! Promises and timers.

use crate::engine::{Engine, Limits};

use super::check_session;

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
        ("import('fs').catch(error => error.name)", "\"TypeError\""),
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
