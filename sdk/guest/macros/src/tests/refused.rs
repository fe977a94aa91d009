//! A wrong module is answered at the line that is wrong. In the sources, `//~` marks such a line and quotes the answer.

use super::read_backend;

/// Reads `items` as a module's and compares the errors with the marks, line by line.
#[track_caller]
fn check(items: &str) {
    check_module("", &format!("mod m {{\n{items}\n}}"));
}

#[track_caller]
fn check_module(arguments: &str, source: &str) {
    let marks: Vec<(usize, &str)> = source
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.split_once("//~")?.1.trim())))
        .collect();
    let Err(error) = read_backend(arguments, source) else {
        panic!("nothing was wrong with {source}")
    };
    let mut answers: Vec<(usize, String)> = error
        .into_iter()
        .map(|error| (error.span().start().line, error.to_string()))
        .collect();
    answers.sort();
    let matches = answers.len() == marks.len()
        && answers
            .iter()
            .zip(&marks)
            .all(|((line, text), (marked, words))| line == marked && text.contains(words));
    assert!(
        matches,
        "in {source}\nexpected {marks:#?}\nbut was told {answers:#?}"
    );
}

#[test]
fn types_that_wit_does_not_have() {
    check(
        "use std::collections::HashMap;
         pub fn a() -> usize { 0 } //~ `usize` has no fixed size: write `u32`, or `u64`
         pub fn b(x: isize) {} //~ write `i32`
         pub fn c(x: Vec<Option<u128>>) {} //~ WIT has no 128-bit numbers
         pub fn d(x: HashMap<String, u8>) {} //~ write `Vec<(K, V)>`
         pub fn e(x: std::collections::BTreeMap<String, u8>) {} //~ write `Vec<(K, V)>`
         pub fn f(x: std::collections::HashSet<u8>) {} //~ write `Vec<T>`
         pub fn g(x: Box<u8>) {} //~ write the type that it points to
         pub fn h(x: [u8; 4]) {} //~ write `Vec<T>`
         pub fn i(x: impl Into<String>) {} //~ a tool needs concrete types
         pub fn j() -> Box<dyn Fn()> { todo!() } //~ write the type that it points to
         pub fn k() -> impl Iterator<Item = u8> { 0..1 } //~ such as `Vec<T>` for an iterator
         pub fn l(x: fn()) {} //~ cannot cross the guest's border
         pub fn m() -> ! { todo!() } //~ cannot cross the guest's border
         pub fn n(x: std::time::Duration) {} //~ as in `timeout_ms: u64`
         pub fn o(x: std::path::PathBuf) {} //~ write `String`
         pub fn p(x: serde_json::Value) {} //~ defined inside the backend's module
         pub fn q(x: super::Other) {} //~ defined inside the backend's module
         pub fn r(x: Missing) {} //~ `Missing` is not a type of this module
         pub fn s(x: Option<()>) {} //~ write `bool`
         pub fn t(x: ()) {} //~ write `bool`
         pub fn u() -> Result<u8> { todo!() } //~ as in `Result<T, String>`
         pub fn v(x: *const u8) {} //~ cannot cross the guest's border
         pub fn w(x: Vec<u8, Global>) {} //~ not a type of this module
         pub fn x(x: Vec<'a>) {} //~ takes types only
         pub fn y(x: ::std::vec::Vec<u8>, z: <u8 as Trait>::Item) {} //~ cannot cross the guest's border",
    );
}

#[test]
fn references_that_cannot_be_kept() {
    check(
        "pub struct A { pub x: &'static str } //~ a reference can only be a whole parameter
         pub fn a(a: A) {}
         pub fn b() -> &'static str { todo!() } //~ write an owned type
         pub fn c(x: Option<&str>) {} //~ write an owned type
         pub fn d(x: &mut String) {} //~ return the new one
         pub fn e(x: &'static str) {} //~ leave the lifetime out
         pub fn f(x: &[&str]) {} //~ write an owned type",
    );
}

#[test]
fn functions_that_cannot_be_tools() {
    check(
        "pub async fn a() {} //~ write `fn a`, and block where you would await
         pub unsafe fn b() {} //~ it must be safe
         pub extern \"C\" fn c() {} //~ leave `extern` out
         pub fn d<T>(x: u8) {} //~ cannot be generic
         pub fn e<'a>(x: u8) {} //~ cannot be generic or name lifetimes
         pub fn f((x, y): (u8, u8)) {} //~ has a name, which callers use
         pub fn g(_: u8) {} //~ has a name, which callers use
         #[cfg(feature = \"more\")] //~ put the `#[cfg]` inside the function
         pub fn h() {}
         pub fn i(#[allow(unused)] x: u8) {} //~ can have docs and no other attribute
         pub fn \u{fc}ber() {} //~ use the letters a to z
         pub fn _1() {} //~ begins with a digit
         pub fn __() {} //~ has no letter
         #[doc = include_str!(\"x.md\")] //~ write the docs of a tool in place
         pub fn j() {}",
    );
}

#[test]
fn types_that_cannot_be_written_down() {
    check(
        "pub struct Tree { pub children: Vec<Tree> } //~ as in `children: Vec<u32>`
         pub struct Ping { pub pong: Option<Pong> }
         pub enum Pong { Ping(Ping), End } //~ `Ping` contains itself
         pub struct Generic<T> { pub x: T }
         pub struct Lent<'a> { pub x: &'a str } //~ cannot be generic or borrow
         pub struct Empty {} //~ WIT has no empty records
         pub struct Unit; //~ WIT has no empty records
         pub enum Never {} //~ WIT has no empty enums
         pub enum Odd { A(), B } //~ write `A` alone
         #[flags] pub struct Wrong { x: u8 } //~ a field of `#[flags]` is a `bool`
         #[flags] pub enum Worse { X } //~ flags are a struct of `bool`s
         #[flags] pub struct Worst(bool); //~ flags are a struct of `bool`s
         pub struct Some1 { #[cfg(unix)] x: u8, y: u8 } //~ cannot be conditional
         type List<T> = Vec<T>;
         pub fn a(a: Tree, b: Ping, d: Lent, e: Empty, f: Unit, g: Never, h: Odd, i: Wrong, j: Worse, k: Worst, l: Some1) {}
         pub fn b(x: Generic<u8>) {} //~ a type of a tool cannot be generic
         pub fn c(x: List<u8>) {} //~ a type of a tool cannot be generic",
    );
    let fields: String = (0..33).map(|index| format!("f{index}: bool, ")).collect();
    check(&format!(
        "#[flags] pub struct Many {{ {fields} }} //~ 32 at most\npub fn f(x: Many) {{}}"
    ));
}

#[test]
fn sessions_that_cannot_be_made() {
    check(
        "pub struct Session; //~ write `impl Session { pub fn new(config: Config) -> Result<Self, String>",
    );
    check(
        "struct Session; //~ write `pub struct Session`\nimpl Session { pub fn new() -> Self { Self } pub fn f(&self) {} }",
    );
    check(
        "pub struct Session<'a>(&'a str); //~ cannot be generic or borrow
         impl<'a> Session<'a> { pub fn new() -> Self { todo!() } pub fn f(&self) {} }",
    );
    for new in [
        "pub fn new() {}",
        "pub fn new() -> Option<Self> { None }",
        "pub fn new() -> Result<Self> { todo!() }",
        "pub fn new() -> Result<u8, String> { todo!() }",
        "pub fn new() -> (Self, u8) { todo!() }",
    ] {
        check(&format!(
            "pub struct Session;\nimpl Session {{\n{new} //~ `new` returns `Self` or `Result<Self, String>`\n}}"
        ));
    }
}

#[test]
fn tools_of_a_session_that_cannot_be() {
    check(
        "pub struct Session;
         impl Session {
             #[tool(read_only)] //~ `#[tool(...)]` describes a tool
             pub fn new(x: usize) -> Self { Self } //~ `usize` has no fixed size
             pub fn a(self) {} //~ write `&self` or `&mut self`
             pub fn b(self: Box<Self>) {} //~ write `&self` or `&mut self`
             pub fn c() {} //~ if it needs no session, move it out of the impl
             pub fn d(&self, other: Session) {} //~ a tool can neither take nor return it
             pub fn e(&self) -> Self { Self } //~ write the type's name
             #[tool(read_only)] //~ `#[tool(...)]` describes a tool
             fn f(&self) {}
             #[cfg(unix)] //~ cannot be conditional
             pub fn g(&self) {}
             pub async fn h(&self) {} //~ a tool runs to its end
         }",
    );
}

#[test]
fn names_that_are_one_in_wit() {
    check(
        "pub struct Deep { pub x: u8, pub X: u8 } //~ `X` and `x` would both be `x` in WIT
         pub enum Case { AB, Ab } //~ `Ab` and `AB` would both be `ab` in WIT
         pub fn deep(x: Deep, y: Case) {} //~ `deep` and `Deep` would both be `deep` in WIT
         pub fn doIt() {}
         pub fn do_it() {} //~ would both be `do-it`
         pub fn parameters(_x: u8, x: u8) {} //~ would both be `x`
         pub enum V { Named { x: u8 } }
         pub struct VNamed { pub x: u8 } //~ would both be `v-named`
         pub fn v(v: V, w: VNamed) {} //~ would both be `v`",
    );
    check(
        "pub struct Session;
         impl Session {
             pub fn new() -> Self { Self }
             pub fn add(&self, self_: u8) {} //~ WIT calls a method's object `self`
             pub fn doIt(&self) {}
             pub fn do_it(&self) {} //~ would both be `do-it`
         }
         pub fn add() {} //~ a tool of the session is called `add` too",
    );
    check(
        "pub struct Option { pub x: u8 } //~ the generated code uses the name `Option` itself
         pub struct GuestCart { pub x: u8 } //~ the generated code uses the name
         #[resource] pub struct Cart;
         impl Cart { pub fn f(&self) {} }
         pub fn f(x: Option, y: GuestCart) {}",
    );
}

#[test]
fn hooks_of_another_shape() {
    check("pub fn f() {}\npub fn warmup(x: u8) {} //~ write `pub fn warmup()`");
    check("pub fn f() {}\npub fn warmup() -> u8 { 0 } //~ returns nothing or `Result<(), String>`");
    check("pub fn f() {}\npub async fn warmup() {} //~ a tool runs to its end");
    check(
        "pub fn f() {}\npub fn shutdown() -> Result<(), String> { Ok(()) } //~ nobody is left to hear it",
    );
    check(
        "pub fn f() {}\n#[tool(read_only)] //~ `#[tool(...)]` describes a tool\npub fn warmup() {}",
    );
}

#[test]
fn hints_that_do_not_exist() {
    check(
        "#[tool(readonly)] //~ the hints are `read_only`, `idempotent`, `destructive`, `open_world` and `title = \"...\"`\npub fn f() {}",
    );
    check("#[tool(read_only = 1)] //~ expected boolean literal\npub fn f() {}");
    check("#[tool(title)] //~ expected `=`\npub fn f() {}");
    check("#[tool] //~ expected attribute arguments in parentheses\npub fn f() {}");
    check("#[tool(read_only, destructive)] //~ cannot be `destructive`\npub fn f() {}");
    check("pub fn f() {}\n#[tool(read_only)] //~ `#[tool(...)]` describes a tool\nfn g() {}");
}

#[test]
fn modules_that_are_no_backends() {
    check_module("", "mod m; //~ write the module's body in place");
    check_module(
        "",
        "mod m { //~ this backend has no tools\n fn f() {} pub fn warmup() {} }",
    );
    check_module(
        "",
        "mod r#use { //~ `use` is a keyword of Rust\n pub fn f() {} }",
    );
}

#[test]
fn packages_that_wit_does_not_accept() {
    for (arguments, answer) in [
        ("package = \"notes\"", "write it as in \"acme:notes@1.2.0\""),
        ("package = \"acme:Notes@1.0.0\"", "use the letters a to z"),
        ("package = \"acme:\"", "has no letter"),
        ("package = \"acme:notes@1\"", "write three numbers"),
        ("package = \"acme:notes@1.02.0\"", "write three numbers"),
        (
            "package = \"acme:match@1.0.0\"",
            "`match` is a keyword of Rust",
        ),
        ("name = \"acme\"", "unknown option"),
        ("package", "expected `=`"),
    ] {
        let Err(error) = read_backend(arguments, "mod m { pub fn f() {} }") else {
            panic!("{arguments} was accepted")
        };
        assert!(error.to_string().contains(answer), "{arguments}: {error}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let source = "mod m { pub fn a() -> usize { 0 } pub async fn b(x: isize) {} }";
    let Err(error) = read_backend("package = 1", source) else {
        panic!("nothing was wrong")
    };
    assert_eq!(error.into_iter().count(), 4);
}
