use super::*;

fn toml(text: &str) -> Result<Config, String> {
    Config::checked(raw::parse_toml(text)?, Path::new("/etc/hostel"))
}

#[test]
fn what_one_worker_may_have_is_said_for_all_and_for_one() {
    let config = toml(
        r#"
        [server]
        max_sessions_per_worker = 30
        memory_bytes = 1_000_000_000
        [workers]
        sessions = 20
        requests_per_second = 50
        burst = 100
        [workers.overrides."team a"]
        requests_per_second = 0
        disk_bytes = 1000
        "#,
    )
    .unwrap();
    assert_eq!(config.memory_bytes, Some(1_000_000_000));
    let base = crate::quota::WorkerLimits {
        sessions: config.sessions_per_worker,
        ..Default::default()
    };
    let every = config.workers.every.over(base);
    assert_eq!((every.sessions, every.temporary), (20, 1024));
    let rate = every.requests.unwrap();
    assert_eq!((rate.per_second(), rate.burst()), (50.0, 100));
    let own = config
        .workers
        .overrides
        .values()
        .next()
        .unwrap()
        .over(every);
    assert_eq!(
        (own.sessions, own.requests, own.disk_bytes),
        (20, None, 1000)
    );
    let untouched = toml("[server]\nmax_sessions_per_worker = 30").unwrap();
    assert_eq!(untouched.workers.every.over(base).sessions, 30);
    for (text, expected) in [
        ("[workers]\nsesions = 1", "did you mean `sessions`?"),
        (
            "[workers]\nrequests_per_second = -1",
            "workers.requests_per_second: -1 is no rate",
        ),
        ("[workers]\nburst = 5", "a burst of no rate"),
        (
            "[workers.overrides.ada]\ncreations_burst = 5",
            "workers.overrides.\"ada\".creations_burst",
        ),
        (
            "[workers.overrides.ada.overrides.b]\ncalls = 5",
            "have no overrides",
        ),
        ("[workers.overrides.\"\"]\ncalls = 5", "worker id"),
    ] {
        let error = toml(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
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

#[test]
fn a_policy_that_can_be_read_in_two_ways_is_refused() {
    let folders = |grants: &str| format!("[backends.x]\n{grants}");
    let folder = |guest: &str| format!("{{ host = \"d\", guest = {guest:?} }}");
    let two = |one: &str, other: &str| {
        folders(&format!("folders = [{}, {}]", folder(one), folder(other)))
    };
    let one = |guest: &str| folders(&format!("folders = [{}]", folder(guest)));
    let binding = |more: &str| {
        format!(
            "[secrets.s]\nenv = \"PATH\"\n[backends.x]\nsecrets = [{{ secret = \"s\", host = \"a.b\", {more} }}]"
        )
    };
    let cases = [
        (two("/x", "/x"), "two are granted"),
        (two("/x", "/x/"), "two are granted"),
        (
            format!("{}\nworkspace = true", one("/workspace")),
            "two are granted",
        ),
        (one("/x/../y"), "no name"),
        (one("//x"), "no name"),
        (
            folders("folders = [{ host = \"d\", guest = \"/x\\u0001y\" }]"),
            "no name",
        ),
        (
            folders("folders = [{ host = \"\", guest = \"/x\" }]"),
            "no host folder",
        ),
        (folders("env = { \"A=B\" = \"x\" }"), "A=B"),
        (folders("env = { \"\" = \"x\" }"), "variable"),
        (folders("tcp = [\"10.0]].0.5:80\"]"), "tcp"),
        (folders("tcp = [\"10.0.0.5:0\"]"), "tcp"),
        (folders("tcp = [\"10.0.0.5:+80\"]"), "tcp"),
        (folders("tcp = [\"fd00::5:5432\"]"), "tcp"),
        (folders("http = [{ host = \"a.b:+80\" }]"), "a.b:+80"),
        (folders("http = [{ host = \"a.b:0\" }]"), "a.b:0"),
        (binding("header = \"host\""), "connection's own"),
        (
            binding("header = \"transfer-encoding\""),
            "connection's own",
        ),
        (binding("schemes = []"), "schemes"),
        (binding("env = \"A=B\""), "variable"),
    ];
    for (text, expected) in cases {
        let error = toml(&text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for good in [
        "10.0.0.5:80",
        "10.0.0.0/8:80",
        "[fd00::5]:80",
        "[fd00::]/8:80",
        "[fd00::/8]:80",
    ] {
        toml(&folders(&format!("tcp = [{good:?}]"))).unwrap();
    }
    for good in ["/", "/x", "/x/y/"] {
        toml(&one(good)).unwrap();
    }
}
