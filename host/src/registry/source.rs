//! Where backends come from: the components of a folder, one level deep, in a stable order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::Result;
use crate::ids::BackendName;

use super::Problem;

/// A file that is to become a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub name: BackendName,
    pub path: PathBuf,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Found {
    pub candidates: Vec<Candidate>,
    pub problems: Vec<Problem>,
}

/// Finds `*.wasm` in a folder. The stem of the file is the backend's name.
///
/// # Errors
/// The folder cannot be read, by its path. A file with an impossible name, or two files of one name, are problems and not errors:
/// none of them is loaded, and the others are.
pub fn find(folder: &Path) -> Result<Found> {
    let unreadable = |error: std::io::Error| {
        crate::error::Error::new(crate::error::ErrorCode::InvalidRequest, error.to_string())
            .hint("name an existing folder with --plugins")
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"))
            && path.is_file()
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(sort_out(paths))
}

fn sort_out(paths: Vec<PathBuf>) -> Found {
    let mut found = Found::default();
    // `my_backend.wasm` and `my-backend.wasm` would answer to the same calls.
    let mut by_name: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for path in paths {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match BackendName::parse(&stem) {
            Ok(name) => by_name
                .entry(stem.replace('-', "_"))
                .or_default()
                .push(Candidate { name, path }),
            Err(error) => {
                let message = format!(
                    "{}: {}; {}",
                    path.display(),
                    error.message(),
                    error.hint_text().unwrap_or_default()
                );
                found.problems.push(Problem {
                    name: stem,
                    message,
                });
            }
        }
    }
    for mut same in by_name.into_values() {
        if same.len() > 1 {
            let files: Vec<String> = same
                .iter()
                .map(|candidate| candidate.path.display().to_string())
                .collect();
            let name = same.swap_remove(0).name.to_string();
            found.problems.push(Problem {
                message: format!(
                    "{} are files of one name: none of them is loaded; rename all but one",
                    files.join(" and ")
                ),
                name,
            });
        } else {
            found.candidates.append(&mut same);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_and_impossible_names_are_problems_and_the_others_load() {
        let found = sort_out(
            ["p/a-b.wasm", "p/a_b.wasm", "p/Rag.wasm", "p/vm.wasm"]
                .map(PathBuf::from)
                .to_vec(),
        );
        let names: Vec<&str> = found
            .candidates
            .iter()
            .map(|candidate| candidate.name.as_str())
            .collect();
        assert_eq!(names, ["vm"]);
        let problems: Vec<&str> = found
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(
            problems
                .iter()
                .any(|text| text.contains("p/a-b.wasm and p/a_b.wasm")),
            "{problems:?}"
        );
        assert!(
            problems.iter().any(|text| text.contains("p/Rag.wasm")),
            "{problems:?}"
        );
    }
}
