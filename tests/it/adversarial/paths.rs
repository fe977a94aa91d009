//! Guests that look for a way out of their folders, or for one that the host itself would take for them.

use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::symlink;
use hostel_host::policy::{FolderAccess, FolderGrant};
use hostel_tests::{Guest, TestServer};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::attacker::{Attacker, NOT_PERMITTED, attacked};

const SECRET: &str = "the host's own";

/// A folder to grant, and one beside it with a secret in it.
struct Ground {
    folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["granted", "outside"] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
        }
        fs_err::write(folder.path().join("outside/secret"), SECRET).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn grant(&self, access: FolderAccess) -> FolderGrant {
        FolderGrant {
            host: self.path("granted"),
            guest: "/granted".to_owned(),
            access,
        }
    }

    fn assert_outside_is_untouched(&self, what: &str) {
        let names = fs_err::read_dir(self.path("outside")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"], "{what}");
        let secret = fs_err::read_to_string(self.path("outside/secret")).unwrap();
        assert_eq!(secret, SECRET, "{what}");
        let mut names: Vec<_> = fs_err::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["granted", "outside"], "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escaping() {
    let ground = Ground::new();
    let granted = ground.path("granted");
    fs_err::create_dir_all(granted.join("inner/deeper")).unwrap();
    fs_err::write(granted.join("own"), "own").unwrap();
    symlink("../outside", granted.join("out")).unwrap();
    symlink(ground.path("outside"), granted.join("absolute")).unwrap();
    symlink("out", granted.join("chain")).unwrap();
    symlink("inner/../../outside/secret", granted.join("file")).unwrap();
    symlink("../../..", granted.join("inner/deeper/up")).unwrap();
    symlink("../outside/", granted.join("slash")).unwrap();
    let grant = ground.grant(FolderAccess::ReadWrite);
    let (server, neighbour) = attacked("prowler", &Guest::named("prowler"), |settings| {
        settings.grants.folders = vec![grant];
    })
    .await;
    let prowler = Attacker::at(server.address, "prowler")
        .with_session(json!({}))
        .await;
    let root = prowler.number("root", json!({"number": 0})).await;

    let outside = ground.path("outside/secret");
    let outside = outside.to_str().unwrap();
    let ways = [
        "../outside/secret",
        "./../outside/secret",
        "inner/../../outside/secret",
        "inner/deeper/../../../outside/secret",
        "..//outside///secret",
        "../outside/secret/",
        "/../outside/secret",
        outside,
        &format!("/{outside}"),
        "out/secret",
        "out/../outside/secret",
        "absolute/secret",
        "chain/secret",
        "file",
        "file/",
        "slash/secret",
        "inner/deeper/up/outside/secret",
        "/proc/self/root/etc/hostname",
        "/etc/passwd",
        "..",
        "../",
        "/",
        "out/..",
        "out\u{0}/secret",
        "../outside/secret\u{0}",
        "%2e%2e/outside/secret",
        "..%2foutside/secret",
        "..\\outside\\secret",
        "",
    ];
    for path in ways {
        for follow in [0, 1] {
            for (how, rights) in [(0, 1), (0, 3), (8, 3), (1, 3), (5, 3), (2, 1)] {
                let open = json!({"at": root, "follow": follow, "path": path, "how": how, "rights": rights});
                let (status, answer) = prowler.call("open", open.clone()).await;
                assert_eq!(status, 200, "{open}: {answer}");
                let handle = answer["result"].as_i64().unwrap();
                // A name that only looks like a way out may be made, inside.
                if handle >= 0 {
                    let read = prowler.call("read", json!({"handle": handle})).await.1;
                    assert!(!read.to_string().contains(SECRET), "{open}");
                    prowler.call("close", json!({"handle": handle})).await;
                }
            }
        }
        let here = json!({"at": root, "path": path});
        for tool in ["mkdir", "unlink", "rmdir", "touch"] {
            prowler.number(tool, here.clone()).await;
        }
        let out = json!({"at": root, "path": "own", "other": root, "other_path": path});
        let back = json!({"at": root, "path": path, "other": root, "other_path": "gotcha"});
        let link = json!({"at": root, "target": "own", "path": path});
        prowler.number("link", out.clone()).await;
        prowler.number("link", back.clone()).await;
        prowler.number("symlink", link).await;
        prowler.number("rename", back).await;
        let gotcha = json!({"at": root, "follow": 1, "path": "gotcha", "how": 0, "rights": 1});
        let handle = prowler.number("open", gotcha).await;
        if handle >= 0 {
            let read = prowler.call("read", json!({"handle": handle})).await.1;
            assert!(!read.to_string().contains(SECRET), "{path}");
            prowler.call("close", json!({"handle": handle})).await;
        }
        prowler
            .number("unlink", json!({"at": root, "path": "gotcha"}))
            .await;
        ground.assert_outside_is_untouched(path);
        restore(&granted);
    }
    // Into a folder that is a link: the link may be replaced, and nothing arrives behind it.
    for target in ["out/x", "absolute/x", "chain/x", "out/", "slash/"] {
        let move_ = json!({"at": root, "path": "own", "other": root, "other_path": target});
        prowler.number("rename", move_).await;
        ground.assert_outside_is_untouched(target);
        restore(&granted);
    }
    neighbour.unharmed().await;
}

/// What an attempt may have moved or removed inside is there for the next.
fn restore(granted: &Path) {
    let _ = fs_err::create_dir_all(granted.join("inner/deeper"));
    let _ = fs_err::write(granted.join("own"), "own");
    for (target, name) in [
        ("../outside", "out"),
        ("out", "chain"),
        ("inner/../../outside/secret", "file"),
        ("../../..", "inner/deeper/up"),
        ("../outside/", "slash"),
    ] {
        let _ = symlink(target, granted.join(name));
    }
    let outside = granted.with_file_name("outside");
    let _ = symlink(outside, granted.join("absolute"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only() {
    let ground = Ground::new();
    let granted = ground.path("granted");
    fs_err::write(granted.join("file"), "text").unwrap();
    fs_err::create_dir(granted.join("folder")).unwrap();
    let before = fs_err::metadata(granted.join("file")).unwrap();
    let grant = ground.grant(FolderAccess::ReadOnly);
    let (server, neighbour) = attacked("prowler", &Guest::named("prowler"), |settings| {
        settings.grants.workspace = true;
        settings.grants.folders = vec![grant];
    })
    .await;
    let prowler = Attacker::at(server.address, "prowler")
        .with_session(json!({}))
        .await;
    let own = prowler.number("root", json!({"number": 0})).await;
    let at = prowler.number("root", json!({"number": 1})).await;
    let read = json!({"at": at, "follow": 0, "path": "file", "how": 0, "rights": 1});
    let file = prowler.number("open", read).await;
    assert!(file > 0, "it may be read: {file}");
    let folder = json!({"at": at, "follow": 0, "path": "folder", "how": 2, "rights": 1});
    let below = prowler.number("open", folder).await;
    let mine = json!({"at": own, "follow": 0, "path": "mine", "how": 1, "rights": 3});
    prowler.number("open", mine).await;

    let open = |how: u32, rights: u32, path: &str| json!({"at": at, "follow": 1, "path": path, "how": how, "rights": rights});
    let moved = |from: i64, path: &str, to: i64, other: &str| json!({"at": from, "path": path, "other": to, "other_path": other});
    let attempts: Vec<(&str, Value)> = vec![
        ("open", open(0, 3, "file")),
        ("open", open(0, 2, "file")),
        ("open", open(8, 1, "file")),
        ("open", open(1, 1, "new")),
        ("open", open(5, 2, "new")),
        ("write", json!({"handle": file, "text": "x", "offset": 0})),
        ("resize", json!({"handle": file, "size": 0})),
        ("stream", json!({"handle": file})),
        ("mkdir", json!({"at": at, "path": "new"})),
        ("mkdir", json!({"at": below, "path": "new"})),
        ("rmdir", json!({"at": at, "path": "folder"})),
        ("unlink", json!({"at": at, "path": "file"})),
        ("touch", json!({"at": at, "path": "file"})),
        (
            "symlink",
            json!({"at": at, "target": "file", "path": "new"}),
        ),
        ("link", moved(at, "file", at, "new")),
        ("link", moved(at, "file", own, "new")),
        ("link", moved(own, "mine", at, "new")),
        ("rename", moved(at, "file", at, "new")),
        ("rename", moved(at, "file", own, "new")),
        ("rename", moved(own, "mine", at, "file")),
        ("rename", moved(own, "mine", below, "new")),
    ];
    for (tool, params) in attempts {
        let (_, answer) = prowler.call(tool, params.clone()).await;
        assert_eq!(answer["result"], NOT_PERMITTED, "{tool} {params}");
        let allow = answer["denied"][0]["allow"].as_str().unwrap_or_default();
        assert!(allow.contains("read_only = false"), "{tool}: {answer}");
    }
    let after = fs_err::metadata(granted.join("file")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(
        fs_err::read_to_string(granted.join("file")).unwrap(),
        "text"
    );
    assert_eq!(fs_err::read_dir(&granted).unwrap().count(), 2);
    neighbour.unharmed().await;
}

/// The folder of a session that marks it: others, of instances and copies of the host's own, come and go.
async fn workspace_of(server: &TestServer, session: &Attacker, root: i64, mark: &str) -> PathBuf {
    let made = json!({"at": root, "path": mark});
    assert_eq!(session.number("mkdir", made).await, 0);
    let all = fs_err::read_dir(server.sessions_folder().join("workspaces")).unwrap();
    let mut marked: Vec<_> = all
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join(mark).is_dir())
        .collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    marked.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planting() {
    let ground = Ground::new();
    let (server, neighbour) = attacked("prowler", &Guest::named("prowler"), |settings| {
        settings.grants.workspace = true;
    })
    .await;
    let prowler = Attacker::at(server.address, "prowler")
        .with_session(json!({}))
        .await;
    let root = prowler.number("root", json!({"number": 0})).await;
    let deep = "../".repeat(20);
    let outside = ground.path("outside");
    let way = format!(
        "{deep}{}",
        outside.to_str().unwrap().trim_start_matches('/')
    );
    for (target, name) in [(way.as_str(), "folder"), (&format!("{way}/secret"), "file")] {
        let plant = json!({"at": root, "target": target, "path": name});
        let planted = prowler.number("symlink", plant).await;
        assert!(planted == 0 || planted == NOT_PERMITTED, "{planted}");
    }
    // What the runtime would not let it plant, an earlier version may have.
    let own = workspace_of(&server, &prowler, root, "own").await;
    let _ = symlink(&outside, own.join("folder"));
    symlink(outside.join("secret"), own.join("absolute")).unwrap();
    let fork = prowler.forked().await;
    let forks = workspace_of(&server, &fork, root, "forks").await;
    for workspace in [own, forks] {
        for name in ["folder", "absolute"] {
            let link = fs_err::symlink_metadata(workspace.join(name)).unwrap();
            assert!(link.is_symlink(), "{name} was followed");
        }
    }
    let read = json!({"at": root, "follow": 1, "path": "absolute", "how": 0, "rights": 1});
    assert!(fork.number("open", read).await < 0);
    // Removed with its session, and nothing behind the links.
    for session in [fork, prowler] {
        assert_eq!(session.destroy().await.0, 200);
    }
    neighbour.unharmed().await;
    drop(server);
    ground.assert_outside_is_untouched("planting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing() {
    let ground = Ground::new();
    let grant = ground.grant(FolderAccess::ReadWrite);
    let (server, neighbour) = attacked("prowler", &Guest::named("prowler"), |settings| {
        settings.grants.folders = vec![grant];
        settings.grants.workspace = true;
    })
    .await;
    // What the guests may not plant themselves is swapped in by the test.
    let granted = ground.path("granted");
    fs_err::create_dir(granted.join("real")).unwrap();
    symlink("../outside", granted.join("link")).unwrap();
    fs_err::rename(granted.join("real"), granted.join("d")).unwrap();
    let prowler = Attacker::at(server.address, "prowler");
    let swap = async {
        let swapper = prowler.with_session(json!({"name": "swapper"})).await;
        let at = swapper.number("root", json!({"number": 1})).await;
        let moved =
            |from: &str, to: &str| json!({"at": at, "path": from, "other": at, "other_path": to});
        for _ in 0..150 {
            for (from, to) in [("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")] {
                assert_eq!(swapper.number("rename", moved(from, to)).await, 0);
            }
        }
    };
    let pry = async {
        let pryer = prowler.with_session(json!({"name": "pryer"})).await;
        let at = pryer.number("root", json!({"number": 1})).await;
        let mut opened = 0;
        for _ in 0..60 {
            let secret = json!({"at": at, "path": "d/secret", "how": 0, "times": 20});
            opened += pryer.number("pry", secret).await;
            let planted = json!({"at": at, "path": "d/planted", "how": 1, "times": 20});
            pryer.number("pry", planted).await;
            pryer
                .number("mkdir", json!({"at": at, "path": "d/made"}))
                .await;
            pryer.forked().await.destroy().await;
        }
        opened
    };
    let ((), opened) = tokio::join!(swap, pry);
    assert_eq!(opened, 0, "it saw what lies outside");
    ground.assert_outside_is_untouched("racing");
    neighbour.unharmed().await;
}
