//! Which files are searched, and how much is told.

use super::*;
use crate::testing::Folder;

const LIMITS: Limits = Limits {
    matches_max: 100,
    bytes_max: 10_000,
    context: 0,
};

fn searched(
    folder: &Folder,
    path: &str,
    globs: &[&str],
    pattern: &str,
    limits: Limits,
) -> Result<Found, String> {
    let globs = Globs::parse(
        &globs
            .iter()
            .map(|&glob| glob.to_owned())
            .collect::<Vec<_>>(),
    )?;
    search(
        &folder.place(path),
        &globs,
        &compile(pattern, Syntax::Regex, Case::Sensitive)?,
        limits,
    )
}

fn places(found: &Found) -> Vec<(&str, u64)> {
    found
        .matches
        .iter()
        .map(|found| (found.path.as_str(), found.line))
        .collect()
}

fn folder() -> Folder {
    Folder::with(&[
        ("src/main.rs", b"fn main() {\n    help();\n}\n"),
        ("src/help.rs", b"fn help() {}\n"),
        ("notes.md", b"# main\n"),
        ("image", b"main\0\x01"),
    ])
}

#[test]
fn files_are_searched_in_order() {
    let found = searched(&folder(), ".", &[], r"\b(main|help)\(", LIMITS).unwrap();
    assert_eq!(
        places(&found),
        [("src/help.rs", 1), ("src/main.rs", 1), ("src/main.rs", 2)]
    );
    assert_eq!(
        (
            found.files_searched,
            found.files_skipped,
            found.truncated,
            found.note
        ),
        (3, 1, false, None)
    );
}

#[test]
fn path_and_globs_narrow_the_search() {
    for (path, globs, expected) in [
        (".", &["*.md"][..], vec![("notes.md", 1)]),
        (".", &["!src"], vec![("notes.md", 1)]),
        ("src", &[], vec![("src/main.rs", 1)]),
        ("src/main.rs", &[], vec![("src/main.rs", 1)]),
    ] {
        let found = searched(&folder(), path, globs, "main", LIMITS).unwrap();
        assert_eq!(places(&found), expected, "{path} {globs:?}");
    }
    assert!(
        searched(&folder(), "image", &[], "main", LIMITS)
            .unwrap_err()
            .starts_with("image was not searched")
    );
    assert!(
        searched(&folder(), "none", &[], "main", LIMITS)
            .unwrap_err()
            .starts_with("none does not exist")
    );
}

#[test]
fn literals_and_case() {
    for (pattern, syntax, case, expected) in [
        ("a.c(", Syntax::Literal, Case::Sensitive, vec![1]),
        ("A.C(", Syntax::Literal, Case::Insensitive, vec![1]),
        ("a.c", Syntax::Regex, Case::Sensitive, vec![1, 2]),
        ("ABC", Syntax::Regex, Case::Sensitive, vec![]),
        (r"\\n", Syntax::Regex, Case::Sensitive, vec![]),
        ("(?i)ABC", Syntax::Regex, Case::Sensitive, vec![2]),
    ] {
        let folder = Folder::with(&[("file", b"a.c(\nabc\n")]);
        let pattern = compile(pattern, syntax, case).unwrap();
        let found = search(
            &folder.place("file"),
            &Globs::parse(&[]).unwrap(),
            &pattern,
            LIMITS,
        )
        .unwrap();
        assert_eq!(
            found
                .matches
                .iter()
                .map(|found| found.line)
                .collect::<Vec<_>>(),
            expected,
            "{pattern}"
        );
    }
}

#[test]
fn a_search_that_finds_too_much_is_cut_and_says_so() {
    let content = "0123456789\n".repeat(50);
    let folder = Folder::with(&[("a", content.as_bytes()), ("b", content.as_bytes())]);
    for (limits, count, note) in [
        (
            Limits {
                matches_max: 100,
                ..LIMITS
            },
            100,
            None,
        ),
        (
            Limits {
                matches_max: 60,
                ..LIMITS
            },
            60,
            Some("cut after 60 matches"),
        ),
        (
            Limits {
                bytes_max: 205,
                ..LIMITS
            },
            20,
            Some("cut after 205 bytes of lines"),
        ),
        (
            Limits {
                bytes_max: 205,
                context: 1,
                ..LIMITS
            },
            7,
            Some("or ask for less `context`"),
        ),
        (
            Limits {
                bytes_max: 5,
                ..LIMITS
            },
            1,
            Some("cut after 5 bytes"),
        ),
    ] {
        let found = searched(&folder, ".", &[], "5", limits).unwrap();
        assert_eq!(
            (found.matches.len(), found.truncated),
            (count, note.is_some()),
            "{limits:?}"
        );
        assert!(
            note.is_none_or(|note| found
                .note
                .as_ref()
                .is_some_and(|found| found.contains(note))),
            "{limits:?}"
        );
    }
}

#[test]
fn patterns_that_cannot_be_used_are_refused() {
    for (pattern, message) in [
        ("a(", "`pattern` cannot be used: regex parse error"),
        ("", "`pattern` is empty"),
        ("a\nb", "`pattern` has a line end in it"),
        (r"a\\\n", "`pattern` has a line end in it"),
        (r"\w{1000}{1000}", "`pattern` cannot be used"),
    ] {
        let refusal = compile(pattern, Syntax::Regex, Case::Sensitive)
            .map(drop)
            .unwrap_err();
        assert!(refusal.contains(message), "{refusal}");
    }
}
