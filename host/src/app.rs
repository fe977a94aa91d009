//! Builds each part once and wires them: runtimes, engine, cache, host, doors. Knows the order of start and stop, and decides nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, Bodies, Bounds, Certificates, Served, router, serve, serve_stdio};
use crate::audit::Audit;
use crate::auth::Guard;
use crate::capability::Outgoing;
use crate::config::Config;
use crate::durable::Durable;
use crate::engine::{Engine, EngineConfig};
use crate::host::{Caller, Host, HostConfig, Runtimes, Source};
use crate::ids::WorkerId;
use crate::registry::{CodeCache, Compiler, Lock};

mod data_dir;
mod descriptors;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod memory;
mod sources;
mod watchdog;

pub(crate) use data_dir::CACHE_FOLDER;
use data_dir::DataDir;
pub(crate) use sources::sources;
use watchdog::Watchdog;

/// Instances beside those of sessions: temporary ones, donors of warm images, shutdowns.
const INSTANCES_SPARE: u32 = 256;

/// What guests give way by: a guest that computes must not keep a door from answering somebody else.
const GUEST_NICENESS: i32 = 10;

/// The runtimes of guests and of timers, apart from that of the doors. Dropping it stops their threads without waiting.
pub struct Threads {
    guests: Option<Runtime>,
    timers: Option<Runtime>,
    _watchdog: Watchdog,
}

impl Threads {
    /// One guest worker per core, one thread for all timers, and one that watches them and those of the runtime that this is called in.
    ///
    /// # Errors
    /// The machine gives no threads.
    pub fn start() -> std::io::Result<Self> {
        let guests = Builder::new_multi_thread()
            .thread_name("hostel-guest")
            .on_thread_start(|| {
                // Without the right to it, guests just compete with the doors on equal terms.
                let _ = rustix::process::nice(GUEST_NICENESS);
            })
            .enable_all()
            .build()?;
        let timers = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("hostel-timer")
            .enable_all()
            .build()?;
        let doors = Handle::try_current().map(|doors| ("doors", doors.metrics()));
        let others = [("guests", guests.metrics()), ("timers", timers.metrics())];
        let watchdog = Watchdog::start(doors.into_iter().chain(others).collect());
        Ok(Self {
            guests: Some(guests),
            timers: Some(timers),
            _watchdog: watchdog,
        })
    }

    fn handles(&self) -> Runtimes {
        let handle = |runtime: &Option<Runtime>| {
            runtime
                .as_ref()
                .expect("the runtimes are there until the drop")
                .handle()
                .clone()
        };
        Runtimes {
            guests: handle(&self.guests),
            timers: handle(&self.timers),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for runtime in [self.guests.take(), self.timers.take()]
            .into_iter()
            .flatten()
        {
            runtime.shutdown_background();
        }
    }
}

/// A host that is built and serves nobody yet.
pub struct App {
    pub host: Arc<Host>,
    config: Config,
    listener: TcpListener,
    certificates: Option<Certificates>,
    bodies: Arc<Bodies>,
    metrics: Option<PrometheusHandle>,
    _threads: Threads,
}

/// A host that serves.
pub struct Running {
    pub host: Arc<Host>,
    pub address: SocketAddr,
    is_secure: bool,
    drain: Duration,
    doors_close: CancellationToken,
    doors: JoinHandle<Served>,
    _threads: Threads,
}

impl App {
    /// Takes the address first: a port in use is known before anything is compiled.
    ///
    /// # Errors
    /// In words for the operator.
    pub async fn build(config: Config, metrics: Option<PrometheusHandle>) -> Result<Self, String> {
        config.check_exposure()?;
        descriptors::raise();
        let certificates = config.tls.clone().map(Certificates::open).transpose()?;
        let listener = TcpListener::bind(config.listen).await.map_err(|error| {
            format!(
                "cannot listen on {}: {error}; choose another address with --listen",
                config.listen
            )
        })?;
        let data_dir = DataDir::open(&config.data_dir)?;
        let sessions = config
            .sessions_dir
            .clone()
            .unwrap_or_else(|| data_dir.sessions());
        let durable = match &config.archive_dir {
            Some(archive) => Durable::with_archive(&sessions, archive)?,
            None => Durable::open(&sessions)?,
        };
        let durable = Arc::new(durable);
        let cache = match CodeCache::open(&data_dir.cache()) {
            Ok(cache) => Some(Arc::new(cache)),
            Err(error) => {
                tracing::warn!(%error, "no code cache: every start compiles");
                None
            }
        };
        let (memory_bytes_max, table_elements_max) = config.largest();
        let instances_max = config.sessions_max.saturating_add(INSTANCES_SPARE);
        let given = memory::given(&config);
        memory::check(&config, instances_max, given)?;
        let engine_config = EngineConfig {
            instances_max,
            memory_bytes_max,
            table_elements_max,
            guest_memory_bytes_max: memory::of_guests(given),
        };
        let engine = Arc::new(
            Engine::new(&engine_config)
                .map_err(|error| format!("{error}: {}", error.cause().unwrap_or_default()))?,
        );
        let sessions_max = config.sessions_max.min(engine.instances_max());
        let host_config = HostConfig {
            timers: config.timers,
            sessions_max: sessions_max as usize,
            sessions_per_worker: config.sessions_per_worker,
            suspended_max: config.suspended_max,
            workers: config.workers.clone(),
            calls_max: config.calls_max,
            memory_bytes: given,
            jobs: config.jobs,
            durable,
            outgoing: Outgoing::new(
                config.outgoing.authorities.clone(),
                config.outgoing.names.clone(),
            ),
            settings: config.settings.clone(),
            guard: Arc::new(Guard::open(config.auth())?),
            audiences: config.audiences(),
        };
        let threads = Threads::start().map_err(|error| format!("cannot start threads: {error}"))?;
        let audit = match &config.audit {
            Some(audit) => Audit::open(audit, &config.data_dir)?,
            None => Audit::off(),
        };
        if let Some(lock) = &config.supply.lock {
            Lock::read(lock)?;
        }
        let mut host = Host::new(host_config, engine, cache, threads.handles())
            .with_audit(audit)
            .with_supply(config.supply.clone());
        if let Some(program) = &config.program {
            host = host.with_compiler(Compiler::new(program.clone(), config.compile));
        }
        let host = Arc::new(host);
        host.recall_sessions()?;
        Ok(Self {
            host,
            config,
            listener,
            certificates,
            bodies: Bodies::new(memory::of_bodies(given)),
            metrics,
            _threads: threads,
        })
    }

    /// The components that the configuration names, and those in its plugins folders.
    ///
    /// # Errors
    /// A plugins folder that cannot be read, a policy that is not fully understood. Files that cannot be backends are problems of the host,
    /// and the others are loaded.
    pub fn sources(&self) -> Result<Vec<Source>, String> {
        let (sources, problems) = sources(&self.config)?;
        for problem in problems {
            self.host.report(problem);
        }
        Ok(sources)
    }

    /// Lets the host read its policy anew: `read` is the configuration as it is then.
    pub fn follow_policy(&self, read: impl Fn() -> Result<Config, String> + Send + Sync + 'static) {
        self.host
            .follow_policy(Arc::new(move || Ok(sources(&read()?)?.0)));
    }

    /// Loads components, as many at once as there are cores. `progress` hears of each when it is done.
    pub async fn load(&self, sources: Vec<Source>, progress: impl Fn(&str)) {
        let at_once = std::thread::available_parallelism().map_or(2, usize::from);
        let loads = sources.into_iter().map(|source| {
            let (name, host) = (source.name.clone(), &self.host);
            async move { (name, host.load(source).await) }
        });
        let mut loads = futures_util::stream::iter(loads).buffer_unordered(at_once);
        // What cannot be loaded is listed with the host's problems; the others are served.
        while let Some((name, _outcome)) = loads.next().await {
            progress(name.as_str());
        }
    }

    /// Opens the doors.
    ///
    /// # Errors
    /// The listener has no address: a bug of the machine's.
    pub fn serve(self) -> Result<Running, String> {
        let address = self
            .listener
            .local_addr()
            .map_err(|error| error.to_string())?;
        let doors_close = CancellationToken::new();
        let api = Arc::new(Api {
            host: self.host.clone(),
            metrics: self.metrics,
            body_bytes_max: self.config.body_bytes_max,
            bodies: self.bodies,
            addresses: self.config.addresses.listening_at(address.ip()),
            is_secure: self.certificates.is_some(),
            closing: doors_close.clone(),
        });
        let is_secure = api.is_secure;
        let bounds = Bounds {
            connections_per_address: self.config.connections_per_address,
            certificates: self.certificates,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is awaited in `Running::stop`"
        )]
        let doors = tokio::spawn(serve(
            self.listener,
            router(api),
            bounds,
            doors_close.clone(),
            self.config.drain,
        ));
        tracing::info!(%address, "serving");
        Ok(Running {
            host: self.host,
            address,
            is_secure,
            drain: self.config.drain,
            doors_close,
            doors,
            _threads: self._threads,
        })
    }

    /// Serves one client of MCP on standard input and output, and nobody at the address. Ends in order when the client goes, at SIGTERM and
    /// at SIGINT.
    ///
    /// # Errors
    /// In words for the operator.
    pub async fn serve_stdio(self, worker: WorkerId) -> Result<(), String> {
        drop(self.listener);
        let caller = Caller::trusted(worker);
        let mut signals = Signals::hear()?;
        let served = tokio::select! {
            served = serve_stdio(self.host.clone(), caller) => served,
            () = signals.any() => Ok(()),
        };
        self.host.drain(self.config.drain).await;
        served
    }
}

impl Running {
    /// Where it serves.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Waits for SIGTERM, SIGINT or a request to stop, then stops in order.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub async fn until_stopped(self) -> Result<(), String> {
        let mut signals = Signals::hear()?;
        let mut hangup = heard(SignalKind::hangup())?;
        loop {
            tokio::select! {
                () = signals.any() => break,
                () = self.host.stopped() => break,
                _ = hangup.recv() => self.reload_policy().await,
            }
        }
        // A second signal is a person who will not wait.
        let stop = self.stop();
        tokio::select! {
            () = stop => Ok(()),
            _ = signals.interrupt.recv() => Err("stopped without waiting".to_owned()),
        }
    }

    /// What is wrong is in the log, and the policy as it was.
    async fn reload_policy(&self) {
        if let Err(error) = self.host.reload_policy().await {
            tracing::error!(%error, "the policy was not read anew");
        }
    }

    /// Drains the host while its doors still answer (`shutting_down`), then closes the doors.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.host.drain(self.drain).await;
        self.doors_close.cancel();
        match self.doors.await {
            Ok(Served::Drained) => tracing::info!("stopped"),
            Ok(Served::Cut) => tracing::warn!("stopped; some connections were cut"),
            Err(error) => tracing::error!(%error, "the doors ended badly"),
        }
    }
}

fn heard(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| error.to_string())
}

/// The signals that ask a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn hear() -> Result<Self, String> {
        Ok(Self {
            terminate: heard(SignalKind::terminate())?,
            interrupt: heard(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
