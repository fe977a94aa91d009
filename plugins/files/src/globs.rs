//! Which paths a list or a search is about, said in globs.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Globs that a path must match one of, and globs that it must not match.
///
/// A glob matches at any depth, as in `*.rs` or `api/*.rs`, unless it begins with `/`, which is the top of the
/// workspace. One that matches a folder stands for all that is in it. A `!` in front excludes.
#[derive(Clone, Debug)]
pub(crate) struct Globs {
    /// None where everything is included.
    included: Option<GlobSet>,
    excluded: GlobSet,
}

impl Globs {
    pub(crate) fn parse(globs: &[String]) -> Result<Self, String> {
        let (excluded, included): (Vec<&str>, Vec<&str>) = globs
            .iter()
            .map(String::as_str)
            .partition(|glob| glob.starts_with('!'));
        let included = if included.is_empty() {
            None
        } else {
            Some(set(&included)?)
        };
        let excluded: Vec<&str> = excluded
            .into_iter()
            .map(|glob| glob.trim_start_matches('!'))
            .collect();
        Ok(Self {
            included,
            excluded: set(&excluded)?,
        })
    }

    /// Whether the path is to be left out. Of a folder, nothing inside needs to be looked at.
    #[must_use]
    pub(crate) fn excludes(&self, path: &str) -> bool {
        self.excluded.is_match(path)
    }

    /// Whether the path, which is not excluded, is one of those that are wanted.
    #[must_use]
    pub(crate) fn includes(&self, path: &str) -> bool {
        self.included
            .as_ref()
            .is_none_or(|included| included.is_match(path))
    }
}

fn set(globs: &[&str]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let trimmed = glob.trim_start_matches("./").trim_end_matches('/');
        let anchored = match trimmed.strip_prefix('/') {
            Some(from_top) => from_top.to_owned(),
            None => format!("**/{trimmed}"),
        };
        for pattern in [anchored.clone(), format!("{anchored}/**")] {
            let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
            set.add(glob.map_err(|error| {
                format!("the glob {trimmed:?} cannot be read: {}", error.kind())
            })?);
        }
    }
    set.build()
        .map_err(|error| format!("the globs cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_choose_paths() {
        let cases: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &["a", "a/b.rs"], &[]),
            (
                &["*.rs"],
                &["b.rs", "a/b.rs", "a/b/c.rs"],
                &["b.rst", "b", "a"],
            ),
            (&["/*.rs"], &["b.rs"], &["a/b.rs"]),
            (
                &["api/*.rs"],
                &["api/b.rs", "src/api/b.rs"],
                &["api/v1/b.rs", "api.rs"],
            ),
            (
                &["src/**/*.rs"],
                &["src/b.rs", "src/a/b.rs", "x/src/b.rs"],
                &["b.rs"],
            ),
            (&["src/"], &["src", "src/a/b"], &["mysrc/a"]),
            (
                &["*.{rs,toml}", "!target", "!/x.rs"],
                &["a.rs", "b/x.rs", "b.toml"],
                &["target/a.rs", "a/target/b.rs", "x.rs", "a.py"],
            ),
            (&["!.git"], &["a", ".gitignore"], &[".git", ".git/config"]),
        ];
        for (globs, chosen, others) in cases {
            let parsed = Globs::parse(
                &globs
                    .iter()
                    .map(|&glob| glob.to_owned())
                    .collect::<Vec<_>>(),
            )
            .unwrap();
            let chooses = |path: &str| !parsed.excludes(path) && parsed.includes(path);
            assert!(
                chosen.iter().all(|path| chooses(path)),
                "{globs:?} {chosen:?}"
            );
            assert!(
                !others.iter().any(|path| chooses(path)),
                "{globs:?} {others:?}"
            );
        }
    }

    #[test]
    fn a_glob_that_cannot_be_read_is_named() {
        let refusal = Globs::parse(&["a[".to_owned()]).unwrap_err();
        assert!(
            refusal.starts_with("the glob \"a[\" cannot be read"),
            "{refusal}"
        );
    }
}
