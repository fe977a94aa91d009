//! What a guest holds of the host's between two calls. Standard streams, what waits on them, and granted folders can be given anew to a
//! copy of the guest, at the same places; anything else belongs to one instance alone and is named.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, subscribe};
use wasmtime_wasi::sockets;

use super::Capabilities;
use super::standard::Standard;

/// A host resource that every instance of a backend can have one of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Held {
    Stdin,
    Stdout,
    Stderr,
    /// A granted folder, as the guest sees it.
    Folder(String),
    /// What waits on a stream, by the stream's own number.
    Pollable(u32),
}

/// By number of the host's table.
pub(crate) type HeldByRep = BTreeMap<u32, Held>;

impl Capabilities {
    /// Everything that the guest holds.
    ///
    /// # Errors
    /// The first thing that a copy of the guest could not be given, in words.
    pub(crate) fn held(&mut self) -> Result<HeldByRep, String> {
        let folders = self.folders().map_err(|error| format!("{error:#}"))?;
        let count = self.table.iter_mut().count();
        let most = u32::try_from(self.table.max_capacity()).unwrap_or(u32::MAX);
        let mut held = HeldByRep::new();
        for rep in 0..most {
            if held.len() == count {
                break;
            }
            if self.table.get_any_mut(rep).is_ok() {
                held.insert(rep, self.identify(rep, &folders)?);
            }
        }
        Ok(held)
    }

    /// Gives a new instance what another one of the same backend held.
    ///
    /// # Errors
    /// The table is not empty, or a folder is no longer granted.
    pub(crate) fn hold(&mut self, held: &HeldByRep) -> Result<()> {
        let folders = if held.values().any(|held| matches!(held, Held::Folder(_))) {
            self.folders()?
        } else {
            Vec::new()
        };
        let end = held.last_key_value().map_or(0, |(last, _)| last + 1);
        let mut gaps = Vec::new();
        for rep in 0..end {
            let made = match held.get(&rep) {
                Some(held) => self.make(held, &folders)?,
                None => {
                    let gap = self.table.push(())?;
                    let made = gap.rep();
                    gaps.push(gap);
                    made
                }
            };
            wasmtime::ensure!(made == rep, "the table of resources is not empty");
        }
        for gap in gaps.into_iter().rev() {
            self.table.delete(gap)?;
        }
        Ok(())
    }

    fn make(&mut self, held: &Held, folders: &[(String, Descriptor)]) -> Result<u32> {
        match held {
            Held::Stdin => self.give(Standard::Input),
            Held::Stdout => self.give(Standard::Output),
            Held::Stderr => self.give(Standard::Error),
            Held::Folder(guest) => {
                let Some((_, folder)) = folders.iter().find(|(name, _)| name == guest) else {
                    wasmtime::bail!("the folder {guest} is not granted");
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
        }
    }

    fn identify(&mut self, rep: u32, folders: &[(String, Descriptor)]) -> Result<Held, String> {
        if let Some(stream) = self.given.stream(rep) {
            return Ok(match stream {
                Standard::Input => Held::Stdin,
                Standard::Output => Held::Stdout,
                Standard::Error => Held::Stderr,
            });
        }
        if let Some(stream) = self.pollable_of(rep) {
            return Ok(Held::Pollable(stream));
        }
        let Ok(resource) = self.table.get_any_mut(rep) else {
            return Err("a resource that is gone".to_owned());
        };
        let Some(descriptor) = resource.downcast_ref::<Descriptor>() else {
            return Err(what(resource).to_owned());
        };
        match descriptor {
            Descriptor::Dir(dir) => {
                let same = |folder: &Descriptor| matches!(folder, Descriptor::Dir(other) if Arc::ptr_eq(&other.dir, &dir.dir));
                match folders.iter().find(|(_, folder)| same(folder)) {
                    Some((guest, _)) => Ok(Held::Folder(guest.clone())),
                    None => Err(format!("an open folder{}", name_of(&*dir.dir))),
                }
            }
            Descriptor::File(file) => Err(format!("an open file{}", name_of(&*file.file))),
        }
    }

    /// The standard stream on which the pollable `rep` waits.
    fn pollable_of(&mut self, rep: u32) -> Option<u32> {
        let resource = self.table.get_any_mut(rep).ok()?;
        if !resource.is::<DynPollable>() {
            return None;
        }
        let address = address_of(resource);
        let streams = self.given.reps().collect::<Vec<_>>();
        streams.into_iter().find(|stream| {
            let parent = Resource::<()>::new_borrow(*stream);
            self.table
                .iter_children(&parent)
                .is_ok_and(|mut children| children.any(|child| address_of(child) == address))
        })
    }

    /// The granted folders, each opened once for all handles of this instance.
    fn folders(&mut self) -> Result<Vec<(String, Descriptor)>> {
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
    } else if resource.is::<sockets::TcpSocket>() || resource.is::<sockets::UdpSocket>() {
        "an open socket"
    } else {
        "a resource of wasi:http, wasi:keyvalue or wasi:sockets"
    }
}

/// The last part of the path: all of it would tell a guest's caller how the host is laid out.
fn name_of(file: &impl AsRawFd) -> String {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = fs_err::read_link(Path::new(&link)).ok();
    path.as_deref()
        .and_then(Path::file_name)
        .map(|name| format!(" {name:?}"))
        .unwrap_or_default()
}
