//! The verb that changes what backends may do while the host runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::access::Audience;
use crate::error::{Error, ErrorCode, Result};
use crate::ids::BackendName;
use crate::policy::LiveGrants;
use crate::registry::{BackendSettings, Origin};

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

/// What the operator says of backends, by name: the same for every version that still has sessions, and for one that is sent later.
pub(super) struct Policies(Mutex<HashMap<BackendName, Policy>>);

#[derive(Default)]
struct Policy {
    /// None: no backend of this name was loaded from the operator's files.
    grants: Option<LiveGrants>,
    audience: Audience,
}

impl Policies {
    /// `audiences`: of backends that are not for everybody, loaded or not.
    pub(super) fn new(audiences: &BTreeMap<BackendName, Audience>) -> Self {
        let policies = audiences.iter().map(|(name, audience)| {
            let policy = Policy {
                audience: audience.clone(),
                ..Policy::default()
            };
            (name.clone(), policy)
        });
        Self(Mutex::new(policies.collect()))
    }

    /// Makes them the backend's, the grants from the next call on.
    pub(super) fn set(&self, name: &BackendName, settings: &BackendSettings) -> LiveGrants {
        let mut by_name = self.by_name();
        let policy = by_name.entry(name.clone()).or_default();
        policy.audience = settings.workers.clone();
        let live = policy.grants.get_or_insert_default();
        if *live.now() != settings.grants {
            live.change(settings.grants.clone());
        }
        live.clone()
    }

    /// What holds for a component that somebody sends under this name.
    pub(super) fn for_upload(
        &self,
        name: &BackendName,
        settings: &mut BackendSettings,
    ) -> LiveGrants {
        let by_name = self.by_name();
        let Some(policy) = by_name.get(name) else {
            return LiveGrants::new(settings.grants.clone());
        };
        settings.workers = policy.audience.clone();
        // Only what takes the place of the operator's backend has its grants.
        let own = policy.grants.as_ref();
        own.filter(|own| *own.now() == settings.grants)
            .cloned()
            .unwrap_or_else(|| LiveGrants::new(settings.grants.clone()))
    }

    fn by_name(&self) -> MutexGuard<'_, HashMap<BackendName, Policy>> {
        self.0
            .lock()
            .expect("no code panics while it holds the policies")
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

    /// None: it is not loaded, or from another file. A component that was sent under the name has its policy, and stays.
    async fn apply(&self, source: Source) -> Result<Option<PolicyChange>> {
        let catalogue = self.registry.catalogue();
        let Ok(backend) = catalogue.backend(&source.name).cloned() else {
            return Ok(None);
        };
        let is_uploaded = backend.origin == Origin::Uploaded;
        if !is_uploaded && backend.origin != Origin::File(source.path.clone()) {
            return Ok(None);
        }
        let (old, new) = (backend.grants(), &source.settings);
        let is_same_start =
            new.grants.fit_instance_of(&old) && backend.settings().differ_in_grants_only(new);
        let what = match (is_same_start, *old == new.grants) {
            (true, true) => Changed::Nothing,
            (true, false) => Changed::Grants,
            (false, _) if is_uploaded => Changed::Grants,
            (false, _) => Changed::Reloaded,
        };
        let name = source.name.clone();
        self.policy.set(&name, new);
        if what == Changed::Reloaded {
            self.load(source).await?;
        }
        Ok(Some(PolicyChange {
            backend: name,
            what,
        }))
    }
}
