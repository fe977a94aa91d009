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
fn what_lets_callers_in_is_read_whole_or_not_at_all() {
    let config = toml(
        r#"
        [server]
        names = ["tools.example.com"]
        origins = ["https://app.example.com"]
        tls = { cert = "chain.pem", key = "/keys/key.pem" }
        connections_per_address = 5
        [auth]
        required = true
        [auth.jwt]
        issuer = "https://id.example.com"
        audience = "https://tools.example.com"
        jwks_url = "https://id.example.com/jwks"
        algorithms = ["EdDSA"]
        [backends.rag]
        workers = ["alice", "team-*"]
        "#,
    );
    let config = config.unwrap();
    let files = config.tls.unwrap();
    assert_eq!(files.cert, PathBuf::from("/etc/hostel/chain.pem"));
    assert_eq!(files.key, PathBuf::from("/keys/key.pem"));
    assert_eq!(
        (config.connections_per_address, config.auth_required),
        (5, true)
    );
    let jwt = config.jwt.unwrap();
    assert_eq!(
        (jwt.worker_claim.as_str(), jwt.scope_claim.as_str()),
        ("sub", "scope")
    );
    assert_eq!(jwt.algorithms, [crate::auth::Algorithm::EdDsa]);
    let rag = config.backends[&BackendName::parse("rag").unwrap()]
        .settings
        .workers
        .clone();
    let worker = |name| crate::ids::WorkerId::parse(name).unwrap();
    assert!(rag.include(&worker("team-1")) && !rag.include(&worker("bob")));

    let issuer = "[auth.jwt]\nissuer = \"https://i\"\naudience = \"a\"\n";
    let cases = [
        (
            "[server]\nnames = [\"https://a.com\"]".to_owned(),
            "server.names",
        ),
        ("[server]\norigins = [\"*\"]".to_owned(), "server.origins"),
        ("[server]\ntls = { cert = \"a\" }".to_owned(), "key"),
        (
            "[auth]\nrequird = true".to_owned(),
            "did you mean `required`?",
        ),
        (issuer.to_owned(), "jwks_file or jwks_url"),
        (
            format!("{issuer}jwks_url = \"http://i/jwks\""),
            "neither https nor on this machine",
        ),
        (
            format!("{issuer}jwks_file = \"j\"\nalgorithms = [\"HS256\"]"),
            "none of ES256",
        ),
        (
            format!("{issuer}jwks_file = \"j\"\nalgorithms = []"),
            "algorithms",
        ),
        (
            "[auth.jwt]\nissuer = \"i\"\njwks_file = \"j\"".to_owned(),
            "audience",
        ),
        ("[backends.x]\nworkers = [\"\"]".to_owned(), "workers"),
    ];
    for (text, expected) in cases {
        let error = toml(&text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
