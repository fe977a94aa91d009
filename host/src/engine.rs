//! The runtime: one configured wasmtime, one linker, the epoch clock. Compiles components and hands out [`Module`]s; knows nothing of backends or sessions.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use wasmparser::{Validator, WasmFeatures};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::capability::Capabilities;
use crate::capability::budget::MemoryBudget;
pub(crate) use crate::capability::{At, HeldByRep, Look, Looks};
use crate::error::{Error, Result};

mod accessors;
mod fault;
pub(crate) mod function;
mod guests;
mod image;
pub(crate) mod instance;
mod line;
pub(crate) mod module;
mod places;
mod slots;
mod snapshot;
mod ticker;

pub(crate) use fault::{Fault, denied_error};
pub(crate) use guests::{Guests, HOSTS_OWN, Pace, Paces, Panicked};
pub(crate) use image::{Image, Restoration, fit};
pub(crate) use instance::{Instance, Revival, SessionIdentity};
pub(crate) use module::Module;
pub(crate) use slots::Slots;
pub(crate) use snapshot::{About, NoSnapshot, Run, Snapshot};
use ticker::Ticker;

/// The stack of a guest, and the part of it that wasm may use. Interpreters in guests need this much.
const STACK_BYTES: usize = 1 << 20;
/// Slots of the pool for each instance: a component of one module has three core instances and two tables.
const CORE_INSTANCES_EACH: u32 = 4;
const TABLES_EACH: u32 = 2;
/// What a free slot keeps at most, in which steps, and which part of the memory of guests all of them may.
const KEPT_BYTES_MAX: u64 = 512 << 10;
const KEPT_UNIT: u64 = 32 << 10;
const KEPT_PART: u64 = 16;
/// Mappings that the kernel keeps for each instance, and those that the rest of the process needs.
const MAPPINGS_EACH: usize = 6;
const MAPPINGS_SPARE: usize = 2000;
/// What the kernel allows unless it was told otherwise.
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";
const KERNEL_RELEASE: &str = "/proc/sys/kernel/osrelease";

/// How large the engine is built.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Instances at once: sessions, temporary ones and donors of warm images.
    pub instances_max: u32,
    /// The largest memory that any backend may be granted.
    pub memory_bytes_max: usize,
    /// Elements in the largest table that any backend may be granted.
    pub table_elements_max: usize,
    /// Memory of all guests together, and pages of the process.
    pub guest_memory_bytes_max: u64,
}

pub struct Engine {
    plain: Flavour,
    /// Made when the first component needs it, which few do.
    concurrent: OnceLock<Result<Flavour, String>>,
    instances_max: u32,
    slots: Arc<Slots>,
    memory: Arc<MemoryBudget>,
}

/// The runtime in one configuration, with everything that hangs on it.
struct Flavour {
    wasmtime: wasmtime::Engine,
    linker: Linker<Capabilities>,
    _ticker: Ticker,
}

impl Engine {
    /// Reserves the pool of instances, or falls back to allocation on demand where the machine refuses it.
    ///
    /// # Errors
    /// `internal` when the runtime cannot be configured at all.
    pub fn new(config: &EngineConfig) -> Result<Self> {
        let instances_max = affordable(config.instances_max);
        let failed = |error: String| Error::internal("cannot configure the runtime", error);
        let plain = Flavour::new(&settings(Some(pool(config, instances_max)))).or_else(|error| {
            tracing::warn!(
                error,
                "no pool of instances: sessions start slower and take more memory"
            );
            Flavour::new(&settings(None))
        });
        Ok(Self {
            plain: plain.map_err(failed)?,
            concurrent: OnceLock::new(),
            instances_max,
            slots: Slots::new(instances_max),
            memory: MemoryBudget::new(config.guest_memory_bytes_max),
        })
    }

    /// An engine that makes code for those of other processes, and no instances: it takes next to no address space.
    ///
    /// # Errors
    /// `internal` when the runtime cannot be configured at all.
    pub(crate) fn for_compiling() -> Result<Self> {
        let plain = Flavour::new(&settings(None));
        Ok(Self {
            plain: plain
                .map_err(|error| Error::internal("cannot configure the compiler", error))?,
            concurrent: OnceLock::new(),
            instances_max: 1,
            slots: Slots::new(1),
            memory: MemoryBudget::new(0),
        })
    }

    /// Instances that can live at once.
    pub fn instances_max(&self) -> u32 {
        self.instances_max
    }

    /// What the process has of the machine's memory, guests and everything else, in bytes; at most 50 ms old.
    pub fn resident_bytes(&self) -> u64 {
        self.memory.resident()
    }

    /// Changes whenever compiled code of one engine does not fit another: version, settings, processor.
    pub fn code_key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.plain
            .wasmtime
            .precompile_compatibility_hash()
            .hash(&mut hasher);
        image::FITTING_VERSION.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Compiles a component. Takes seconds per megabyte and every core.
    ///
    /// # Errors
    /// What the validator or the compiler found, as text.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Compiled, String> {
        let flavour = self.flavour(needs_concurrency(component))?;
        let component = Component::from_binary(&flavour.wasmtime, component)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Compiled(component))
    }

    /// Maps code that [`Compiled::code`] wrote.
    ///
    /// # Errors
    /// The file is not code of this engine.
    pub(crate) fn map(
        &self,
        code: &Path,
        concurrent: bool,
        _authentic: AuthenticCode,
    ) -> Result<Compiled, String> {
        let flavour = self.flavour(concurrent)?;
        #[expect(
            unsafe_code,
            reason = "native code is safe to load when this host wrote it, which `AuthenticCode` attests"
        )]
        // SAFETY: the caller holds a proof that the file is, byte for byte, what this host's compiler wrote.
        let component = unsafe { Component::deserialize_file(&flavour.wasmtime, code) };
        component
            .map(Compiled)
            .map_err(|error| format!("{error:#}"))
    }

    fn flavour(&self, concurrent: bool) -> Result<&Flavour, String> {
        if concurrent {
            self.concurrent()
        } else {
            Ok(&self.plain)
        }
    }

    /// Loads code that [`Compiled::code`] wrote and that is in no file.
    ///
    /// # Errors
    /// It is not code of this engine.
    pub(crate) fn load(
        &self,
        code: &[u8],
        concurrent: bool,
        _authentic: AuthenticCode,
    ) -> Result<Compiled, String> {
        let flavour = self.flavour(concurrent)?;
        #[expect(
            unsafe_code,
            reason = "native code is safe to load when this host wrote it, which `AuthenticCode` attests"
        )]
        // SAFETY: the caller holds a proof that the bytes are what this host's compiler wrote.
        let component = unsafe { Component::deserialize(&flavour.wasmtime, code) };
        component
            .map(Compiled)
            .map_err(|error| format!("{error:#}"))
    }

    /// True when the code belongs to the flavour for asynchronous components.
    pub(crate) fn is_concurrent(&self, compiled: &Compiled) -> bool {
        !wasmtime::Engine::same(compiled.0.engine(), &self.plain.wasmtime)
    }

    fn linker(&self, compiled: &Compiled) -> Result<&Linker<Capabilities>, String> {
        Ok(if self.is_concurrent(compiled) {
            &self.concurrent()?.linker
        } else {
            &self.plain.linker
        })
    }

    fn concurrent(&self) -> Result<&Flavour, String> {
        let made = self.concurrent.get_or_init(|| {
            let mut config = settings(None);
            config.concurrency_support(true);
            Flavour::new(&config)
        });
        made.as_ref().map_err(Clone::clone)
    }
}

impl Flavour {
    fn new(config: &Config) -> Result<Self, String> {
        let wasmtime = wasmtime::Engine::new(config).map_err(|error| format!("{error:#}"))?;
        let mut linker = Linker::new(&wasmtime);
        Capabilities::link(&mut linker).map_err(|error| format!("{error:#}"))?;
        let ticker = Ticker::start(wasmtime.clone());
        Ok(Self {
            wasmtime,
            linker,
            _ticker: ticker,
        })
    }
}

/// True for a component that is valid only with the component model's async features. Its ordinary functions can be tools; it pays
/// for the others with a slower start and slower calls.
fn needs_concurrency(component: &[u8]) -> bool {
    let with = WasmFeatures::default()
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM_FIXED_LENGTH_LISTS;
    let is_valid = |features| {
        Validator::new_with_features(features)
            .validate_all(component)
            .is_ok()
    };
    !is_valid(with - WasmFeatures::CM_ASYNC) && is_valid(with)
}

/// Says that the bytes of a code file were compared with the authenticated record of what this host compiled.
pub(crate) struct AuthenticCode(());

impl AuthenticCode {
    /// None when the digests differ: the file is not what was compiled.
    pub(crate) fn check(recorded: &blake3::Hash, found: &blake3::Hash) -> Option<Self> {
        (recorded == found).then_some(Self(()))
    }

    /// For code that came through a pipe from a process of this same program, which this host began for it.
    pub(crate) fn of_own_compiler() -> Self {
        Self(())
    }
}

/// A compiled component that is not linked yet.
#[derive(Clone)]
pub(crate) struct Compiled(Component);

impl Compiled {
    /// The machine code, for the cache.
    pub(crate) fn code(&self) -> Result<Vec<u8>, String> {
        self.0.serialize().map_err(|error| format!("{error:#}"))
    }
}

fn settings(pool: Option<PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    // Off, a call costs a third and a start half as much; components that need it get a flavour of their own.
    config.concurrency_support(false);
    // Each is off in the runtime as it is built here, or it is of no use to a guest and widens what hostile code can try.
    config.wasm_memory64(false);
    config
        .wasm_component_model_map(true)
        .wasm_component_model_fixed_length_lists(true);
    config.epoch_interruption(true);
    config.async_stack_size(STACK_BYTES);
    // Snapshots of large memories are mapped, not copied, however sparse they are.
    config.memory_guaranteed_dense_image_size(1 << 30);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

fn pool(config: &EngineConfig, instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_EACH))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_EACH))
        .total_stacks(instances)
        .max_memory_size(config.memory_bytes_max)
        .table_elements(config.table_elements_max)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .max_core_instances_per_component(64)
        .max_tables_per_component(64)
        .max_memories_per_component(8)
        .memory_protection_keys(Enabled::Auto);
    // Without PAGEMAP_SCAN (Linux 6.7) keeping pages means clearing them by hand, which costs more than it saves.
    if kernel_is_at_least(6, 7) {
        let kept = kept_bytes(config.guest_memory_bytes_max, instances);
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(kept)
            .table_keep_resident(kept / 8);
    }
    pool
}

/// Pages that a slot keeps when its instance is gone, in bytes: the next one has them for nothing. All slots together keep a small part of
/// what guests may have, for what they keep is nobody's to give.
fn kept_bytes(guest_memory_bytes_max: u64, instances: u32) -> usize {
    let share = guest_memory_bytes_max / KEPT_PART / u64::from(instances.max(1));
    let pages = share.min(KEPT_BYTES_MAX) / KEPT_UNIT;
    usize::try_from(pages * KEPT_UNIT).unwrap_or_default()
}

fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = fs_err::read_to_string(KERNEL_RELEASE).unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(major), Some(minor))
}

/// The kernel's limit on mappings binds before memory does; a host that asks for more is told.
fn affordable(wanted: u32) -> u32 {
    let Some(mappings) = fs_err::read_to_string(MAX_MAP_COUNT)
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok())
    else {
        return wanted;
    };
    let most = u32::try_from(mappings.saturating_sub(MAPPINGS_SPARE) / MAPPINGS_EACH)
        .unwrap_or(u32::MAX)
        .max(16);
    if wanted > most {
        tracing::warn!(
            wanted,
            most,
            "vm.max_map_count = {mappings} allows fewer sessions than asked; raise it with sysctl"
        );
    }
    wanted.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_slots_keep_a_small_part_of_what_guests_may_have() {
        assert_eq!(kept_bytes(u64::MAX, 1256), 512 << 10);
        assert_eq!(kept_bytes(20 << 30, 1256), 512 << 10);
        let small = kept_bytes(4 << 30, 1256);
        assert!(
            small > 0 && small as u64 * 1256 <= (4 << 30) / KEPT_PART,
            "{small}"
        );
        assert_eq!(kept_bytes(1 << 20, 1256), 0);
    }
}
