//! The data directory: compiled code, which processes share, and the sessions of one process at a time.

use std::path::{Path, PathBuf};

/// Below the data directory: compiled code and warm images.
pub(crate) const CACHE_FOLDER: &str = "cache";
const SESSIONS_FOLDER: &str = "sessions";

pub(super) struct DataDir(PathBuf);

impl DataDir {
    /// # Errors
    /// In words for the operator.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        fs_err::create_dir_all(root).map_err(|error| {
            format!("cannot use the data directory: {error}; choose another with --data-dir")
        })?;
        Ok(Self(root.to_owned()))
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.0.join(CACHE_FOLDER)
    }

    pub(super) fn sessions(&self) -> PathBuf {
        self.0.join(SESSIONS_FOLDER)
    }
}
