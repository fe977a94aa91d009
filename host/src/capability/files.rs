//! Folders: the session's own workspace and what the operator granted, each a preopened directory that nothing escapes from.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime::error::Context as _;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{HostDescriptor, NewTimestamp, PathFlags};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::ids::SessionId;
use crate::policy::{FolderAccess, Grants};
use crate::tool::Denial;

use super::Capabilities;
use super::looked::{TYPES, answer};

pub(crate) mod tree;

/// The version that wasmtime defines; guests that import another 0.2 are linked to it.
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";
/// Where the guest sees the session's own folder.
const WORKSPACE: &str = "/workspace";

/// A folder that one instance owns, removed when it is dropped.
pub struct Workspace {
    path: PathBuf,
    /// It outlives this process.
    is_kept: AtomicBool,
    /// Nothing was in it when it was made.
    is_new: bool,
    /// What was copied into it when it was made.
    copied_bytes: u64,
}

impl Workspace {
    /// Makes a new folder below `parent`. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be made, by its path.
    pub fn create(parent: &Path) -> std::io::Result<Self> {
        fs_err::create_dir_all(parent)?;
        let path = parent.join(SessionId::random().as_str());
        fs_err::create_dir(&path)?;
        Ok(Self {
            path,
            is_kept: AtomicBool::new(false),
            is_new: true,
            copied_bytes: 0,
        })
    }

    /// The folder of a session that was saved. It stays when this is dropped.
    pub fn reopen(path: PathBuf) -> Self {
        Self {
            path,
            is_kept: AtomicBool::new(true),
            is_new: false,
            copied_bytes: 0,
        }
    }

    /// Bytes that were copied into it when it was made.
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    /// True when nothing was in it when it was made.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it stays when this is dropped.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Removes the folder, kept or not.
    pub fn remove(self) {
        self.is_kept.store(false, Ordering::Relaxed);
    }

    /// A second folder beside this one with the same in it: files, folders and symbolic links. Blocks on the disk.
    ///
    /// # Errors
    /// The first thing that cannot be copied, by its path; nothing is left of the copy.
    pub fn copy(&self) -> std::io::Result<Self> {
        let mut copy = Self::create(self.path.parent().unwrap_or(Path::new(".")))?;
        copy.is_new = false;
        copy.copied_bytes = tree::copy(&self.path, &copy.path)?;
        Ok(copy)
    }

    /// True when nothing was put into it. A folder that cannot be read counts as used.
    pub fn is_empty(&self) -> bool {
        fs_err::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if self.is_kept.load(Ordering::Relaxed) {
            return;
        }
        let path = std::mem::take(&mut self.path);
        let remove = move || {
            if let Err(error) = tree::remove(&path) {
                tracing::warn!(%error, path = %path.display(), "cannot remove a workspace");
            }
        };
        // A large folder takes long to remove, and instances are dropped where guests run.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

pub(super) fn mount(
    builder: &mut WasiCtxBuilder,
    grants: &Grants,
    workspace: Option<&Workspace>,
) -> wasmtime::Result<()> {
    if let Some(workspace) = workspace {
        builder
            .preopened_dir(&workspace.path, WORKSPACE, FsPerms::ReadWrite)
            .with_context(|| format!("cannot open the workspace {}", workspace.path.display()))?;
    }
    for folder in &grants.folders {
        let access = match folder.access {
            FolderAccess::ReadOnly => FsPerms::ReadOnly,
            FolderAccess::ReadWrite => FsPerms::ReadWrite,
        };
        builder
            .preopened_dir(&folder.host, &folder.guest, access)
            .with_context(|| format!("cannot open the granted folder {}", folder.host.display()))?;
    }
    Ok(())
}

impl Capabilities {
    /// Whether something in an open file or folder may be changed. If not, whoever called is told what would allow it.
    pub(super) fn may_change(&self, at: &Descriptor) -> bool {
        let perms = match at {
            Descriptor::File(file) => file.perms,
            Descriptor::Dir(dir) => dir.perms,
        };
        if !perms.write_not_permitted() {
            return true;
        }
        let folders = self.grants.folders.iter();
        let read_only = folders.filter(|folder| folder.access == FolderAccess::ReadOnly);
        let names: Vec<&str> = read_only.map(|folder| folder.guest.as_str()).collect();
        let guest = match names[..] {
            [only] => only,
            _ => "...",
        };
        self.denials.add(Denial {
            what: format!("a change below {}", names.join(" or ")),
            why: "the folder is granted for reading only".to_owned(),
            allow: Some(format!(
                "folders = [{{ host = \"...\", guest = {guest:?}, read_only = false }}]"
            )),
        });
        false
    }
}

/// Takes the place of wasmtime's functions, does what they do, and notes who asks in vain.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> wasmtime::Result<()> {
    linker.instance(PREOPENS)?.func_wrap(
        "get-directories",
        |mut context: Context<'_>, (): ()| {
            let state = context.data_mut();
            let folders = state.filesystem().get_directories()?;
            if folders.is_empty() {
                state.denials.no_folder();
            }
            Ok((folders,))
        },
    )?;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.set-times",
        |mut context: Context<'_>,
         (at, accessed, modified): (Resource<Descriptor>, NewTimestamp, NewTimestamp)| {
            Box::new(async move {
                let state = context.data_mut();
                state.may_change(state.table.get(&at)?);
                answer(state.filesystem().set_times(at, accessed, modified).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-times-at",
        |mut context: Context<'_>,
         (at, links, path, accessed, modified): (
            Resource<Descriptor>,
            PathFlags,
            String,
            NewTimestamp,
            NewTimestamp,
        )| {
            Box::new(async move {
                let state = context.data_mut();
                state.may_change(state.table.get(&at)?);
                let mut files = state.filesystem();
                answer(
                    files
                        .set_times_at(at, links, path, accessed, modified)
                        .await,
                )
            })
        },
    )
}

type Context<'a> = StoreContextMut<'a, Capabilities>;
