//! One component instance: a guest's memory and what the host holds for it. The only place that names a store.
//! After a trap, a timeout or a dropped call the store is useless; [`Fault::leaves_instance_whole`] says when, and the owner drops it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use wasmtime::component::{Func, ResourceAny, Val};
use wasmtime::{CallHook, Store, UpdateDeadline};

use crate::capability::log::{LogRing, printable};
use crate::capability::{Capabilities, GuestClock, Outgoing, Workspace};
use crate::policy::{Grants, Limits, LiveGrants};
use crate::tool::{ToolAnswer, Usage};

use super::function::{Function, Handles, Receiver, Verdict};
use super::guests::GiveWay;
use super::image::{self, Image, Restoration};
use super::places::Guest;
use super::slots::Slot;
use super::snapshot::Reach;
use super::ticker::TICK;
use super::{Fault, Module};

mod pristine;
mod snapshot;

pub(super) use pristine::Pristine;
pub(crate) use snapshot::Revival;

/// Epoch ticks of the first slice. Two, so that a short call that straddles a tick is not taken for one that overstays.
const FIRST_SLICE_TICKS: u64 = 2;
/// Handles of exported resources that a session holds at once.
const HANDLES_MAX: usize = 1_000;
/// The same inside the runtime, the guest's own ones included.
const COMPONENT_HANDLES_MAX: usize = 10_000;
/// What reading a guest's memory takes of it: two pages of each.
const IMAGE_MEMORY_BYTES: usize = 16 << 20;
/// What a guest may say about its refusal.
const MESSAGE_BYTES_MAX: usize = 4096;

pub(crate) struct Instance {
    store: Store<Capabilities>,
    instance: wasmtime::component::Instance,
    module: Arc<Module>,
    /// Looked up on first use, by place in the module.
    functions: Box<[Option<Func>]>,
    handles: Handles,
    session: Option<ResourceAny>,
    /// Found when its state is first read.
    reach: Option<Box<Reach>>,
    limits: Limits,
    /// Removed after the store that holds it open is gone.
    workspace: Option<Arc<Workspace>>,
    /// Given back after the store, whose memory takes the room.
    _slot: Slot,
}

/// Whom an instance serves, as its guest is told.
#[derive(Clone, Debug)]
pub(crate) struct SessionIdentity {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) worker: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) temporary: bool,
}

/// What instances of one backend are made with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipe {
    pub(crate) grants: LiveGrants,
    pub(crate) limits: Limits,
    pub(crate) outgoing: Outgoing,
    /// Where workspaces are made, if they are granted.
    pub(crate) workspaces: PathBuf,
}

/// One call of a tool.
pub(crate) struct ToolCall<'a> {
    /// The function's place in the module.
    pub(crate) place: usize,
    /// A method of the session's resource, which the host hands in.
    pub(crate) on_session: bool,
    /// JSON text of the params.
    pub(crate) params: &'a str,
    pub(crate) timeout: Duration,
}

impl Instance {
    /// Makes an instance; no hook has run in it. Waits for room if there is none, in turn with other lanes.
    ///
    /// # Errors
    /// [`Fault::Exhausted`], a limit that the component exceeds from the start, a granted folder that is not there.
    pub(crate) async fn start(
        module: &Arc<Module>,
        recipe: &Recipe,
        lane: u64,
    ) -> Result<Box<Self>, Fault> {
        let mut turn = module.slots.turn(lane);
        loop {
            let slot = turn.slot().await?;
            match Self::make(module, recipe, slot).await {
                Err(Fault::Exhausted) => {}
                outcome => return outcome,
            }
        }
    }

    async fn make(module: &Arc<Module>, recipe: &Recipe, slot: Slot) -> Result<Box<Self>, Fault> {
        let workspace = own_workspace(recipe).await?;
        let clock = module
            .restoration
            .as_ref()
            .map(Restoration::clock)
            .unwrap_or_default();
        let log = Arc::new(LogRing::new(recipe.limits.log_bytes));
        let mut made = Self::bare(module, recipe, slot, workspace, clock, log).await?;
        if let Some(restoration) = &module.restoration {
            let guest = Guest {
                instance: &made.instance,
                accessors: &module.accessors,
            };
            image::restore(&mut made.store, guest, restoration)
                .await
                .map_err(host_fault("cannot start it from its warm image"))?;
        }
        Ok(made)
    }

    /// An instance as its module makes it, with nothing in its table of handles.
    async fn bare(
        module: &Arc<Module>,
        recipe: &Recipe,
        slot: Slot,
        workspace: Option<Arc<Workspace>>,
        clock: GuestClock,
        log: Arc<LogRing>,
    ) -> Result<Box<Self>, Fault> {
        let limits = recipe.limits;
        let capabilities = Capabilities::new(
            &recipe.grants,
            &recipe.outgoing,
            &limits,
            workspace.as_deref(),
            clock,
            log,
        )
        .map_err(host_fault("cannot grant its capabilities"))?;
        if !module.memory.has_room() {
            let bytes_max = module.memory.bytes_max();
            return Err(Fault::NoMemory { bytes_max });
        }
        let mut store = Store::new(module.pre.engine(), capabilities);
        let meter = &mut store.data_mut().meter;
        meter.charge_to(&module.memory, module.is_warmed());
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.host_call_bytes);
        store.set_max_component_handles(COMPONENT_HANDLES_MAX);
        store.epoch_deadline_callback(|mut context| {
            let meter = &mut context.data_mut().meter;
            let Some(left) = meter.ticks_left.checked_sub(1) else {
                return Ok(UpdateDeadline::Interrupt);
            };
            meter.ticks_left = left;
            // The built-in yield goes to the front of the queue and starves the neighbours; this one goes to the back of its worker's line.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(GiveWay::default())))
        });
        store.call_hook(|mut context, hook| {
            if matches!(hook, CallHook::CallingHost) {
                context.data_mut().meter.host_calls += 1;
            }
            Ok(())
        });
        store.set_epoch_deadline(FIRST_SLICE_TICKS);
        store.data_mut().meter.open(ticks(limits.cpu));
        let instance = match module.pre.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Err(fault(&store, &error).at_start()),
        };
        store.data_mut().meter.begun();
        let functions = vec![None; module.functions.len()].into();
        Ok(Box::new(Self {
            store,
            instance,
            module: module.clone(),
            functions,
            handles: Handles::new(HANDLES_MAX),
            session: None,
            reach: None,
            limits,
            workspace,
            _slot: slot,
        }))
    }

    /// Runs the module's `warmup`, if it has one.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the guest's own message, or whatever ended it.
    pub(crate) async fn warm_up(&mut self) -> Result<(), Fault> {
        let Some(index) = self.module.hooks.warmup else {
            return Ok(());
        };
        let most = self.limits.warmup;
        self.hook("warmup", index, &[], most, most).await
    }

    /// Notes from now on what the guest looks at.
    pub(crate) fn watch(&mut self) {
        self.store.data_mut().watch();
    }

    /// Takes the image of an instance in which `warmup` has run. `component` is the one that it was compiled from, before it was fitted.
    ///
    /// # Errors
    /// Why there can be none, in words.
    pub(crate) async fn into_image(mut self, component: &[u8]) -> Result<Image, String> {
        if let Some(workspace) = &self.workspace
            && !workspace.is_empty()
        {
            return Err("it keeps files in its /workspace, which is each session's own".to_owned());
        }
        self.store.set_hostcall_fuel(usize::MAX);
        self.account(self.limits.warmup);
        self.store.data_mut().meter.grant_memory(IMAGE_MEMORY_BYTES);
        let guest = Guest {
            instance: &self.instance,
            accessors: &self.module.accessors,
        };
        image::take(component, &mut self.store, guest).await
    }

    /// Makes the instance a session's: its own limits, then `initialize` and the constructor of its `session` resource.
    ///
    /// # Errors
    /// [`Fault::Params`] for a config that does not fit, [`Fault::Refused`] when the guest says no.
    pub(crate) async fn open(
        &mut self,
        identity: impl FnOnce() -> SessionIdentity,
        config: &str,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.limits = *limits;
        self.store.data_mut().tighten(limits);
        if let Some(index) = self.module.hooks.initialize {
            let params = [identity().to_value(), Val::String(config.to_owned())];
            self.hook(
                "initialize",
                index,
                &params,
                limits.initialize,
                limits.initialize,
            )
            .await?;
        }
        if let Some(place) = self.module.hooks.constructor {
            self.construct(place, config).await?;
        }
        Ok(())
    }

    async fn construct(&mut self, place: usize, config: &str) -> Result<(), Fault> {
        let module = self.module.clone();
        let Some(export) = module.functions.get(place) else {
            return Err(no_such_function());
        };
        let arguments = export
            .function
            .config_arguments(config, &mut self.handles)
            .map_err(|mut problem| {
                problem.pointer.insert_str(0, "/config");
                Fault::Params(problem)
            })?;
        let function = self.function(place)?;
        let most = self.limits.initialize;
        self.account(most);
        let call = export
            .function
            .call(&function, &mut self.store, None, arguments);
        let answer = finished(timeout(most, call).await, most)
            .map_err(|stop| stop.into_fault(&self.store))?;
        match Function::resource(answer) {
            Ok(session) => {
                self.session = Some(session);
                Ok(())
            }
            Err(answer) => {
                let mut message = Vec::new();
                // A message too long to write is no loss beside the refusal itself.
                let _ = export.function.write(
                    &answer,
                    &mut self.handles,
                    MESSAGE_BYTES_MAX,
                    &mut message,
                );
                Err(self.refused("the session's constructor", printable(&unquoted(&message))))
            }
        }
    }

    /// Calls a tool. An answer may be the tool's own error; that is a value.
    ///
    /// # Errors
    /// A [`Fault`]; unless it leaves the instance whole, the instance must be dropped.
    pub(crate) async fn call(&mut self, call: &ToolCall<'_>) -> Result<ToolAnswer, Fault> {
        let module = self.module.clone();
        let Some(export) = module.functions.get(call.place) else {
            return Err(no_such_function());
        };
        let (receiver, session) = if call.on_session {
            (Receiver::Session, self.session)
        } else {
            (Receiver::None, None)
        };
        let arguments = export
            .function
            .arguments(call.params, receiver, &mut self.handles)
            .map_err(Fault::Params)?;
        let function = self.function(call.place)?;
        self.account(self.limits.cpu);
        let running = export
            .function
            .call(&function, &mut self.store, session, arguments);
        let answer = finished(timeout(call.timeout, running).await, call.timeout)
            .map_err(|stop| stop.into_fault(&self.store));
        self.log().end_lines();
        let answer = answer?;
        let mut json = Vec::with_capacity(128);
        let verdict = export.function.write(
            &answer,
            &mut self.handles,
            self.limits.result_bytes,
            &mut json,
        );
        if verdict.is_err() {
            self.drop_orphans().await?;
        }
        let verdict = verdict.map_err(Fault::Unwritten)?;
        Ok(ToolAnswer {
            json,
            is_error: verdict == Verdict::ToolError,
            denied: self.store.data().denied(verdict == Verdict::ToolError),
        })
    }

    /// Ends the session in the guest: `cleanup`, then the destructors of everything that it still holds.
    ///
    /// # Errors
    /// Whatever went wrong first. The instance is to be dropped in any case.
    pub(crate) async fn close(&mut self) -> Result<(), Fault> {
        let most = self.limits.cleanup;
        if let Some(index) = self.module.hooks.cleanup {
            self.hook("cleanup", index, &[], most, most).await?;
        }
        self.account(most);
        let resources: Vec<ResourceAny> = self
            .handles
            .drain()
            .into_iter()
            .chain(self.session.take())
            .collect();
        let destructors = async {
            for resource in resources {
                resource.resource_drop_async(&mut self.store).await?;
            }
            Ok(())
        };
        finished(timeout(most, destructors).await, most)
            .map_err(|stop| stop.into_fault(&self.store))
    }

    /// True when [`Instance::close`] would run code of the guest's.
    pub(crate) fn has_farewell(&self) -> bool {
        self.module.hooks.cleanup.is_some() || self.session.is_some() || !self.handles.is_empty()
    }

    /// The longest that [`Instance::close`] may take.
    pub(crate) fn farewell_max(&self) -> Duration {
        let steps = u32::from(self.module.hooks.cleanup.is_some())
            + u32::from(self.session.is_some())
            + u32::from(!self.handles.is_empty());
        self.limits.cleanup * steps
    }

    /// Runs the module's `shutdown`, if it has one.
    ///
    /// # Errors
    /// Whatever ended it.
    pub(crate) async fn shut_down(&mut self) -> Result<(), Fault> {
        let Some(index) = self.module.hooks.shutdown else {
            return Ok(());
        };
        let most = self.limits.cleanup;
        self.hook("shutdown", index, &[], most, most).await
    }

    /// What the last call took, beside its time.
    pub(crate) fn usage(&self) -> Usage {
        let meter = &self.store.data().meter;
        Usage {
            memory_bytes: meter.memory_bytes(),
            host_calls: meter.host_calls,
            ..Usage::default()
        }
    }

    pub(crate) fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The folder of its own, if one is granted.
    pub(crate) fn workspace(&self) -> Option<&Arc<Workspace>> {
        self.workspace.as_ref()
    }

    /// True when it was made with what these grants give an instance from its start.
    pub(crate) fn has(&self, grants: &Grants) -> bool {
        let own = self.store.data().grants();
        std::ptr::eq(&raw const **own, grants) || grants.fit_instance_of(own)
    }

    pub(crate) fn log(&self) -> &Arc<LogRing> {
        &self.store.data().log
    }

    /// Calls a lifecycle function. All of them answer nothing, or a result whose error is a string.
    async fn hook(
        &mut self,
        hook: &'static str,
        index: wasmtime::component::ComponentExportIndex,
        params: &[Val],
        wall: Duration,
        cpu: Duration,
    ) -> Result<(), Fault> {
        let Some(function) = self.instance.get_func(&mut self.store, index) else {
            return Err(no_such_function());
        };
        self.account(cpu);
        let mut results = vec![Val::Bool(false); function.ty(&self.store).results().len()];
        let called = timeout(
            wall,
            function.call_async(&mut self.store, params, &mut results),
        )
        .await;
        finished(called, wall).map_err(|stop| stop.into_fault(&self.store))?;
        let message = match results.into_iter().next() {
            Some(Val::Result(Err(Some(value)))) => match *value {
                Val::String(message) => printable(&message),
                other => printable(&format!("{other:?}")),
            },
            Some(Val::Result(Err(None))) => "it gave no reason".to_owned(),
            _ => return Ok(()),
        };
        Err(self.refused(hook, message))
    }

    fn refused(&self, hook: &'static str, message: String) -> Fault {
        Fault::Refused {
            hook,
            message,
            denied: self.store.data().denied(true),
        }
    }

    fn function(&mut self, place: usize) -> Result<Func, Fault> {
        let (Some(slot), Some(export)) = (
            self.functions.get_mut(place),
            self.module.functions.get(place),
        ) else {
            return Err(no_such_function());
        };
        if slot.is_none() {
            *slot = self.instance.get_func(&mut self.store, export.index);
        }
        slot.ok_or_else(no_such_function)
    }

    fn account(&mut self, cpu: Duration) {
        self.store.set_epoch_deadline(FIRST_SLICE_TICKS);
        self.store.data_mut().meter.open(ticks(cpu));
    }

    /// Resources that an answer could not hand out, because the caller's table is full.
    async fn drop_orphans(&mut self) -> Result<(), Fault> {
        let most = self.limits.cleanup;
        for resource in self.handles.orphans() {
            let dropped = timeout(most, resource.resource_drop_async(&mut self.store)).await;
            finished(dropped, most).map_err(|stop| stop.into_fault(&self.store))?;
        }
        Ok(())
    }
}

impl SessionIdentity {
    /// The record `session-info` of `hostel:backend/session@0.1.0`.
    fn to_value(&self) -> Val {
        let text = |name: &str, value: &str| (name.to_owned(), Val::String(value.to_owned()));
        let labels = self.labels.iter().map(|(key, value)| {
            Val::Tuple(vec![Val::String(key.clone()), Val::String(value.clone())])
        });
        Val::Record(vec![
            text("id", &self.id),
            text("name", &self.name),
            text("worker", &self.worker),
            ("labels".to_owned(), Val::List(labels.collect())),
            ("temporary".to_owned(), Val::Bool(self.temporary)),
        ])
    }
}

/// Why a call into the guest did not come back with a value.
enum Stop {
    Error(wasmtime::Error),
    Deadline(Duration),
}

impl Stop {
    fn into_fault(self, store: &Store<Capabilities>) -> Fault {
        match self {
            Self::Error(error) => fault(store, &error),
            Self::Deadline(after) => Fault::Deadline { after },
        }
    }
}

fn finished<T>(
    outcome: Result<wasmtime::Result<T>, tokio::time::error::Elapsed>,
    most: Duration,
) -> Result<T, Stop> {
    match outcome {
        Ok(called) => called.map_err(Stop::Error),
        Err(_) => Err(Stop::Deadline(most)),
    }
}

fn fault(store: &Store<Capabilities>, error: &wasmtime::Error) -> Fault {
    Fault::of(error, store.data())
}

fn host_fault(doing: &'static str) -> impl Fn(wasmtime::Error) -> Fault {
    move |error| Fault::Host {
        doing,
        cause: format!("{error:#}"),
    }
}

fn ticks(cpu: Duration) -> u64 {
    let ticks = cpu.as_millis() / TICK.as_millis();
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// A new folder, if one is granted.
async fn own_workspace(recipe: &Recipe) -> Result<Option<Arc<Workspace>>, Fault> {
    if !recipe.grants.now().workspace {
        return Ok(None);
    }
    let parent = recipe.workspaces.clone();
    let made = tokio::task::spawn_blocking(move || Workspace::create(&parent)).await;
    let failed = |cause: String| Fault::Host {
        doing: "cannot make its workspace",
        cause,
    };
    match made {
        Ok(Ok(workspace)) => Ok(Some(Arc::new(workspace))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// An error that is a string is shown as it is; any other as JSON.
fn unquoted(json: &[u8]) -> String {
    serde_json::from_slice::<String>(json)
        .unwrap_or_else(|_| String::from_utf8_lossy(json).into_owned())
}

fn no_such_function() -> Fault {
    Fault::Host {
        doing: "cannot find a function that its own listing names",
        cause: "the module and its listing differ".to_owned(),
    }
}
