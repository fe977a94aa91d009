//! What an operator gets wrong before a host serves: each mistake is named, with the way out.

use std::net::TcpListener;

use fs_err as fs;

use super::run;
use super::serve::home;

#[test]
fn a_mistake_in_the_configuration_is_named_with_the_file_and_the_nearest_key() {
    let home = home();
    for (name, text, expected) in [
        (
            "a.toml",
            "[server]\nsesion_ttl = 3\n",
            "did you mean `session_ttl`?",
        ),
        (
            "b.toml",
            "[limits]\ncpu_mss = 3\n",
            "did you mean `cpu_ms`?",
        ),
        (
            "c.json",
            r#"{"server": {"listen": 5}}"#,
            "expected socket address at line 1",
        ),
        ("d.toml", "[server\n", "line 1"),
    ] {
        fs::write(home.path().join(name), text).unwrap();
        let said = run(home.path(), &["serve", "--config", name]);
        assert_eq!(said.status, Some(1), "{name}");
        assert!(said.complaint.starts_with("error: "), "{}", said.complaint);
        assert!(
            said.complaint.contains(name) && said.complaint.contains(expected),
            "{}",
            said.complaint
        );
    }
    let missing = run(home.path(), &["serve", "--config", "nowhere.toml"]);
    assert!(
        missing.complaint.contains("nowhere.toml"),
        "{}",
        missing.complaint
    );
}

#[test]
fn a_host_that_cannot_serve_says_why_and_what_to_do() {
    let home = home();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, expected) in [
        (
            vec!["serve", "--plugins", "plugins", "--listen", &address],
            "choose another address with --listen",
        ),
        (
            vec!["serve", "--plugins", "plugins", "--listen", "0.0.0.0:0"],
            "--allow-remote",
        ),
        (
            vec!["serve", "--plugins", "nowhere", "--listen", "127.0.0.1:0"],
            "--plugins",
        ),
        (vec!["serve"], "there is nothing to serve"),
        (
            vec![
                "serve",
                "--plugins",
                "plugins",
                "--data-dir",
                "/dev/null/x",
                "--listen",
                "127.0.0.1:0",
            ],
            "--data-dir",
        ),
    ] {
        let said = run(home.path(), &arguments);
        assert_eq!(said.status, Some(1), "{arguments:?}");
        assert!(
            said.complaint.contains(expected),
            "{arguments:?}: {}",
            said.complaint
        );
    }
}
