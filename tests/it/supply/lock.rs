//! `hostel.lock` and `hostel diff`, as an operator uses them.

use std::path::Path;

use fs_err as fs;
use hostel_host::app::App;
use hostel_host::config::Config;
use hostel_tests::{Answer, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::Note;
use crate::cli::run;

const CONFIG: &str = "[server]\nplugins = [\"plugins\"]\nmax_sessions = 16\n";

const OTHER: Note = Note {
    about: "Keeps a note, and tells everybody.",
    imports: "import wasi:random/random@0.2.0;",
    ..Note::FIRST
};

/// A configuration with two backends.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("plugins")).unwrap();
    fs::write(home.path().join("hostel.toml"), CONFIG).unwrap();
    for name in ["note", "other"] {
        write(home.path(), name, &Note::FIRST);
    }
    home
}

fn write(home: &Path, name: &str, note: &Note) {
    let path = home.join(format!("plugins/{name}.wasm"));
    fs::write(path, note.component()).unwrap();
}

/// The names that are served, and what is said of the others.
async fn served(home: &Path) -> (Vec<String>, Vec<String>) {
    let mut config = Config::load(&home.join("hostel.toml")).unwrap();
    config.listen.set_port(0);
    config.data_dir = home.join("data");
    let app = App::build(config, None).await.unwrap();
    app.load(app.sources().unwrap(), |_| {}).await;
    let names = app.host.backends().into_iter();
    let problems = app.host.problems().into_iter();
    (
        names.map(|info| info.name.to_string()).collect(),
        problems.map(|problem| problem.message).collect(),
    )
}

#[tokio::test]
async fn what_is_not_as_it_was_locked_is_not_served_and_the_others_are() {
    let home = home();
    let home = home.path();
    assert_eq!(served(home).await.0, ["note", "other"], "without a lock");
    let locked = run(home, &["lock"]);
    assert_eq!(locked.status, Some(0), "{}", locked.complaint);
    assert_eq!(
        run(home, &["lock", "--check"]).out,
        "note\tsame\nother\tsame\n"
    );
    assert_eq!(
        served(home).await,
        (vec!["note".into(), "other".into()], vec![])
    );

    write(home, "note", &OTHER);
    write(home, "third", &Note::FIRST);
    let (names, problems) = served(home).await;
    assert_eq!(names, ["other"]);
    assert_eq!(problems.len(), 2, "{problems:?}");
    let [changed, unknown] = &problems[..] else {
        unreachable!()
    };
    for word in [
        "backend note is not the component",
        "+ imports wasi:random/random",
        "its description changed",
        "tells everybody",
    ] {
        assert!(changed.contains(word), "{word}: {changed}");
    }
    assert!(
        unknown.contains("backend third is not in hostel.lock"),
        "{unknown}"
    );

    let check = run(home, &["lock", "--check", "--json"]);
    assert_eq!(check.status, Some(1));
    let check: Value = serde_json::from_str(&check.out).unwrap();
    assert_eq!(check["note"]["state"], "changed");
    assert_eq!(
        (&check["third"]["state"], &check["other"]["state"]),
        (&json!("new"), &json!("same"))
    );
    assert_eq!(run(home, &["lock"]).status, Some(0));
    assert_eq!(served(home).await.0, ["note", "other", "third"]);
}

#[tokio::test]
async fn the_same_bytes_that_are_read_otherwise_are_not_served() {
    let home = home();
    let home = home.path();
    run(home, &["lock"]);
    let path = home.join("hostel.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let line = lock
        .lines()
        .find(|line| line.starts_with("description"))
        .unwrap();
    let other = format!("description = \"blake3:{}\"", "0".repeat(64));
    fs::write(&path, lock.replacen(line, &other, 1)).unwrap();
    let (names, problems) = served(home).await;
    assert_eq!(names, ["other"]);
    assert!(
        problems[0].contains("this Hostel reads them otherwise"),
        "{problems:?}"
    );
    assert!(problems[0].contains("Keeps a note."), "{problems:?}");
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_keeps_the_host_from_starting() {
    let home = home();
    fs::write(
        home.path().join("hostel.lock"),
        "version = 1\nbackend = {}\n",
    )
    .unwrap();
    let mut config = Config::load(&home.path().join("hostel.toml")).unwrap();
    config.listen.set_port(0);
    config.data_dir = home.path().join("data");
    let error = App::build(config, None).await.err().unwrap();
    assert!(
        error.contains("hostel.lock") && error.contains("backend"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_put_has_to_be_in_the_lock_whoever_approves_it() {
    let home = home();
    run(home.path(), &["lock"]);
    let lock = home.path().join("hostel.lock");
    let server = TestServer::serve(|config| config.supply.lock = Some(lock)).await;
    let put = |name: &str, note: &Note| {
        let path = format!("/v1/backends/{name}?approve=true");
        Answer::to(server.request(Method::PUT, &path).body(note.component()))
    };
    assert_eq!(put("note", &Note::FIRST).await.status, 200);
    let denied = put("note", &OTHER).await;
    assert_eq!(
        (denied.status, denied.code().as_str()),
        (403, "policy_denied")
    );
    assert!(denied.text.contains("hostel lock"), "{}", denied.text);
    assert_eq!(put("stranger", &Note::FIRST).await.code(), "policy_denied");
    write(home.path(), "note", &OTHER);
    run(home.path(), &["lock"]);
    assert_eq!(put("note", &OTHER).await.status, 200, "it is approved now");
}

#[test]
fn two_components_are_compared_as_people_read_it() {
    let home = home();
    write(home.path(), "note", &OTHER);
    let diff = |arguments: &[&str]| run(home.path(), &[&["diff"], arguments].concat());
    let (old, new) = ("plugins/other.wasm", "plugins/note.wasm");
    let same = diff(&[old, old]);
    assert_eq!((same.status, same.out.as_str()), (Some(0), ""));
    let wider = diff(&[old, new]);
    assert_eq!(wider.status, Some(1));
    for line in [
        "+ imports wasi:random/random@0.2.0",
        "~ tool note: its description changed",
        "    - Keeps a note.",
        "    + Keeps a note, and tells everybody.",
        "~ the bytes changed",
    ] {
        assert!(
            wider.out.lines().any(|found| found == line),
            "{line}: {}",
            wider.out
        );
    }
    let narrower = diff(&[new, old, "--json"]);
    assert_eq!(narrower.status, Some(1));
    let narrower: Value = serde_json::from_str(&narrower.out).unwrap();
    let whats: Vec<&Value> = narrower["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["what"])
        .collect();
    assert!(whats.contains(&&json!("import_removed")), "{narrower}");
}
