//! The verb that changes what backends may do while the host runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::error::{Error, ErrorCode, Result};
use crate::ids::BackendName;
use crate::policy::{Grants, LiveGrants};
use crate::registry::Origin;

use super::{Host, Source};

/// Reads the configuration anew: the backends that it names, with their settings.
pub type PolicySource = Arc<dyn Fn() -> std::result::Result<Vec<Source>, String> + Send + Sync>;

/// What a new policy came to for one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    pub backend: BackendName,
    pub what: Changed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Nothing,
    /// What is asked for at each use: outgoing HTTP, secrets, sockets.
    Grants,
    /// Also what instances have from their start; new sessions begin with a new warmup.
    Reloaded,
}

impl Changed {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Grants => "grants",
            Self::Reloaded => "reloaded",
        }
    }
}

/// The grants of the operator's backends, by name: shared by every version of a backend that still has sessions.
#[derive(Default)]
pub(super) struct Policies(Mutex<HashMap<BackendName, LiveGrants>>);

impl Policies {
    /// Makes them the backend's, from the next call on.
    pub(super) fn set(&self, name: &BackendName, grants: Grants) -> LiveGrants {
        let mut by_name = self
            .0
            .lock()
            .expect("no code panics while it holds the policies");
        let live = by_name.entry(name.clone()).or_default();
        if *live.now() != grants {
            live.change(grants);
        }
        live.clone()
    }
}

impl Host {
    /// Where [`Host::reload_policy`] finds the policy. Only the first word counts.
    pub fn follow_policy(&self, source: PolicySource) {
        // A host has one configuration.
        let _ = self.policy_source.set(source);
    }

    pub(super) async fn read_policy(&self) -> Result<Vec<PolicyChange>> {
        self.check_open()?;
        let source = self.policy_source.get().ok_or_else(|| {
            Error::new(
                ErrorCode::Conflict,
                "this host was not started from a configuration",
            )
            .hint("start it with `hostel serve --config hostel.toml`")
        })?;
        let sources = source().map_err(|message| {
            Error::new(ErrorCode::InvalidRequest, message).hint("the policy is as it was")
        })?;
        let mut changes = Vec::new();
        for source in sources {
            if let Some(change) = self.apply(source).await? {
                tracing::info!(backend = %change.backend, what = change.what.as_str(), "policy read anew");
                changes.push(change);
            }
        }
        Ok(changes)
    }

    /// None: it is not loaded, or not from this file.
    async fn apply(&self, source: Source) -> Result<Option<PolicyChange>> {
        let catalogue = self.registry.catalogue();
        let Ok(backend) = catalogue.backend(&source.name).cloned() else {
            return Ok(None);
        };
        if backend.origin != Origin::File(source.path.clone()) {
            return Ok(None);
        }
        let (old, new) = (backend.grants(), &source.settings);
        let is_same_start =
            new.grants.fit_instance_of(&old) && backend.settings().differ_in_grants_only(new);
        let what = match (is_same_start, *old == new.grants) {
            (true, true) => Changed::Nothing,
            (true, false) => Changed::Grants,
            (false, _) => Changed::Reloaded,
        };
        let name = source.name.clone();
        self.policy.set(&name, new.grants.clone());
        if what == Changed::Reloaded {
            self.load(source).await?;
        }
        Ok(Some(PolicyChange {
            backend: name,
            what,
        }))
    }
}
