//! An address that others can reach wants callers that are known and a line that nobody reads, or a word that a proxy sees to it.

use std::path::Path;

use hostel_host::api::TlsFiles;
use hostel_host::auth::KeyFile;
use hostel_host::config::Config;

use super::add;

fn config(folder: &Path) -> Config {
    Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        data_dir: folder.to_owned(),
        ..Config::default()
    }
}

#[test]
fn both_are_wanted_and_the_message_says_which_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    let said = |config: &Config| config.check_exposure().err().unwrap_or_default();
    let neither = said(&config);
    for way in [
        "hostel keys new",
        "[auth.jwt]",
        "tls",
        "--allow-remote",
        "127.0.0.1",
    ] {
        assert!(neither.contains(way), "{way}: {neither}");
    }
    config.tls = Some(TlsFiles {
        cert: "chain.pem".into(),
        key: "key.pem".into(),
    });
    assert!(said(&config).contains("hostel keys new"));
    add(&KeyFile::of(folder.path()), "alice", &["call"]);
    assert_eq!(said(&config), "");
    config.tls = None;
    assert!(said(&config).contains("tls = "), "keys on an open line");
    config.allow_remote = true;
    assert_eq!(said(&config), "");
    config.allow_remote = false;
    config.listen.set_ip([127, 0, 0, 1].into());
    assert_eq!(said(&config), "");
}
