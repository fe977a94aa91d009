//! A host without doors, on the runtime of the test that made it: where the test has stopped the clock, the host's timers stand as well.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hostel_host::auth::Guard;
use hostel_host::capability::Outgoing;
use hostel_host::durable::Durable;
use hostel_host::engine::{Engine, EngineConfig};
use hostel_host::error::{ErrorCode, Result};
use hostel_host::host::{
    BackendInfo, Caller, Execute, Executed, Host, HostConfig, JobLimits, Runtimes, SessionChoice,
    Source, Started,
};
use hostel_host::ids::{BackendName, RequestId, SessionId, SessionName, WorkerId};
use hostel_host::policy::{FolderAccess, FolderGrant, Limits};
use hostel_host::quota::Workers;
use hostel_host::registry::BackendSettings;
use hostel_host::session::{
    CheckpointInfo, Farewell, ForkRequest, NewSession, SessionInfo, Timers,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::Guest;

/// One for the whole test binary: a pool of instances takes address space, and a test needs few of them.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| engine(4096));

fn engine(instances_max: u32) -> Arc<Engine> {
    let limits = Limits::default();
    let config = EngineConfig {
        instances_max,
        memory_bytes_max: limits.memory_bytes,
        table_elements_max: limits.table_elements,
        guest_memory_bytes_max: u64::MAX,
    };
    Arc::new(Engine::new(&config).expect("the machine has room for a pool"))
}

pub struct TestHost {
    pub host: Arc<Host>,
    folder: TempDir,
}

/// A caller of verbs.
#[derive(Clone)]
pub struct Worker {
    pub host: Arc<Host>,
    pub caller: Caller,
}

/// A session that a test has begun.
#[derive(Clone)]
pub struct TestSession {
    pub worker: Worker,
    pub id: SessionId,
    pub token: String,
    backend: String,
}

impl TestHost {
    #[expect(
        clippy::new_without_default,
        reason = "a test makes it inside a runtime, and on purpose"
    )]
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// One that has room for so many instances at once.
    pub fn of_instances(instances: u32) -> Self {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        Self::made_of(folder, engine(instances), |_| {})
    }

    pub fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        Self::on(folder, change)
    }

    /// A host that finds on disk what this one would leave there if it were killed now. Its backends are not loaded yet.
    pub fn after_a_kill(&self, change: impl FnOnce(&mut HostConfig)) -> Self {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        copy_folder(self.folder.path(), folder.path());
        Self::on(folder, change)
    }

    fn on(folder: TempDir, change: impl FnOnce(&mut HostConfig)) -> Self {
        Self::made_of(folder, ENGINE.clone(), change)
    }

    fn made_of(folder: TempDir, engine: Arc<Engine>, change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut config = HostConfig {
            timers: Timers::default(),
            sessions_max: 3000,
            sessions_per_worker: 3000,
            suspended_max: 100_000,
            workers: Workers::default(),
            calls_max: 10_000,
            memory_bytes: u64::MAX,
            jobs: JobLimits::default(),
            durable: Arc::new(
                Durable::open(&folder.path().join("sessions")).expect("a new folder"),
            ),
            outgoing: Outgoing::default(),
            settings: BackendSettings::default(),
            guard: Guard::open_to_all(),
            audiences: std::collections::BTreeMap::default(),
        };
        change(&mut config);
        let runtimes = Runtimes {
            guests: Handle::current(),
            timers: Handle::current(),
        };
        let host = Arc::new(Host::new(config, engine, None, runtimes));
        host.recall_sessions().expect("the table can be read");
        Self { host, folder }
    }

    /// The host's own folder, gone at the end of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn load(&self, name: &str, guest: &Guest) -> BackendInfo {
        self.load_with(name, guest, |_| {}).await
    }

    /// Loads a guest with settings that differ from the default ones.
    pub async fn load_with(
        &self,
        name: &str,
        guest: &Guest,
        change: impl FnOnce(&mut BackendSettings),
    ) -> BackendInfo {
        let mut settings = BackendSettings::default();
        change(&mut settings);
        self.load_bytes(name, &guest.component(), settings)
            .await
            .expect("the guest loads")
    }

    /// # Errors
    /// Those of the host: the bytes may be anything.
    pub async fn load_bytes(
        &self,
        name: &str,
        bytes: &[u8],
        settings: BackendSettings,
    ) -> Result<BackendInfo> {
        let path = self.folder().join(format!("{name}.wasm"));
        fs_err::write(&path, bytes).expect("the folder can be written to");
        let source = Source {
            name: BackendName::parse(name)?,
            path,
            pin: None,
            settings,
        };
        self.host.load(source).await
    }

    pub fn worker(&self, id: &str) -> Worker {
        let worker = WorkerId::parse(id).expect("it is the id of a worker");
        Worker {
            host: self.host.clone(),
            caller: Caller::trusted(worker),
        }
    }

    /// A folder in which the lab leaves its marks; see [`TestHost::marks`].
    pub fn marks_grant(&self) -> FolderGrant {
        let host = self.folder().join("marks");
        fs_err::create_dir_all(&host).expect("the folder can be written to");
        FolderGrant {
            host,
            guest: "/marks".to_owned(),
            access: FolderAccess::ReadWrite,
        }
    }

    /// How many marks were left that begin with this letter: `w`armup, `i`nitialize, `c`leanup, `s`hutdown, or `m` by the tool `mark`.
    pub fn marks(&self, letter: char) -> usize {
        let marks = fs_err::read_dir(self.folder().join("marks")).expect("marks are granted");
        marks
            .flatten()
            .filter(|mark| mark.file_name().to_string_lossy().starts_with(letter))
            .count()
    }
}

/// What is removed meanwhile is not there.
fn copy_folder(from: &Path, to: &Path) {
    let Ok(entries) = fs_err::read_dir(from) else {
        return;
    };
    for entry in entries.flatten() {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs_err::create_dir(&copy).expect("the folder can be written to");
            copy_folder(&entry.path(), &copy);
        } else if let Err(error) = fs_err::copy(entry.path(), &copy) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}

impl Worker {
    /// The worker's session of this id, which it has from another host.
    pub fn known(&self, backend: &str, session: &TestSession) -> TestSession {
        TestSession {
            worker: self.clone(),
            id: session.id.clone(),
            token: session.token.clone(),
            backend: backend.to_owned(),
        }
    }

    /// Calls a tool and answers with its value.
    ///
    /// # Errors
    /// Those of the host. A tool's own error is a value here.
    pub async fn call(&self, action: &str, params: Value) -> Result<Value> {
        self.call_in(SessionChoice::Any, action, params).await
    }

    /// # Errors
    /// As [`Worker::call`].
    pub async fn call_in(
        &self,
        session: SessionChoice,
        action: &str,
        params: Value,
    ) -> Result<Value> {
        let executed = self.execute(session, action, params).await?;
        Ok(serde_json::from_slice(&executed.called.answer.json).expect("an answer is JSON"))
    }

    /// Calls a tool and waits for it only so long.
    ///
    /// # Errors
    /// As [`Worker::call`].
    pub async fn call_within(
        &self,
        timeout: Duration,
        action: &str,
        params: Value,
    ) -> Result<Value> {
        let executed = self
            .run(SessionChoice::Any, action, params, Some(timeout))
            .await?;
        Ok(serde_json::from_slice(&executed.called.answer.json).expect("an answer is JSON"))
    }

    /// # Errors
    /// As [`Worker::call`].
    pub async fn execute(
        &self,
        session: SessionChoice,
        action: &str,
        params: Value,
    ) -> Result<Executed> {
        self.run(session, action, params, None).await
    }

    async fn run(
        &self,
        session: SessionChoice,
        action: &str,
        params: Value,
        timeout: Option<Duration>,
    ) -> Result<Executed> {
        let execute = Execute {
            action: action.to_owned(),
            params: Bytes::from(params.to_string()),
            session,
            timeout,
        };
        self.host
            .execute(&self.caller, &RequestId::next(), execute)
            .await
    }

    /// Begins a session of the default name.
    pub async fn begin(&self, backend: &str) -> TestSession {
        self.begin_with(backend, |_| {}).await
    }

    pub async fn begin_named(&self, backend: &str, name: &str) -> TestSession {
        let name = SessionName::parse(name).expect("it is a name");
        self.begin_with(backend, |new| new.name = name).await
    }

    pub async fn begin_with(
        &self,
        backend: &str,
        change: impl FnOnce(&mut NewSession),
    ) -> TestSession {
        let mut new = NewSession::default();
        change(&mut new);
        let started = self.create(backend, new).await.expect("the session begins");
        TestSession {
            worker: self.clone(),
            id: started.info.id,
            token: started.token.expect("it is new"),
            backend: backend.to_owned(),
        }
    }

    /// # Errors
    /// Those of the host.
    pub async fn create(&self, backend: &str, new: NewSession) -> Result<Started> {
        let backend = BackendName::parse(backend)?;
        self.host.create_session(&self.caller, &backend, new).await
    }
}

impl TestSession {
    /// Calls a tool of the session's backend in it.
    ///
    /// # Errors
    /// As [`Worker::call`].
    pub async fn call(&self, tool: &str, params: Value) -> Result<Value> {
        let action = format!("{}:{tool}", self.backend);
        self.worker
            .call_in(SessionChoice::Id(self.id.clone()), &action, params)
            .await
    }

    /// # Errors
    /// Those of the host.
    pub fn info(&self) -> Result<SessionInfo> {
        self.worker.host.session(&self.worker.caller, &self.id)
    }

    /// # Errors
    /// Those of the host.
    pub fn keep_alive(&self) -> Result<SessionInfo> {
        self.worker.host.keep_alive(&self.worker.caller, &self.id)
    }

    /// # Errors
    /// Those of the host.
    pub async fn destroy(&self) -> Result<Farewell> {
        let (_, farewell) = self
            .worker
            .host
            .destroy_session(&self.worker.caller, &self.id)
            .await?;
        Ok(farewell)
    }

    /// # Errors
    /// Those of the host.
    pub async fn checkpoint(&self, name: Option<&str>) -> Result<CheckpointInfo> {
        let name = name.map(str::to_owned);
        let host = &self.worker.host;
        host.checkpoint(&self.worker.caller, &self.id, name).await
    }

    /// # Errors
    /// Those of the host.
    pub async fn restore(&self, checkpoint: &str) -> Result<()> {
        let host = &self.worker.host;
        let restored = host.restore(&self.worker.caller, &self.id, checkpoint);
        restored.await.map(drop)
    }

    /// # Errors
    /// Those of the host, also of a single fork.
    pub async fn fork(&self, request: &ForkRequest) -> Result<Vec<Self>> {
        let host = &self.worker.host;
        let forks = host.fork(&self.worker.caller, &self.id, request).await?;
        let forks = forks.into_iter().map(|fork| {
            let started = fork?;
            Ok(Self {
                worker: self.worker.clone(),
                id: started.info.id,
                token: started.token.expect("it is new"),
                backend: self.backend.clone(),
            })
        });
        forks.collect()
    }

    /// # Errors
    /// Those of the host.
    pub async fn suspend(&self) -> Result<SessionInfo> {
        let host = &self.worker.host;
        host.suspend(&self.worker.caller, &self.id).await
    }

    /// # Errors
    /// Those of the host.
    pub async fn resume(&self) -> Result<SessionInfo> {
        let host = &self.worker.host;
        host.resume(&self.worker.caller, &self.id).await
    }

    /// The code with which the session answers, if it is not there.
    pub fn gone(&self) -> Option<ErrorCode> {
        self.info().err().map(|error| error.code())
    }
}
