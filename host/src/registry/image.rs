//! Warm images of one component: made once, kept on disk for every host of this machine, and made anew when the component, the backend's
//! settings, the engine or a file that `warmup` read is another. Everything here blocks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{AuthenticCode, Compiled, Engine, HeldByRep, Image, Module, Restoration};

use super::backend::BackendSettings;
use super::inputs::Inputs;
use super::{CodeCache, Compiler, LoadError};

/// How instances of a warm backend start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The backend has no `warmup`.
    Plain,
    /// From an image that this host made. `kept`: it is on disk for the next start.
    Image {
        bytes: u64,
        kept: bool,
        /// What the backend's author should know about it.
        warnings: Vec<String>,
    },
    /// From an image that was on disk.
    CachedImage { warnings: Vec<String> },
    /// `warmup` runs in every instance, for this reason.
    WithoutImage { reason: String },
}

impl Start {
    /// `plain`, `image`, `cached_image`, `without_image`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Image { .. } => "image",
            Self::CachedImage { .. } => "cached_image",
            Self::WithoutImage { .. } => "without_image",
        }
    }

    /// What the backend's author should know.
    pub fn warnings(&self) -> &[String] {
        match self {
            Self::Image { warnings, .. } | Self::CachedImage { warnings } => warnings,
            Self::Plain | Self::WithoutImage { .. } => &[],
        }
    }
}

pub(super) struct Images {
    engine: Arc<Engine>,
    cache: Option<Arc<CodeCache>>,
    /// None: images are compiled in this process.
    compiler: Option<Compiler>,
    /// Of the names of this component's entries.
    prefix: String,
}

/// What the cache keeps about an image, or about the lack of one.
#[derive(Serialize, Deserialize)]
struct ImageRecord {
    outcome: Outcome,
    inputs: Inputs,
}

#[derive(Serialize, Deserialize)]
enum Outcome {
    Image {
        id: String,
        held: HeldByRep,
        taken_at: u64,
        seed_at: Option<u32>,
        warnings: Vec<String>,
    },
    None {
        reason: String,
    },
}

/// What an earlier warmup came to.
pub(super) enum Earlier {
    Image {
        module: Arc<Module>,
        warnings: Vec<String>,
    },
    None {
        reason: String,
    },
}

impl Images {
    pub(super) fn new(
        engine: Arc<Engine>,
        cache: Option<Arc<CodeCache>>,
        compiler: Option<Compiler>,
        prefix: String,
    ) -> Self {
        Self {
            engine,
            cache,
            compiler,
            prefix,
        }
    }

    /// What a warmup with these settings came to, if everything that it read is as it was.
    pub(super) fn earlier(&self, settings: &BackendSettings) -> Option<Earlier> {
        let cache = self.cache.as_ref()?;
        let entry = cache.get::<ImageRecord>(&self.name(cache, settings))?;
        if let Some(path) = entry.about.inputs.changed() {
            tracing::info!(path = %path.display(), "a file that warmup read has changed: warming up anew");
            return None;
        }
        let (restoration, warnings) = match &entry.about.outcome {
            Outcome::None { reason } => {
                return Some(Earlier::None {
                    reason: reason.clone(),
                });
            }
            Outcome::Image {
                id,
                held,
                taken_at,
                seed_at,
                warnings,
            } => {
                let restoration = Restoration {
                    id: id.clone(),
                    held: held.clone(),
                    taken_at: *taken_at,
                    seed_at: *seed_at,
                };
                (restoration, warnings.clone())
            }
        };
        let linked = entry
            .map(&self.engine, false)
            .and_then(|compiled| Module::link(&self.engine, &compiled, Some(restoration)));
        match linked {
            Ok(module) => Some(Earlier::Image {
                module: Arc::new(module),
                warnings,
            }),
            Err(reason) => {
                tracing::warn!(
                    reason,
                    "a cached warm image cannot be used: warming up anew"
                );
                None
            }
        }
    }

    /// Compiles an image, keeps it, and maps it from its file, so that hosts share it. Says how many bytes it has and whether it was kept.
    ///
    /// # Errors
    /// It cannot be compiled: a bug of the snapshot's.
    pub(super) fn finish(
        &self,
        settings: &BackendSettings,
        image: Image,
    ) -> Result<(Module, Start), LoadError> {
        let failed = |message: String| LoadError(format!("a warm image: {message}"));
        let (code, compiled) = self.compile(&image.component).map_err(failed)?;
        let warnings = warnings(&image);
        let record = if image.talked {
            tracing::info!("warmup asked other hosts: its image is not kept on disk");
            None
        } else {
            let outcome = Outcome::Image {
                id: image.restoration.id.clone(),
                held: image.restoration.held.clone(),
                taken_at: image.restoration.taken_at,
                seed_at: image.restoration.seed_at,
                warnings: warnings.clone(),
            };
            self.record(outcome, &image)
        };
        let mapped = record.and_then(|record| self.keep(settings, &record, &code));
        let start = Start::Image {
            bytes: code.len() as u64,
            kept: mapped.is_some(),
            warnings,
        };
        let compiled = match mapped.or(compiled) {
            Some(compiled) => compiled,
            None => {
                let own = AuthenticCode::of_own_compiler();
                self.engine.load(&code, false, own).map_err(failed)?
            }
        };
        let module =
            Module::link(&self.engine, &compiled, Some(image.restoration)).map_err(failed)?;
        Ok((module, start))
    }

    /// The code, and what it is once it is loaded, if it is that already.
    fn compile(&self, image: &[u8]) -> Result<(Vec<u8>, Option<Compiled>), String> {
        if let Some(compiler) = &self.compiler {
            let code = compiler.image(&self.engine.code_key(), image)?;
            return Ok((code, None));
        }
        let compiled = self.engine.compile(image)?;
        Ok((compiled.code()?, Some(compiled)))
    }

    /// Remembers that there is no image, so that nobody tries again in vain.
    pub(super) fn keep_reason(&self, settings: &BackendSettings, reason: &str) {
        let Some(cache) = &self.cache else { return };
        let record = ImageRecord {
            outcome: Outcome::None {
                reason: reason.to_owned(),
            },
            inputs: Inputs::none(),
        };
        if let Err(error) = cache.put(&self.name(cache, settings), &record, &[]) {
            tracing::warn!(%error, "cannot keep the outcome of a warmup");
        }
    }

    /// Why the last warmup on this host made no image, with whatever settings.
    pub(super) fn last_reason(&self) -> Option<String> {
        let cache = self.cache.as_ref()?;
        let newest = cache.names(&self.prefix).into_iter().next()?;
        match cache.get::<ImageRecord>(&newest)?.about.outcome {
            Outcome::None { reason } => Some(reason),
            Outcome::Image { .. } => None,
        }
    }

    fn record(&self, outcome: Outcome, image: &Image) -> Option<ImageRecord> {
        self.cache.as_ref()?;
        match Inputs::note(&image.looks) {
            Ok(inputs) => Some(ImageRecord { outcome, inputs }),
            Err(error) => {
                tracing::warn!(%error, "a file that warmup read cannot be read: its image is not kept on disk");
                None
            }
        }
    }

    fn keep(
        &self,
        settings: &BackendSettings,
        record: &ImageRecord,
        code: &[u8],
    ) -> Option<Compiled> {
        let cache = self.cache.as_ref()?;
        let name = self.name(cache, settings);
        if let Err(error) = cache.put(&name, record, code) {
            tracing::warn!(%error, "cannot keep a warm image: the next start warms up again");
            return None;
        }
        cache
            .get::<ImageRecord>(&name)?
            .map(&self.engine, false)
            .ok()
    }

    /// Settings hold secrets, so the name is no plain hash of them.
    fn name(&self, cache: &CodeCache, settings: &BackendSettings) -> String {
        let limits = &settings.limits;
        let text = format!(
            "{:?} {} {} {}",
            settings.grants, settings.config, limits.memory_bytes, limits.table_elements
        );
        format!("{}-{}", self.prefix, cache.fingerprint(&text))
    }
}

fn warnings(image: &Image) -> Vec<String> {
    let drew = "warmup drew random numbers: what it made of them, an identifier or the state of a generator, is the same in every session; draw them in a tool or in initialize";
    image.drew.then(|| drew.to_owned()).into_iter().collect()
}
