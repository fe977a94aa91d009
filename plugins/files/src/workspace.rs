//! The folder that a session works in, and the only way to a file in it.
//!
//! Agents name files by paths relative to the workspace. A path becomes a `Place` here or is refused with the reason;
//! every other module takes places and never joins paths itself. The host's sandbox keeps guests inside the workspace
//! in any case: what is checked here is there to say no in words that help.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// How many symbolic links a path may lead through.
const LINKS_MAX: usize = 40;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

/// A file or folder of the workspace, which need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What the agent called it, tidied: no `.` parts and no slash at the end.
    name: String,
    /// Where it is, all symbolic links followed.
    path: PathBuf,
    /// Whether it is the workspace itself.
    pub(crate) is_root: bool,
}

/// What to do with a symbolic link at the end of a path. Those on the way are followed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// Read and write what the link points to.
    Follow,
    /// Look at, move or delete the link itself.
    Keep,
}

impl Workspace {
    /// The workspace at `root`, which must be there.
    pub(crate) fn open(root: impl Into<PathBuf>) -> Result<Self, String> {
        let root = root.into();
        if root.is_dir() {
            return Ok(Self { root });
        }
        Err(format!(
            "this session has no workspace at {}: the backend needs the grant `workspace`",
            root.display()
        ))
    }

    /// The place that `path` names, with the link at its end followed.
    pub(crate) fn place(&self, path: &str) -> Result<Place, String> {
        self.place_with(path, LastLink::Follow)
    }

    /// The place that `path` names.
    pub(crate) fn place_with(&self, path: &str, last: LastLink) -> Result<Place, String> {
        let parts = parts(path)?;
        let resolved = self.resolve(path, &parts, last)?;
        Ok(Place {
            name: parts.join("/"),
            path: self.root.join(&resolved),
            is_root: resolved.as_os_str().is_empty(),
        })
    }

    /// Follows the links of a path and makes sure that they stay inside. What does not exist is taken as written.
    fn resolve(&self, path: &str, parts: &[&str], last: LastLink) -> Result<PathBuf, String> {
        let mut resolved = PathBuf::new();
        let mut open: VecDeque<PathBuf> = parts.iter().map(PathBuf::from).collect();
        let mut links = 0;
        while let Some(part) = open.pop_front() {
            if part.as_os_str() == ".." {
                if !resolved.pop() {
                    return Err(leaves(path));
                }
                continue;
            }
            let candidate = resolved.join(part);
            let is_kept = open.is_empty() && last == LastLink::Keep;
            let absolute = self.root.join(&candidate);
            let is_link =
                fs::symlink_metadata(&absolute).is_ok_and(|found| found.file_type().is_symlink());
            if !is_link || is_kept {
                resolved = candidate;
                continue;
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(format!(
                    "{path}: more than {LINKS_MAX} symbolic links, or a circle of them"
                ));
            }
            // The host does not let a guest read a link to an absolute path.
            let target = fs::read_link(&absolute).map_err(|_| leaves(path))?;
            for part in target.components().rev() {
                match part {
                    Component::Normal(_) | Component::ParentDir => {
                        open.push_front(part.as_os_str().into())
                    }
                    Component::CurDir => {}
                    Component::RootDir | Component::Prefix(_) => return Err(leaves(path)),
                }
            }
        }
        Ok(resolved)
    }
}

/// The names on the way, without `.`.
fn parts(path: &str) -> Result<Vec<&str>, String> {
    if path.contains('\0') {
        return Err(format!("{path:?} has a NUL in it, which no file name has"));
    }
    if path.starts_with('/') {
        let relative = path.strip_prefix("/workspace/").unwrap_or("src/main.rs");
        return Err(format!(
            "{path} is absolute: paths are relative to the workspace, as in {relative}"
        ));
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err(format!(
            "{path} has `..` in it: name the file by its path from the top of the workspace"
        ));
    }
    Ok(parts)
}

fn leaves(path: &str) -> String {
    format!(
        "{path} leads out of the workspace by a symbolic link: only files inside the workspace can be reached"
    )
}

impl Place {
    /// The place of the entry `name` of this folder. It is not resolved: a link stays a link.
    #[must_use]
    pub(crate) fn child(&self, name: &str) -> Self {
        let separator = if self.name.is_empty() { "" } else { "/" };
        Self {
            name: format!("{}{separator}{name}", self.name),
            path: self.path.join(name),
            is_root: false,
        }
    }

    /// Where it is, for the calls of `std::fs`.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there, or none. A link at the end is not followed: `Workspace` has done that if it was wanted.
    pub(crate) fn look(&self) -> Result<Option<Metadata>, String> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.cannot("look at", &error)),
        }
    }

    /// What is there, which must be something.
    pub(crate) fn found(&self) -> Result<Metadata, String> {
        self.look()?
            .ok_or_else(|| format!("{self} does not exist: `list` shows what does"))
    }

    /// What is there, which must be a file.
    pub(crate) fn file(&self) -> Result<Metadata, String> {
        let found = self.found()?;
        if found.is_file() {
            return Ok(found);
        }
        Err(if found.is_dir() {
            format!("{self} is a folder: use `list`")
        } else {
            format!("{self} is not a regular file")
        })
    }

    /// What is there, which must be a folder.
    pub(crate) fn folder(&self) -> Result<Metadata, String> {
        let found = self.found()?;
        if found.is_dir() {
            Ok(found)
        } else {
            Err(format!("{self} is a file, not a folder"))
        }
    }

    /// The message for an operation that failed.
    #[must_use]
    pub(crate) fn cannot(&self, operation: &str, error: &io::Error) -> String {
        let reason = match error.kind() {
            ErrorKind::NotFound => "it does not exist".to_owned(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "the host does not allow it".to_owned()
            }
            ErrorKind::NotADirectory => "a part of its path is a file, not a folder".to_owned(),
            ErrorKind::IsADirectory => "it is a folder".to_owned(),
            ErrorKind::DirectoryNotEmpty => "the folder is not empty".to_owned(),
            ErrorKind::AlreadyExists => "it exists already".to_owned(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "there is no room for it".to_owned()
            }
            _ => error.to_string(),
        };
        format!("cannot {operation} {self}: {reason}")
    }
}

/// The path as agents write it; the workspace itself is `.`.
impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.name.is_empty() {
            "."
        } else {
            &self.name
        })
    }
}

#[cfg(test)]
mod tests;
