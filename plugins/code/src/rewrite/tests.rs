use super::edits::Place;
use super::{Known, Plan, plan};

fn planned(source: &str) -> Plan {
    plan(source, |_| Known::New).unwrap()
}

#[track_caller]
fn check(source: &str, text: &str, declares: &[&str]) {
    let plan = planned(source);
    assert_eq!(plan.text, text);
    assert_eq!(plan.declares, declares);
}

#[test]
fn declarations_become_assignments_of_the_same_length() {
    check("let a = 1", ";0, a = 1", &["a"]);
    check("const a = 1, b = a", ";0,   a = 1, b = a", &["a", "b"]);
    check("var a = 1; a", ";0, a = 1; a", &["a"]);
    check(
        "const {a, b: [c], ...d} = e",
        ";0,   {a, b: [c], ...d} = e",
        &["a", "c", "d"],
    );
    check("let{a}=b\nlet\n[c]=d", ";0,{a}=b\n;0,\n[c]=d", &["a", "c"]);
    check("const é = '…', ü = 2", ";0,   é = '…', ü = 2", &["é", "ü"]);
}

#[test]
fn a_variable_without_a_value_is_set_to_undefined_unless_it_is_a_var() {
    check(
        "let a, b = 1, c;",
        ";0, a=void 0, b = 1, c=void 0;",
        &["a", "b", "c"],
    );
    check("var a, b = 1;", ";0, a, b = 1;", &["a", "b"]);
}

#[test]
fn classes_become_assignments() {
    check(
        "class A { m() { return '}' } }\n(1)",
        ";A=class A { m() { return '}' } };\n(1)",
        &["A"],
    );
    check(
        "class B extends A {} new B",
        ";B=class B extends A {}; new B",
        &["B"],
    );
}

#[test]
fn inner_declarations_and_functions_stay() {
    for source in [
        "{ let a = 1 }",
        "for (let i = 0; i < 3; i++) { const x = i }",
        "function f() { var a }",
        "f(() => { class A {} })",
    ] {
        check(source, source, &[]);
    }
}

#[test]
fn a_function_whose_name_is_a_variable_is_assigned() {
    let plan = plan("async function* f() { }\nf()", |_| Known::Lexical).unwrap();
    assert_eq!(plan.text, ";f=async function* f() { };\nf()");
}

#[test]
fn known_names_are_not_declared_again() {
    let plan = plan("const a = 1, b = 2, c = 3", |name| match name {
        "a" => Known::Lexical,
        "b" => Known::Global,
        _ => Known::New,
    });
    assert_eq!(plan.unwrap().declares, ["c"]);
}

#[test]
fn awaiting_sources_are_wrapped_and_return_the_last_value() {
    check("await a", "(async()=>{return await a\n})()", &[]);
    check(
        "const a = await b\na.c",
        "(async()=>{;0,   a = await b\nreturn a.c\n})()",
        &["a"],
    );
    check(
        "await f(); function f() {}",
        "(async()=>{globalThis.f=f;return await f(); function f() {}\n})()",
        &[],
    );
    check(
        "for await (const a of b) c(a)",
        "(async()=>{for await (const a of b) c(a)\n})()",
        &[],
    );
    check("await (a)", "(async()=>{return await (a)\n})()", &[]);
    check("return 1", "(async()=>{return 1\n})()", &[]);
}

#[test]
fn sources_that_only_mention_await_stay_scripts() {
    for source in ["async function f() { await a }", "'await'", "// return\n1"] {
        let plan = planned(source);
        assert!(!plan.is_async, "{source}");
    }
}

#[test]
fn a_declaration_at_the_end_has_no_value() {
    for (source, has_value) in [
        ("1", true),
        ("let a = 1", false),
        ("1; var a", false),
        ("if (a) b", true),
        ("a; function f() {}", true),
        ("class A {}", false),
        ("", false),
    ] {
        assert_eq!(planned(source).has_value, has_value, "{source}");
    }
}

#[test]
fn expressions_of_every_kind_are_returned_whole() {
    for source in [
        "a.b.c(1)[2]`x`",
        "new A(1).b",
        "-a ** 2",
        "(a, b)",
        "a ? b : c",
        "x = await y",
        "({a: 1})",
        "`${a}b`",
        "async () => {}",
        "a?.b?.()",
        "/re/g.test(a)",
        "[1, 2].map(x => x)",
        "'a' + 'b'",
        "!a",
        "typeof a",
        "a++",
        "++a",
        "function_()",
        "this.x",
        "a || b && c ?? d",
        "await a.b",
        "\"text\"",
        "12.5",
        "null",
        "(() => 1)()",
        "!function () {}()",
        "a = b = c",
        "[a, b] = [b, a]",
        "delete a.b",
        "void 0",
        "a in b",
    ] {
        let whole = format!("await 0;\n  {source}");
        let Ok(plan) = plan(&whole, |_| Known::New) else {
            continue;
        };
        assert_eq!(
            plan.text,
            format!("(async()=>{{await 0;\n  return {source}\n}})()")
        );
    }
}

#[test]
fn columns_lead_back_to_the_source() {
    let plan = planned("let a; b.c\nlet d, e; f");
    assert_eq!(plan.text, ";0, a=void 0; b.c\n;0, d=void 0, e=void 0; f");
    let check = |line, column, original| {
        assert_eq!(
            plan.edits.original(Place { line, column }),
            Place {
                line,
                column: original
            }
        );
    };
    check(1, 15, 8);
    check(1, 1, 1);
    check(2, 25, 11);
    let wrapped = planned("await a.b; c");
    assert_eq!(
        wrapped.edits.original(Place {
            line: 1,
            column: 12
        }),
        Place { line: 1, column: 1 }
    );
    assert_eq!(
        wrapped.edits.original(Place {
            line: 1,
            column: 30
        }),
        Place {
            line: 1,
            column: 12
        }
    );
}

#[test]
fn mistakes_are_reported_for_the_source_as_written() {
    assert!(plan("let a = ;", |_| Known::New).is_err());
    assert!(plan("let a; let a;", |_| Known::New).is_err());
    assert!(plan("await a; let b = ;", |_| Known::New).is_err());
}
