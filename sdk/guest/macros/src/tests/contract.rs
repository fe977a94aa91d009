use std::str::FromStr;

use proc_macro2::TokenStream;
use wit_parser::Resolve;

use crate::door;

#[test]
fn the_sdk_carries_the_contract_of_the_host() {
    let of_the_host = include_str!("../../../../../wit/backend.wit");
    assert_eq!(
        door::CONTRACT,
        of_the_host,
        "copy wit/backend.wit over sdk/guest/macros/wit/backend.wit"
    );
}

#[test]
fn hand_written_wit_can_include_hooks_without_a_copy_of_them() {
    let text = door::with_contract(
        "package a:b@1.0.0;\nworld w { include hostel:backend/with-session@0.1.0; include hostel:backend/host@0.1.0; }",
    );
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("b.wit", &text)
        .expect("the text stands on its own");
    let world = resolve
        .select_world(&[package], None)
        .expect("there is one world");
    let exports = resolve.worlds.get(world).map(|world| world.exports.len());
    assert_eq!(exports, Some(1));
}

#[test]
fn wit_that_needs_no_contract_is_carried_as_it_is() {
    let plain = "package a:b@1.0.0;\nworld w {}";
    assert_eq!(door::with_contract(plain), plain);
    let own = "package a:b@1.0.0;\npackage hostel:backend@0.1.0 {}";
    assert_eq!(door::with_contract(own), own);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let input = TokenStream::from_str("\"wit/missing.wit\"").expect("a literal is a token");
    let output = door::expand(input).to_string();
    assert!(
        output.contains("compile_error") && output.contains("wit/missing.wit"),
        "{output}"
    );
}
