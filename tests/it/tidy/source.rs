//! One file of the host, as the rules read it: without comments, strings and tests.

use std::path::Path;

use fs_err as fs;

pub(super) struct Source {
    /// From `host/src`, without its ending: `engine/instance`.
    stem: String,
    text: String,
    /// The same lines, with everything blanked that is no code.
    code: Vec<String>,
}

impl Source {
    /// None for files that hold tests or the crate's own table of contents.
    pub(super) fn read(root: &Path, path: &Path) -> Option<Self> {
        let stem = path.strip_prefix(root).ok()?.with_extension("");
        let stem = stem.to_string_lossy().into_owned();
        let is_test = stem
            .split('/')
            .any(|part| ["tests", "fuzz"].contains(&part));
        if is_test || stem == "lib" {
            return None;
        }
        let text = fs::read_to_string(path).expect("the file can be read");
        Some(Self::new(&stem, &text))
    }

    pub(super) fn new(stem: &str, text: &str) -> Self {
        let code = blanked(text);
        let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
        let code = code.get(..end).unwrap_or_default();
        Self {
            stem: stem.to_owned(),
            text: text.to_owned(),
            code: code.lines().map(str::to_owned).collect(),
        }
    }

    /// The top-level module that the file belongs to.
    pub(super) fn module(&self) -> &str {
        self.stem.split('/').next().unwrap_or_default()
    }

    /// True for the module at `place`, its file and its folder.
    pub(super) fn is_in(&self, place: &str) -> bool {
        self.stem
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(super) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Lines on which a word begins; `derive(serde)` stands for the two derives.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        let has = |line: &&String| match word {
            "derive(serde)" => {
                line.contains("derive(")
                    && (line.contains("Serialize") || line.contains("Deserialize"))
            }
            _ => line
                .match_indices(word)
                .any(|(at, _)| begins_word(line, at)),
        };
        let lines = self.code.iter().enumerate();
        lines
            .filter(|(_, line)| has(line))
            .map(|(index, _)| index + 1)
            .collect()
    }

    /// The top-level modules that `crate::` paths lead to, each with its line.
    pub(super) fn uses(&self) -> Vec<(usize, &str)> {
        let mut uses = Vec::new();
        for (index, line) in self.code.iter().enumerate() {
            for (at, found) in line.match_indices("crate::") {
                let rest = line.get(at + found.len()..).unwrap_or_default();
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let module = rest.get(..end).unwrap_or_default();
                assert!(
                    !module.is_empty(),
                    "{}:{}: `crate::` of several modules at once",
                    self.stem,
                    index + 1
                );
                uses.push((index + 1, module));
            }
        }
        uses
    }

    pub(super) fn at(&self, line: usize, reason: &str) -> String {
        format!("host/src/{}.rs:{line}: {reason}", self.stem)
    }
}

fn begins_word(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|before| before.chars().next_back());
    !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Comments and strings become blanks; lines stay where they are.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(end) =
            raw_string(rest).filter(|_| !out.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            end
        } else if first == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest.get(1..)
                .and_then(|rest| rest.find('\'').map(|end| end + 2))
                .unwrap_or(rest.len())
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (blank, after) = rest.split_at(length);
        out.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out
}

/// The length of a string literal that begins here.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a raw string literal, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some(1 + hashes + 1 + end + close.len())
}

#[test]
fn what_is_no_code_is_blanked_and_lines_stay_where_they_are() {
    let text =
        "use a; // wasmtime\nlet b = \"axum \\\" axum\";\nlet c = r#\"Store<\"#; '\"' wasmtime";
    let blanked = blanked(text);
    assert_eq!(blanked.lines().count(), 3);
    assert!(!blanked.contains("axum") && !blanked.contains("Store<"));
    assert!(blanked.ends_with("wasmtime") && blanked.matches("wasmtime").count() == 1);
}
