//! `hostel inspect` and `hostel check`: a component, seen without a host that serves it.

use std::path::Path;

use fs_err as fs;
use hostel_tests::{Behaviour, Guest, Hook};
use serde_json::Value;

use super::run;

fn write(home: &Path, name: &str, guest: &Guest) {
    fs::write(home.join(name), guest.component()).unwrap();
}

#[test]
fn inspect_shows_what_the_host_sees() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "counter.wasm", &Guest::counter());
    let shown = run(home.path(), &["inspect", "counter.wasm"]);
    assert_eq!((shown.status, shown.complaint.as_str()), (Some(0), ""));
    let (first, rest) = shown.out.split_once('\n').unwrap();
    assert!(
        first.starts_with("counter.wasm\t") && first.contains("\tsha256:"),
        "{first}"
    );
    insta::assert_snapshot!(rest, @r"

    Tools (3)
      add(n)	stateful	
      get()	stateful	
      double(n)	stateless	

    Hooks: session resource
    Session config: start?
    Imports: none
    Could use, if granted: nothing
    Snapshots: yes
    ");
}

#[test]
fn inspect_says_what_a_component_could_use_if_it_were_granted() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "lab.wasm", &Guest::lab());
    let shown = run(home.path(), &["inspect", "lab.wasm"]);
    let line = |start: &str| {
        let found = shown.out.lines().find(|line| line.starts_with(start));
        found
            .unwrap_or_else(|| panic!("no {start:?} in {}", shown.out))
            .to_owned()
    };
    let grants = line("Could use, if granted:");
    assert!(
        grants.contains("folders or a workspace") && grants.contains("env"),
        "{grants}"
    );
    assert!(
        line("Imports:").contains("wasi:filesystem/preopens"),
        "{}",
        shown.out
    );
}

#[test]
fn inspect_has_a_form_for_programs() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "counter.wasm", &Guest::counter());
    let shown = run(home.path(), &["inspect", "--json", "counter.wasm"]);
    let json: Value = serde_json::from_str(&shown.out).unwrap();
    assert!(json["digest"].as_str().unwrap().starts_with("sha256:"));
    let tools = json["listing"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["add", "get", "double"]);
    assert_eq!(tools[0]["input"]["properties"]["n"]["type"], "integer");
}

#[test]
fn what_is_no_component_is_refused_with_the_file_and_the_reason() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join("core.wasm"),
        Guest::counter().core_module(),
    )
    .unwrap();
    fs::write(home.path().join("text.wasm"), "hello").unwrap();
    for command in ["inspect", "check"] {
        for (file, expected) in [
            ("core.wasm", "core module"),
            ("text.wasm", "not WebAssembly"),
            ("nowhere.wasm", "No such file"),
        ] {
            let said = run(home.path(), &[command, file]);
            assert_eq!(said.status, Some(1), "{command} {file}");
            let all = format!("{}{}", said.out, said.complaint);
            assert!(
                all.contains(file) && all.contains(expected),
                "{command} {file}: {all}"
            );
        }
    }
}

#[test]
fn check_takes_a_component_through_its_life() {
    let home = tempfile::tempdir().unwrap();
    let good = Guest::stateful_lab().hook(Hook::Warmup, Behaviour::Succeed);
    write(home.path(), "good.wasm", &good);
    let said = run(home.path(), &["check", "good.wasm"]);
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.complaint);
    for expected in [
        "it loads",
        "it warms up",
        "a session begins",
        "the session ends cleanly",
    ] {
        let line = format!("ok\t{expected}");
        assert!(said.out.contains(&line), "{expected}: {}", said.out);
    }
}

#[test]
fn check_finds_the_hook_that_fails() {
    let home = tempfile::tempdir().unwrap();
    for (hook, expected) in [
        (Hook::Warmup, "it does not warm up"),
        (Hook::Initialize, "no session begins"),
        (Hook::Cleanup, "cleanup fails"),
    ] {
        write(
            home.path(),
            "bad.wasm",
            &Guest::stateful_lab().hook(hook, Behaviour::Refuse),
        );
        let said = run(home.path(), &["check", "bad.wasm"]);
        assert_eq!(said.status, Some(1), "{hook:?}: {}", said.out);
        let fault = said
            .out
            .lines()
            .find(|line| line.starts_with("fault\t"))
            .unwrap_or_default();
        assert!(
            fault.contains(expected) && fault.contains("not today"),
            "{hook:?}: {}",
            said.out
        );
    }
}
