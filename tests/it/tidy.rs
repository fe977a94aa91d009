//! The rules of the house, read against the source: which module may use which, and which word may stand where.
//! A failure names file, line and reason; the way out is to move the code, not the rule.

use std::path::{Path, PathBuf};

use fs_err as fs;

mod source;

use source::Source;

/// Low to high. A module may use its own row and those before it. Only the last row reads the configuration: each part below
/// receives its own small settings.
const ORDER: [&[&str]; 11] = [
    &["error", "ids", "label", "tool"],
    &["access", "policy", "quota", "watch"],
    &["capability"],
    &["engine"],
    &["registry", "durable", "audit", "auth", "https"],
    &["session", "cluster"],
    &["router", "job"],
    &["host"],
    &["api"],
    &["config", "telemetry"],
    &["app", "cli", "main"],
];

/// A word of the code, where it may stand, and why nowhere else.
struct Rule {
    word: &'static str,
    places: &'static [&'static str],
    reason: &'static str,
}

const RULES: [Rule; 7] = [
    Rule {
        word: "wasmtime",
        places: &["engine", "capability"],
        reason: "the runtime can be upgraded in two folders",
    },
    Rule {
        word: "axum",
        places: &["api", "app"],
        reason: "the core is free of HTTP",
    },
    Rule {
        word: "rmcp",
        places: &["api/mcp"],
        reason: "the SDK's releases are the business of one folder",
    },
    Rule {
        word: "Store<",
        places: &["engine/instance"],
        reason: "a store has one owner",
    },
    Rule {
        word: "std::env",
        places: &["config", "cli", "main"],
        reason: "configuration has one door",
    },
    Rule {
        word: "process::exit",
        places: &[],
        reason: "what is in use is dropped in order, also at the end",
    },
    Rule {
        word: "derive(serde)",
        places: &[
            "api",
            "audit",
            "auth/keys",
            "cli",
            "config/raw",
            "registry/cache",
            "registry/compiler",
            "registry/image",
            "registry/inputs",
            "registry/listing",
            "registry/loader",
            "registry/lock",
            "registry/manifest",
            "registry/surface",
            "registry/wit",
            // What a saved session is made of.
            "capability",
            "engine/snapshot",
            "session",
        ],
        reason: "a type that is written out is a promise to the outside",
    },
];

#[test]
fn a_module_uses_those_below_it_and_none_above() {
    report(&violations(direction));
}

#[test]
fn words_stand_where_they_may() {
    report(&violations(words));
}

#[test]
fn every_file_begins_with_its_charter() {
    report(&violations(charter));
}

#[test]
fn what_breaks_a_rule_is_found_and_what_only_speaks_of_it_is_not() {
    let text = "use std::env;\nuse crate::engine::Engine;\n// wasmtime\nuse crate::stranger::X;\nconst A: &str = \"axum\";\nfn f(s: &wasmtime::Store<()>) {}\n#[derive(Debug, serde::Serialize)]\n";
    let source = Source::new("policy", text);
    assert_eq!(
        direction(&source),
        [
            "host/src/policy.rs:2: `policy` stands below `engine` and must not know it",
            "host/src/policy.rs:4: `stranger` is in no row of the order: give it one",
        ]
    );
    assert_eq!(words(&source).len(), 4, "{:?}", words(&source));
    assert_eq!(charter(&source).len(), 1);
    let good = Source::new(
        "engine/instance",
        "//! Owns the store.\nuse crate::policy::Limits;\nuse wasmtime::Store;\nfn f(_: Store<()>) {}\n",
    );
    assert!(direction(&good).is_empty() && words(&good).is_empty() && charter(&good).is_empty());
}

fn direction(source: &Source) -> Vec<String> {
    let strange = |module: &str| format!("`{module}` is in no row of the order: give it one");
    let Some(own) = row(source.module()) else {
        return vec![source.at(1, &strange(source.module()))];
    };
    let broken = source
        .uses()
        .into_iter()
        .filter_map(|(line, used)| match row(used) {
            None => Some(source.at(line, &strange(used))),
            Some(other) if other > own => {
                let reason = format!(
                    "`{}` stands below `{used}` and must not know it",
                    source.module()
                );
                Some(source.at(line, &reason))
            }
            Some(_) => None,
        });
    broken.collect()
}

fn words(source: &Source) -> Vec<String> {
    let broken = RULES
        .iter()
        .filter(|rule| !rule.places.iter().any(|place| source.is_in(place)));
    broken
        .flat_map(|rule| {
            let lines = source.lines_with(rule.word).into_iter();
            lines.map(|line| source.at(line, &format!("`{}`: {}", rule.word, rule.reason)))
        })
        .collect()
}

fn charter(source: &Source) -> Vec<String> {
    if source.first_line().starts_with("//!") {
        return Vec::new();
    }
    vec![source.at(1, "the first line does not say what this file owns (`//!`)")]
}

fn row(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

/// Every file of the host, tests left out, through a check.
fn violations(check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the host's source is not where it was");
    files.sort();
    let sources = files.iter().filter_map(|path| Source::read(&root, path));
    sources.flat_map(|source| check(&source)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn report(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
