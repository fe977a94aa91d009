//! The verbs on backends: load, unload, warm up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::BackendName;
use crate::policy::{Grants, Limits};
use crate::registry::{
    Backend, BackendSettings, Catalogue, Change, Listing, LoadError, Origin, Problem, Surroundings,
    Warmth,
};

use super::{Approval, Caller, Host};

/// A component to load.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: BackendName,
    pub path: PathBuf,
    /// `sha256:...`, if it must be just that.
    pub pin: Option<String>,
    pub settings: BackendSettings,
}

/// What anyone may see of a backend.
#[derive(Clone, Debug)]
pub struct BackendInfo {
    pub name: BackendName,
    pub digest: String,
    pub bytes: u64,
    pub origin: Origin,
    pub loaded_at: SystemTime,
    /// None: the code was in the cache.
    pub compiled_in: Option<Duration>,
    pub listing: Listing,
    /// What is other than in the backend that had the name.
    pub changes: Vec<Change>,
    pub grants: Grants,
    pub limits: Limits,
    pub warmth: Warmth,
    pub sessions: usize,
}

/// What is to be warmed up.
#[derive(Clone, Debug, Default)]
pub struct WarmUp {
    /// None: all.
    pub backends: Option<Vec<BackendName>>,
    /// Run `warmup` again where the backend is warm already or the cache has its image.
    pub refresh: bool,
}

/// What warming one backend up came to.
pub struct WarmupReport {
    pub backend: BackendName,
    pub outcome: Result<Warmth>,
}

impl Host {
    /// Loads a component from a file. Takes the time of a compilation unless its code is cached.
    ///
    /// # Errors
    /// `backend_invalid`, naming the file and what is wrong with it; `policy_denied` for one that nobody approved. It is also listed as a
    /// problem.
    pub(super) async fn load_file(&self, source: Source) -> Result<BackendInfo> {
        let (loader, path, pin) = (self.loader.clone(), source.path.clone(), source.pin.clone());
        let existing = self
            .registry
            .catalogue()
            .backend(&source.name)
            .ok()
            .cloned();
        // The configuration speaks for what is there at the start.
        let approval = match &existing {
            Some(_) => Approval::Missing,
            None => Approval::Given,
        };
        let gate = self.gate(&source.name, existing.as_deref(), approval);
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = loader
                .file(&path, pin.as_deref())
                .map_err(LoadError::into_error)?;
            let changes = gate.admit(&prepared)?;
            Ok((prepared, changes))
        });
        let prepared: Result<_> = prepared
            .await
            .map_err(|error| Error::internal("cannot load a backend", error))?;
        let (prepared, changes) = prepared.inspect_err(|error| {
            self.report(Problem {
                name: source.name.to_string(),
                message: error.message().to_owned(),
            });
        })?;
        Ok(self.register(
            source.name,
            prepared,
            changes,
            Origin::File(source.path),
            source.settings,
        ))
    }

    /// Lists a component that cannot be loaded, for everyone who asks for it.
    pub fn report(&self, problem: Problem) {
        tracing::error!(name = problem.name, "{}", problem.message);
        self.registry.report(problem);
    }

    /// Loads a component that a client sent. A backend of this name is replaced; its sessions go on with the old version.
    ///
    /// # Errors
    /// `backend_invalid`; `conflict` when the backend's digest is not `if_match`; `policy_denied` for what has to be approved.
    pub(super) async fn take_component(
        &self,
        name: BackendName,
        component: Bytes,
        pin: Option<String>,
        if_match: Option<&str>,
        approval: Approval,
    ) -> Result<BackendInfo> {
        self.check_open()?;
        let existing = self.registry.catalogue().backend(&name).ok().cloned();
        check_match(existing.as_deref(), if_match)?;
        let gate = self.gate(&name, existing.as_deref(), approval);
        let settings = existing.map_or_else(
            || self.config.settings.clone(),
            |backend| BackendSettings {
                grants: Grants::clone(&backend.grants()),
                ..backend.settings().clone()
            },
        );
        let (loader, what) = (self.loader.clone(), format!("backend {name}"));
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = loader
                .bytes(&what, &component, pin.as_deref())
                .map_err(LoadError::into_error)?;
            let changes = gate.admit(&prepared)?;
            Ok((prepared, changes))
        });
        let prepared: Result<_> = prepared
            .await
            .map_err(|error| Error::internal("cannot load a backend", error))?;
        let (prepared, changes) = prepared?;
        Ok(self.register(name, prepared, changes, Origin::Uploaded, settings))
    }

    /// Unloads a backend. Its sessions run on until they end; then it gets its shutdown.
    ///
    /// # Errors
    /// `backend_not_found`, `conflict`.
    pub(super) fn unload(&self, name: &BackendName, if_match: Option<&str>) -> Result<BackendInfo> {
        let catalogue = self.registry.catalogue();
        check_match(Some(catalogue.backend(name)?), if_match)?;
        let backend = self.registry.remove(name).ok_or_else(|| {
            Error::new(
                ErrorCode::BackendNotFound,
                format!("there is no backend {:?}", name.as_str()),
            )
        })?;
        tracing::info!(backend = %name, sessions = backend.sessions(), "backend unloaded");
        let info = backend.info();
        self.retire(backend);
        Ok(info)
    }

    pub fn backends(&self) -> Vec<BackendInfo> {
        let catalogue = self.registry.catalogue();
        catalogue.backends().map(|backend| backend.info()).collect()
    }

    /// Those that the caller may know of. An administrator knows of all.
    pub fn backends_for(&self, caller: &Caller) -> Vec<BackendInfo> {
        let catalogue = self.overview(caller);
        catalogue.backends().map(|backend| backend.info()).collect()
    }

    /// # Errors
    /// `backend_not_found`.
    pub fn backend(&self, name: &BackendName) -> Result<BackendInfo> {
        Ok(self.registry.catalogue().backend(name)?.info())
    }

    /// The same, if the caller may know of it.
    ///
    /// # Errors
    /// `backend_not_found`.
    pub fn backend_for(&self, caller: &Caller, name: &BackendName) -> Result<BackendInfo> {
        Ok(self.overview(caller).backend(name)?.info())
    }

    /// Files that could not be loaded.
    pub fn problems(&self) -> Vec<Problem> {
        self.registry.catalogue().problems().cloned().collect()
    }

    /// The same, for who may know of them.
    pub fn problems_for(&self, caller: &Caller) -> Vec<Problem> {
        match caller.scopes.has_admin() {
            true => self.overview(caller).problems().cloned().collect(),
            false => Vec::new(),
        }
    }

    fn overview(&self, caller: &Caller) -> Arc<Catalogue> {
        if caller.is_administrator() {
            return self.registry.catalogue();
        }
        self.catalogue(caller)
    }

    /// Warms backends up, side by side.
    ///
    /// # Errors
    /// `backend_not_found`, before anything is done. What each warmup comes to is in its report.
    pub(super) async fn warm(&self, what: WarmUp) -> Result<Vec<WarmupReport>> {
        self.check_open()?;
        let catalogue = self.registry.catalogue();
        let backends: Vec<Arc<Backend>> = match what.backends {
            None => catalogue.backends().cloned().collect(),
            Some(names) => names
                .iter()
                .map(|name| catalogue.backend(name).cloned())
                .collect::<Result<_>>()?,
        };
        let warm = backends.iter().map(|backend| async move {
            let outcome = if what.refresh {
                backend.refresh().await
            } else {
                backend.warm_up_again().await
            };
            let outcome = outcome.map(|()| backend.warmth());
            WarmupReport {
                backend: backend.name.clone(),
                outcome,
            }
        });
        Ok(futures_util::future::join_all(warm).await)
    }

    fn register(
        &self,
        name: BackendName,
        prepared: crate::registry::Prepared,
        changes: Vec<Change>,
        origin: Origin,
        settings: BackendSettings,
    ) -> BackendInfo {
        let mut settings = settings;
        let surroundings = Surroundings {
            workspaces: self.config.durable.workspaces().to_owned(),
            outgoing: self.config.outgoing.clone(),
            grants: match &origin {
                Origin::File(_) => self.policy.set(&name, &settings),
                Origin::Uploaded => self.policy.for_upload(&name, &mut settings),
            },
        };
        let mut backend = Backend::new(
            name,
            prepared,
            origin,
            settings,
            surroundings,
            self.loader.clone(),
            self.guests.clone(),
        );
        backend.changes = changes;
        let backend = Arc::new(backend);
        let info = backend.info();
        if info.changes.iter().any(Change::widens) {
            tracing::warn!(backend = %info.name, changes = crate::registry::changes_in_words(&info.changes), "a backend asks for more than the one before, or says other things");
        }
        tracing::info!(backend = %info.name, digest = info.digest, tools = info.listing.tools.len(), cached = info.compiled_in.is_none(), "backend loaded");
        if let Some(old) = self.registry.insert(backend.clone()) {
            self.retire(old);
        }
        self.sessions.welcome(&backend);
        info
    }
}

impl Backend {
    fn info(&self) -> BackendInfo {
        BackendInfo {
            name: self.name.clone(),
            digest: self.digest.clone(),
            bytes: self.bytes,
            origin: self.origin.clone(),
            loaded_at: self.loaded_at,
            compiled_in: self.compiled_in,
            listing: self.listing.clone(),
            changes: self.changes.clone(),
            grants: Grants::clone(&self.grants()),
            limits: self.limits(),
            warmth: self.warmth(),
            sessions: self.sessions(),
        }
    }
}

/// `*` matches any backend that is there.
fn check_match(existing: Option<&Backend>, if_match: Option<&str>) -> Result<()> {
    let Some(wanted) = if_match else {
        return Ok(());
    };
    match existing {
        Some(backend) if wanted == "*" || wanted == backend.digest => Ok(()),
        Some(backend) => Err(Error::new(
            ErrorCode::Conflict,
            format!(
                "backend {} is {}, not {wanted}",
                backend.name, backend.digest
            ),
        )
        .hint("read the backend again, and decide anew")),
        None => Err(
            Error::new(ErrorCode::Conflict, format!("no backend is {wanted}"))
                .hint("leave If-Match out to load a new backend"),
        ),
    }
}
