//! The policy as its operator asks about it, and what is refused before anything is served.

use std::path::Path;

use hostel_tests::Guest;
use serde_json::Value;

use crate::cli::run;

const CONFIG: &str = r#"
[secrets.token]
file = "token"
[backends.web]
path = "web.wasm"
http = [
    { host = "api.example.com", methods = ["GET"], paths = ["/v1/*"] },
    { host = "inside.test", schemes = ["http"] },
]
secrets = [{ secret = "token", host = "api.example.com", env = "TOKEN" }]
tcp = ["10.0.0.5:5432"]
[outgoing.names]
"inside.test" = ["10.0.0.7"]
"api.example.com" = ["93.184.216.34"]
"#;
const CANARY: &str = "canary-0f3b5d7e99";

struct Home(tempfile::TempDir);

impl Home {
    fn with(config: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs_err::write(home.path().join("hostel.toml"), config).unwrap();
        fs_err::write(home.path().join("token"), format!("{CANARY}\n")).unwrap();
        fs_err::write(home.path().join("web.wasm"), Guest::lab().component()).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What is said, on whichever stream, and whether it went well.
    fn ask(&self, arguments: &[&str]) -> (String, bool) {
        let said = run(self.path(), arguments);
        let text = said.out + &said.complaint;
        assert!(!text.contains(CANARY), "{text}");
        (text, said.status == Some(0))
    }

    fn explain(&self, question: &str) -> (String, bool) {
        self.ask(&[
            "policy",
            "explain",
            "web",
            question,
            "--config",
            "hostel.toml",
        ])
    }
}

#[test]
fn an_operator_learns_why_and_what_would_allow_it() {
    let home = Home::with(CONFIG);
    let (said, allowed) = home.explain("GET https://api.example.com/v1/items?key=1");
    assert!(allowed, "{said}");
    assert!(said.contains("allowed by rule 1"), "{said}");
    assert!(
        said.contains("the header authorization with the secret token"),
        "{said}"
    );
    for (question, why, way) in [
        (
            "POST https://api.example.com/v1/items",
            "does not allow POST",
            r#"methods = ["POST"]"#,
        ),
        (
            "GET http://inside.test/",
            "inside.test is 10.0.0.7 here, a private address",
            r#"addresses = ["10.0.0.7/32"]"#,
        ),
        (
            "GET https://other.test/",
            "no rule names this host",
            r#"host = "other.test""#,
        ),
        ("tcp 10.0.0.6:5432", "no rule", r#"tcp = ["10.0.0.6:5432"]"#),
        (
            "read /corpus/a",
            "no granted folder",
            r#"guest = "/corpus/a""#,
        ),
        ("env HOME", "does not set it", "env = { HOME"),
    ] {
        let (said, allowed) = home.explain(question);
        assert!(!allowed, "{question}: {said}");
        assert!(
            said.contains(why) && said.contains(way),
            "{question}: {said}"
        );
    }
    assert!(home.explain("tcp 10.0.0.5:5432").1);
    let (said, known) = home.explain("fly away");
    assert!(!known && said.contains("ask about"), "{said}");
}

#[test]
fn programs_can_ask_too_and_everything_granted_is_shown() {
    let home = Home::with(CONFIG);
    let asked = run(
        home.path(),
        &[
            "policy",
            "explain",
            "web",
            "GET https://other.test/",
            "--config",
            "hostel.toml",
            "--json",
        ],
    );
    let json: Value = serde_json::from_str(&asked.out).unwrap();
    assert_eq!(json["allowed"], false);
    let (said, _) = home.ask(&["policy", "show", "web", "--config", "hostel.toml"]);
    for line in [
        "http\t{ host = \"api.example.com\"",
        "tcp\t10.0.0.5/32:5432",
        "env\tTOKEN",
        "secret\ttoken, in the header authorization to api.example.com",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (said, _) = home.ask(&["inspect", "web.wasm", "--policy", "--config", "hostel.toml"]);
    assert!(
        said.contains("wasi:cli/environment\tgranted\tTOKEN"),
        "{said}"
    );
    assert!(
        said.contains("wasi:filesystem/\tdenied\tallow it with"),
        "{said}"
    );
    assert!(said.contains("wasi:http/\tunused"), "{said}");
}

#[test]
fn a_policy_may_lie_beside_its_component_and_there_is_only_one() {
    let home = Home::with("[server]\nplugins = [\".\"]\n");
    let beside = home.path().join("web.policy.toml");
    fs_err::write(&beside, "http = [{ host = \"example.com\" }]\n").unwrap();
    let ask = || {
        home.ask(&[
            "policy",
            "explain",
            "web",
            "GET https://example.com/",
            "--no-lookup",
            "--config",
            "hostel.toml",
        ])
    };
    assert!(ask().1);
    fs_err::write(&beside, "htpp = []\n").unwrap();
    let (said, _) = ask();
    assert!(
        said.contains("web.policy.toml") && said.contains("did you mean `http`"),
        "{said}"
    );
    fs_err::write(&beside, "").unwrap();
    fs_err::write(
        home.path().join("hostel.toml"),
        "[server]\nplugins = [\".\"]\n[backends.web]\n",
    )
    .unwrap();
    assert!(ask().0.contains("keep one of them"));
}

#[test]
fn a_policy_that_is_not_fully_understood_refuses_to_start() {
    for (policy, complaint) in [
        ("[backends.web]\nhttp = [{ host = \"a b\" }]", "rule 1"),
        (
            "[backends.web]\nhttp = [{ hosts = \"example.com\" }]",
            "did you mean `host`",
        ),
        (
            "[backends.web]\nhttp = [{ host = \"example.com\", methods = [\"GET POST\"] }]",
            "is not a method",
        ),
        (
            "[backends.web]\nhttp = [{ host = \"example.com\", schemes = [] }]",
            "would allow nothing",
        ),
        (
            "[backends.web]\nhttp = [{ host = \"example.com\", paths = [\"/a/../b\"] }]",
            "is not a path",
        ),
        (
            "[backends.web]\nhttp = [{ host = \"example.com\", addresses = [\"10/8\"] }]",
            "is not a network",
        ),
        (
            "[backends.web]\ntcp = [\"example.com:80\"]",
            "is not an address with a port",
        ),
        (
            "[backends.web]\nsecrets = [{ secret = \"none\", host = \"example.com\" }]",
            "there is no secret",
        ),
        ("[secrets.token]\nenv = \"NOT_SET_ANYWHERE\"", "is not set"),
        ("[secrets.token]\nfile = \"missing\"", "missing"),
        (
            "[secrets.token]\nfile = \"token\"\nenv = \"HOME\"",
            "only one of them",
        ),
        (
            "[secrets.token]\nfile = \"token\"\n[backends.web]\nsecrets = [{ secret = \"token\", host = \"example.com\", value = \"no place\" }]",
            "where the secret stands",
        ),
        ("[outgoing]\nauthorities = [\"token\"]", "no certificate"),
    ] {
        let home = Home::with(policy);
        let (said, served) = home.ask(&[
            "serve",
            "--config",
            "hostel.toml",
            "--listen",
            "127.0.0.1:0",
        ]);
        assert!(!served && said.contains(complaint), "{policy}\n{said}");
    }
}
