//! Guests that fill the disk: however they go about it, nothing is there beyond their bound, and what they remove is theirs again.

use std::path::Path;
use std::time::Duration;

use hostel_host::policy::{FolderAccess, FolderGrant};
use hostel_host::registry::BackendSettings;
use hostel_tests::{Guest, Neighbour, TestServer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::attacker::{Attacker, CROSS_DEVICE, EXIST, FULL, attacked};

const BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: u64 = 40;

fn bounded(settings: &mut BackendSettings) {
    settings.grants.workspace = true;
    settings.limits.workspace_bytes = BYTES_MAX;
    settings.limits.workspace_files = FILES_MAX;
}

struct Attack {
    server: TestServer,
    neighbour: Neighbour,
    prowler: Attacker,
    root: i64,
}

impl Attack {
    async fn begin(change: impl FnOnce(&mut BackendSettings)) -> Self {
        let guest = Guest::named("prowler");
        let (server, neighbour) = attacked("prowler", &guest, change).await;
        let prowler = Attacker::at(server.address, "prowler");
        let prowler = prowler.with_session(json!({})).await;
        let root = prowler.number("root", json!({"number": 0})).await;
        Self {
            server,
            neighbour,
            prowler,
            root,
        }
    }

    /// A file that is opened to be written, made if it is not there.
    async fn open(&self, path: &str) -> i64 {
        let open = json!({"at": self.root, "follow": 0, "path": path, "how": 1, "rights": 3});
        let handle = self.prowler.number("open", open).await;
        assert!(handle >= 0, "{path}: {handle}");
        handle
    }

    async fn at(&self, tool: &str, mut params: Value) -> i64 {
        params["at"] = json!(self.root);
        self.prowler.number(tool, params).await
    }

    /// Bytes and files below the folders of all sessions, as anyone counts them who walks there.
    fn used(&self) -> (u64, u64) {
        let (mut bytes, mut files) = (0, 0);
        for workspace in fs_err::read_dir(self.server.sessions_folder().join("workspaces")).unwrap()
        {
            walk(&workspace.unwrap().path(), &mut bytes, &mut files);
        }
        (bytes, files)
    }

    async fn end(self) {
        let (status, answer) = self.prowler.destroy().await;
        assert_eq!(status, 200, "{answer}");
        self.neighbour.unharmed().await;
    }
}

fn walk(folder: &Path, bytes: &mut u64, files: &mut u64) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stat = fs_err::symlink_metadata(&path).unwrap();
        *files += 1;
        if stat.is_dir() {
            walk(&path, bytes, files);
        } else {
            *bytes += stat.len();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_in_every_way_ends_at_the_bound_and_goes_on_when_there_is_room() {
    let attack = Attack::begin(bounded).await;
    let prowler = &attack.prowler;
    let file = attack.open("file").await;
    let stream = prowler.number("stream", json!({"handle": file})).await;
    let too_much = 2 * BYTES_MAX;
    let ways = [
        (
            "fill",
            json!({"handle": file, "bytes": too_much, "offset": 0}),
        ),
        (
            "fill",
            json!({"handle": file, "bytes": 1, "offset": 1_u64 << 40}),
        ),
        ("resize", json!({"handle": file, "size": too_much})),
        ("resize", json!({"handle": file, "size": i64::MAX})),
        ("pour", json!({"handle": stream, "bytes": too_much})),
        ("push", json!({"handle": stream, "bytes": too_much})),
    ];
    for (tool, params) in ways {
        assert_eq!(
            prowler.number(tool, params.clone()).await,
            FULL,
            "{tool} {params}"
        );
        let (bytes, _) = attack.used();
        assert!(bytes <= BYTES_MAX, "{tool} {params}: {bytes}");
        assert_eq!(
            prowler
                .number("resize", json!({"handle": file, "size": 0}))
                .await,
            0
        );
        let fits = json!({"handle": file, "bytes": BYTES_MAX, "offset": 0});
        assert_eq!(
            prowler.number("fill", fits).await,
            i64::try_from(BYTES_MAX).unwrap()
        );
        // What is there may be written again and again.
        let again = json!({"handle": file, "text": "again", "offset": 0});
        assert_eq!(prowler.number("write", again).await, 5);
        assert_eq!(
            prowler
                .number("resize", json!({"handle": file, "size": 0}))
                .await,
            0
        );
    }
    let path = format!("/v1/sessions/{}/logs", prowler.session);
    let (_, page) = prowler.ask(reqwest::Method::GET, &path, &Value::Null).await;
    let said = page.to_string();
    assert_eq!(
        said.matches("limits.workspace_bytes = 1048576").count(),
        1,
        "{said}"
    );
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_files_make_room_and_those_that_are_still_open_do_not() {
    let attack = Attack::begin(bounded).await;
    let prowler = &attack.prowler;
    let half = BYTES_MAX / 2 + 1;
    for round in 0..20 {
        let file = attack.open("file").await;
        let fill = json!({"handle": file, "bytes": half, "offset": 0});
        assert_eq!(
            prowler.number("fill", fill.clone()).await,
            i64::try_from(half).unwrap(),
            "{round}"
        );
        assert_eq!(attack.at("unlink", json!({"path": "file"})).await, 0);
        let other = attack.open("other").await;
        let too_much = json!({"handle": other, "bytes": half, "offset": 0});
        assert_eq!(prowler.number("fill", too_much).await, FULL, "{round}");
        prowler.call("close", json!({"handle": file})).await;
        prowler.call("close", json!({"handle": other})).await;
    }
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_more_costs_what_the_file_does() {
    let attack = Attack::begin(bounded).await;
    let prowler = &attack.prowler;
    let file = attack.open("file").await;
    let fill = json!({"handle": file, "bytes": BYTES_MAX / 4, "offset": 0});
    prowler.number("fill", fill).await;
    let link = |name: &str| json!({"path": "file", "other": attack.root, "other_path": name});
    assert_eq!(attack.at("link", link("a")).await, 0);
    assert_eq!(attack.at("link", link("b")).await, 0);
    let grow = json!({"handle": file, "bytes": BYTES_MAX / 4, "offset": BYTES_MAX / 4});
    assert_eq!(
        prowler.number("fill", grow).await,
        FULL,
        "it would grow under three names"
    );
    assert_eq!(attack.at("link", link("c")).await, 0);
    assert_eq!(attack.at("link", link("d")).await, FULL);
    assert_eq!(attack.used().0, BYTES_MAX);
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_folders_and_links_are_counted() {
    let attack = Attack::begin(bounded).await;
    let most = i64::try_from(FILES_MAX).unwrap();
    assert_eq!(attack.at("litter", json!({"most": 1_000_000})).await, most);
    assert_eq!(attack.used().1, FILES_MAX);
    let refused = [
        ("mkdir", json!({"path": "more"})),
        ("symlink", json!({"target": "x", "path": "more"})),
        (
            "open",
            json!({"follow": 1, "path": "more", "how": 1, "rights": 2}),
        ),
        (
            "open",
            json!({"follow": 1, "path": "more", "how": 5, "rights": 2}),
        ),
    ];
    for (tool, params) in refused {
        assert_eq!(attack.at(tool, params).await, FULL, "{tool}");
    }
    // What is there can be opened, made or not.
    let workspaces = attack.server.sessions_folder().join("workspaces");
    let workspace = fs_err::read_dir(workspaces)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let there = fs_err::read_dir(workspace)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let there = there.to_str().unwrap().to_owned();
    let open = |how: u32| json!({"follow": 0, "path": &there, "how": how, "rights": 2});
    assert!(attack.at("open", open(1)).await > 0);
    assert_eq!(attack.at("open", open(5)).await, EXIST);
    assert_eq!(attack.at("unlink", json!({"path": &there})).await, 0);
    assert_eq!(attack.at("mkdir", json!({"path": "more"})).await, 0);
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_of_a_full_session_is_full() {
    let attack = Attack::begin(bounded).await;
    let file = attack.open("file").await;
    let fill = json!({"handle": file, "bytes": BYTES_MAX, "offset": 0});
    attack.prowler.number("fill", fill).await;
    let fork = attack.prowler.forked().await;
    let grow = json!({"handle": file, "bytes": 1, "offset": BYTES_MAX});
    assert_eq!(fork.number("fill", grow.clone()).await, FULL);
    assert_eq!(
        fork.number("resize", json!({"handle": file, "size": 0}))
            .await,
        0
    );
    assert_eq!(
        fork.number("fill", grow.clone()).await,
        FULL,
        "a file with a hole"
    );
    assert_eq!(
        attack.prowler.number("fill", grow).await,
        FULL,
        "its parent is as full as before"
    );
    fork.destroy().await;
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_count_the_folder_that_they_keep() {
    let attack = Attack::begin(|settings| {
        bounded(settings);
        settings.limits.checkpoints.bytes = BYTES_MAX * 3;
    })
    .await;
    let file = attack.open("file").await;
    let fill = json!({"handle": file, "bytes": BYTES_MAX, "offset": 0});
    attack.prowler.number("fill", fill).await;
    let path = format!("/v1/sessions/{}/checkpoints", attack.prowler.session);
    for _ in 0..10 {
        let post = reqwest::Method::POST;
        let (status, answer) = attack.prowler.ask(post, &path, &json!({})).await;
        assert!((200..300).contains(&status), "{answer}");
    }
    let mut folders = 0;
    for _ in 0..100 {
        let workspaces = attack.server.sessions_folder().join("workspaces");
        folders = fs_err::read_dir(workspaces).unwrap().count();
        if folders <= 3 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(folders <= 3, "{folders}: its own, and two checkpoints");
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_may_have_less_and_never_more() {
    let attack = Attack::begin(bounded).await;
    let less = json!({"name": "less", "limits": {"workspace_bytes": 1000, "workspace_files": 2}});
    let tight = Attacker::at(attack.server.address, "prowler")
        .with_session(less)
        .await;
    let root = tight.number("root", json!({"number": 0})).await;
    assert_eq!(
        tight
            .number("litter", json!({"at": root, "most": 10}))
            .await,
        2
    );
    for limit in ["workspace_bytes", "workspace_files"] {
        let more = json!({"backend": "prowler", "name": "more", "limits": {limit: BYTES_MAX + 1}});
        let (status, answer) = tight
            .ask(reqwest::Method::POST, "/v1/sessions", &more)
            .await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (403, Some("policy_denied")),
            "{answer}"
        );
    }
    tight.destroy().await;
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_folder_is_no_way_around_the_bound() {
    let shared = TempDir::new().unwrap();
    let folder = FolderGrant {
        host: shared.path().to_owned(),
        guest: "/shared".to_owned(),
        access: FolderAccess::ReadWrite,
    };
    let attack = Attack::begin(|settings| {
        bounded(settings);
        settings.grants.folders = vec![folder];
    })
    .await;
    let prowler = &attack.prowler;
    let other = prowler.number("root", json!({"number": 1})).await;
    let file = attack.open("file").await;
    let half = BYTES_MAX / 2 + 1;
    let fill = json!({"handle": file, "bytes": half, "offset": 0});
    prowler.number("fill", fill).await;
    // Moved out, it would make room for the next.
    let to = json!({"path": "file", "other": other, "other_path": "file"});
    assert_eq!(attack.at("rename", to.clone()).await, CROSS_DEVICE);
    assert_eq!(attack.at("link", to).await, CROSS_DEVICE);
    let open = json!({"at": other, "follow": 0, "path": "there", "how": 1, "rights": 2});
    let there = prowler.number("open", open).await;
    let fill = json!({"handle": there, "bytes": half, "offset": 0});
    assert_eq!(
        prowler.number("fill", fill.clone()).await,
        FULL,
        "both count together"
    );
    assert_eq!(attack.at("unlink", json!({"path": "file"})).await, 0);
    prowler.call("close", json!({"handle": file})).await;
    assert_eq!(
        prowler.number("fill", fill.clone()).await,
        i64::try_from(half).unwrap()
    );
    prowler.call("close", json!({"handle": there})).await;
    assert_eq!(
        prowler
            .number("unlink", json!({"at": other, "path": "there"}))
            .await,
        0
    );
    let open = |name: &str| json!({"at": other, "follow": 0, "path": name, "how": 1, "rights": 2});
    let again = prowler.number("open", open("again")).await;
    let fill = json!({"handle": again, "bytes": half, "offset": 0});
    assert_eq!(
        prowler.number("fill", fill).await,
        i64::try_from(half).unwrap()
    );
    // Removed while it is open, it is still there.
    assert_eq!(
        prowler
            .number("unlink", json!({"at": other, "path": "again"}))
            .await,
        0
    );
    let more = prowler.number("open", open("more")).await;
    let fill = json!({"handle": more, "bytes": half, "offset": 0});
    assert_eq!(prowler.number("fill", fill).await, FULL);
    attack.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_nested_very_deep_cost_their_session_a_copy_and_the_host_nothing() {
    let attack = Attack::begin(|settings| {
        settings.grants.workspace = true;
        // Ten thousand small steps, on a machine that may be busy.
        settings.limits.cpu = Duration::from_secs(60);
        settings.limits.call = Duration::from_secs(60);
    })
    .await;
    let deep = attack.at("nest", json!({"depth": 5_000})).await;
    assert_eq!(deep, 5_000);
    let (status, answer) = attack.prowler.fork().await;
    assert!(status >= 400, "{answer}");
    assert_eq!(attack.prowler.destroy().await.0, 200);
    let workspaces = attack.server.sessions_folder().join("workspaces");
    let left = || fs_err::read_dir(&workspaces).unwrap().count();
    for _ in 0..5000 {
        // The neighbour has none.
        if left() == 0 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left(), 0);
    attack.neighbour.unharmed().await;
}
