//! Warming a backend up: its `warmup` has run once, and instances start from the image of what it left behind. First calls that come together
//! wait for one warmup; a failed one is the answer to all of them, and to those that come before it is time to try again.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::{Fault, HOSTS_OWN, Instance, Module, denied_error};
use crate::error::{Error, ErrorCode, Result};

use super::Backend;
use super::image::{Earlier, Start};

/// The wait before the next try doubles from the first to the last.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
const BACK_OFF_LAST: Duration = Duration::from_secs(60);

/// What is known of a backend's warmups. The module of the last good one is the backend's own.
#[derive(Default)]
pub(super) struct Warming {
    /// The sender is dropped at the end, after it has sent what the warmup came to.
    running: Option<watch::Receiver<Option<Result<()>>>>,
    warm: Option<Warm>,
    failed: Option<Failed>,
}

#[derive(Clone)]
struct Warm {
    at: SystemTime,
    took: Duration,
    start: Start,
}

struct Failed {
    error: Error,
    tries: u32,
    again_at: Instant,
}

/// How warm a backend is, as anyone may see it.
#[derive(Clone, Debug)]
pub enum Warmth {
    Cold,
    Warming,
    Warm {
        at: SystemTime,
        took: Duration,
        start: Start,
    },
    Failed {
        error: Error,
    },
}

impl Backend {
    pub(crate) fn warmth(&self) -> Warmth {
        let warming = self.warming();
        if let Some(Warm { at, took, start }) = warming.warm.clone() {
            Warmth::Warm { at, took, start }
        } else if warming.is_running() {
            Warmth::Warming
        } else if let Some(failed) = &warming.failed {
            Warmth::Failed {
                error: failed.error.clone(),
            }
        } else {
            Warmth::Cold
        }
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
                let mut warming = self.warming();
                if let Some(module) = self.module() {
                    return Ok(module);
                }
                if let Some(failed) = &warming.failed
                    && !warming.is_running()
                    && Instant::now() < failed.again_at
                {
                    let wait = failed.again_at.saturating_duration_since(Instant::now());
                    return Err(failed.error.clone().retry_after(wait));
                }
                self.join_or_begin(&mut warming, false)
            };
            // What it came to is read from the backend.
            let _ = running.changed().await;
        }
    }

    /// Warms up now, even if the last try failed a moment ago.
    ///
    /// # Errors
    /// What the warmup came to.
    pub(crate) async fn warm_up_again(self: &Arc<Self>) -> Result<()> {
        if let Some(failed) = &mut self.warming().failed {
            failed.again_at = Instant::now();
        }
        self.warm_up().await.map(drop)
    }

    /// Runs `warmup` anew, whatever is cached. Sessions of the image before go on with it; new ones start from the new one.
    ///
    /// # Errors
    /// What the warmup came to; the image before stays in use.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<()> {
        let mut running = self.join_or_begin(&mut self.warming(), true);
        match running.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err(Error::internal("cannot warm up", "the warmup was dropped")),
        }
    }

    fn warming(&self) -> MutexGuard<'_, Warming> {
        self.warming
            .lock()
            .expect("no code panics while it holds the warmup")
    }

    fn join_or_begin(
        self: &Arc<Self>,
        warming: &mut Warming,
        anew: bool,
    ) -> watch::Receiver<Option<Result<()>>> {
        if let Some(running) = warming.running.as_ref().filter(|_| warming.is_running()) {
            return running.clone();
        }
        let (done, running) = watch::channel(None);
        warming.running = Some(running.clone());
        let backend = self.clone();
        self.guests.start(HOSTS_OWN, async move {
            let start = Instant::now();
            let outcome = AssertUnwindSafe(backend.prepare(anew)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|panic| {
                let cause = crate::engine::Panicked::from(&*panic).0;
                Err(Error::internal("cannot warm up", cause))
            });
            let outcome = backend.conclude(outcome, start.elapsed());
            // Nobody may be waiting.
            let _ = done.send(Some(outcome));
        });
        running
    }

    fn conclude(&self, outcome: Result<(Arc<Module>, Start)>, took: Duration) -> Result<()> {
        let mut warming = self.warming();
        match outcome {
            Ok((module, start)) => {
                self.replace_module(module);
                let took_ms = took.as_millis();
                match &start {
                    Start::WithoutImage { reason } => {
                        tracing::warn!(backend = %self.name, took_ms, reason, "no warm image: warmup runs in every new instance");
                    }
                    start => {
                        for warning in start.warnings() {
                            tracing::warn!(backend = %self.name, "{warning}");
                        }
                        tracing::info!(backend = %self.name, took_ms, start = start.as_str(), "backend is warm");
                    }
                }
                warming.warm = Some(Warm {
                    at: SystemTime::now(),
                    took,
                    start,
                });
                warming.failed = None;
                Ok(())
            }
            Err(error) => {
                let tries = warming.failed.as_ref().map_or(0, |failed| failed.tries);
                let wait = BACK_OFF_FIRST
                    .saturating_mul(2_u32.saturating_pow(tries))
                    .min(BACK_OFF_LAST);
                tracing::warn!(backend = %self.name, %error, cause = error.cause(), again_in_ms = wait.as_millis(), "warmup failed");
                warming.failed = Some(Failed {
                    error: error.clone(),
                    tries: tries + 1,
                    again_at: Instant::now() + wait,
                });
                Err(error)
            }
        }
    }

    async fn prepare(self: &Arc<Self>, anew: bool) -> Result<(Arc<Module>, Start)> {
        if !self.listing.hooks.warmup {
            return Ok((self.linked().await?, Start::Plain));
        }
        let earlier = if anew { None } else { self.earlier().await? };
        let known = match earlier {
            Some(Earlier::Image { module, warnings }) => {
                return Ok((module, Start::CachedImage { warnings }));
            }
            Some(Earlier::None { reason }) => Some(reason),
            None => None,
        };
        let module = self.linked().await?;
        let mut donor = self.start(&module, HOSTS_OWN).await?;
        donor.watch();
        self.warm(&mut donor).await?;
        let image = match self.listing.no_image.clone().or(known) {
            Some(reason) => Err(reason),
            None => self.image(donor).await,
        };
        let reason = match image {
            Ok((image, start)) => {
                let image = Arc::new(image);
                match self.start(&image, HOSTS_OWN).await {
                    Ok(_first) => return Ok((image, start)),
                    Err(error) => error.cause().unwrap_or(error.message()).to_owned(),
                }
            }
            Err(reason) => reason,
        };
        Ok((module, Start::WithoutImage { reason }))
    }

    async fn linked(self: &Arc<Self>) -> Result<Arc<Module>> {
        let module = self.blocking(|backend| backend.link()).await??;
        Ok(Arc::new(module))
    }

    /// Runs `warmup` in one instance.
    pub(super) async fn warm(&self, instance: &mut Instance) -> Result<()> {
        instance.warm_up().await.map_err(|fault| match fault {
            Fault::Refused {
                message, denied, ..
            } => {
                let message = format!("warmup of {} failed: {message}", self.name);
                denied_error(ErrorCode::BackendInvalid, message, &denied).hint(
                    "the message is the backend's own: mend what it names, then POST /v1/warmup",
                )
            }
            other => other.into_error(&format!("warmup of {}", self.name)),
        })
    }

    async fn earlier(self: &Arc<Self>) -> Result<Option<Earlier>> {
        self.blocking(|backend| backend.images().earlier(backend.settings()))
            .await
    }

    /// The image of a donor, ready for instances.
    ///
    /// # Errors
    /// Why there is none, in words. What lies in the guest is remembered, what lies in the host is not.
    async fn image(self: &Arc<Self>, donor: Box<Instance>) -> Result<(Module, Start), String> {
        let runtime = Handle::current();
        let made = self.blocking(move |backend| {
            let component = backend.component().map_err(|error| error.0)?;
            let images = backend.images();
            #[expect(
                clippy::disallowed_methods,
                reason = "this thread is one that may block"
            )]
            let image = runtime.block_on(donor.into_image(&component));
            match image {
                Ok(image) => images
                    .finish(backend.settings(), image)
                    .map_err(|error| error.0),
                Err(reason) => {
                    images.keep_reason(backend.settings(), &reason);
                    Err(reason)
                }
            }
        });
        match made.await {
            Ok(outcome) => outcome,
            // The snapshot panicked: a bug in it costs the image and no call.
            Err(error) => Err(error.cause().unwrap_or_default().to_owned()),
        }
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T> {
        let backend = self.clone();
        tokio::task::spawn_blocking(move || work(&backend))
            .await
            .map_err(|error| Error::internal("cannot warm up", error))
    }
}

impl Warming {
    fn is_running(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.has_changed().is_ok())
    }
}
