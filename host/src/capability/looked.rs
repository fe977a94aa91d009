//! What a guest looked at in its granted folders while it was watched. A warmed image is as good as the files that `warmup` read:
//! when one of them changes, the image is out of date.

use std::collections::BTreeSet;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DirectoryEntryStream, ErrorCode, HostDescriptor, OpenFlags,
    PathFlags,
};

use super::Capabilities;

/// The version that wasmtime defines; guests that import another 0.2 are linked to it.
pub(super) const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// A path of the host's, and what of it the guest saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Look {
    pub(crate) path: PathBuf,
    pub(crate) at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// It was opened: what is in it, or that it is not there.
    Contents,
    /// The names in a folder.
    Listing,
    /// Kind, size and time of change.
    Metadata,
}

pub(crate) type Looks = BTreeSet<Look>;

impl Capabilities {
    /// Begins to note what the guest looks at.
    pub(crate) fn watch(&mut self) {
        self.looks.get_or_insert_default();
    }

    /// What it looked at since.
    pub(crate) fn looked(&mut self) -> Looks {
        self.looks.take().map(|looks| *looks).unwrap_or_default()
    }

    fn note(&mut self, folder: &Resource<Descriptor>, below: &str, at: At) {
        let Some(looks) = &mut self.looks else { return };
        if let Ok(Descriptor::Dir(dir)) = self.table.get(folder)
            && let Some(path) = path_of(&*dir.dir)
        {
            looks.insert(Look {
                path: path.join(below),
                at,
            });
        }
    }
}

/// Takes the place of wasmtime's functions that look at files, and does what they do.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut context: Context<'_>,
         (folder, links, path, how, flags): (
            Resource<Descriptor>,
            PathFlags,
            String,
            OpenFlags,
            DescriptorFlags,
        )| {
            Box::new(async move {
                let state = context.data_mut();
                state.note(&folder, &path, At::Contents);
                answer(state.open_at(folder, links, path, how, flags).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat-at",
        |mut context: Context<'_>,
         (folder, links, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move {
                let state = context.data_mut();
                state.note(&folder, &path, At::Metadata);
                answer::<DescriptorStat>(state.filesystem().stat_at(folder, links, path).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut context: Context<'_>, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let state = context.data_mut();
                state.note(&folder, "", At::Listing);
                answer::<Resource<DirectoryEntryStream>>(
                    state.filesystem().read_directory(folder).await,
                )
            })
        },
    )
}

type Context<'a> = StoreContextMut<'a, Capabilities>;

/// What a host function of this signature hands to the runtime: one result, the WIT one.
pub(super) fn answer<T>(outcome: FsResult<T>) -> Result<(Result<T, ErrorCode>,)> {
    match outcome {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

pub(super) fn path_of(file: &impl AsRawFd) -> Option<PathBuf> {
    fs_err::read_link(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd()))).ok()
}
