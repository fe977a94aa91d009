//! A file that cannot be a backend is a problem with a name and a reason, and the others load.

use std::path::Path;

use fs_err as fs;
use hostel_host::app::App;
use hostel_host::config::Config;
use hostel_host::error::ErrorCode;
use hostel_host::registry::BackendSettings;
use hostel_tests::{Guest, TestHost};

const NEEDY: &str = r#"(;
package test:needy@1.0.0;
world guest { import acme:x/y@1.0.0; import acme:x/z@1.0.0; export run: func(); }
package acme:x@1.0.0 { interface y { y: func(); } interface z { z: func(); } }
;)
(import "acme:x/y@1.0.0" "y" (func $y))
(import "acme:x/z@1.0.0" "z" (func $z))
(func (export "run") (call $y) (call $z))"#;

const LARGE_TABLE: &str = r#"(;
package test:table@1.0.0;
world guest { export run: func(); }
;)
(table 1000000 funcref)
(func (export "run"))"#;

const LARGE_MEMORY: &str = r#"(;
package test:memory@1.0.0;
world guest { export run: func(); }
;)
(memory $second 2000)
(func (export "run"))"#;

/// Bytes that no backend can be made of, and what is said about them.
fn bad() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = Guest::counter().component();
    let truncated = whole[..whole.len() / 2].to_vec();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xff);
    vec![
        ("empty", Vec::new(), "the file is empty"),
        ("text", b"hello".to_vec(), "it is not WebAssembly"),
        (
            "core",
            Guest::counter().core_module(),
            "it is a core module, not a component",
        ),
        ("truncated", truncated, "unexpected end"),
        ("damaged", damaged, ""),
        (
            "needy",
            Guest::text(NEEDY).component(),
            "acme:x/y@1.0.0, acme:x/z@1.0.0",
        ),
        ("table", Guest::text(LARGE_TABLE).component(), "table"),
        ("memory", Guest::text(LARGE_MEMORY).component(), "memory"),
    ]
}

#[tokio::test(start_paused = true)]
async fn bytes_that_can_be_no_backend_are_refused_with_the_reason() {
    let host = TestHost::new();
    for (name, bytes, expected) in bad() {
        let loaded = host
            .load_bytes(name, &bytes, BackendSettings::default())
            .await;
        let error = loaded.err().unwrap_or_else(|| panic!("{name} was loaded"));
        assert_eq!(error.code(), ErrorCode::BackendInvalid, "{name}");
        let file = format!("{name}.wasm");
        assert!(error.message().contains(&file), "{name}: {error}");
        assert!(error.message().contains(expected), "{name}: {error}");
    }
    let problems: Vec<String> = host
        .host
        .problems()
        .into_iter()
        .map(|problem| problem.name)
        .collect();
    assert_eq!(problems.len(), bad().len(), "{problems:?}");
}

/// A host over a folder, with everything in it loaded that can be.
async fn host_over(plugins: &Path, data: &Path) -> App {
    let mut config = Config {
        plugins: vec![plugins.to_owned()],
        data_dir: data.to_owned(),
        sessions_max: 16,
        ..Config::default()
    };
    config.listen.set_port(0);
    let app = App::build(config, None).await.unwrap();
    app.load(app.sources().unwrap(), |_| {}).await;
    app
}

#[tokio::test]
async fn a_folder_of_good_and_bad_files_serves_the_good_ones_and_lists_the_bad_ones() {
    let (plugins, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |name: &str, bytes: &[u8]| fs::write(plugins.path().join(name), bytes).unwrap();
    let good = Guest::counter().component();
    for (name, bytes, _) in bad() {
        write(&format!("{name}.wasm"), &bytes);
    }
    write("counter.wasm", &good);
    write("my-counter.WASM", &good);
    write("readme.txt", b"no component");
    write("Upper.wasm", &good);
    write("dou-ble.wasm", &good);
    write("dou_ble.wasm", &good);
    fs::create_dir(plugins.path().join("folder.wasm")).unwrap();

    let app = host_over(plugins.path(), data.path()).await;
    let served = app.host.backends();
    let names: Vec<&str> = served.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["counter", "my-counter"]);
    let problems = app.host.problems();
    let named = |name: &str| {
        let found = problems.iter().find(|problem| problem.name == name);
        found.unwrap_or_else(|| panic!("{name} is no problem: {problems:?}"))
    };
    for (name, _, expected) in bad() {
        let message = &named(name).message;
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}"
        );
    }
    assert!(named("Upper").message.contains("Upper.wasm"));
    let double = &named("dou-ble").message;
    assert!(
        double.contains("dou-ble.wasm") && double.contains("dou_ble.wasm"),
        "{double}"
    );
    assert_eq!(problems.len(), bad().len() + 2);
}

#[tokio::test]
async fn a_digest_that_was_pinned_must_be_the_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("counter.wasm"),
        Guest::counter().component(),
    )
    .unwrap();
    let digest = {
        let host = TestHost::new();
        host.load("counter", &Guest::counter()).await.digest
    };
    let other = format!("sha256:{}", "0".repeat(64));
    for (pin, is_served) in [
        (digest.to_uppercase().replace("SHA256", "sha256"), true),
        (other, false),
    ] {
        let file = folder.path().join("hostel.toml");
        fs::write(&file, format!("[server]\nplugins = [\".\"]\ndata_dir = \"data\"\nmax_sessions = 16\n[backends.counter]\ndigest = \"{pin}\"\n")).unwrap();
        let mut config = Config::load(&file).unwrap();
        config.listen.set_port(0);
        let app = App::build(config, None).await.unwrap();
        app.load(app.sources().unwrap(), |_| {}).await;
        assert_eq!(!app.host.backends().is_empty(), is_served, "{pin}");
        for problem in app.host.problems() {
            assert!(problem.message.contains(&pin), "{}", problem.message);
            assert!(problem.message.contains(&digest), "{}", problem.message);
        }
        assert_eq!(app.host.problems().is_empty(), is_served, "{pin}");
    }
}

#[tokio::test]
async fn a_plugins_folder_that_is_not_there_is_named() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config {
        plugins: vec!["/surely/not/there".into()],
        data_dir: data.path().to_owned(),
        sessions_max: 16,
        ..Config::default()
    };
    config.listen.set_port(0);
    let app = App::build(config, None).await.unwrap();
    let error = app.sources().unwrap_err();
    assert!(
        error.contains("/surely/not/there") && error.contains("--plugins"),
        "{error}"
    );
}
