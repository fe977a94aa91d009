//! `[audit]` as it is written.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::audit::{AuditConfig, Fsync, OnFailure};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawAudit {
    /// Default: true if anything else is said here.
    enabled: Option<bool>,
    file: Option<PathBuf>,
    fsync: Option<String>,
    on_failure: Option<String>,
    file_bytes_max: Option<u64>,
}

impl RawAudit {
    pub(in crate::config) fn checked(self, base: &Path) -> Result<Option<AuditConfig>, String> {
        let defaults = AuditConfig::default();
        let fsync = match self.fsync.as_deref() {
            None => defaults.fsync,
            Some("never") => Fsync::Never,
            Some("second") => Fsync::Second,
            Some("always") => Fsync::Always,
            Some(other) => {
                return Err(format!("fsync: {other:?} is none of never, second, always"));
            }
        };
        let on_failure = match self.on_failure.as_deref() {
            None => defaults.on_failure,
            Some("refuse") => OnFailure::Refuse,
            Some("continue") => OnFailure::Continue,
            Some(other) => {
                return Err(format!("on_failure: {other:?} is none of refuse, continue"));
            }
        };
        let says_something = self.file.is_some()
            || self.fsync.is_some()
            || self.on_failure.is_some()
            || self.file_bytes_max.is_some();
        let config = AuditConfig {
            file: self.file.map(|file| base.join(file)),
            fsync,
            on_failure,
            file_bytes_max: self.file_bytes_max.unwrap_or(defaults.file_bytes_max),
        };
        Ok(self.enabled.unwrap_or(says_something).then_some(config))
    }
}
