//! What a fuzzer is let loose on: arbitrary text as the configuration. Compiled for tests and fuzzing only.

use std::path::Path;

use super::{Config, raw};

/// Takes `data` for TOML and for JSON. What is read is a configuration, or an error that says something.
///
/// # Panics
/// If one of the promises of reading is broken.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for raw in [raw::parse_toml(text), raw::parse_json(text)] {
        let checked = raw.and_then(|raw| Config::checked(raw, Path::new("/nowhere")));
        if let Err(error) = checked {
            assert!(!error.is_empty(), "an error says what is wrong");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = r#"
[server]
listen = "127.0.0.1:0"
session_ttl = 1e3
plugins = ["a"]
[limits]
call_ms = 18446744073709551615
memory_bytes = 1
[backends.files]
workspace = true
env = { A = "${HOME:-x}" }
folders = [{ host = "/x", guest = "/y", read_only = false }]
limits = { workspace_bytes = 9223372036854775807 }
"#;

    #[test]
    fn nesting_and_numbers_without_end_are_refused() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{a=", "}"), ("[[", "]]\n")] {
            let nested = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
            config(nested.as_bytes());
            config(format!("[backends.a]\nconfig = {nested}").as_bytes());
        }
        for number in ["1e308", "-1", "nan", "inf", "-0.0", "1e999"] {
            config(format!("[server]\nsession_ttl = {number}\nmax_lifetime = {number}").as_bytes());
            config(format!("{{\"server\": {{\"archive_after\": {number}}}}}").as_bytes());
        }
        config(
            format!(
                "{}\"{}\"",
                "[backends.a.env]\nA = ",
                "${A:-".repeat(100_000)
            )
            .as_bytes(),
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn text_is_read_or_refused(text in "\\PC{0,100}") {
            config(text.as_bytes());
        }

        #[test]
        fn a_configuration_with_changes_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6)
        ) {
            let mut text: Vec<char> = GOOD.chars().collect();
            for (place, letter) in changes {
                let at = place.index(text.len());
                text[at] = letter;
            }
            config(text.into_iter().collect::<String>().as_bytes());
        }
    }
}
