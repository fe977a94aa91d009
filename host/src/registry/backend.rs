//! A registered backend: what it offers, what it may do, and its code, which is loaded when it is first needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::engine::instance::Recipe;
use crate::engine::{Guests, Instance, Module, Pace};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::BackendName;
use crate::policy::{Grants, Limits};
use crate::tool::Tool;

use super::loader::{Code, LoadError, Loader};
use super::warmup::Warming;
use super::{Listing, Prepared};

/// Instances in which `warmup` has run that are kept ready, so that a call need not wait for it. Each serves one session or one call.
const SPARES: usize = 2;

/// What the operator says about a backend.
#[derive(Clone, Debug, Default)]
pub struct BackendSettings {
    /// The default config of its sessions: an object, or null.
    pub config: Value,
    pub grants: Grants,
    pub limits: Limits,
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
    pub(crate) tools: Vec<Arc<Tool>>,
    pub(super) guests: Guests,
    pub(super) module: OnceLock<Arc<Module>>,
    pub(super) warming: Mutex<Warming>,
    settings: BackendSettings,
    /// The default config as JSON text: what a temporary session gets.
    default_config_text: String,
    recipe: Recipe,
    loader: Loader,
    code: Code,
    by_name: HashMap<String, Arc<Tool>>,
    #[expect(clippy::vec_box, reason = "instances are handed on in their boxes")]
    spares: Mutex<Vec<Box<Instance>>>,
    restocking: AtomicBool,
    pace: Pace,
    sessions: TaskTracker,
}

impl Backend {
    pub(crate) fn new(
        name: BackendName,
        prepared: Prepared,
        origin: Origin,
        settings: BackendSettings,
        workspaces: PathBuf,
        loader: Loader,
        guests: Guests,
    ) -> Self {
        let tools = prepared.listing.tools(&name);
        let by_name = tools
            .iter()
            .map(|tool| (tool.name.clone(), tool.clone()))
            .collect();
        let recipe = Recipe {
            grants: settings.grants.clone(),
            limits: settings.limits,
            workspaces,
        };
        Self {
            name,
            digest: prepared.digest,
            bytes: prepared.bytes,
            origin,
            loaded_at: SystemTime::now(),
            compiled_in: prepared.compiled_in,
            listing: prepared.listing,
            tools,
            guests,
            module: OnceLock::new(),
            warming: Mutex::new(Warming::Cold),
            default_config_text: match &settings.config {
                Value::Null => "{}".to_owned(),
                config => config.to_string(),
            },
            settings,
            recipe,
            loader,
            code: prepared.code,
            by_name,
            spares: Mutex::new(Vec::new()),
            restocking: AtomicBool::new(false),
            pace: Pace::default(),
            sessions: TaskTracker::new(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.settings.limits
    }

    pub(crate) fn settings(&self) -> &BackendSettings {
        &self.settings
    }

    pub(crate) fn grants(&self) -> &Grants {
        &self.settings.grants
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

    /// Of calls that run in no session, and of starts of sessions.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
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
    pub(crate) async fn instance(self: &Arc<Self>) -> Result<Box<Instance>> {
        let module = match self.module.get() {
            Some(module) => module,
            None => &self.warm_up().await?,
        };
        if module.hooks().has_warmup() {
            let spare = self.spares().pop();
            self.restock();
            if let Some(spare) = spare {
                return Ok(spare);
            }
        }
        self.fresh(module).await
    }

    /// Makes an instance and runs `warmup` in it.
    pub(super) async fn fresh(&self, module: &Arc<Module>) -> Result<Box<Instance>> {
        let failed =
            |fault: crate::engine::Fault| fault.into_error(&format!("backend {}", self.name));
        let mut instance = Instance::start(module, &self.recipe)
            .await
            .map_err(failed)?;
        if module.hooks().has_warmup() {
            instance.warm_up().await.map_err(|fault| match fault {
                crate::engine::Fault::Refused { message, .. } => Error::new(
                    ErrorCode::BackendInvalid,
                    format!("warmup of {} failed: {message}", self.name),
                )
                .hint("the message is the backend's own: mend what it names, then POST /v1/warmup"),
                other => other.into_error(&format!("warmup of {}", self.name)),
            })?;
        }
        Ok(instance)
    }

    /// Loads and links the code. Blocks.
    pub(super) fn link(&self) -> Result<Module> {
        let compiled = self
            .loader
            .ready(&self.digest, &self.code)
            .map_err(LoadError::into_error)?;
        let module = Module::link(self.loader.engine(), &compiled)
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

    pub(super) fn keep_spare(&self, instance: Box<Instance>) {
        self.spares().push(instance);
    }

    #[expect(clippy::vec_box, reason = "instances are handed on in their boxes")]
    fn spares(&self) -> MutexGuard<'_, Vec<Box<Instance>>> {
        self.spares
            .lock()
            .expect("no code panics while it holds the spares")
    }

    /// Makes the missing spares in the background, one after the other.
    pub(super) fn restock(self: &Arc<Self>) {
        if self.restocking.swap(true, Ordering::AcqRel) {
            return;
        }
        let backend = self.clone();
        self.guests.start(async move {
            let outcome = backend.fill_up().await;
            backend.restocking.store(false, Ordering::Release);
            if let Err(error) = outcome {
                tracing::warn!(backend = %backend.name, %error, "cannot make a spare instance");
            }
        });
    }

    async fn fill_up(&self) -> Result<()> {
        let Some(module) = self.module.get() else {
            return Ok(());
        };
        while self.spares().len() < SPARES && !self.sessions.is_closed() {
            let spare = self.fresh(module).await?;
            self.keep_spare(spare);
        }
        Ok(())
    }

    /// Waits until the last session is gone, then runs the module's `shutdown` in an instance of its own.
    pub(crate) async fn retire(self: Arc<Self>) {
        self.sessions.close();
        self.sessions.wait().await;
        self.spares().clear();
        let Some(module) = self
            .module
            .get()
            .filter(|module| module.hooks().has_shutdown())
        else {
            return;
        };
        let outcome = async {
            let mut instance = self.fresh(module).await?;
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
