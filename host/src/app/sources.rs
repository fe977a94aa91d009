//! Which components a configuration means: those that it names, and those in its plugins folders.

use std::path::PathBuf;

use crate::config::Config;
use crate::host::Source;
use crate::ids::BackendName;
use crate::registry::{Problem, find};

/// The components, and what cannot be one.
///
/// # Errors
/// A plugins folder that cannot be read; a policy that is not fully understood.
pub(crate) fn sources(config: &Config) -> Result<(Vec<Source>, Vec<Problem>), String> {
    let mut sources: Vec<Source> = Vec::new();
    let mut problems = Vec::new();
    for (name, backend) in &config.backends {
        if let Some(path) = &backend.path {
            sources.push(source(config, name.clone(), path.clone())?);
        }
    }
    for folder in &config.plugins {
        let found = find(folder)
            .map_err(|error| format!("{error}; {}", error.hint_text().unwrap_or_default()))?;
        problems.extend(found.problems);
        for candidate in found.candidates {
            sources.push(source(config, candidate.name, candidate.path)?);
        }
    }
    let single = without_doubles(&sources, &mut problems);
    Ok((single, problems))
}

fn source(config: &Config, name: BackendName, path: PathBuf) -> Result<Source, String> {
    let own = config.backend(&name, &path)?;
    let (pin, settings) = match own {
        Some(backend) => (backend.pin, backend.settings),
        None => (None, config.settings.clone()),
    };
    for folder in &settings.grants.folders {
        let host = folder.host.display();
        let is_folder = fs_err::metadata(&folder.host).map(|found| found.is_dir());
        match is_folder {
            Ok(true) => {}
            Ok(false) => return Err(format!("backend {name}: folders: {host} is no folder")),
            Err(error) => {
                return Err(format!(
                    "backend {name}: folders: {error}; make it, or take the grant out"
                ));
            }
        }
    }
    Ok(Source {
        name,
        path,
        pin,
        settings,
    })
}

/// Two files of one name are a problem, and none of them is loaded.
fn without_doubles(sources: &[Source], problems: &mut Vec<Problem>) -> Vec<Source> {
    let same = |one: &Source, other: &Source| {
        one.name.as_str().replace('-', "_") == other.name.as_str().replace('-', "_")
    };
    let (double, single): (Vec<Source>, Vec<Source>) = sources
        .iter()
        .cloned()
        .partition(|source| sources.iter().filter(|other| same(source, other)).count() > 1);
    for source in &double {
        let files: Vec<String> = double
            .iter()
            .filter(|other| same(source, other))
            .map(|other| other.path.display().to_string())
            .collect();
        problems.push(Problem {
            name: source.name.to_string(),
            message: format!(
                "{} are files of one name: none of them is loaded; rename all but one",
                files.join(" and ")
            ),
        });
    }
    single
}
