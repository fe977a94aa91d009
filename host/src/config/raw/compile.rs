//! `[compile]` as it is written.

use std::time::Duration;

use serde::Deserialize;

use crate::registry::CompileLimits;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawCompile {
    memory_bytes: Option<u64>,
    cpu_seconds: Option<u64>,
    wall_seconds: Option<u64>,
}

impl RawCompile {
    pub(in crate::config) fn over(&self, base: CompileLimits) -> CompileLimits {
        CompileLimits {
            memory_bytes: self.memory_bytes.unwrap_or(base.memory_bytes),
            cpu: self.cpu_seconds.map_or(base.cpu, Duration::from_secs),
            wall: self.wall_seconds.map_or(base.wall, Duration::from_secs),
        }
    }
}
