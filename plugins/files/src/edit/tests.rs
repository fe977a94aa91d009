//! What edits do, and what they say when they do nothing.

use super::*;

const TEXT: &str = "fn one() {\n    call();\n}\n\nfn two() {\n    call();\n}\n";

fn edit(old: &str, new: &str) -> Replacement {
    Replacement {
        old: old.to_owned(),
        new: new.to_owned(),
        all: None,
    }
}

fn all(old: &str, new: &str) -> Replacement {
    Replacement {
        all: Some(true),
        ..edit(old, new)
    }
}

#[test]
fn edits_replace_exact_text() {
    let cases: &[(&[Replacement], &str, u32)] = &[
        (
            &[edit("one()", "first()")],
            "fn first() {\n    call();\n}\n\nfn two() {\n    call();\n}\n",
            1,
        ),
        (
            &[edit("fn two() {\n    call();", "fn two() {")],
            "fn one() {\n    call();\n}\n\nfn two() {\n}\n",
            1,
        ),
        (
            &[all("call", "go")],
            "fn one() {\n    go();\n}\n\nfn two() {\n    go();\n}\n",
            2,
        ),
        (
            &[all("one", "two2"), edit("two2", "three")],
            "fn three() {\n    call();\n}\n\nfn two() {\n    call();\n}\n",
            2,
        ),
    ];
    for (edits, text, replacements) in cases {
        let expected = Outcome {
            text: (*text).to_owned(),
            replacements: *replacements,
        };
        assert_eq!(apply("a.rs", TEXT, edits, 1000), Ok(expected));
    }
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let many = "x\n".repeat(12);
    let cases: &[(&str, &[Replacement], &str)] = &[
        (
            TEXT,
            &[edit("call()", "go()")],
            "`old` occurs 2 times in a.rs, at lines 2, 6: add text around it until it occurs once, or set `all`",
        ),
        (
            &many,
            &[edit("x", "y")],
            "occurs 12 times in a.rs, at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and further down",
        ),
        (
            TEXT,
            &[edit("three", "four")],
            "`old` does not occur in a.rs: read the file again and copy the text exactly",
        ),
        (
            TEXT,
            &[edit("fn one() {\n  call();\n}", "")],
            "lines 1 to 3 differ from it in white space only",
        ),
        (
            TEXT,
            &[edit("fn two() {\n    stop();", "")],
            "its first line is line 5, but what follows differs",
        ),
        (
            "a\r\nb\r\n",
            &[edit("a\nb", "c")],
            "the lines of the file end with \\r\\n, those of `old` with \\n",
        ),
        (TEXT, &[edit("", "x")], "`old` is empty"),
        (TEXT, &[edit("one", "one")], "`old` and `new` are the same"),
        (TEXT, &[], "there are no edits"),
        (
            TEXT,
            &[edit("one", "two"), edit("one", "three")],
            "edit 2 of 2: `old` does not occur in a.rs",
        ),
        (
            TEXT,
            &[edit("none", "x"), edit("one", "three")],
            "; no edit was made",
        ),
        ("", &[edit(" \n", "x")], "read the file again"),
        (
            &many,
            &[all("x", &"y".repeat(100))],
            "a.rs would have 1212 bytes: 1000 are the most",
        ),
    ];
    for (text, edits, message) in cases {
        let refusal = apply("a.rs", text, edits, 1000).unwrap_err();
        assert!(
            refusal.contains(message),
            "expected {message}\nfound {refusal}"
        );
    }
}
