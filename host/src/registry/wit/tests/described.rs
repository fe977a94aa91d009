//! What agents and people get to read about a component.

use wasm_encoder::{CustomSection, Encode, Section};
use wit_parser::ManglingAndAbi;

use super::*;

const NOTES: &str = r#"
    package demo:notes@0.1.0;

    /// Notes that agents take.
    world notes {
        export tools;
    }

    interface tools {
        /// A note.
        record note {
            /// What it says.
            the-text: string,
            tags: list<tag>,
            due: option<u64>,
        }

        /// Where a note belongs.
        enum tag {
            /// The office.
            work,
            home,
        }

        /// How a session begins.
        record config {
            /// How many notes it takes.
            max-notes: option<u32>,
        }

        resource session {
            constructor(config: config);
            /// Adds a note.
            ///
            /// Arguments:
            /// - `note`: what to keep;
            ///   all of it
            /// - `at-top`: whether it goes first
            add: func(note: note, at-top: bool) -> result<u32, string>;
        }

        resource cart {
            /// Puts it in.
            put: func(item: string);
        }

        open-cart: func() -> cart;
        /// Counts words.
        count-words: func(text: string) -> u32;
    }
"#;

/// A section of the core module, and sections appended to the component.
fn component(wit: &str, inside: &[(&str, &[u8])], appended: &[(&str, &[u8])]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).expect("the WIT is valid");
    let world = resolve
        .select_world(&[package], None)
        .expect("there is one world");
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .expect("the world can be embedded");
    append(&mut module, inside);
    let mut encoder = wit_component::ComponentEncoder::default()
        .module(&module)
        .expect("it is a module");
    let mut component = encoder.encode().expect("the module fits the world");
    append(&mut component, appended);
    component
}

fn append(bytes: &mut Vec<u8>, sections: &[(&str, &[u8])]) {
    for (name, data) in sections {
        let section = CustomSection {
            name: (*name).into(),
            data: (*data).into(),
        };
        bytes.push(section.id());
        section.encode(bytes);
    }
}

fn function<'w>(wit: &'w Wit, name: &str) -> &'w FunctionDocs {
    wit.functions
        .iter()
        .find(|function| function.name == name)
        .expect("the component has it")
}

fn notes() -> Wit {
    read(&component(NOTES, &[("hostel-wit", NOTES.as_bytes())], &[])).expect("it is a component")
}

#[test]
fn types_come_from_the_binary_and_texts_from_a_section_of_the_core_module() {
    let wit = notes();
    assert_eq!(wit.warnings, Vec::<String>::new());
    assert_eq!(wit.package.as_deref(), Some("demo:notes@0.1.0"));
    assert_eq!(wit.docs.as_deref(), Some("Notes that agents take."));
    let add = function(&wit, "[method]session.add");
    assert_eq!(add.interface.as_deref(), Some("demo:notes/tools@0.1.0"));
    assert_eq!(add.description.as_deref(), Some("Adds a note."));
    assert!(add.fallible);
    assert_eq!(
        add.output,
        Some(json!({"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32}))
    );
    assert_eq!(
        add.input,
        json!({
            "type": "object",
            "properties": {
                "note": {"$ref": "#/$defs/note", "description": "what to keep; all of it"},
                "at_top": {"type": "boolean", "description": "whether it goes first"},
            },
            "required": ["note", "at_top"],
            "additionalProperties": false,
            "$defs": {
                "note": {
                    "type": "object",
                    "description": "A note.",
                    "properties": {
                        "the_text": {"type": "string", "description": "What it says."},
                        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
                        "due": {"type": ["integer", "string", "null"], "minimum": 0, "pattern": "^[0-9]{1,20}$"},
                    },
                    "required": ["the_text", "tags"],
                    "additionalProperties": false,
                },
                "tag": {
                    "type": "string",
                    "description": "Where a note belongs.",
                    "oneOf": [{"const": "work", "description": "The office."}, {"const": "home"}],
                },
            },
        })
    );
}

#[test]
fn without_texts_there_are_schemas_all_the_same() {
    let wit = read(&component(NOTES, &[], &[])).expect("it is a component");
    let words = function(&wit, "count-words");
    assert_eq!((&words.description, &wit.docs), (&None, &None));
    assert_eq!(
        words.input["properties"],
        json!({"text": {"type": "string"}})
    );
}

#[test]
fn the_config_of_a_session_is_the_record_that_its_constructor_takes() {
    let wit = notes();
    let constructor = function(&wit, "[constructor]session");
    assert_eq!(
        constructor.input,
        json!({
            "type": "object",
            "description": "How a session begins.",
            "properties": {
                "max_notes": {
                    "type": ["integer", "null"], "minimum": 0, "maximum": 4_294_967_295_u32,
                    "description": "How many notes it takes.",
                },
            },
            "additionalProperties": false,
        })
    );
}

#[test]
fn methods_of_other_resources_take_a_handle() {
    let wit = notes();
    let put = function(&wit, "[method]cart.put");
    assert_eq!(put.input["required"], json!(["self", "item"]));
    assert_eq!(put.input["properties"]["self"]["type"], "string");
    assert_eq!(
        function(&wit, "open-cart")
            .output
            .as_ref()
            .map(|schema| &schema["type"]),
        Some(&json!("string"))
    );
}

#[test]
fn a_resource_without_constructor_is_no_session() {
    let text = "package a:b; world w { export t; } interface t { resource session { f: func(); } }";
    let wit = read(&component(text, &[], &[])).expect("it is a component");
    assert_eq!(
        function(&wit, "[method]session.f").input["required"],
        json!(["self"])
    );
}

#[test]
fn hints_are_found_by_the_name_of_the_tool() {
    let early =
        br#"{"version": 1, "tools": {"count_words": {"title": "old", "read_only": false}}}"#;
    let late = br#"{"version": 1, "new": 1, "tools": {
        "count-words": {"title": "Count words", "read_only": true, "more": []},
        "add": {"destructive": false},
        "cart.put": {"idempotent": true}
    }}"#;
    let wit = read(&component(
        NOTES,
        &[("hostel-tools", early)],
        &[("hostel-tools", late)],
    ))
    .expect("it is a component");
    let words = Hints {
        title: Some("Count words".to_owned()),
        read_only: Some(true),
        ..Hints::default()
    };
    assert_eq!(function(&wit, "count-words").hints, words);
    assert_eq!(
        function(&wit, "[method]session.add").hints.destructive,
        Some(false)
    );
    assert_eq!(
        function(&wit, "[method]cart.put").hints.idempotent,
        Some(true)
    );
    assert_eq!(function(&wit, "open-cart").hints, Hints::default());
}

#[test]
fn package_docs_of_other_tools_are_read() {
    let text = "package a:b; world fetch { export fetch: func(url: string) -> result<string, string>; export t; } \
        interface t { record r { x: u8 } f: func(r: r); }";
    let docs = b"\x01{\"worlds\": {\"fetch\": {\"docs\": \"Fetches.\", \"func_exports\": {\"fetch\": {\"docs\": \"Fetch a page\"}}},
        \"other\": {}}, \"interfaces\": {\"t\": {\"funcs\": {\"f\": \"An f.\"}, \"types\": {\"r\": {\"items\": {\"x\": \"An x.\"}}}},
        \"gone\": {\"docs\": \"nowhere\"}}}";
    for sections in [docs.as_slice(), &docs[1..]] {
        let wit =
            read(&component(text, &[], &[("package-docs", sections)])).expect("it is a component");
        assert_eq!(wit.warnings, Vec::<String>::new());
        assert_eq!(wit.docs.as_deref(), Some("Fetches."));
        let fetch = function(&wit, "fetch");
        assert_eq!(
            (fetch.interface.as_deref(), fetch.description.as_deref()),
            (None, Some("Fetch a page"))
        );
        let f = function(&wit, "f");
        assert_eq!(f.description.as_deref(), Some("An f."));
        assert_eq!(
            f.input["$defs"]["r"]["properties"]["x"]["description"],
            "An x."
        );
    }
}

#[test]
fn sections_that_cannot_be_read_cost_a_warning() {
    let nested = format!(
        "package a:b; world w {{ export f: func(x: {}u8{}); }}",
        "list<".repeat(100_000),
        ">".repeat(100_000)
    );
    let bad: [(&str, &[u8]); 8] = [
        ("hostel-wit", b"package"),
        ("hostel-wit", b"\xff"),
        ("hostel-wit", nested.as_bytes()),
        ("hostel-wit", &[b' '; (4 << 20) + 1]),
        ("hostel-tools", b"{\"version\": 2}"),
        (
            "hostel-tools",
            b"{\"version\": 1, \"tools\": {\"f\": {\"read_only\": \"yes\"}}}",
        ),
        ("package-docs", b"\x01{"),
        ("package-docs", b""),
    ];
    let clean = read(&component(NOTES, &[], &[])).expect("it is a component");
    for section in bad {
        for (inside, appended) in [(&[section][..], &[][..]), (&[], &[section, section])] {
            let mut wit = read(&component(NOTES, inside, appended)).expect("it is a component");
            let warnings = std::mem::take(&mut wit.warnings);
            assert_eq!(
                warnings.len(),
                inside.len() + appended.len(),
                "{warnings:?}"
            );
            assert!(
                warnings.iter().all(|warning| warning.contains(section.0)),
                "{warnings:?}"
            );
            assert_eq!(wit, clean);
        }
    }
}

#[test]
fn texts_need_not_bring_what_they_refer_to() {
    let types = "package demo:notes@0.1.0; world w { export tools; } interface tools { count-words: func(text: string) -> u32; }";
    let text = "package demo:notes; world w { include hostel:backend/with-warmup@0.1.0; import wasi:io/poll@0.2.0; export tools; } \
        interface tools { use wasi:io/poll@0.2.0.{pollable}; /// Counts.\n count-words: func(text: string) -> u32; }";
    let wit = read(&component(types, &[], &[("hostel-wit", text.as_bytes())]))
        .expect("it is a component");
    assert_eq!(wit.warnings, Vec::<String>::new());
    assert_eq!(
        function(&wit, "count-words").description.as_deref(),
        Some("Counts.")
    );
}

#[test]
fn texts_about_another_package_do_not_stick() {
    let text =
        "package other:notes; world w {} interface tools { /// Lies.\n count-words: func(); }";
    let wit = read(&component(NOTES, &[], &[("hostel-wit", text.as_bytes())]))
        .expect("it is a component");
    assert_eq!(function(&wit, "count-words").description, None);
}

#[test]
fn interfaces_under_plain_names_keep_them() {
    let text = "package a:b; /// The world.\n world w { export things: interface { /// A thing.\n record thing { x: u8 } \
        /// Makes one.\n make: func() -> thing; } }";
    let wit =
        read(&component(text, &[("hostel-wit", text.as_bytes())], &[])).expect("it is a component");
    let make = function(&wit, "make");
    assert_eq!(make.interface.as_deref(), Some("things"));
    assert_eq!(make.description.as_deref(), Some("Makes one."));
    let output = make.output.as_ref().expect("it returns a thing");
    assert_eq!(output["$defs"]["thing"]["description"], "A thing.");
    assert_eq!(wit.package.as_deref(), Some("a:b"));
}

#[test]
fn types_of_one_name_are_kept_apart() {
    let text = "package a:b; world w { export t; } interface one { record r { x: u8 } } interface two { record r { y: u8 } } \
        interface t { use one.{r as a}; use two.{r as b}; f: func(a: a, b: b, c: a); }";
    let wit = read(&component(text, &[], &[])).expect("it is a component");
    let input = &function(&wit, "f").input;
    assert_eq!(
        input["$defs"].as_object().map(serde_json::Map::len),
        Some(2)
    );
    assert_eq!(input["properties"]["a"], input["properties"]["c"]);
    assert_ne!(input["properties"]["a"], input["properties"]["b"]);
}

#[test]
fn schemas_have_a_largest_size() {
    let mut text =
        "package a:b; world w { export t; } interface t { type t0 = tuple<u8, u8>;".to_owned();
    for level in 1..14 {
        text += &format!("type t{level} = tuple<t{0}, t{0}>;", level - 1);
    }
    text += "f: func(x: t13); g: func() -> u8; }";
    let wit = read(&component(&text, &[], &[])).expect("it is a component");
    assert!(function(&wit, "f").input.to_string().len() < 2 << 20);
    assert!(
        wit.warnings
            .iter()
            .any(|warning| warning.contains("cut short")),
        "{:?}",
        wit.warnings
    );
    assert_eq!(
        function(&wit, "g").output,
        Some(json!({"type": "integer", "minimum": 0, "maximum": 255}))
    );
}

#[test]
fn what_is_no_component_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0"] {
        assert!(
            matches!(read(bytes), Err(WitError::NotComponent)),
            "{bytes:?}"
        );
    }
    assert!(matches!(
        read(b"\0asm\x0d\0\x01\0\x07\xff"),
        Err(WitError::Decode { .. })
    ));
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("test.wit", NOTES)
        .expect("the WIT is valid");
    let encoded = wit_component::encode(&resolve, package).expect("a package can be encoded");
    assert!(matches!(read(&encoded), Err(WitError::Package)));
}
