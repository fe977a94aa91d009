//! `hostel keys`, and the commands that show a key.

use std::os::unix::fs::PermissionsExt;

use hostel_host::auth::KeyFile;
use hostel_tests::{Guest, TestServer};
use serde_json::Value;

use crate::cli::run;

#[test]
fn keys_are_made_listed_and_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let made = run(
        home.path(),
        &[
            "keys",
            "new",
            "--worker",
            "alice",
            "--scope",
            "call:rag.search",
            "--scope",
            "jobs",
            "--name",
            "ci",
            "--expires",
            "30d",
        ],
    );
    assert_eq!(made.status, Some(0), "{}", made.complaint);
    let key = made.out.trim().to_owned();
    assert!(
        key.starts_with("hsk_") && !key.contains(char::is_whitespace),
        "{key}"
    );
    assert!(
        made.complaint.contains("shown this once"),
        "{}",
        made.complaint
    );
    let file = home.path().join(".local/share/hostel/keys.json");
    assert_eq!(
        fs_err::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let table = run(home.path(), &["keys", "list"]);
    for expected in ["WORKER", "alice", "ci", "call:rag.search,jobs"] {
        assert!(table.out.contains(expected), "{expected}: {}", table.out);
    }
    let listed: Value =
        serde_json::from_str(&run(home.path(), &["keys", "list", "--json"]).out).unwrap();
    let one = &listed["keys"][0];
    assert_eq!(
        one["scopes"],
        serde_json::json!(["call:rag.search", "jobs"])
    );
    let secret = key.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret) && !table.out.contains(secret));

    let usual = run(home.path(), &["keys", "new", "--worker", "bob", "--json"]);
    let usual: Value = serde_json::from_str(&usual.out).unwrap();
    assert_eq!(
        usual["scopes"],
        serde_json::json!(["call", "sessions", "jobs"])
    );
    assert!(usual["key"].as_str().unwrap().starts_with("hsk_"));

    let id = one["id"].as_str().unwrap();
    assert_eq!(
        run(home.path(), &["keys", "revoke", id]).out,
        format!("{id}\trevoked\n")
    );
    let again = run(home.path(), &["keys", "revoke", id]);
    assert_eq!(again.status, Some(1));
    assert!(
        again.complaint.contains("there is no key"),
        "{}",
        again.complaint
    );
}

#[test]
fn mistakes_are_told_and_make_no_key() {
    let home = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--worker", "a", "--scope", "cal"], "not a scope"),
        (&["--worker", "a", "--scope", "call:Rag"], "not a scope"),
        (&["--worker", ""], "worker id"),
        (&["--worker", "a", "--expires", "soon"], "--expires"),
        (&["--worker", "a", "--expires", "0s"], "no time to come"),
    ];
    for (arguments, expected) in cases {
        let arguments = [&["keys", "new"], arguments].concat();
        let said = run(home.path(), &arguments);
        assert_eq!(said.status, Some(1), "{arguments:?}");
        assert!(
            said.complaint.contains(expected),
            "{arguments:?}: {}",
            said.complaint
        );
    }
    assert!(!home.path().join(".local/share/hostel/keys.json").exists());
}

#[tokio::test]
async fn the_commands_show_the_key_that_they_are_given() {
    let mut file = None;
    let lab = Guest::stateful_lab();
    let guests = [("lab", &lab)];
    let server = TestServer::start_with(&guests, |config| {
        let keys = KeyFile::of(&config.data_dir);
        file = Some(super::add(&keys, "alice", &["call", "sessions"]).1);
    });
    let server = server.await;
    let (url, key) = (format!("http://{}", server.address), file.unwrap());
    let cases: [(&[&str], bool, i32); 5] = [
        (&["tools"], true, 0),
        (&["call", "lab:echo", "{\"text\": \"hi\"}"], true, 0),
        (&["sessions", "create", "lab"], true, 0),
        (&["sessions"], true, 0),
        (&["tools"], false, 1),
    ];
    for (arguments, shows, status) in cases {
        let mut arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let shown = shows.then(|| ["--key".to_owned(), key.clone()]);
        let flags = ["--server".to_owned(), url.clone()];
        arguments.splice(1..1, flags.into_iter().chain(shown.into_iter().flatten()));
        let said = tokio::task::spawn_blocking(move || {
            let home = tempfile::tempdir().unwrap();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run(home.path(), &arguments)
        });
        let said = said.await.unwrap();
        assert_eq!(said.status, Some(status), "{}", said.complaint);
        assert_eq!(
            said.complaint.contains("unauthenticated"),
            !shows,
            "{}",
            said.complaint
        );
    }
}
