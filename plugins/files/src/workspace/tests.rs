//! Which paths lead where, and which are refused.

use super::*;

fn workspace() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("workspace");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::File::create(root.join("a/file")).unwrap();
    fs::File::create(folder.path().join("secret")).unwrap();
    let workspace = Workspace::open(root).unwrap();
    (folder, workspace)
}

#[cfg(unix)]
fn link(workspace: &Workspace, name: &str, target: &str) {
    std::os::unix::fs::symlink(target, workspace.root.join(name)).unwrap();
}

#[test]
fn paths_are_tidied() {
    let (_folder, workspace) = workspace();
    for (path, name) in [
        ("a/file", "a/file"),
        ("./a//b/", "a/b"),
        ("new/deep", "new/deep"),
        ("", "."),
        (".", "."),
    ] {
        let place = workspace.place(path).unwrap();
        assert_eq!(place.to_string(), name);
        assert_eq!(place.path(), workspace.root.join(name));
        assert_eq!(place.is_root, name == ".");
    }
}

#[test]
fn paths_out_of_the_workspace_are_refused() {
    let (_folder, workspace) = workspace();
    for (path, message) in [
        ("../secret", "../secret has `..` in it"),
        ("a/../../secret", "has `..` in it"),
        ("a/..", "has `..` in it"),
        ("/etc/passwd", "/etc/passwd is absolute"),
        (
            "/workspace/a/file",
            "paths are relative to the workspace, as in a/file",
        ),
        ("a\0b", "has a NUL in it"),
    ] {
        let refusal = workspace.place(path).unwrap_err();
        assert!(refusal.contains(message), "{refusal}");
    }
    // Two dots are a part of a name as good as any.
    assert!(workspace.place("a/..b").is_ok());
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_the_workspace_only() {
    let (_folder, workspace) = workspace();
    link(&workspace, "near", "a/file");
    link(&workspace, "a/b/up", "../../a");
    link(&workspace, "dangling", "a/new");
    for (path, target) in [
        ("near", "a/file"),
        ("a/b/up/file", "a/file"),
        ("a/b/up/b/up", "a"),
        ("dangling", "a/new"),
    ] {
        assert_eq!(
            workspace.place(path).unwrap().path(),
            workspace.root.join(target),
            "{path}"
        );
    }
    assert_eq!(
        workspace.place_with("near", LastLink::Keep).unwrap().path(),
        workspace.root.join("near")
    );

    link(&workspace, "out", "../secret");
    link(&workspace, "a/out", "b/../../../secret");
    link(&workspace, "absolute", "/etc/passwd");
    link(&workspace, "parent", "..");
    for path in [
        "out",
        "a/out",
        "absolute",
        "parent",
        "parent/secret",
        "parent/workspace/a/file",
    ] {
        let refusal = workspace.place(path).unwrap_err();
        assert!(
            refusal.contains(&format!(
                "{path} leads out of the workspace by a symbolic link"
            )),
            "{refusal}"
        );
    }
    assert!(workspace.place_with("out", LastLink::Keep).is_ok());
    assert!(
        workspace
            .place_with("parent/secret", LastLink::Keep)
            .is_err()
    );
}

#[cfg(unix)]
#[test]
fn circles_of_links_end() {
    let (_folder, workspace) = workspace();
    link(&workspace, "one", "two");
    link(&workspace, "two", "one");
    assert!(
        workspace
            .place("one")
            .unwrap_err()
            .contains("or a circle of them")
    );
}

#[test]
fn what_is_there_is_told_apart() {
    let (_folder, workspace) = workspace();
    let place = |path| workspace.place(path).unwrap();
    assert!(place("a/file").file().is_ok() && place("a").folder().is_ok());
    assert_eq!(place("a").file().unwrap_err(), "a is a folder: use `list`");
    assert_eq!(
        place("a/file").folder().unwrap_err(),
        "a/file is a file, not a folder"
    );
    assert_eq!(
        place("a/nothing").file().unwrap_err(),
        "a/nothing does not exist: `list` shows what does"
    );
    assert_eq!(
        place("a/file/x").file().unwrap_err(),
        "a/file/x does not exist: `list` shows what does"
    );
}

#[test]
fn a_session_without_a_workspace_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Workspace::open(folder.path().join("nothing")).unwrap_err();
    assert!(
        refusal.contains("the backend needs the grant `workspace`"),
        "{refusal}"
    );
}
