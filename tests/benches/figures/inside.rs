//! A host in this process, without doors: for what HTTP would hide. Its one backend is the guest `warm` with an image of 1 MiB. Everything
//! runs on one thread, timers and keepers of sessions included, so what one step takes is all there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fs_err as fs;
use hostel_host::capability::Outgoing;
use hostel_host::durable::Durable;
use hostel_host::engine::{Engine, EngineConfig};
use hostel_host::host::{
    Caller, Execute, Host, HostConfig, JobLimits, Runtimes, SessionChoice, Source, WarmUp,
};
use hostel_host::ids::{BackendName, RequestId, SessionId, SessionName, WorkerId};
use hostel_host::policy::Limits;
use hostel_host::quota::Workers;
use hostel_host::registry::{BackendSettings, CodeCache, Start, Warmth};
use hostel_host::session::{CheckpointMode, ForkRequest, NewSession, Timers};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;

use crate::bench::Bench;
use crate::http::is_number;
use crate::warm;

mod rounds;

pub(crate) use rounds::{Rounds, absolute, microseconds};

/// Runs a measurement on this thread.
pub(crate) fn on_one_thread<T>(
    measurement: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(measurement)
}

pub(crate) struct Hostel {
    host: Host,
    caller: Caller,
    backend: BackendName,
    opened: AtomicU32,
}

/// A session whose guest holds so much noise, made of this seed.
pub(crate) struct Changed {
    pub(crate) id: SessionId,
    kib: u32,
    seed: u32,
}

impl Hostel {
    /// With the default limits, but for the image's memory, and with room for so many instances.
    pub(crate) async fn load(bench: &Bench, instances: u32) -> Result<Self, String> {
        let folder = bench.work.join("inside");
        let sessions = folder.join("sessions");
        if sessions.exists() {
            fs::remove_dir_all(&sessions).map_err(|error| error.to_string())?;
        }
        let host = build(&folder, &sessions, instances)?;
        let backend = BackendName::parse("warm").map_err(|error| failed(&error))?;
        let worker = WorkerId::parse("bench").map_err(|error| failed(&error))?;
        let source = Source {
            name: backend.clone(),
            path: bench.component("warm"),
            pin: None,
            settings: settings(),
        };
        host.load(source).await.map_err(|error| failed(&error))?;
        warm_up(&host).await?;
        Ok(Self {
            host,
            caller: Caller::trusted(worker),
            backend,
            opened: AtomicU32::new(0),
        })
    }

    /// Begins a session, says how long that took, and ends it.
    pub(crate) async fn start(&self) -> Result<Duration, String> {
        let begin = Instant::now();
        let id = self.create(NewSession::default()).await?;
        let took = self.took(begin).await;
        self.end(&id).await?;
        Ok(took)
    }

    /// A session that has changed so much of its memory.
    pub(crate) async fn open(
        &self,
        kib: u32,
        checkpoint: CheckpointMode,
    ) -> Result<Changed, String> {
        let seed = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let name = SessionName::parse(&format!("s{seed}")).map_err(|error| failed(&error))?;
        let new = NewSession {
            name,
            checkpoint,
            ..NewSession::default()
        };
        let id = self.create(new).await?;
        let changed = Changed { id, kib, seed };
        if kib > 0 {
            let params = json!({"kib": kib, "seed": seed});
            let answer = self.call(&changed.id, "warm:change", &params).await?;
            changed.check(&answer)?;
        }
        Ok(changed)
    }

    /// Whether the guest of `session`, which is `changed` or comes of it, holds what it should.
    pub(crate) async fn check(&self, session: &SessionId, changed: &Changed) -> Result<(), String> {
        changed.check(&self.call(session, "warm:checksum", &json!({})).await?)
    }

    /// The checkpoint's id, and how long it took.
    pub(crate) async fn checkpoint(
        &self,
        session: &SessionId,
    ) -> Result<(String, Duration), String> {
        let begin = Instant::now();
        let made = self.host.checkpoint(&self.caller, session, None).await;
        let took = begin.elapsed();
        Ok((made.map_err(|error| failed(&error))?.id(), took))
    }

    /// Changes the session, takes it back to a checkpoint, and sees whether it holds what it did then.
    pub(crate) async fn check_restored(
        &self,
        session: &Changed,
        checkpoint: &str,
    ) -> Result<(), String> {
        let params = json!({"kib": session.kib + 1, "seed": 0});
        self.call(&session.id, "warm:change", &params).await?;
        let restored = self.host.restore(&self.caller, &session.id, checkpoint);
        restored.await.map_err(|error| failed(&error))?;
        self.check(&session.id, session).await
    }

    /// The forks, and how long all of them took.
    pub(crate) async fn fork(
        &self,
        parent: &SessionId,
        count: usize,
    ) -> Result<(Vec<SessionId>, Duration), String> {
        let request = ForkRequest {
            count,
            name: None,
            labels: hostel_host::label::Labels::default(),
        };
        let begin = Instant::now();
        let forks = self.host.fork(&self.caller, parent, &request).await;
        let took = self.took(begin).await;
        let forks = forks.map_err(|error| failed(&error))?.into_iter();
        let ids = forks.map(|fork| fork.map(|started| started.info.id));
        let ids: Result<Vec<SessionId>, _> = ids.collect();
        Ok((ids.map_err(|error| failed(&error))?, took))
    }

    pub(crate) async fn suspend(&self, session: &SessionId) -> Result<(), String> {
        let suspended = self.host.suspend(&self.caller, session).await;
        suspended.map(drop).map_err(|error| failed(&error))
    }

    /// What a tool answers.
    pub(crate) async fn call(
        &self,
        session: &SessionId,
        action: &str,
        params: &Value,
    ) -> Result<Value, String> {
        let execute = Execute {
            action: action.to_owned(),
            params: Bytes::from(params.to_string()),
            session: SessionChoice::Id(session.clone()),
            timeout: None,
        };
        let executed = self
            .host
            .execute(&self.caller, &RequestId::next(), execute)
            .await;
        let answer = executed.map_err(|error| failed(&error))?.called.answer;
        serde_json::from_slice(&answer.json).map_err(|error| failed(&error))
    }

    pub(crate) async fn end(&self, session: &SessionId) -> Result<(), String> {
        let ended = self.host.destroy_session(&self.caller, session).await;
        ended.map(drop).map_err(|error| failed(&error))
    }

    async fn create(&self, new: NewSession) -> Result<SessionId, String> {
        let started = self
            .host
            .create_session(&self.caller, &self.backend, new)
            .await;
        Ok(started.map_err(|error| failed(&error))?.info.id)
    }

    /// Time since `begin`, with the first step of each new session's keeper: the host has them on another thread, and here they are next.
    async fn took(&self, begin: Instant) -> Duration {
        tokio::task::yield_now().await;
        begin.elapsed()
    }
}

impl Changed {
    fn check(&self, answer: &Value) -> Result<(), String> {
        let expected = match self.kib {
            0 => 0,
            kib => warm::noise_checksum(kib, self.seed),
        };
        if is_number(answer, expected) {
            return Ok(());
        }
        let (kib, seed) = (self.kib, self.seed);
        Err(format!(
            "a session with {kib} KiB of the noise {seed} should have the checksum {expected} and answered {answer}"
        ))
    }
}

fn settings() -> BackendSettings {
    let mut settings = BackendSettings::default();
    settings.limits.memory_bytes = warm::MEMORY_BYTES;
    settings
}

fn build(folder: &Path, sessions: &Path, instances: u32) -> Result<Host, String> {
    let engine_config = EngineConfig {
        instances_max: instances,
        memory_bytes_max: warm::MEMORY_BYTES,
        table_elements_max: Limits::default().table_elements,
        guest_memory_bytes_max: u64::MAX,
    };
    let config = HostConfig {
        timers: Timers::default(),
        sessions_max: instances as usize,
        sessions_per_worker: instances as usize,
        suspended_max: 100_000,
        workers: Workers::default(),
        calls_max: 10_000,
        memory_bytes: u64::MAX,
        jobs: JobLimits::default(),
        durable: Arc::new(Durable::open(sessions)?),
        outgoing: Outgoing::default(),
        settings: settings(),
        guard: hostel_host::auth::Guard::open_to_all(),
        audiences: std::collections::BTreeMap::default(),
    };
    let runtimes = Runtimes {
        guests: Handle::current(),
        timers: Handle::current(),
    };
    let cache = CodeCache::open(&folder.join("cache")).map_err(|error| failed(&error))?;
    let engine = Engine::new(&engine_config).map_err(|error| failed(&error))?;
    let (engine, cache) = (Arc::new(engine), Arc::new(cache));
    Ok(Host::new(config, engine, Some(cache), runtimes))
}

/// # Errors
/// A backend without an image: what would be measured is something else.
async fn warm_up(host: &Host) -> Result<(), String> {
    let reports = host.warm_up(WarmUp::default()).await;
    for report in reports.map_err(|error| failed(&error))? {
        match report.outcome.map_err(|error| failed(&error))? {
            Warmth::Warm {
                start: Start::Image { .. } | Start::CachedImage { .. },
                ..
            } => {}
            other => return Err(failed(&format!("no warm image: {other:?}"))),
        }
    }
    Ok(())
}

fn failed(error: &dyn std::fmt::Display) -> String {
    format!("a host in this process: {error}")
}
