//! One name in three spellings: as the author wrote it, in WIT (kebab-case), and as wit-bindgen spells the WIT name
//! in the Rust that it generates. The last must agree with wit-bindgen's own rules.

use heck::{ToKebabCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;

use crate::errors::refuse;

/// The WIT name of an item, a field, a case or a parameter.
pub(crate) fn kebab(ident: &Ident) -> syn::Result<String> {
    let name = ident.unraw().to_string().to_kebab_case();
    if let Some(problem) = problem(&name) {
        return refuse(ident, format!("`{ident}` {problem}"));
    }
    Ok(name)
}

/// Why `name` cannot stand in WIT, if it cannot.
pub(crate) fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("has no letter to make a WIT name of: give it a name");
    }
    if !name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        return Some("is not a WIT name: use the letters a to z, digits and `_`");
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("begins with a digit, which WIT does not allow: put a letter first");
    }
    None
}

/// `name` as it stands in WIT text: reserved words carry a `%`.
pub(crate) fn escaped(name: &str) -> String {
    if RESERVED_IN_WIT.contains(&name) {
        format!("%{name}")
    } else {
        name.to_owned()
    }
}

/// A field, a function or a module in wit-bindgen's Rust.
pub(crate) fn snake(name: &str) -> Ident {
    let keyword = RESERVED_IN_RUST.contains(&name);
    ident(&if keyword {
        format!("{name}_")
    } else {
        name.to_snake_case()
    })
}

/// A type in wit-bindgen's Rust.
pub(crate) fn camel(name: &str) -> Ident {
    ident(&if name == "guest" {
        "Guest_".to_owned()
    } else {
        name.to_upper_camel_case()
    })
}

/// A case of an enum or a variant in wit-bindgen's Rust.
pub(crate) fn case(name: &str) -> Ident {
    ident(&name.to_upper_camel_case())
}

/// A flag in wit-bindgen's Rust.
pub(crate) fn shouty(name: &str) -> Ident {
    ident(&name.to_shouty_snake_case())
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

const RESERVED_IN_WIT: &[&str] = &[
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

const RESERVED_IN_RUST: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl", "in",
    "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
