//! A workspace for tests: a folder that is gone when the test is.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;

use crate::workspace::{Place, Workspace};

/// A workspace in a temporary folder.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
}

impl Folder {
    /// A workspace with these files: path and content.
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        let this = Self { folder, workspace };
        for (path, content) in files {
            let path = this.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().write_all(content).unwrap();
        }
        this
    }

    pub(crate) fn place(&self, path: &str) -> Place {
        self.workspace.place(path).unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The content of a file, or none if it is not there.
    pub(crate) fn content(&self, path: &str) -> Option<String> {
        let mut content = String::new();
        File::open(self.path(path))
            .ok()?
            .read_to_string(&mut content)
            .unwrap();
        Some(content)
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    pub(crate) fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }
}
