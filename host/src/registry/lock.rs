//! `hostel.lock`: what of each backend was approved. Where there is one, nothing else is loaded.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::surface::{Change, Surface, What, between};
use crate::error::{Error, ErrorCode};
use crate::ids::BackendName;

const VERSION: u32 = 1;
const HEAD: &str = "# What of each backend was approved: `hostel lock` writes it, and a host that finds it beside its configuration loads nothing else.\n# `hostel lock --check` shows what is other now.\n\n";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    #[serde(default)]
    backends: BTreeMap<String, Surface>,
}

impl Lock {
    /// What these backends are now.
    pub fn new(backends: impl IntoIterator<Item = (BackendName, Surface)>) -> Self {
        Self {
            version: VERSION,
            backends: backends
                .into_iter()
                .map(|(name, surface)| (name.to_string(), surface))
                .collect(),
        }
    }

    /// # Errors
    /// The file cannot be read, or not be understood, in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let lock: Self = toml::from_str(&text)
            .map_err(|error| format!("{}: {}", path.display(), error.to_string().trim_end()))?;
        if lock.version != VERSION {
            return Err(format!(
                "{}: version {} is of another Hostel; write the file anew with `hostel lock`",
                path.display(),
                lock.version
            ));
        }
        Ok(lock)
    }

    /// Whole or not at all.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let body = toml::to_string_pretty(self).map_err(|error| error.to_string())?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(HEAD.as_bytes())
            .and_then(|()| file.write_all(body.as_bytes()))
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    pub fn backend(&self, name: &str) -> Option<&Surface> {
        self.backends.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.backends.keys().map(String::as_str)
    }
}

/// # Errors
/// `policy_denied`: the lock does not have this backend, or has another one; the changes are in the details.
pub(crate) fn check(path: &Path, name: &BackendName, now: &Surface) -> Result<(), Error> {
    let denied = |message: String| {
        Error::new(ErrorCode::PolicyDenied, message).hint(
            "look at what is other with `hostel lock --check`, and approve it with `hostel lock`",
        )
    };
    let lock = Lock::read(path).map_err(denied)?;
    let Some(approved) = lock.backend(name.as_str()) else {
        return Err(denied(format!(
            "backend {name} is not in hostel.lock: nobody approved it"
        )));
    };
    let changes = between(approved, now);
    if changes.is_empty() {
        return Ok(());
    }
    let is_other = changes.iter().any(|change| change.what == What::Digest);
    let what = if is_other {
        "is not the component that hostel.lock has"
    } else {
        "has the bytes that hostel.lock has, and this Hostel reads them otherwise"
    };
    let message = format!("backend {name} {what}:\n{}", listed(&changes));
    Err(denied(message).detail("changes", as_json(&changes)))
}

/// One below the other.
pub fn listed(changes: &[Change]) -> String {
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

pub fn as_json(changes: &[Change]) -> serde_json::Value {
    serde_json::to_value(changes).expect("a change is made of strings")
}
