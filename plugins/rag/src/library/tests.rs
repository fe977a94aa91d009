//! Searches of small folders, and of the documents that ship with the plugin.

use std::io::Write;
use std::path::Path;

use super::Library;

/// A library of these documents.
fn library(documents: &[(&str, &str)]) -> Library {
    let folder = tempfile::tempdir().unwrap();
    for (source, text) in documents {
        let path = folder.path().join(source);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .unwrap();
    }
    Library::open(folder.path()).unwrap()
}

/// The paths and first lines of what is found.
fn found(library: &Library, query: &str) -> Vec<String> {
    let hits = library.search(query, 10, None).unwrap();
    hits.iter()
        .map(|(passage, _)| {
            format!(
                "{}:{}",
                library.document_of(passage).source,
                passage.first_line
            )
        })
        .collect()
}

fn animals() -> Library {
    library(&[
        (
            "cats.md",
            "# Cats\n\nCats sleep in the sun.\n\n## Food\n\nCats eat fish and mice.\n",
        ),
        (
            "dogs.rst",
            "Dogs\n====\n\nDogs bark at cats.\n\n.. function:: fetch_ball(distance)\n\n   Runs after a ball.\n",
        ),
        (
            "birds/owls.html",
            "<h1>Owls</h1>\n<p>Owls eat mice at night &mdash; in the dark.</p>",
        ),
        ("notes.txt", "日本語の検索。\n\nCafé Zürich, naïve.\n"),
    ])
}

#[test]
fn passages_that_fit_better_come_first() {
    let library = animals();
    assert_eq!(
        found(&library, "mice eat fish"),
        ["cats.md:5", "birds/owls.html:1"]
    );
    assert_eq!(found(&library, "food")[0], "cats.md:5");
    assert_eq!(found(&library, "fetch_ball")[0], "dogs.rst:6");
    assert_eq!(found(&library, "owls.html"), ["birds/owls.html:1"]);
}

#[test]
fn phrases_are_required_and_exclusions_left_out() {
    let library = animals();
    assert_eq!(found(&library, "\"fish and mice\""), ["cats.md:5"]);
    assert_eq!(found(&library, "\"mice and fish\""), Vec::<String>::new());
    assert_eq!(found(&library, "mice -fish"), ["birds/owls.html:1"]);
    assert_eq!(found(&library, "cats -\"bark at\" -food"), ["cats.md:1"]);
}

#[test]
fn other_scripts_accents_and_misspellings_are_found() {
    let library = animals();
    for query in ["日本語", "検索", "cafe ZURICH", "naive", "\"Café Zürich\""] {
        assert_eq!(found(&library, query), ["notes.txt:1"], "{query}");
    }
    assert_eq!(found(&library, "fuction nihgt")[0], "birds/owls.html:1");
}

#[test]
fn odd_queries_are_answered() {
    let library = animals();
    for query in [
        "cats AND (dogs OR *",
        "cats:[a TO b}",
        "\"cats",
        "cats\\",
        "cats ^2 ~ ' \u{0} 😀",
        "-- cats",
        "cats\u{202e}",
        &"cats ".repeat(5000),
    ] {
        assert!(!found(&library, query).is_empty(), "{query}");
    }
    for query in ["", "  ", "???", "\"\"", "-dogs", "😀"] {
        assert_eq!(
            library.search(query, 5, None).unwrap_err(),
            "there is no word to search for in the query"
        );
    }
    assert_eq!(found(&library, "zzzzzzqqq xy"), Vec::<String>::new());
}

#[test]
fn a_search_can_be_limited_to_some_documents() {
    let library = animals();
    let sources = |part| {
        let hits = library.search("cats mice", 10, Some(part)).unwrap();
        hits.iter()
            .map(|(passage, _)| library.document_of(passage).source.clone())
            .collect::<Vec<String>>()
    };
    assert_eq!(sources("birds/"), ["birds/owls.html"]);
    assert_eq!(sources(".rst"), ["dogs.rst"]);
    assert_eq!(sources("none"), Vec::<String>::new());
    assert_eq!(library.search("cats", 1, None).unwrap().len(), 1);
}

#[test]
fn a_document_is_named_by_its_path_or_a_part_that_only_it_has() {
    let library = animals();
    assert_eq!(library.document("owls").unwrap().title, "Owls");
    assert_eq!(library.document("cats.md").unwrap().heading(7), "Food");
    assert_eq!(
        library.document("tigers").err().unwrap(),
        "there is no document \"tigers\"; `sources` lists them"
    );
    assert!(
        library
            .document("s.")
            .err()
            .unwrap()
            .starts_with("4 documents have \"s.\" in their path: birds/owls.html, ")
    );
}

#[test]
fn a_folder_without_documents_says_what_to_grant() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing")] {
        let error = Library::open(&path).err().unwrap();
        assert!(error.ends_with("grant this backend a folder with documents (.md, .rst, .html, .txt) at /corpus, read-only"), "{error}");
    }
}

/// The documents that ship with the plugin.
fn shipped() -> Library {
    Library::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).unwrap()
}

/// `query` leads to a passage of `source` under a heading with `heading` in it, among the first `places`.
#[track_caller]
fn leads_to(library: &Library, query: &str, places: u32, source: &str, heading: &str) {
    let hits = library.search(query, places, None).unwrap();
    let described = hits.iter().map(|(passage, score)| {
        (
            *score,
            &library.document_of(passage).source,
            &passage.heading,
        )
    });
    let described: Vec<_> = described.collect();
    let fits = described
        .iter()
        .any(|(_, found, under)| found.ends_with(source) && under.contains(heading));
    assert!(fits, "{query}: {described:#?}");
}

#[test]
fn questions_about_python_lead_to_the_right_page() {
    let library = shipped();
    for (query, places, source, heading) in [
        ("json.loads", 1, "library/json.rst", "loads("),
        (
            "subprocess.run capture output",
            3,
            "library/subprocess.rst",
            "",
        ),
        (
            "how to read a file line by line",
            1,
            "tutorial/inputoutput.rst",
            "Reading and Writing Files",
        ),
        ("asyncio.gather", 1, "library/asyncio-task.rst", "gather"),
        (
            "sqlite3 executemany placeholders",
            5,
            "library/sqlite3.rst",
            "",
        ),
        ("regular expression named groups", 5, "library/re.rst", ""),
        (
            "parse a date string with strptime",
            3,
            "library/datetime.rst",
            "strp",
        ),
        (
            "sort a dictionary by value key function",
            1,
            "library/functions.rst",
            "sorted",
        ),
        (
            "argparse subcommands add_subparsers",
            2,
            "library/argparse.rst",
            "ub-commands",
        ),
        ("itertools.groupby", 1, "library/itertools.rst", "groupby"),
        (
            "context manager contextlib decorator",
            3,
            "library/contextlib.rst",
            "",
        ),
        ("pathlib glob recursive", 3, "library/pathlib.rst", "glob"),
        (
            "list comprehensions nested",
            2,
            "tutorial/datastructures.rst",
            "List Comprehensions",
        ),
        (
            "dataclass default_factory mutable default",
            3,
            "library/dataclasses.rst",
            "",
        ),
        (
            "\"floating point\" representation error",
            2,
            "tutorial/floatingpoint.rst",
            "",
        ),
        (
            "unitest assertRaises",
            3,
            "library/unittest.rst",
            "assertRaises",
        ),
        (
            "How do I use sets to remove duplicates?",
            3,
            "tutorial/datastructures.rst",
            "Sets",
        ),
    ] {
        leads_to(&library, query, places, source, heading);
    }
}

#[test]
fn every_passage_of_the_shipped_documents_is_a_quotable_part() {
    let library = shipped();
    let mut largest = 0;
    for passage in &library.passages {
        let document = library.document_of(passage);
        let text = document.lines(passage.first_line, passage.last_line);
        assert!(!text.trim().is_empty() && passage.last_line <= document.line_count());
        assert!(passage.heading.chars().count() < 700, "{}", passage.heading);
        largest = largest.max(text.chars().count());
    }
    assert!(largest < 1700, "{largest}");
    assert!(library.documents.len() > 100 && library.passages.len() > 3000);
}
