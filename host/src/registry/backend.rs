//! A registered backend: what it offers, what it may do, and its code, which is loaded when it is first needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::access::Audience;
use crate::capability::Outgoing;
use crate::engine::instance::Recipe;
use crate::engine::{Guests, HOSTS_OWN, Instance, Module, Pace, Paces, Revival};
use crate::error::{Error, Result};
use crate::ids::BackendName;
use crate::policy::{Grants, Limits, LiveGrants};
use crate::tool::Tool;

use super::image::Images;
use super::loader::{Code, Component, LoadError, Loader};
use super::warmup::Warming;
use super::{Change, Listing, Prepared};

/// What the operator says about a backend.
#[derive(Clone, Debug, Default)]
pub struct BackendSettings {
    /// The default config of its sessions: an object, or null.
    pub config: Value,
    pub grants: Grants,
    pub limits: Limits,
    /// For all others it is not there.
    pub workers: Audience,
}

impl BackendSettings {
    /// True when nothing but the grants may be different.
    pub(crate) fn differ_in_grants_only(&self, other: &Self) -> bool {
        self.config == other.config && self.limits == other.limits && self.workers == other.workers
    }
}

/// What the host gives every backend.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// Where workspaces are made.
    pub(crate) workspaces: PathBuf,
    pub(crate) outgoing: Outgoing,
    /// Those of all versions of the backend.
    pub(crate) grants: LiveGrants,
}

/// Where a backend came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    Uploaded,
}

pub(crate) struct Backend {
    pub(crate) name: BackendName,
    /// `sha256:` of the component.
    pub(crate) digest: String,
    pub(crate) bytes: u64,
    pub(crate) origin: Origin,
    pub(crate) loaded_at: SystemTime,
    pub(crate) compiled_in: Option<Duration>,
    pub(crate) listing: Listing,
    /// What is other than in the backend that had the name.
    pub(crate) changes: Vec<Change>,
    pub(crate) tools: Vec<Arc<Tool>>,
    pub(super) guests: Guests,
    /// What instances are made from, once the backend is warm. A refresh puts another in its place.
    module: RwLock<Option<Arc<Module>>>,
    pub(super) warming: Mutex<Warming>,
    settings: BackendSettings,
    /// The default config as JSON text: what a temporary session gets.
    default_config_text: String,
    recipe: Recipe,
    loader: Loader,
    code: Code,
    component: Component,
    by_name: HashMap<String, Arc<Tool>>,
    paces: Paces,
    sessions: TaskTracker,
}

impl Backend {
    pub(crate) fn new(
        name: BackendName,
        prepared: Prepared,
        origin: Origin,
        settings: BackendSettings,
        surroundings: Surroundings,
        loader: Loader,
        guests: Guests,
    ) -> Self {
        let tools = prepared.listing.tools(&name);
        let by_name = tools
            .iter()
            .map(|tool| (tool.name.clone(), tool.clone()))
            .collect();
        let recipe = Recipe {
            grants: surroundings.grants,
            limits: settings.limits,
            outgoing: surroundings.outgoing,
            workspaces: surroundings.workspaces,
        };
        Self {
            name,
            digest: prepared.digest,
            bytes: prepared.bytes,
            origin,
            loaded_at: SystemTime::now(),
            compiled_in: prepared.compiled_in,
            listing: prepared.listing,
            changes: Vec::new(),
            tools,
            guests,
            module: RwLock::new(None),
            warming: Mutex::default(),
            default_config_text: match &settings.config {
                Value::Null => "{}".to_owned(),
                config => config.to_string(),
            },
            settings,
            recipe,
            loader,
            code: prepared.code,
            component: prepared.component,
            by_name,
            paces: Paces::default(),
            sessions: TaskTracker::new(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.settings.limits
    }

    pub(crate) fn settings(&self) -> &BackendSettings {
        &self.settings
    }

    /// As they are now.
    pub(crate) fn grants(&self) -> Arc<Grants> {
        self.recipe.grants.now()
    }

    pub(crate) fn default_config(&self) -> &Value {
        &self.settings.config
    }

    pub(crate) fn default_config_text(&self) -> &str {
        &self.default_config_text
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.by_name.get(name)
    }

    /// Of a worker's calls that run in no session, and of starts of its sessions.
    pub(crate) fn pace(&self, lane: u64) -> &Pace {
        self.paces.of(lane)
    }

    /// Held by everything that must be over before `shutdown` runs.
    pub(crate) fn in_use(&self) -> TaskTrackerToken {
        self.sessions.token()
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// An instance that has had its warmup and nothing else. Warms the backend up if it is cold.
    ///
    /// # Errors
    /// What the warmup came to, `overloaded`, `limit_exceeded`, `internal`.
    pub(crate) async fn instance(self: &Arc<Self>, lane: u64) -> Result<Box<Instance>> {
        let module = match self.module() {
            Some(module) => module,
            None => self.warm_up().await?,
        };
        let mut instance = self.start(&module, lane).await?;
        if module.hooks().has_warmup() && !module.is_warmed() {
            self.warm(&mut instance).await?;
        }
        Ok(instance)
    }

    /// Makes an instance; no hook runs in it.
    pub(super) async fn start(&self, module: &Arc<Module>, lane: u64) -> Result<Box<Instance>> {
        let started = Instance::start(module, &self.recipe, lane).await;
        started.map_err(|fault| fault.into_error(&format!("backend {}", self.name)))
    }

    /// An instance that goes on where a snapshot was taken, with the backend's present grants. A folder is made if the revival has none
    /// and one is granted.
    ///
    /// # Errors
    /// `overloaded`, `limit_exceeded`, `internal`.
    pub(crate) async fn revive(
        &self,
        module: &Arc<Module>,
        revival: Revival<'_>,
    ) -> Result<Box<Instance>> {
        let revived = Instance::revive(module, &self.recipe, revival).await;
        revived.map_err(|fault| fault.into_error(&format!("a session of {}", self.name)))
    }

    pub(super) fn module(&self) -> Option<Arc<Module>> {
        self.module
            .read()
            .expect("no code panics while it holds the module")
            .clone()
    }

    pub(super) fn replace_module(&self, module: Arc<Module>) {
        *self
            .module
            .write()
            .expect("no code panics while it holds the module") = Some(module);
    }

    pub(super) fn images(&self) -> Images {
        self.loader.images(&self.digest)
    }

    /// The component's own bytes. Blocks.
    pub(super) fn component(&self) -> Result<Arc<[u8]>, LoadError> {
        self.component.read(&self.digest)
    }

    /// Loads and links the code. Blocks.
    pub(super) fn link(&self) -> Result<Module> {
        let compiled = self
            .loader
            .ready(&self.digest, &self.code, &self.component)
            .map_err(LoadError::into_error)?;
        let module = Module::link(self.loader.engine(), &compiled, None)
            .map_err(|message| LoadError(message).into_error())?;
        match self
            .tools
            .iter()
            .find(|tool| module.place(&tool.export) != Some(tool.place))
        {
            None => Ok(module),
            Some(tool) => Err(Error::internal(
                format!("cannot link {}", self.name),
                format!("{} is not where its listing says", tool.export),
            )),
        }
    }

    /// Waits until the last session is gone, then runs the module's `shutdown` in an instance of its own.
    pub(crate) async fn retire(self: Arc<Self>) {
        self.sessions.close();
        self.sessions.wait().await;
        let module = self.module();
        if !module.is_some_and(|module| module.hooks().has_shutdown()) {
            return;
        }
        let outcome = async {
            let mut instance = self.instance(HOSTS_OWN).await?;
            instance
                .shut_down()
                .await
                .map_err(|fault| fault.into_error("shutdown"))
        };
        if let Err(error) = outcome.await {
            tracing::warn!(backend = %self.name, %error, "shutdown of a backend failed");
        }
    }
}
