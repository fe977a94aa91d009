//! The two ways in which the revisions of the protocol differ here.

use rmcp::model::ProtocolVersion;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// 2026-07-28 and later: no handshake, and structured content of any form.
    Modern,
    /// Those that begin with `initialize`.
    Legacy,
}

impl Revision {
    pub(super) fn of(version: Option<&ProtocolVersion>) -> Self {
        match version {
            Some(version) if !version.has_initialize() => Self::Modern,
            _ => Self::Legacy,
        }
    }
}
