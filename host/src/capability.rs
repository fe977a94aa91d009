//! What a guest can reach: one file per capability, each off unless the backend's grants say otherwise.
//! Carries decisions out; [`crate::policy`] makes them. Knows nothing of sessions or tools.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::component::Linker;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::policy::{Grants, Limits, LiveGrants};
use crate::tool::Denial;

pub mod backend;
pub(crate) mod budget;
mod clock;
mod config_store;
mod denials;
mod disk;
mod egress;
mod files;
mod held;
mod keyvalue;
pub mod log;
mod looked;
pub mod meter;
mod opened;
mod random;
mod sockets;
mod standard;
mod streams;

pub(crate) use clock::GuestClock;
use clock::{Precision, Shown};
use config_store::ConfigStore;
use denials::Denials;
use disk::Account;
use egress::Egress;
pub use egress::Outgoing;
pub use files::Workspace;
pub(crate) use files::tree::remove as remove_folder;
pub(crate) use held::{Held, HeldByRep};
use keyvalue::Buckets;
use log::LogRing;
pub(crate) use looked::{At, Look, Looks};
use meter::Meter;
pub(crate) use opened::Missing;
use streams::Origins;

/// Bytes of names and values in one set of HTTP headers.
const HTTP_FIELDS_BYTES: usize = 32 << 10;
/// Random bytes that a guest gets in one call.
const RANDOM_BYTES: u64 = 64 << 10;

/// What a guest keeps on the host's side, handles aside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Of `wasi:keyvalue`: bucket, key, value.
    values: Vec<(String, String, Vec<u8>)>,
}

impl Kept {
    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let values = self.values.iter();
        values
            .map(|(bucket, key, value)| bucket.len() + key.len() + value.len())
            .sum()
    }
}

/// What one instance holds on the host's side: the data of its store.
pub struct Capabilities {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    egress: Egress,
    config_store: ConfigStore,
    buckets: Buckets,
    origins: Origins,
    /// None: there is nothing that the guest could write to.
    disk: Option<Arc<Account>>,
    /// None: the guest is not watched.
    looks: Option<Box<Looks>>,
    drew: bool,
    denials: Arc<Denials>,
    /// Those that it was made with.
    grants: Arc<Grants>,
    clock: GuestClock,
    pub(crate) log: Arc<LogRing>,
    pub(crate) meter: Meter,
}

impl Capabilities {
    /// Everything that `grants` allow and nothing else: no environment, no arguments, no network, no folder, standard input empty.
    ///
    /// # Errors
    /// A granted folder that cannot be opened, by its path.
    pub(crate) fn new(
        live: &LiveGrants,
        outgoing: &Outgoing,
        limits: &Limits,
        workspace: Option<&Workspace>,
        clock: GuestClock,
        log: Arc<LogRing>,
    ) -> wasmtime::Result<Self> {
        let grants = live.now();
        let denials = Arc::new(Denials::new(log.clone()));
        let precision = if grants.precise_clock {
            Precision::Nanosecond
        } else {
            Precision::Millisecond
        };
        let mut builder = WasiCtx::builder();
        builder
            .monotonic_clock(Shown { clock, precision })
            .wall_clock(precision)
            .max_random_size(RANDOM_BYTES);
        sockets::allow(&mut builder, live, &denials);
        for (name, value) in &grants.variables() {
            builder.env(name, value);
        }
        files::mount(&mut builder, &grants, workspace)?;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.open_handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HTTP_FIELDS_BYTES);
        Ok(Self {
            wasi: builder.build(),
            table,
            http,
            egress: Egress::new(live, outgoing, limits, denials.clone()),
            config_store: ConfigStore::new(&grants.config_store),
            buckets: Buckets::new(grants.keyvalue, limits.memory_bytes),
            origins: Origins::default(),
            disk: Account::new(&grants, limits, workspace, &log),
            looks: None,
            drew: false,
            denials,
            grants,
            clock,
            log,
            meter: Meter::new(limits),
        })
    }

    /// Makes every capability known to guests, granted or not: a guest that reaches for one that was not granted gets an error, not a link failure.
    ///
    /// # Errors
    /// Two capabilities define one interface: a bug.
    pub fn link(linker: &mut Linker<Self>) -> wasmtime::Result<()> {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
        config_store::link(linker)?;
        keyvalue::link(linker)?;
        backend::link(linker)?;
        linker.allow_shadowing(true);
        standard::link(linker)?;
        files::link(linker)?;
        looked::link(linker)?;
        streams::link(linker)?;
        disk::link(linker)?;
        random::link(linker)?;
        linker.allow_shadowing(false);
        Ok(())
    }

    /// Narrows what the instance may use from now on: a session's own limits on an instance that was made before it.
    pub(crate) fn tighten(&mut self, limits: &Limits) {
        self.meter.tighten_memory(limits.memory_bytes);
        if let Some(disk) = &self.disk {
            disk.tighten(limits);
        }
    }

    /// What the guest keeps on the host's side between two calls, handles aside.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            values: self.buckets.values(),
        }
    }

    /// Gives a new instance what another one of the same backend kept.
    pub(crate) fn keep(&mut self, kept: &Kept) {
        self.buckets.fill(&kept.values);
    }

    /// True when the guest keeps values on the host's side, where no image reaches.
    pub(crate) fn keeps_values(&self) -> bool {
        !self.buckets.is_empty()
    }

    /// True when the guest sent a request to another host: what it knows may be out of date tomorrow.
    pub(crate) fn talked(&self) -> bool {
        self.egress.used
    }

    /// What the call that ends, well or not, reached for and did not get.
    pub(crate) fn denied(&self, went_wrong: bool) -> Vec<Denial> {
        self.denials.take(went_wrong)
    }

    /// The grants that the guest was made with.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// The guest's own time, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }
}

impl WasiView for Capabilities {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Capabilities {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.egress,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
