//! The start of a session in the process itself, without HTTP: Hostel's, from a warm image, against an instance of bare wasmtime.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostel_host::durable::Durable;
use hostel_host::engine::{Engine, EngineConfig};
use hostel_host::host::{Caller, Host, HostConfig, Runtimes, Source, WarmUp};
use hostel_host::ids::{BackendName, WorkerId};
use hostel_host::policy::Limits;
use hostel_host::registry::{BackendSettings, CodeCache, Start, Warmth};
use hostel_host::session::{NewSession, Timers};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;

use super::Row;
use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Goal, Outcome, median};
use crate::pooled::{INSTANCES, Pooled};
use crate::warm;

pub(super) const ROW: Row = Row {
    name: "session-start",
    about: "start of a session inside the process (1 MiB warm image) against an instance of bare wasmtime with the same settings",
    run,
};

const TIME: Goal = Goal::at_most(2.0, 1.3);
/// Starts of each side in a round, in blocks that take turns.
const BLOCKS: usize = 20;
const STARTS: usize = 25;

/// Microseconds of each start in a round.
#[derive(Default)]
struct Times {
    hostel: Vec<f64>,
    bare: Vec<f64>,
    /// With the constructor of the guest's session, which Hostel's start calls as well.
    constructed: Vec<f64>,
}

fn run(bench: &Bench) -> Result<Outcome, String> {
    // Everything on one thread, timers and keepers of sessions included: what one start takes is all there.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let rounds = runtime.block_on(measure(bench))?;
    let medians = |of: fn(&Times) -> &Vec<f64>| -> Vec<f64> {
        rounds.iter().map(|times| median(of(times))).collect()
    };
    let hostel = medians(|times| &times.hostel);
    let bare = medians(|times| &times.bare);
    let constructed = medians(|times| &times.constructed);
    let against = |other: &[f64]| -> Vec<f64> {
        hostel
            .iter()
            .zip(other)
            .map(|(own, other)| own / other)
            .collect()
    };
    let start = Figure::ratio(
        ROW.name,
        "time of a session's start in the process, against an instance of bare wasmtime (InstancePre and a WASI context)",
        TIME,
        against(&bare),
    );
    let with_constructor = Figure {
        name: "session-start-constructed".to_owned(),
        what: "the same where bare wasmtime calls the session's constructor too".to_owned(),
        goal: None,
        rounds: against(&constructed),
        ..start.clone()
    };
    let absolute = |case: &str, times: &[f64]| Absolute {
        row: ROW.name,
        case: case.to_owned(),
        p50_us: Some(median(times)),
        ..Absolute::default()
    };
    Ok(Outcome {
        figures: vec![start, with_constructor],
        absolutes: vec![
            absolute("hostel", &hostel),
            absolute("bare wasmtime, instance", &bare),
            absolute("bare wasmtime, instance and constructor", &constructed),
        ],
        notes: vec![format!(
            "{}: one thread, no log; Hostel starts from a warm image of 1 MiB, bare wasmtime from the same component as it was built, without an image",
            ROW.name
        )],
    })
}

async fn measure(bench: &Bench) -> Result<Vec<Times>, String> {
    let component = bench.component("warm");
    let hostel = Hostel::load(&component, &bench.work.join("session-start")).await?;
    let limits = Limits::default();
    let bare = Pooled::load(&component, warm::MEMORY_BYTES, limits.table_elements)?;
    let mut rounds = Vec::new();
    let blocks = if bench.pace.quick { BLOCKS / 4 } else { BLOCKS };
    round(&hostel, &bare, blocks).await?;
    for _ in 0..bench.pace.rounds {
        rounds.push(round(&hostel, &bare, blocks).await?);
    }
    Ok(rounds)
}

async fn round(hostel: &Hostel, bare: &Pooled, blocks: usize) -> Result<Times, String> {
    let mut times = Times::default();
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    for block in 0..blocks * 2 {
        for _ in 0..STARTS {
            // A B, B A, A B.
            if matches!(block % 4, 0 | 3) {
                times.hostel.push(microseconds(hostel.start().await?));
                continue;
            }
            let begin = Instant::now();
            let mut started = bare.start().await?;
            times.bare.push(microseconds(begin.elapsed()));
            bare.construct(&mut started).await?;
            times.constructed.push(microseconds(begin.elapsed()));
        }
    }
    Ok(times)
}

/// A host without doors.
struct Hostel {
    host: Host,
    caller: Caller,
    backend: BackendName,
}

impl Hostel {
    async fn load(component: &Path, folder: &Path) -> Result<Self, String> {
        let mut settings = BackendSettings::default();
        settings.limits.memory_bytes = warm::MEMORY_BYTES;
        let engine_config = EngineConfig {
            instances_max: INSTANCES,
            memory_bytes_max: warm::MEMORY_BYTES,
            table_elements_max: settings.limits.table_elements,
        };
        let config = HostConfig {
            timers: Timers::default(),
            sessions_max: INSTANCES as usize,
            sessions_per_worker: INSTANCES as usize,
            durable: Arc::new(Durable::open(&folder.join("sessions"))?),
            settings: settings.clone(),
        };
        let runtimes = Runtimes {
            guests: Handle::current(),
            timers: Handle::current(),
        };
        let failed = |error: &dyn std::fmt::Display| format!("a host in this process: {error}");
        let cache = CodeCache::open(&folder.join("cache")).map_err(|error| failed(&error))?;
        let engine = Engine::new(&engine_config).map_err(|error| failed(&error))?;
        let host = Host::new(config, Arc::new(engine), Some(Arc::new(cache)), runtimes);
        let backend = BackendName::parse("warm").map_err(|error| failed(&error))?;
        let worker = WorkerId::parse("bench").map_err(|error| failed(&error))?;
        let source = Source {
            name: backend.clone(),
            path: component.to_owned(),
            pin: None,
            settings,
        };
        host.load(source).await.map_err(|error| failed(&error))?;
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
        let caller = Caller { worker, only: None };
        Ok(Self {
            host,
            caller,
            backend,
        })
    }

    /// Begins a session, says how long that took, and ends it.
    async fn start(&self) -> Result<Duration, String> {
        let begin = Instant::now();
        let started = self
            .host
            .create_session(&self.caller, &self.backend, NewSession::default())
            .await
            .map_err(|error| error.to_string())?;
        // The session's keeper, which the host has on another thread, takes its first step here.
        tokio::task::yield_now().await;
        let took = begin.elapsed();
        let ended = self.host.destroy_session(&self.caller, &started.info.id);
        ended.await.map_err(|error| error.to_string())?;
        Ok(took)
    }
}
