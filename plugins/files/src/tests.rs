//! The tools as an agent uses them.

use crate::files::{Config, Replacement, Session, WriteMode};
use crate::testing::Folder;

fn session(folder: &Folder, config: &Config) -> Session {
    Session::open(folder.workspace.clone(), config).unwrap()
}

fn edit(old: &str, new: &str) -> Replacement {
    Replacement {
        old: old.to_owned(),
        new: new.to_owned(),
        all: None,
    }
}

#[test]
fn a_file_is_written_read_edited_and_found() {
    let folder = Folder::with(&[]);
    let session = session(&folder, &Config::default());
    assert!(
        session
            .write("src/main.rs", "fn main() {\n    go();\n}\n", None)
            .unwrap()
            .created
    );
    assert_eq!(
        session
            .read("src/main.rs", Some(2), Some(1), Some(true))
            .unwrap()
            .text,
        "     2\t    go();\n"
    );

    let edits = [edit("go()", "run()"), edit("fn main", "pub fn main")];
    let planned = session.edit("src/main.rs", &edits, Some(true)).unwrap();
    assert!(folder.content("src/main.rs").unwrap().contains("go()"));
    let edited = session.edit("src/main.rs", &edits, None).unwrap();
    assert_eq!(
        (edited.replacements, edited.diff.as_str()),
        (2, planned.diff.as_str())
    );
    assert!(
        edited
            .diff
            .contains("-fn main() {\n-    go();\n+pub fn main() {\n+    run();\n"),
        "{}",
        edited.diff
    );
    assert_eq!(
        folder.content("src/main.rs").as_deref(),
        Some("pub fn main() {\n    run();\n}\n")
    );

    let found = session
        .search(
            "RUN",
            None,
            Some(true),
            None,
            Some(vec!["*.rs".to_owned()]),
            Some(1),
            None,
        )
        .unwrap();
    assert_eq!(
        (
            found.matches[0].path.as_str(),
            found.matches[0].line,
            found.matches[0].before.len()
        ),
        ("src/main.rs", 2, 1)
    );
    assert_eq!(session.list(None, Some(2), None).unwrap().entries.len(), 2);
}

#[test]
fn edits_are_made_all_or_not_at_all() {
    let folder = Folder::with(&[("file", b"one two two")]);
    let session = session(&folder, &Config::default());
    let refusal = session
        .edit("file", &[edit("one", "1"), edit("two", "2")], None)
        .unwrap_err();
    assert!(
        refusal.starts_with("edit 2 of 2: `old` occurs 2 times in file, at lines 1, 1"),
        "{refusal}"
    );
    assert_eq!(folder.content("file").as_deref(), Some("one two two"));
}

#[test]
fn bytes_are_written_piece_by_piece() {
    let folder = Folder::with(&[]);
    let session = session(
        &folder,
        &Config {
            max_read_bytes: Some(3),
            ..Config::default()
        },
    );
    session
        .write_bytes("data", &[0, 159, 255], Some(WriteMode::Create))
        .unwrap();
    assert_eq!(
        session
            .write_bytes("data", &[7, 8], Some(WriteMode::Append))
            .unwrap()
            .bytes,
        5
    );
    let first = session.read_bytes("data", None, None).unwrap();
    assert_eq!(
        (first.bytes, first.next_offset),
        (vec![0, 159, 255], Some(3))
    );
    assert_eq!(
        session
            .read_bytes("data", first.next_offset, None)
            .unwrap()
            .bytes,
        [7, 8]
    );
    assert!(
        session
            .read("data", None, None, None)
            .unwrap_err()
            .contains("use `read_bytes`")
    );
    assert!(
        session
            .edit("data", &[edit("a", "b")], None)
            .unwrap_err()
            .contains("is not UTF-8 text")
    );
}

/// Calls every tool that takes a path with `path`, and collects the refusals.
fn refusals(session: &Session, path: &str) -> Vec<String> {
    let own = |path: &str| Some(path.to_owned());
    [
        session.read(path, None, None, None).err(),
        session.read_bytes(path, None, None).err(),
        session.write(path, "x", None).err(),
        session
            .write_bytes(path, b"x", Some(WriteMode::Append))
            .err(),
        session.edit(path, &[edit("s", "x")], None).err(),
        session.list(own(path), None, None).err(),
        session
            .search("s", None, None, own(path), None, None, None)
            .err(),
        session.copy(path, "copy", None).err(),
        session.copy("inside", path, Some(true)).err(),
        session.make_dir(path).err(),
    ]
    .map(|refusal| refusal.expect("the path leads out of the workspace"))
    .to_vec()
}

#[test]
fn no_tool_leaves_the_workspace() {
    let folder = Folder::with(&[("workspace/inside", b"in"), ("secret", b"secret")]);
    #[cfg(unix)]
    folder.link("workspace/out", "../secret");
    let workspace = crate::workspace::Workspace::open(folder.path("workspace")).unwrap();
    let session = Session::open(workspace, &Config::default()).unwrap();
    let paths = if cfg!(unix) {
        &["../secret", "/etc/passwd", "out"][..]
    } else {
        &["../secret", "/etc/passwd"]
    };
    for path in paths {
        for refusal in refusals(&session, path) {
            assert!(refusal.starts_with(path), "{refusal}");
        }
    }
    for path in ["../secret", "/etc/passwd", "x/../../secret"] {
        assert!(session.stat(path).is_err() && session.delete(path, Some(true)).is_err());
        assert!(
            session.rename(path, "here", None).is_err()
                && session.rename("inside", path, Some(true)).is_err()
        );
    }
    // Through a link that leads out, not even what is behind it can be deleted or moved; the link itself can.
    assert_eq!(session.delete("out", None), Ok(1));
    assert_eq!(folder.content("secret").as_deref(), Some("secret"));
    assert_eq!(folder.names("workspace"), ["inside"]);
}

#[test]
fn limits_are_told() {
    let folder = Folder::with(&[("a", b"x\nx\n"), ("b", b"x\n")]);
    let limited = session(
        &folder,
        &Config {
            max_read_bytes: Some(2),
            max_results: Some(1),
        },
    );
    assert_eq!(
        limited.read("a", None, None, None).unwrap().next_line,
        Some(2)
    );
    assert!(limited.list(None, None, None).unwrap().truncated);
    assert!(
        limited
            .search("x", None, None, None, None, None, None)
            .unwrap()
            .truncated
    );
    for refusal in [
        limited
            .search("x", None, None, None, None, None, Some(2))
            .unwrap_err(),
        limited
            .search("x", None, None, None, None, Some(21), None)
            .unwrap_err(),
        limited.list(None, Some(0), None).unwrap_err(),
        Session::open(
            folder.workspace.clone(),
            &Config {
                max_results: Some(0),
                ..Config::default()
            },
        )
        .err()
        .unwrap(),
    ] {
        assert!(refusal.contains("it must be "), "{refusal}");
    }
}
