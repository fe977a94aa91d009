//! What a guest holds of the host's between two calls. Standard streams, granted folders, files and folders below them, streams of such
//! files, and what waits on a stream can be given anew to a copy of the guest, at the same places; anything else belongs to one instance
//! alone and is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Pollable, ReaddirIterator, subscribe,
};
use wasmtime_wasi::sockets;

use super::Capabilities;
use super::opened::{Folder, Missing, Opened, name_of};
use super::standard::Standard;
use super::streams::{FileStream, Origin, Way};

/// A host resource that a copy of the guest can have one of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Held {
    Stdin,
    Stdout,
    Stderr,
    /// A granted folder, as the guest sees it.
    Folder(String),
    /// What waits on a stream, by the stream's own number.
    Pollable(u32),
    /// A file or folder below a granted one.
    Opened(Opened),
    /// A stream from a file.
    Reader {
        file: Opened,
        position: u64,
    },
    /// A stream into a file.
    Writer {
        file: Opened,
        position: u64,
    },
    /// A stream to a file's end.
    Appender {
        file: Opened,
    },
}

impl Held {
    /// The open file or folder that it needs.
    pub(crate) fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Opened(opened) => Some(opened),
            Self::Reader { file, .. } | Self::Writer { file, .. } | Self::Appender { file } => {
                Some(file)
            }
            Self::Stdin | Self::Stdout | Self::Stderr | Self::Folder(_) | Self::Pollable(_) => None,
        }
    }
}

/// By number of the host's table.
pub(crate) type HeldByRep = BTreeMap<u32, Held>;

impl Capabilities {
    /// Everything that the guest holds. Waits for what is being written to files.
    ///
    /// # Errors
    /// The first thing that a copy of the guest could not be given, in words.
    pub(crate) async fn held(&mut self) -> Result<HeldByRep, String> {
        let most = self.table.max_capacity();
        // The guest's limit is not meant for what the host needs here for a moment.
        self.table.set_max_capacity(usize::MAX);
        let held = self.identify_all().await;
        self.table.set_max_capacity(most);
        held
    }

    async fn identify_all(&mut self) -> Result<HeldByRep, String> {
        let folders = self.folders().map_err(|error| format!("{error:#}"))?;
        let count = self.table.iter_mut().count();
        let mut held = HeldByRep::new();
        for rep in 0..u32::MAX {
            if held.len() == count {
                break;
            }
            if self.table.get_any_mut(rep).is_ok() {
                held.insert(rep, self.identify(rep, &folders).await?);
            }
        }
        Ok(held)
    }

    /// Gives a new instance what another one of the same backend held.
    ///
    /// # Errors
    /// The table is not empty; [`Missing`].
    pub(crate) async fn hold(&mut self, held: &HeldByRep) -> Result<()> {
        let most = self.table.max_capacity();
        self.table.set_max_capacity(usize::MAX);
        let given = self.give_all(held).await;
        self.table.set_max_capacity(most);
        given
    }

    async fn give_all(&mut self, held: &HeldByRep) -> Result<()> {
        let needs_folders =
            |held: &Held| matches!(held, Held::Folder(_)) || held.opened().is_some();
        let folders = match held.values().any(needs_folders) {
            true => self.folders()?,
            false => Vec::new(),
        };
        let mut opened = Vec::new();
        for needed in held.values().filter_map(Held::opened) {
            opened.push(self.open_again(needed, &folders).await?);
        }
        let mut opened = opened.into_iter();
        // Every place is taken first, so that each can be filled on its own: what waits may stand before what it waits for.
        let end = held.last_key_value().map_or(0, |(last, _)| last + 1);
        for rep in 0..end {
            let place = self.table.push(())?.rep();
            wasmtime::ensure!(place == rep, "the table of resources is not empty");
        }
        let is_pollable = |held: &Held| matches!(held, Held::Pollable(_));
        let others = held.iter().filter(|(_, held)| !is_pollable(held));
        for (rep, held) in others.chain(held.iter().filter(|(_, held)| is_pollable(held))) {
            let descriptor = held.opened().and_then(|_| opened.next());
            let made = self.make(*rep, held, &folders, descriptor)?;
            wasmtime::ensure!(made == *rep, "the table of resources is out of order");
        }
        for gap in (0..end).rev().filter(|rep| !held.contains_key(rep)) {
            self.table.delete(Resource::<()>::new_own(gap))?;
        }
        Ok(())
    }

    /// Fills the place `rep`. `opened`: what [`Held::opened`] asked for.
    fn make(
        &mut self,
        rep: u32,
        held: &Held,
        folders: &[Folder],
        opened: Option<Descriptor>,
    ) -> Result<u32> {
        let stream = match held {
            Held::Reader { position, .. } => Some((Way::Read, *position)),
            Held::Writer { position, .. } => Some((Way::Write, *position)),
            Held::Appender { .. } => Some((Way::Append, 0)),
            _ => None,
        };
        let place = Resource::<()>::new_own(rep);
        match (opened, stream) {
            (Some(file), Some((way, position))) => {
                let file = self.table.push(file)?;
                // The place that becomes free last is taken first.
                self.table.delete(place)?;
                let stream = self.stream(&file, way, position);
                let stream = stream.map_err(|error| wasmtime::format_err!("{error}"))?;
                self.table.delete(file)?;
                Ok(stream)
            }
            (Some(opened), None) => {
                self.table.delete(place)?;
                Ok(self.table.push(opened)?.rep())
            }
            (None, _) => {
                self.table.delete(place)?;
                self.make_plain(held, folders)
            }
        }
    }

    fn make_plain(&mut self, held: &Held, folders: &[Folder]) -> Result<u32> {
        match held {
            Held::Stdin => self.give(Standard::Input),
            Held::Stdout => self.give(Standard::Output),
            Held::Stderr => self.give(Standard::Error),
            Held::Folder(guest) => {
                let Some((_, folder)) = folders.iter().find(|(name, _)| name == guest) else {
                    return Err(Missing::folder(guest).into());
                };
                Ok(self.table.push(folder.clone())?.rep())
            }
            Held::Pollable(stream) => {
                let input = Resource::<DynInputStream>::new_borrow(*stream);
                let pollable = if self.table.get(&input).is_ok() {
                    subscribe(&mut self.table, input)?
                } else {
                    subscribe(
                        &mut self.table,
                        Resource::<DynOutputStream>::new_borrow(*stream),
                    )?
                };
                Ok(pollable.rep())
            }
            Held::Opened(_) | Held::Reader { .. } | Held::Writer { .. } | Held::Appender { .. } => {
                wasmtime::bail!("nothing was opened for it")
            }
        }
    }

    async fn identify(&mut self, rep: u32, folders: &[Folder]) -> Result<Held, String> {
        if let Some(origin) = self.origins.of(rep) {
            return match &*origin {
                Origin::Standard(Standard::Input) => Ok(Held::Stdin),
                Origin::Standard(Standard::Output) => Ok(Held::Stdout),
                Origin::Standard(Standard::Error) => Ok(Held::Stderr),
                Origin::File(stream) => self.identify_stream(rep, stream, folders).await,
            };
        }
        if let Some(stream) = self.pollable_of(rep) {
            return Ok(Held::Pollable(stream));
        }
        let Ok(resource) = self.table.get_any_mut(rep) else {
            return Err("a resource that is gone".to_owned());
        };
        let Some(descriptor) = resource.downcast_ref::<Descriptor>().cloned() else {
            return Err(what(resource).to_owned());
        };
        if let Descriptor::Dir(dir) = &descriptor {
            let same = |folder: &Descriptor| matches!(folder, Descriptor::Dir(other) if Arc::ptr_eq(&other.dir, &dir.dir));
            if let Some((guest, _)) = folders.iter().find(|(_, folder)| same(folder)) {
                return Ok(Held::Folder(guest.clone()));
            }
        }
        self.find(&descriptor, folders).await.map(Held::Opened)
    }

    async fn identify_stream(
        &mut self,
        rep: u32,
        stream: &FileStream,
        folders: &[Folder],
    ) -> Result<Held, String> {
        let file = Descriptor::File(stream.file.clone());
        if stream.way != Way::Read {
            let writer = Resource::<DynOutputStream>::new_borrow(rep);
            if let Ok(writer) = self.table.get_mut(&writer) {
                writer.ready().await;
            }
        }
        if stream.failed() {
            let name = name_of(&file);
            return Err(format!("a stream into a file{name} that a write failed to"));
        }
        let file = self.find(&file, folders).await?;
        let position = stream.position();
        Ok(match stream.way {
            Way::Read => Held::Reader { file, position },
            Way::Write => Held::Writer { file, position },
            Way::Append => Held::Appender { file },
        })
    }

    async fn find(&mut self, open: &Descriptor, folders: &[Folder]) -> Result<Opened, String> {
        let located = self.locate(open, folders).await;
        let located = located.map_err(|error| format!("{error:#}"))?;
        located.ok_or_else(|| {
            let kind = match open {
                Descriptor::File(_) => "file",
                Descriptor::Dir(_) => "folder",
            };
            let name = name_of(open);
            format!(
                "an open {kind}{name} that cannot be opened again: it was removed or replaced since"
            )
        })
    }

    /// The stream on which the pollable `rep` waits.
    fn pollable_of(&mut self, rep: u32) -> Option<u32> {
        let resource = self.table.get_any_mut(rep).ok()?;
        if !resource.is::<DynPollable>() {
            return None;
        }
        let address = address_of(resource);
        let streams = self.origins.reps().collect::<Vec<_>>();
        streams.into_iter().find(|stream| {
            let parent = Resource::<()>::new_borrow(*stream);
            self.table
                .iter_children(&parent)
                .is_ok_and(|mut children| children.any(|child| address_of(child) == address))
        })
    }

    /// The granted folders, each opened once for all handles of this instance.
    fn folders(&mut self) -> Result<Vec<Folder>> {
        let given = self.filesystem().get_directories()?;
        // In reverse, so that the table's free places are in the order in which they were.
        let mut folders = Vec::with_capacity(given.len());
        for (handle, guest) in given.into_iter().rev() {
            folders.push((guest, self.table.delete(handle)?));
        }
        Ok(folders)
    }
}

fn address_of(resource: &(impl std::any::Any + ?Sized)) -> *const () {
    std::ptr::from_ref(resource).cast()
}

fn what(resource: &dyn std::any::Any) -> &'static str {
    if resource.is::<DynInputStream>() {
        "a stream that it reads from"
    } else if resource.is::<DynOutputStream>() {
        "a stream that it writes to"
    } else if resource.is::<DynPollable>() {
        "something that it waits for"
    } else if resource.is::<ReaddirIterator>() {
        "a listing of a folder that it has not read to the end"
    } else if resource.is::<sockets::TcpSocket>() || resource.is::<sockets::UdpSocket>() {
        "an open socket"
    } else {
        "a resource of wasi:http, wasi:keyvalue or wasi:sockets"
    }
}
