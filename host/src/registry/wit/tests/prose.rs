//! Doc comments taken apart.

use super::super::prose::Prose;

/// The description that is left of `text`, and what is said of `limit` and of `the-text`.
fn check(text: &str, description: Option<&str>, limit: Option<&str>, the_text: Option<&str>) {
    let prose = Prose::of(text, &["limit", "the-text"]);
    let found = |name: &str| prose.parameters.get(name).map(String::as_str);
    let all = (
        prose.description.as_deref(),
        found("limit"),
        found("the-text"),
    );
    assert_eq!(all, (description, limit, the_text), "{text}");
}

#[test]
fn lines_about_parameters_become_their_descriptions() {
    check("Finds.", Some("Finds."), None, None);
    check("", None, None, None);
    check(
        "Finds.\n\n- `limit`: at most",
        Some("Finds."),
        Some("at most"),
        None,
    );
    check(
        "* `the_text`: what\n- `limit` : at most\n\nFinds.",
        Some("Finds."),
        Some("at most"),
        Some("what"),
    );
    check(
        "- `the-text`: what\n  is said\n- `limit`: n",
        None,
        Some("n"),
        Some("what is said"),
    );
}

#[test]
fn a_heading_goes_with_its_lines() {
    check(
        "Finds.\n\nParameters:\n- `limit`: n",
        Some("Finds."),
        Some("n"),
        None,
    );
    check(
        "Finds.\n\n# Arguments\n\n- `limit`: n\n\n# Errors\nNever.",
        Some("Finds.\n\n\n# Errors\nNever."),
        Some("n"),
        None,
    );
    check("Note:\n- `limit`: n", Some("Note:"), Some("n"), None);
}

#[test]
fn other_lists_stay_where_they_are() {
    check(
        "- `other`: x\n- limit: y\n- `limit` y",
        Some("- `other`: x\n- limit: y\n- `limit` y"),
        None,
        None,
    );
    check("Code:\n  indented\n", Some("Code:\n  indented"), None, None);
}
