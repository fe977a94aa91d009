//! What happens to whole files and folders.

use super::*;
use crate::testing::Folder;
use crate::workspace::LastLink;

fn folder() -> Folder {
    Folder::with(&[("a/one", b"1"), ("a/b/two", b"22"), ("three", b"333")])
}

#[test]
fn details_tell_kind_size_and_time() {
    let folder = folder();
    let file = details(&folder.place("a/b/two")).unwrap();
    assert_eq!(
        (file.path.as_str(), file.kind, file.bytes),
        ("a/b/two", EntryKind::File, 2)
    );
    assert!(
        file.modified
            .is_some_and(|time| time.ends_with('Z') && time.len() == 20)
    );
    assert_eq!(details(&folder.place(".")).unwrap().kind, EntryKind::Folder);
    assert!(
        details(&folder.place("none"))
            .unwrap_err()
            .starts_with("none does not exist")
    );
}

#[test]
fn files_and_folders_move() {
    let folder = folder();
    let entry = rename(&folder.place("a"), &folder.place("new/a"), Existing::Keep).unwrap();
    assert_eq!(
        (entry.path.as_str(), entry.kind),
        ("new/a", EntryKind::Folder)
    );
    assert_eq!(folder.content("new/a/b/two").as_deref(), Some("22"));
    assert_eq!(folder.names("."), ["new", "three"]);
}

#[test]
fn what_is_in_the_way_is_only_overwritten_on_demand() {
    let folder = folder();
    let (from, to) = (folder.place("three"), folder.place("a/one"));
    for refusal in [
        rename(&from, &to, Existing::Keep).unwrap_err(),
        copy(&from, &to, Existing::Keep).unwrap_err(),
    ] {
        assert_eq!(
            refusal,
            "a/one exists already: choose another path or set `overwrite`"
        );
    }
    assert_eq!(folder.content("a/one").as_deref(), Some("1"));
    copy(&from, &to, Existing::Overwrite).unwrap();
    assert_eq!(folder.content("a/one").as_deref(), Some("333"));
    rename(&from, &to, Existing::Overwrite).unwrap();
    assert_eq!(folder.names("."), ["a"]);
}

#[test]
fn moves_that_make_no_sense_are_refused() {
    let folder = folder();
    for (from, to, message) in [
        ("a", "a/b/c", "a cannot be moved into itself, to a/b/c"),
        (
            "three",
            "a",
            "a is a folder that exists already: to put something into it, name its new path, as in a/name",
        ),
        (".", "b", "the workspace itself cannot be moved"),
        ("none", "b", "none does not exist"),
    ] {
        let refusal =
            rename(&folder.place(from), &folder.place(to), Existing::Overwrite).unwrap_err();
        assert!(refusal.contains(message), "{refusal}");
    }
    assert_eq!(
        copy(&folder.place("a"), &folder.place("c"), Existing::Keep).unwrap_err(),
        "a is a folder: only files are copied"
    );
}

#[test]
fn folders_with_content_are_only_deleted_on_demand() {
    let folder = folder();
    let refusal = delete(&folder.place("a"), false).unwrap_err();
    assert_eq!(
        refusal,
        "a is a folder with something in it: set `recursive` to delete it all"
    );
    assert_eq!(delete(&folder.place("a/b/two"), false), Ok(1));
    assert_eq!(delete(&folder.place("a/b"), false), Ok(1));
    assert_eq!(delete(&folder.place("a"), true), Ok(2));
    assert_eq!(folder.names("."), ["three"]);
    assert_eq!(
        delete(&folder.place("."), true).unwrap_err(),
        "the workspace itself cannot be deleted"
    );
}

#[test]
fn a_large_folder_is_deleted_in_turns() {
    let names: Vec<String> = (0..2 * DELETED_AT_ONCE + 1)
        .map(|name| format!("a/{name}"))
        .collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let folder = Folder::with(&files);
    assert_eq!(
        delete(&folder.place("a"), true),
        Ok(2 * DELETED_AT_ONCE as u64 + 2)
    );
    assert!(folder.names(".").is_empty());
}

#[cfg(unix)]
#[test]
fn deleting_a_link_or_its_folder_leaves_what_it_points_to() {
    let folder = folder();
    folder.link("near", "a/one");
    folder.link("a/up", "../three");
    assert_eq!(
        delete(
            &folder.workspace.place_with("near", LastLink::Keep).unwrap(),
            false
        ),
        Ok(1)
    );
    assert_eq!(delete(&folder.place("a/b"), true), Ok(2));
    assert_eq!(folder.content("a/one").as_deref(), Some("1"));
    assert_eq!(delete(&folder.place("a"), true), Ok(3));
    assert_eq!(folder.content("three").as_deref(), Some("333"));
}

#[test]
fn folders_are_made_with_those_above() {
    let folder = folder();
    for _ in 0..2 {
        assert_eq!(
            make_folder(&folder.place("x/y/z")).unwrap().kind,
            EntryKind::Folder
        );
    }
    assert_eq!(
        make_folder(&folder.place("three")).unwrap_err(),
        "three is a file, not a folder"
    );
}
