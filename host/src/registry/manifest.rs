//! `plugin.toml`: what a plugin says about itself and what it wants granted. A wish, not a grant: policy decides.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::policy::{FolderAccess, FolderGrant, Grants};

const FILE: &str = "plugin.toml";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    pub description: Option<String>,
    pub wants: Wants,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wants {
    /// A folder of the session's own at `/workspace`.
    pub workspace: bool,
    pub folders: Vec<WantedFolder>,
    pub http_hosts: Vec<String>,
    pub env: Vec<String>,
    pub keyvalue: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedFolder {
    /// Absolute, as the guest sees it.
    pub guest: String,
    /// Used when the operator names none; relative to the manifest and below it.
    pub default: Option<PathBuf>,
    #[serde(default = "yes")]
    pub read_only: bool,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// Reads the manifest of a plugin's folder. None has no wishes.
    ///
    /// # Errors
    /// What is wrong in the file, by its path.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join(FILE);
        match fs_err::read_to_string(&path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What a developer's own host grants a plugin that lies in `folder`: nothing that reaches outside of it.
    pub fn harmless(&self, folder: &Path) -> Grants {
        let folders = self.wants.folders.iter().filter_map(|wanted| {
            let host = folder.join(wanted.default.as_ref()?);
            let below = host
                .canonicalize()
                .ok()?
                .starts_with(folder.canonicalize().ok()?);
            let access = if wanted.read_only {
                FolderAccess::ReadOnly
            } else {
                FolderAccess::ReadWrite
            };
            below.then(|| FolderGrant {
                host,
                guest: wanted.guest.clone(),
                access,
            })
        });
        Grants {
            workspace: self.wants.workspace,
            keyvalue: self.wants.keyvalue,
            folders: folders.collect(),
            ..Grants::default()
        }
    }

    /// What it wants and `grants` do not give, in words.
    pub fn unmet(&self, grants: &Grants) -> Vec<String> {
        let wants = &self.wants;
        let mut unmet = Vec::new();
        if wants.workspace && !grants.workspace {
            unmet.push("workspace = true".to_owned());
        }
        for folder in wants.folders.iter().filter(|folder| {
            !grants
                .folders
                .iter()
                .any(|granted| granted.guest == folder.guest)
        }) {
            unmet.push(format!("a folder at {}", folder.guest));
        }
        if !wants.http_hosts.is_empty() && grants.http.is_empty() {
            unmet.push(format!("http_hosts = {:?}", wants.http_hosts));
        }
        for name in wants
            .env
            .iter()
            .filter(|name| !grants.env.contains_key(*name))
        {
            unmet.push(format!("env.{name}"));
        }
        if wants.keyvalue && !grants.keyvalue {
            unmet.push("keyvalue = true".to_owned());
        }
        unmet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_folder_outside_of_the_plugin_is_not_granted() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("corpus")).unwrap();
        let manifest: Manifest = toml::from_str(
            r#"
            [wants]
            workspace = true
            http_hosts = ["example.com"]
            folders = [{ guest = "/corpus", default = "corpus" }, { guest = "/etc", default = "/etc" }, { guest = "/up", default = ".." }]
            "#,
        )
        .unwrap();
        let grants = manifest.harmless(folder.path());
        let granted: Vec<&str> = grants
            .folders
            .iter()
            .map(|folder| folder.guest.as_str())
            .collect();
        assert_eq!(granted, ["/corpus"]);
        assert!(grants.workspace && grants.http.is_empty());
        assert_eq!(
            manifest.unmet(&grants),
            [
                "a folder at /etc",
                "a folder at /up",
                "http_hosts = [\"example.com\"]"
            ]
        );
    }
}
