//! The backends that are known, by name, and the tools of all of them. Replaced whole: a call sees one catalogue or the next, never half of one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::watch;

use crate::error::{Error, ErrorCode, Result, nearest};
use crate::ids::{BackendName, WorkerId};
use crate::tool::{Tool, Tools};

mod backend;
mod cache;
mod compiler;
mod image;
mod inputs;
mod listing;
mod loader;
mod lock;
mod manifest;
mod source;
mod structure;
mod surface;
mod warmup;
mod wit;
#[cfg(fuzzing)]
pub(crate) use wit::fuzz;

pub(crate) use backend::Backend;
pub(crate) use backend::Surroundings;
pub use backend::{BackendSettings, Origin};
pub use cache::CodeCache;
pub use compiler::{CompileLimits, Compiler, Task as CompileTask, compile_for_parent};
pub use image::Start;
pub use listing::{HookNames, Listing, ToolRecord};
pub(crate) use loader::LoadError;
pub use loader::{Loader, Prepared};
pub(crate) use lock::check as check_lock;
pub use lock::{Lock, as_json as changes_as_json, listed as changes_in_words};
pub use manifest::Manifest;
pub use source::{Candidate, Found, find};
pub use surface::{Change, Surface, What, between};
pub use warmup::Warmth;

/// Views of one catalogue that are kept; after so many, they are made anew.
const VIEWS_MAX: usize = 256;

/// A backend that could not be loaded, for the operator to mend. The others are served.
#[derive(Clone, Debug)]
pub struct Problem {
    pub name: String,
    pub message: String,
}

#[derive(Default)]
pub(crate) struct Registry {
    catalogue: RwLock<Arc<Catalogue>>,
    /// Those of the catalogue, for whoever wants to hear of changes.
    tools: watch::Sender<Tools>,
}

/// All backends at one moment.
#[derive(Default)]
pub(crate) struct Catalogue {
    backends: BTreeMap<BackendName, Arc<Backend>>,
    problems: BTreeMap<String, Problem>,
    tools: Tools,
    /// By `backend:name`.
    exact: HashMap<String, Arc<Tool>>,
    /// By full name with every separator written `_`.
    loose: HashMap<String, Vec<Arc<Tool>>>,
    /// By the tool's own name.
    bare: HashMap<String, Vec<Arc<Tool>>>,
    /// Some backend is not for everybody.
    is_restricted: bool,
    /// What is left for workers, by which of the restricted backends they do not see.
    views: Mutex<HashMap<Vec<BackendName>, Arc<Self>>>,
}

impl Registry {
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue
            .read()
            .expect("no code panics while it holds the catalogue")
            .clone()
    }

    /// The tools, and when there are others. A catalogue with the same tools is no change.
    pub(crate) fn watch_tools(&self) -> watch::Receiver<Tools> {
        self.tools.subscribe()
    }

    /// Registers a backend. Answers with the one that had the name; its sessions go on.
    pub(crate) fn insert(&self, backend: Arc<Backend>) -> Option<Arc<Backend>> {
        self.change(|backends, problems| {
            problems.remove(backend.name.as_str());
            backends.insert(backend.name.clone(), backend)
        })
    }

    /// Takes a backend out. Its sessions go on.
    pub(crate) fn remove(&self, name: &BackendName) -> Option<Arc<Backend>> {
        self.change(|backends, problems| {
            problems.remove(name.as_str());
            backends.remove(name)
        })
    }

    pub(crate) fn report(&self, problem: Problem) {
        self.change(|_, problems| drop(problems.insert(problem.name.clone(), problem)));
    }

    fn change<T>(
        &self,
        change: impl FnOnce(
            &mut BTreeMap<BackendName, Arc<Backend>>,
            &mut BTreeMap<String, Problem>,
        ) -> T,
    ) -> T {
        let mut slot = self
            .catalogue
            .write()
            .expect("no code panics while it holds the catalogue");
        let (mut backends, mut problems) = (slot.backends.clone(), slot.problems.clone());
        let answer = change(&mut backends, &mut problems);
        let catalogue = Catalogue::new(backends, problems);
        let tools = catalogue.tools();
        *slot = Arc::new(catalogue);
        self.tools.send_if_modified(|known| {
            let same = known.len() == tools.len()
                && known
                    .iter()
                    .zip(tools.iter())
                    .all(|(a, b)| Arc::ptr_eq(a, b));
            if !same {
                *known = tools;
            }
            !same
        });
        answer
    }
}

impl Catalogue {
    fn new(
        backends: BTreeMap<BackendName, Arc<Backend>>,
        problems: BTreeMap<String, Problem>,
    ) -> Self {
        let is_restricted = backends
            .values()
            .any(|backend| !backend.settings().workers.is_everybody());
        let mut catalogue = Self {
            backends,
            problems,
            is_restricted,
            ..Self::default()
        };
        let mut tools = Vec::new();
        for backend in catalogue.backends.values() {
            for tool in backend.tools.iter() {
                tools.push(tool.clone());
                catalogue.exact.insert(tool.full_name.clone(), tool.clone());
                catalogue
                    .loose
                    .entry(loosened(&tool.full_name))
                    .or_default()
                    .push(tool.clone());
                catalogue
                    .bare
                    .entry(tool.name.clone())
                    .or_default()
                    .push(tool.clone());
            }
        }
        catalogue.tools = tools.into();
        catalogue
    }

    pub(crate) fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// The catalogue without the backends that are not for this worker: nobody can tell from it that they are there.
    pub(crate) fn seen_by(self: Arc<Self>, worker: &WorkerId) -> Arc<Self> {
        if !self.is_restricted {
            return self;
        }
        let hidden = self
            .backends
            .values()
            .filter(|backend| !backend.settings().workers.include(worker));
        let hidden: Vec<BackendName> = hidden.map(|backend| backend.name.clone()).collect();
        if hidden.is_empty() {
            return self;
        }
        let mut views = self
            .views
            .lock()
            .expect("no code panics while it holds the views");
        if let Some(view) = views.get(&hidden) {
            return view.clone();
        }
        let mut backends = self.backends.clone();
        backends.retain(|name, _| !hidden.contains(name));
        // What could not be loaded is a matter of those who see everything.
        let mut view = Self::new(backends, BTreeMap::new());
        view.is_restricted = false;
        let view = Arc::new(view);
        if views.len() >= VIEWS_MAX {
            views.clear();
        }
        views.insert(hidden, view.clone());
        view
    }

    /// # Errors
    /// `backend_not_found` with the nearest name, or with what kept it from loading.
    pub(crate) fn backend(&self, name: &BackendName) -> Result<&Arc<Backend>> {
        if let Some(backend) = self.backends.get(name) {
            return Ok(backend);
        }
        let error = Error::new(
            ErrorCode::BackendNotFound,
            format!("there is no backend {:?}", name.as_str()),
        );
        if let Some(problem) = self.problems.get(name.as_str()) {
            return Err(error.hint(format!("it could not be loaded: {}", problem.message)));
        }
        let known: Vec<&str> = self.backends.keys().map(BackendName::as_str).collect();
        Err(match nearest(name.as_str(), known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near:?}?")),
            None => error.hint(format!("the backends are: {}", known.join(", "))),
        })
    }

    pub(crate) fn backends(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.backends.values()
    }

    pub(crate) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values()
    }

    /// All tools, by backend and then in the order of the component.
    pub(crate) fn tools(&self) -> Tools {
        self.tools.clone()
    }

    /// A tool by `backend:name`.
    pub(crate) fn exact(&self, name: &str) -> Option<&Arc<Tool>> {
        self.exact.get(name)
    }

    /// Tools whose full name differs from `name` at most in its separators.
    pub(crate) fn loose(&self, name: &str) -> &[Arc<Tool>] {
        self.loose.get(&loosened(name)).map_or(&[], Vec::as_slice)
    }

    /// Tools of any backend with this own name; `-` and `_` are the same.
    pub(crate) fn bare(&self, name: &str) -> &[Arc<Tool>] {
        self.bare
            .get(&name.replace('-', "_"))
            .map_or(&[], Vec::as_slice)
    }
}

/// A name with every separator written `_`.
pub(crate) fn loosened(name: &str) -> String {
    name.replace([':', '.', '-'], "_")
}
