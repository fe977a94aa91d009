//! `hostel warmup`: the cache is filled ahead of time, and what stands in the way of an image is said.

use std::path::Path;

use fs_err as fs;
use hostel_tests::{Behaviour, Guest, Hook};
use serde_json::Value;

use super::run;

const WARMUP: [&str; 6] = [
    "warmup",
    "--plugins",
    "components",
    "--data-dir",
    "data",
    "--log=error",
];

fn write(home: &Path, name: &str, guest: &Guest) {
    let folder = home.join("components");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), guest.component()).unwrap();
}

fn columns(out: &str) -> Vec<Vec<&str>> {
    out.lines().map(|line| line.split('\t').collect()).collect()
}

#[test]
fn it_keeps_images_for_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let lab = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    write(home.path(), "lab.wasm", &lab);
    write(home.path(), "counter.wasm", &Guest::counter());
    for (arguments, start) in [
        (WARMUP.to_vec(), "image"),
        (WARMUP.to_vec(), "cached_image"),
        ([&WARMUP[..], &["--refresh"]].concat(), "image"),
    ] {
        let said = run(home.path(), &arguments);
        assert_eq!((said.status, said.complaint.as_str()), (Some(0), ""));
        let rows = columns(&said.out);
        assert_eq!(&rows[0][..2], ["counter", "plain"]);
        assert_eq!(&rows[1][..2], ["lab", start]);
    }
}

#[test]
fn one_that_fails_is_named_and_the_others_are_warm() {
    let home = tempfile::tempdir().unwrap();
    let bad = Guest::lab().hook(Hook::Warmup, Behaviour::Refuse);
    write(home.path(), "bad.wasm", &bad);
    let good = Guest::lab().hook(Hook::Warmup, Behaviour::Succeed);
    write(home.path(), "good.wasm", &good);
    let said = run(home.path(), &[&WARMUP[..], &["--json"]].concat());
    assert_eq!(said.status, Some(1));
    let rows: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(rows["bad"]["code"], "backend_invalid", "{rows}");
    assert_eq!(rows["good"]["start"], "image", "{rows}");
    assert!(
        said.complaint.contains("cannot be used"),
        "{}",
        said.complaint
    );
}

#[test]
fn a_shape_that_allows_no_image_is_shown_by_inspect_too() {
    let home = tempfile::tempdir().unwrap();
    let lab = Guest::lab()
        .hook(Hook::Warmup, Behaviour::Succeed)
        .with_changing_table();
    write(home.path(), "lab.wasm", &lab);
    let said = run(home.path(), &WARMUP);
    let rows = columns(&said.out);
    assert_eq!(rows[0][1], "without_image");
    assert!(rows[0][3].contains("table.set"), "{}", said.out);
    let shown = run(home.path(), &["inspect", "components/lab.wasm"]);
    assert!(
        shown.out.contains("Warm image: no") && shown.out.contains("table.set"),
        "{}",
        shown.out
    );
}

#[test]
fn nothing_to_warm_up_is_a_mistake() {
    let home = tempfile::tempdir().unwrap();
    let said = run(home.path(), &["warmup"]);
    assert_eq!(said.status, Some(1));
    assert!(said.complaint.contains("--plugins"), "{}", said.complaint);
}
