use std::str::FromStr;

use proc_macro2::TokenStream;
use wit_parser::{FunctionKind, Resolve};

use super::read_backend;
use crate::{backend, hints, wit};

/// The WIT of a module, known to be valid, and the module's glue, known to be Rust.
fn wit_of(source: &str) -> String {
    wit_of_package("", source)
}

fn wit_of_package(arguments: &str, source: &str) -> String {
    let read =
        read_backend(arguments, source).unwrap_or_else(|error| panic!("{error} in {source}"));
    let text = wit::text(&read);
    let mut resolve = Resolve::default();
    if let Err(error) = resolve.push_str("backend.wit", &text) {
        panic!("{error:?} in {text}");
    }
    let [arguments, module] =
        [arguments, source].map(|text| TokenStream::from_str(text).expect("a test's tokens"));
    let expanded = backend::expand(arguments, module);
    syn::parse2::<syn::File>(expanded)
        .unwrap_or_else(|error| panic!("{error} in the glue of {source}"));
    text
}

/// The lines of the interface that `items` make, without indentation and empty lines.
fn interface(items: &str) -> Vec<String> {
    let text = wit_of(&format!("mod m {{ {items} }}"));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let inside = lines
        .skip_while(|line| *line != "interface tools {")
        .skip(1)
        .take_while(|line| !line.starts_with("world"));
    let mut lines: Vec<String> = inside.map(str::to_owned).collect();
    lines.pop();
    lines
}

#[track_caller]
fn check(items: &str, expected: &[&str]) {
    assert_eq!(interface(items), expected, "of {items}");
}

#[test]
fn the_whole_text_of_a_backend() {
    let source = r#"
        /// Notes.
        mod notes {
            /// How a session is set up.
            pub struct Config {
                /// At most this many.
                pub max: Option<u32>,
            }
            pub struct Session(Vec<String>);
            impl Session {
                pub fn new(config: Config) -> Result<Self, String> { todo!() }
                /// Appends a note.
                pub fn add(&mut self, text: String) -> Result<u32, String> { todo!() }
            }
            /// Counts words.
            ///
            /// All of them.
            pub fn count_words(
                /// Where to count.
                ///  Any text.
                text: &str,
                deep: bool,
            ) -> u32 { todo!() }
            pub fn warmup() {}
        }
    "#;
    let expected = "\
/// Notes.
package hostel-plugin:notes@1.2.3;

/// Notes.
interface tools {
    /// How a session is set up.
    record config {
        /// At most this many.
        max: option<u32>,
    }

    resource session {
        constructor(config: config) -> result<session, string>;

        /// Appends a note.
        add: func(text: string) -> result<u32, string>;
    }

    /// Counts words.
    ///
    /// All of them.
    ///
    /// - `text`: Where to count. Any text.
    count-words: func(text: string, deep: bool) -> u32;
}

world backend {
    export tools;
}
";
    assert_eq!(wit_of(source), expected);
}

#[test]
fn the_package_is_the_one_that_was_asked_for() {
    for (package, line) in [
        (
            "acme-inc:notes@2.0.0-rc.1",
            "package acme-inc:notes@2.0.0-rc.1;",
        ),
        ("acme:list@0.1.0+more", "package acme:%list@0.1.0+more;"),
        ("acme:notes", "package acme:notes;"),
    ] {
        let text = wit_of_package(
            &format!("package = \"{package}\""),
            "mod m { pub fn f() {} }",
        );
        assert_eq!(text.lines().next(), Some(line));
    }
}

#[test]
fn types_have_their_wit_names() {
    check(
        "pub fn f(a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: f32, j: f64, k: bool, l: char) {}",
        &[
            "f: func(a: u8, b: u16, c: u32, d: u64, e: s8, f: s16, g: s32, h: s64, i: f32, j: f64, k: bool, l: char);",
        ],
    );
    check(
        "pub fn f(a: Vec<u8>, b: Option<Vec<String>>) {}",
        &["f: func(a: list<u8>, b: option<list<string>>);"],
    );
    check(
        "pub fn f(a: (u8, (bool,))) -> () {}",
        &["f: func(a: tuple<u8, tuple<bool>>);"],
    );
    check(
        "pub fn f(a: &str, b: &[u8], c: &String) {}",
        &["f: func(a: string, b: list<u8>, c: string);"],
    );
    check(
        "pub fn f() -> std::string::String { todo!() }",
        &["f: func() -> string;"],
    );
    check(
        "pub fn f() -> Result<(), ()> { todo!() }",
        &["f: func() -> result;"],
    );
    check(
        "pub fn f() -> Result<u8, ()> { todo!() }",
        &["f: func() -> result<u8>;"],
    );
    check(
        "pub fn f() -> Result<(), u8> { todo!() }",
        &["f: func() -> result<_, u8>;"],
    );
    check(
        "pub fn f(a: Result<u8, String>) {}",
        &["f: func(a: result<u8, string>);"],
    );
    check(
        "type Rows = Vec<Row>; type Row = (u8, u8); pub fn f(a: Rows) {}",
        &["f: func(a: list<tuple<u8, u8>>);"],
    );
}

#[test]
fn structs_and_enums_are_types() {
    check(
        "pub struct A { pub x: B } pub struct B(u8); pub fn f(a: A) {}",
        &["record a {", "x: b,", "}", "type b = u8;", "f: func(a: a);"],
    );
    check(
        "pub struct P(u8, String); pub fn f(p: &P) {}",
        &["type p = tuple<u8, string>;", "f: func(p: p);"],
    );
    check(
        "pub enum E { One, TwoMore } pub fn f() -> E { todo!() }",
        &["enum e {", "one,", "two-more,", "}", "f: func() -> e;"],
    );
    check(
        "pub enum V { None, One(u8), Two(u8, bool), Named { #[doc = \" X.\"] x: f32 } } pub fn f(v: V) {}",
        &[
            "record v-named {",
            "/// X.",
            "x: f32,",
            "}",
            "variant v {",
            "none,",
            "one(u8),",
            "two(tuple<u8, bool>),",
            "named(v-named),",
            "}",
            "f: func(v: v);",
        ],
    );
    check(
        "#[flags] pub struct Access { read: bool, write_all: bool } pub fn f(a: Access) {}",
        &[
            "flags access {",
            "read,",
            "write-all,",
            "}",
            "f: func(a: access);",
        ],
    );
}

#[test]
fn only_what_tools_speak_of_is_read() {
    check(
        "use std::collections::HashMap;
         pub struct Unused { map: HashMap<String, usize> }
         pub enum AlsoUnused<'a, T> { A(&'a T) }
         impl Unused { pub fn new() -> Self { todo!() } pub fn any<T>(&self) -> Box<T> { todo!() } }
         const N: usize = 3;
         fn helper<T>(t: &T) -> usize { 0 }
         pub(crate) async fn other() {}
         #[cfg(test)] pub fn only_in_tests() -> usize { 0 }
         #[cfg(test)] mod tests { pub fn x() -> usize { 0 } }
         pub fn f() {}",
        &["f: func();"],
    );
}

#[test]
fn names_become_kebab_case_and_reserved_words_are_escaped() {
    check(
        "pub fn top_5(_unused: u8, type_: u8, r#use: u8, userID: u8) {}",
        &["top-5: func(unused: u8, %type: u8, %use: u8, user-id: u8);"],
    );
    let words = "as async borrow char constructor enum export f32 flags from func future import include interface list map \
                 option own package record resource result s8 static stream string tuple type u64 use variant with world";
    for word in words.split(' ') {
        check(
            &format!("pub fn r#{word}(r#{word}: u8) {{}}"),
            &[&format!("%{word}: func(%{word}: u8);")],
        );
    }
    check("pub fn error_context() {}", &["%error-context: func();"]);
}

#[test]
fn a_session_can_be_made_in_several_ways() {
    for (new, constructor) in [
        ("pub fn new() -> Self { todo!() }", "constructor();"),
        (
            "pub fn new(a: u8, b: &str) -> Session { todo!() }",
            "constructor(a: u8, b: string);",
        ),
        (
            "pub fn new() -> Result<Session, ()> { todo!() }",
            "constructor() -> result<session>;",
        ),
        (
            "pub fn new() -> std::result::Result<Self, u8> { todo!() }",
            "constructor() -> result<session, u8>;",
        ),
    ] {
        check(
            &format!(
                "pub struct Session; impl Session {{ {new} }} impl Session {{ pub fn f(&self) {{}} fn g() {{}} }}"
            ),
            &["resource session {", constructor, "f: func();", "}"],
        );
    }
}

#[test]
fn other_resources_are_handles() {
    check(
        "#[resource] pub struct Cart; impl Cart { pub fn add(&mut self) {} pub fn open() -> Cart { todo!() } }
         pub fn f(a: &Cart, b: &mut Cart, c: Cart) -> Vec<Cart> { todo!() }",
        &[
            "resource cart {", "add: func();", "open: static func() -> cart;", "}",
            "f: func(a: borrow<cart>, b: borrow<cart>, c: cart) -> list<cart>;",
        ],
    );
}

#[test]
fn docs_survive_as_wit() {
    let text = wit_of(
        "mod m {
            /** In a block,
              * over two lines. */
            pub fn f() {}
            #[doc = \"Bell \\u{7}, mirror \\u{202e}.\\n\\nEnd.\"]
            pub fn g() {}
        }",
    );
    let mut resolve = Resolve::default();
    resolve.push_str("m.wit", &text).expect("checked before");
    let interface = resolve
        .interfaces
        .iter()
        .next()
        .map(|(_, interface)| interface)
        .expect("there is one");
    let docs = |name: &str| {
        interface
            .functions
            .get(name)
            .and_then(|function| function.docs.contents.clone())
    };
    assert_eq!(docs("f").as_deref(), Some("In a block,\nover two lines."));
    assert_eq!(
        docs("g").as_deref(),
        Some("Bell \u{fffd}, mirror \u{fffd}.\n\nEnd.")
    );
    assert!(
        interface
            .functions
            .values()
            .all(|function| matches!(function.kind, FunctionKind::Freestanding))
    );
}

#[test]
fn hints_are_json_that_says_no_more_than_the_author() {
    let source = r##"mod m {
        pub struct Session;
        impl Session {
            pub fn new() -> Self { Self }
            #[tool(title = "Say \"it\" \\ \u{1}", open_world = false)]
            pub fn say_it(&self) {}
        }
        #[resource] pub struct Cart;
        impl Cart { #[tool(destructive)] pub fn clear(&self) {} }
        #[tool(read_only, idempotent = true)]
        pub fn look() {}
        #[tool()]
        pub fn nothing_said() {}
    }"##;
    let backend = read_backend("", source).unwrap_or_else(|error| panic!("{error}"));
    let expected = r#"{"version":1,"tools":{"say-it":{"title":"Say \"it\" \\ \u0001","open_world":false},"cart.clear":{"destructive":true},"look":{"read_only":true,"idempotent":true}}}"#;
    assert_eq!(hints::section(&backend).as_deref(), Some(expected));
    let silent =
        read_backend("", "mod m { pub fn f() {} }").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(hints::section(&silent), None);
}

#[test]
fn what_only_the_macro_understands_does_not_reach_the_compiler() {
    let source = "mod m {
        #[flags] #[derive(Clone)] pub struct A { x: bool }
        #[tool(read_only)] #[inline]
        pub fn f(/** Doc. */ a: A) {}
        fn g(/** Doc. */ a: u8) {}
    }";
    let module = TokenStream::from_str(source).expect("a test's tokens");
    let expanded = backend::expand(TokenStream::new(), module).to_string();
    let before_the_glue = expanded.split("__hostel").next().unwrap_or_default();
    for gone in ["flags", "tool", "Doc"] {
        assert!(
            !before_the_glue.contains(gone),
            "{gone} in {before_the_glue}"
        );
    }
    for kept in ["derive", "inline"] {
        assert!(
            before_the_glue.contains(kept),
            "{kept} in {before_the_glue}"
        );
    }
}
