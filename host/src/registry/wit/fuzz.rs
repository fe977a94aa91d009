//! What a fuzzer is let loose on: arbitrary bytes as a component, and as the sections that carry a component's texts. Compiled for tests and
//! fuzzing only.

use wasm_encoder::{Component, CustomSection};

use super::docs::Docs;
use super::hints::HintTable;
use super::sections::Sections;

/// Takes `data` for a component and goes with it as far as the loader goes without compiling it.
///
/// # Panics
/// If one of the promises of reading is broken.
pub(crate) fn component(data: &[u8]) {
    let Ok(wit) = super::read(data) else { return };
    for function in &wit.functions {
        assert!(function.input.is_object(), "{function:?}");
    }
    // A component that cannot be fitted is compiled as it is.
    let _ = crate::engine::fit(data);
}

/// Takes the first byte of `data` for the kind of a section and the others for what is in it: twice, as a packer may append one more.
pub(crate) fn sections(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else {
        return;
    };
    let names = ["hostel-wit", "hostel-tools", "package-docs"];
    let name = names[usize::from(*kind) % names.len()];
    let mut component = Component::new();
    for _ in 0..2 {
        component.section(&CustomSection {
            name: name.into(),
            data: text.into(),
        });
    }
    let component = component.finish();
    let mut warnings = Vec::new();
    let sections = Sections::find(&component, &mut warnings);
    let docs = Docs::read(&sections, &mut warnings);
    let _ = HintTable::read(&sections, &mut warnings).get("[method]session.add");
    let _ = docs.backend(None);
    super::read(&component).expect("texts cost nothing but a warning");
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A component with a function of its own, a type and a text.
    fn good() -> Vec<u8> {
        let text = r#"(component
            (core module $m (func (export "f") (param i32) (result i32) local.get 0))
            (core instance $i (instantiate $m))
            (type $color (enum "red" "green"))
            (func $f (param "n" u32) (result u32) (canon lift (core func $i "f")))
            (instance $tools (export "paint" (func $f)))
            (export "test:tools/paint@1.0.0" (instance $tools)))"#;
        let mut component = wat::parse_str(text).unwrap();
        let section = CustomSection {
            name: "hostel-wit".into(),
            data: b"package test:tools@1.0.0; interface paint { paint: func(n: u32) -> u32; }"
                .into(),
        };
        wasm_encoder::ComponentSection::append_to_component(&section, &mut component);
        component
    }

    #[test]
    fn the_good_one_is_read() {
        assert_eq!(super::super::read(&good()).unwrap().functions.len(), 1);
    }

    #[test]
    fn texts_that_nest_very_deep_cost_a_warning() {
        for (open, close) in [
            ("list<", ">"),
            ("option<", ">"),
            ("tuple<", ">"),
            ("{\"a\":", "}"),
            ("[", "]"),
            ("package a:b { ", "}"),
        ] {
            let nested = format!("{}u8{}", open.repeat(200_000), close.repeat(200_000));
            let texts = [
                nested.clone(),
                format!("package a:b; interface c {{ type t = {nested}; }}"),
                format!("{{\"version\": 1, \"tools\": {nested}}}"),
            ];
            for text in texts {
                for kind in 0..3 {
                    let mut data = vec![kind];
                    data.extend_from_slice(text.as_bytes());
                    sections(&data);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn bytes_are_read_or_refused(data in vec(any::<u8>(), 0..300)) {
            component(&data);
            sections(&data);
        }

        #[test]
        fn a_component_with_changes_is_read_or_refused(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut data = good();
            for (place, byte) in changes {
                let at = place.index(data.len());
                data[at] = byte;
            }
            component(&data);
        }
    }
}
