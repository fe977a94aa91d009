//! An instance's state, taken and given to another one.

use std::sync::Arc;

use wasmtime::component::{ResourceAny, TypedFunc};

use crate::capability::log::LogRing;
use crate::capability::meter::Refused;
use crate::capability::{GuestClock, Missing, Workspace};
use crate::policy::Limits;

use super::super::accessors::{adopt_name, rep_name};
use super::super::function::Resource;
use super::super::places::{self, Guest};
use super::super::slots::Slot;
use super::super::snapshot::{
    About, NoSnapshot, OwnResource, Reach, Resources, Run, Snapshot, WASM_PAGE, contents, rebased,
};
use super::super::{Fault, Module, image};
use super::{Instance, Recipe, fault, host_fault, own_workspace, pristine};

/// What an instance is made with that goes on where another one was.
pub(crate) struct Revival<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) limits: &'a Limits,
    /// Lines that are there already.
    pub(crate) log: Arc<LogRing>,
    /// The folder as it was then, if one is granted.
    pub(crate) workspace: Option<Arc<Workspace>>,
    /// Whose it is, where it has to wait for room.
    pub(crate) lane: u64,
}

impl Module {
    /// The memory with which instances begin, zeros left out: what the snapshots of this module are the difference to.
    ///
    /// # Errors
    /// There is no room for an instance now.
    pub(crate) async fn base(self: &Arc<Self>) -> Result<Vec<Run>, Fault> {
        let pristine = pristine::of(self).await.ok_or(Fault::Exhausted)?;
        let pristine = pristine
            .lock()
            .expect("no code panics while it holds the pristine instance");
        Ok(contents(pristine.memory()))
    }

    /// The snapshot as the difference to this module, of another image of the same component. `base`: the memory of its own.
    ///
    /// # Errors
    /// There is no room for an instance now; the snapshot and its base do not fit each other.
    pub(crate) async fn rebase(
        self: &Arc<Self>,
        snapshot: Snapshot,
        base: &[Run],
    ) -> Result<Snapshot, Fault> {
        let pristine = pristine::of(self).await.ok_or(Fault::Exhausted)?;
        let pristine = pristine
            .lock()
            .expect("no code panics while it holds the pristine instance");
        let bytes = snapshot.about.memory_pages as usize * WASM_PAGE;
        let runs = rebased(bytes, base, &snapshot.runs, pristine.memory());
        Ok(Snapshot {
            runs: runs.map_err(host_fault("cannot bring its state back"))?,
            ..snapshot
        })
    }
}

impl Instance {
    /// Takes the state of a guest that is at rest. The guest goes on unharmed unless it breaks.
    ///
    /// # Errors
    /// What the guest holds that cannot be carried over, or why the component's shape allows no snapshot.
    pub(crate) async fn capture(&mut self) -> Result<Snapshot, NoSnapshot> {
        if !self.module.accessors.reach_state() {
            let reason = "its component keeps state where the host cannot read it";
            return Err(NoSnapshot::Unsupported(reason.to_owned()));
        }
        self.account(self.limits.cpu);
        self.store.set_hostcall_fuel(usize::MAX);
        let captured = self.read_state().await;
        self.store.set_hostcall_fuel(self.limits.host_call_bytes);
        captured
    }

    async fn read_state(&mut self) -> Result<Snapshot, NoSnapshot> {
        let unsupported =
            |what: String| NoSnapshot::Unsupported(format!("the guest cannot be copied: {what}"));
        let held = self.store.data_mut().held().await;
        let held = held.map_err(|what| unsupported(format!("it holds {what}")))?;
        let guest = Guest {
            instance: &self.instance,
            accessors: &self.module.accessors,
        };
        places::check_places(&mut self.store, guest, &held)
            .await
            .map_err(unsupported)?;
        let module = self.module.clone();
        let pristine = pristine::of(&module).await;
        let contents = async {
            let reach = self.reach()?;
            reach.read(&mut self.store, pristine).await
        };
        let contents = contents.await;
        let contents = contents.map_err(|error| self.broken(&error))?;
        let resources = self.name_resources().await;
        let resources = resources.map_err(|error| self.broken(&error))?;
        let state = self.store.data();
        Ok(Snapshot {
            about: About {
                memory_pages: contents.pages,
                globals: contents.globals,
                held,
                kept: state.kept(),
                taken_at: state.now(),
                resources,
            },
            runs: contents.runs,
        })
    }

    /// Makes an instance that goes on where the snapshot was taken. No hook runs in it. Waits for room if there is none.
    ///
    /// # Errors
    /// [`Fault::Exhausted`], a limit, a granted folder that is not there, a snapshot that does not fit the module.
    pub(crate) async fn revive(
        module: &Arc<Module>,
        recipe: &Recipe,
        mut revival: Revival<'_>,
    ) -> Result<Box<Self>, Fault> {
        let mut turn = module.slots.turn(revival.lane);
        loop {
            let slot = turn.slot().await?;
            match Self::remake(module, recipe, slot, &mut revival).await {
                Err(Fault::Exhausted) => {}
                outcome => return outcome,
            }
        }
    }

    async fn remake(
        module: &Arc<Module>,
        recipe: &Recipe,
        slot: Slot,
        revival: &mut Revival<'_>,
    ) -> Result<Box<Self>, Fault> {
        let Snapshot { about, runs } = revival.snapshot;
        let clock = GuestClock::not_before(about.taken_at);
        let log = revival.log.clone();
        let workspace = match revival.workspace.take() {
            None => own_workspace(recipe).await?,
            given => given,
        };
        let mut made = Self::bare(module, recipe, slot, workspace, clock, log).await;
        let Ok(instance) = &mut made else {
            return made;
        };
        instance.limits = *revival.limits;
        instance.store.set_hostcall_fuel(usize::MAX);
        let applied = instance.write_state(about, runs).await;
        instance
            .store
            .set_hostcall_fuel(revival.limits.host_call_bytes);
        let state = instance.store.data_mut();
        state.tighten(revival.limits);
        let refused = state.meter.refused();
        if let (Err(_), Some(Refused::HostMemory { bytes_max })) = (&applied, refused) {
            return Err(Fault::NoMemory { bytes_max });
        }
        match applied {
            Ok(()) => made,
            Err(error) => Err(match error.downcast::<Missing>() {
                Ok(missing) => Fault::Missing(missing.to_string()),
                Err(error) => host_fault("cannot bring its state back")(error),
            }),
        }
    }

    async fn write_state(&mut self, about: &About, runs: &[Run]) -> wasmtime::Result<()> {
        let module = self.module.clone();
        let guest = Guest {
            instance: &self.instance,
            accessors: &module.accessors,
        };
        places::restore(&mut self.store, guest, &about.held).await?;
        self.store.data_mut().keep(&about.kept);
        let reach = self.reach()?;
        reach
            .apply(&mut self.store, about.memory_pages, runs, &about.globals)
            .await?;
        if let Some(restoration) = &module.restoration {
            let guest = Guest {
                instance: &self.instance,
                accessors: &module.accessors,
            };
            image::deal(&mut self.store, guest, restoration).await?;
        }
        let Resources {
            session,
            last,
            handles,
        } = &about.resources;
        if let Some(session) = session {
            self.session = Some(self.adopt(*session).await?);
        }
        for (number, name, own) in handles {
            let resource = self.adopt(*own).await?;
            let kind = Resource {
                name: name.clone(),
                ty: module.accessors.own_type(own.kind)?,
            };
            self.handles.reinstate(*last, *number, resource, kind);
        }
        Ok(())
    }

    /// The guest's own numbers of what the host holds for it.
    async fn name_resources(&mut self) -> wasmtime::Result<Resources> {
        let module = self.module.clone();
        let session = match (self.session, module.session_resource) {
            (Some(resource), Some(kind)) => Some(self.rep(kind, resource).await?),
            (Some(_), None) => wasmtime::bail!("its session is a resource without a name"),
            (None, _) => None,
        };
        let (last, entries) = self.handles.entries();
        let mut named = Vec::new();
        for (number, resource, kind) in entries {
            let Some(place) = module.accessors.own_resource(&kind.ty) else {
                wasmtime::bail!(
                    "a caller has a handle of {}, which is not its own",
                    kind.name
                );
            };
            named.push((number, kind.name.clone(), place, resource));
        }
        let mut handles = Vec::with_capacity(named.len());
        for (number, name, kind, resource) in named {
            handles.push((number, name, self.rep(kind, resource).await?));
        }
        Ok(Resources {
            session,
            last,
            handles,
        })
    }

    async fn rep(&mut self, kind: usize, resource: ResourceAny) -> wasmtime::Result<OwnResource> {
        let index = self.module.accessors.get(&rep_name(kind))?;
        let function: TypedFunc<(ResourceAny,), (u32,)> =
            self.instance.get_typed_func(&mut self.store, index)?;
        let (rep,) = function.call_async(&mut self.store, (resource,)).await?;
        Ok(OwnResource { kind, rep })
    }

    async fn adopt(&mut self, own: OwnResource) -> wasmtime::Result<ResourceAny> {
        let index = self.module.accessors.get(&adopt_name(own.kind))?;
        let function: TypedFunc<(u32,), (ResourceAny,)> =
            self.instance.get_typed_func(&mut self.store, index)?;
        let (resource,) = function.call_async(&mut self.store, (own.rep,)).await?;
        Ok(resource)
    }

    pub(super) fn reach(&mut self) -> wasmtime::Result<Reach> {
        if let Some(reach) = &self.reach {
            return Ok(**reach);
        }
        let guest = Guest {
            instance: &self.instance,
            accessors: &self.module.accessors,
        };
        let reach = Reach::of(&mut self.store, guest)?;
        self.reach = Some(Box::new(reach));
        Ok(reach)
    }

    fn broken(&self, error: &wasmtime::Error) -> NoSnapshot {
        NoSnapshot::Broken(fault(&self.store, error))
    }
}
