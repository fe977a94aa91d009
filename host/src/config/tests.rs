use super::*;

fn toml(text: &str) -> Result<Config, String> {
    Config::checked(raw::parse_toml(text)?, Path::new("/etc/hostel"))
}

#[test]
fn a_file_is_read_with_units_and_paths_relative_to_it() {
    let config = toml(
        r#"
        [server]
        session_ttl = 60
        max_lifetime = 0
        plugins = ["plugins"]
        [limits]
        call_ms = 1000
        [backends.rag]
        workspace = true
        config = { top = 3 }
        folders = [{ host = "docs", guest = "/corpus" }]
        limits = { memory_bytes = 1000000 }
        "#,
    );
    let config = config.unwrap();
    assert_eq!(
        config.timers,
        Timers {
            idle_timeout: Some(Duration::from_secs(60)),
            max_lifetime: None,
            ..Timers::default()
        }
    );
    assert_eq!(config.plugins, [PathBuf::from("/etc/hostel/plugins")]);
    let rag = config.settings_of(&BackendName::parse("rag").unwrap());
    assert!(rag.grants.workspace);
    assert_eq!(
        rag.grants.folders[0].host,
        PathBuf::from("/etc/hostel/docs")
    );
    assert_eq!(
        rag.grants.folders[0].access,
        crate::policy::FolderAccess::ReadOnly,
        "read-only unless said otherwise"
    );
    assert_eq!(
        (rag.limits.memory_bytes, rag.limits.call),
        (1_000_000, Duration::from_secs(1)),
        "its own limit over that of all"
    );
    let other = config.settings_of(&BackendName::parse("other").unwrap());
    assert_eq!(
        other.grants,
        crate::policy::Grants::default(),
        "nothing is granted to a backend that is not named"
    );
}

#[test]
fn json_of_the_same_shape_works() {
    let raw = raw::parse_json(r#"{"server": {"session_ttl": 300}}"#).unwrap();
    assert_eq!(
        Config::checked(raw, Path::new("."))
            .unwrap()
            .timers
            .idle_timeout,
        Some(Duration::from_secs(300))
    );
}

#[test]
fn mistakes_are_named_with_the_nearest_key() {
    let cases = [
        ("[server]\nlisten_adr = \"x\"", "did you mean `listen`?"),
        ("[server]\nsesion_ttl = 3", "did you mean `session_ttl`?"),
        ("[backends.x]\nworkspce = true", "did you mean `workspace`?"),
        ("[backends.Bad]\n", "not a name for a backend"),
        ("[backends.x]\ndigest = \"abc\"", "sha256:"),
        (
            "[backends.x]\nfolders = [{ host = \"a\", guest = \"b\" }]",
            "does not start with /",
        ),
        ("[backends.x]\nhttp_hosts = [\"*\"]", "is not a host"),
        (
            "[backends.x.config]\nkey = \"${SURELY_NOT_SET_ANYWHERE}\"",
            "is not set",
        ),
        (
            "[server]\nlog_format = \"yaml\"",
            "none of auto, text, json",
        ),
        (
            "[audit]\nfsync = \"sometimes\"",
            "none of never, second, always",
        ),
        (
            "[audit]\non_failure = \"shrug\"",
            "none of refuse, continue",
        ),
        ("[compile]\nwall = 3", "did you mean `wall_seconds`?"),
        ("server = 3", "server"),
    ];
    for (text, expected) in cases {
        let error = toml(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn an_address_for_others_has_to_be_allowed() {
    let mut config = Config {
        listen: "0.0.0.0:18890".parse().unwrap(),
        ..Config::default()
    };
    assert!(config.check_exposure().is_err());
    config.allow_remote = true;
    assert!(config.check_exposure().is_ok());
}

#[test]
fn a_log_is_kept_where_the_file_says_or_if_it_is_enabled() {
    assert_eq!(toml("").unwrap().audit, None);
    assert_eq!(
        toml("[audit]\nenabled = false\nfile = \"a\"")
            .unwrap()
            .audit,
        None
    );
    let enabled = toml("[audit]\nenabled = true").unwrap().audit.unwrap();
    assert_eq!(enabled, AuditConfig::default());
    let named = toml("[audit]\nfile = \"audit.jsonl\"")
        .unwrap()
        .audit
        .unwrap();
    assert_eq!(named.file, Some(PathBuf::from("/etc/hostel/audit.jsonl")));
}
