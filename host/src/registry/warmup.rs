//! Warming a backend up: its code is loaded and linked and its `warmup` has run once. First calls that come together wait for one warmup;
//! a failed one is the answer to all of them, and to those that come before it is time to try again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::Module;
use crate::error::{Error, Result};

use super::Backend;

/// The wait before the next try doubles from the first to the last.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
const BACK_OFF_LAST: Duration = Duration::from_secs(60);

pub(super) enum Warming {
    Cold,
    /// The sender is dropped at the end.
    Running(watch::Receiver<()>),
    Warm {
        at: SystemTime,
        took: Duration,
    },
    Failed {
        error: Error,
        tries: u32,
        again_at: Instant,
    },
}

/// How warm a backend is, as anyone may see it.
#[derive(Clone, Debug)]
pub enum Warmth {
    Cold,
    Warming,
    Warm { at: SystemTime, took: Duration },
    Failed { error: Error },
}

impl Backend {
    pub(crate) fn warmth(&self) -> Warmth {
        match &*self
            .warming
            .lock()
            .expect("no code panics while it holds the warmup")
        {
            Warming::Cold => Warmth::Cold,
            Warming::Running(_) => Warmth::Warming,
            Warming::Warm { at, took } => Warmth::Warm {
                at: *at,
                took: *took,
            },
            Warming::Failed { error, .. } => Warmth::Failed {
                error: error.clone(),
            },
        }
    }

    /// Warms up now, even if the last try failed a moment ago.
    ///
    /// # Errors
    /// What the warmup came to.
    pub(crate) async fn warm_up_again(self: &Arc<Self>) -> Result<Arc<Module>> {
        {
            let mut warming = self
                .warming
                .lock()
                .expect("no code panics while it holds the warmup");
            if let Warming::Failed { again_at, .. } = &mut *warming {
                *again_at = Instant::now();
            }
        }
        self.warm_up().await
    }

    /// The module, loaded, linked and warmed up.
    ///
    /// # Errors
    /// What the warmup came to; the error says when it is tried again.
    ///
    /// # Cancel safety
    /// The warmup goes on when its first caller leaves.
    pub(crate) async fn warm_up(self: &Arc<Self>) -> Result<Arc<Module>> {
        loop {
            let mut running = {
                let mut warming = self
                    .warming
                    .lock()
                    .expect("no code panics while it holds the warmup");
                if let Some(module) = self.module.get() {
                    return Ok(module.clone());
                }
                match &*warming {
                    Warming::Failed {
                        error, again_at, ..
                    } if Instant::now() < *again_at => {
                        return Err(error
                            .clone()
                            .retry_after(again_at.saturating_duration_since(Instant::now())));
                    }
                    Warming::Running(running) if running.has_changed().is_ok() => running.clone(),
                    Warming::Cold
                    | Warming::Warm { .. }
                    | Warming::Failed { .. }
                    | Warming::Running(_) => self.begin(&mut warming),
                }
            };
            // Nothing is ever sent: the end of the sender is the news.
            let _ = running.changed().await;
        }
    }

    fn begin(self: &Arc<Self>, warming: &mut Warming) -> watch::Receiver<()> {
        let tries = if let Warming::Failed { tries, .. } = warming {
            *tries
        } else {
            0
        };
        let (done, running) = watch::channel(());
        *warming = Warming::Running(running.clone());
        let backend = self.clone();
        self.guests.start(async move {
            let start = Instant::now();
            let outcome = backend.load().await;
            backend.conclude(outcome, start.elapsed(), tries);
            drop(done);
        });
        running
    }

    async fn load(self: &Arc<Self>) -> Result<Arc<Module>> {
        let backend = self.clone();
        let linked = tokio::task::spawn_blocking(move || backend.link()).await;
        let module =
            Arc::new(linked.map_err(|error| Error::internal("cannot load a backend", error))??);
        if module.hooks().has_warmup() {
            let instance = self.fresh(&module).await?;
            self.keep_spare(instance);
        }
        Ok(module)
    }

    fn conclude(&self, outcome: Result<Arc<Module>>, took: Duration, tries: u32) {
        let mut warming = self
            .warming
            .lock()
            .expect("no code panics while it holds the warmup");
        *warming = match outcome {
            Ok(module) => {
                // Set once; a second warmup of a warm backend has no second module.
                let _ = self.module.set(module);
                tracing::info!(backend = %self.name, took_ms = took.as_millis(), "backend is warm");
                Warming::Warm {
                    at: SystemTime::now(),
                    took,
                }
            }
            Err(error) => {
                let wait = BACK_OFF_FIRST
                    .saturating_mul(2_u32.saturating_pow(tries))
                    .min(BACK_OFF_LAST);
                tracing::warn!(backend = %self.name, %error, cause = error.cause(), again_in_ms = wait.as_millis(), "warmup failed");
                Warming::Failed {
                    error,
                    tries: tries + 1,
                    again_at: Instant::now() + wait,
                }
            }
        };
    }
}
