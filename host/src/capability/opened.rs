//! Files and folders below the granted ones that a guest keeps open: where they are, so that a copy of the guest can open them again.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, OpenMode};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

use super::Capabilities;
use super::looked::path_of;

/// A granted folder and its name at the guest's.
pub(super) type Folder = (String, Descriptor);

/// An open file or folder, as a copy of the guest finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// The granted folder, as the guest sees it.
    folder: String,
    /// Below it.
    path: String,
    is_folder: bool,
    is_read: bool,
    is_written: bool,
}

/// What a guest held is not there for its copy.
#[derive(Debug)]
pub(crate) struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl Missing {
    pub(super) fn folder(guest: &str) -> Self {
        Self(format!("the folder {guest} is not granted"))
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_folder { "folder" } else { "file" };
        write!(f, "{kind} {:?}", Path::new(&self.folder).join(&self.path))
    }
}

impl Capabilities {
    /// Opens it again, below a folder of this instance's.
    ///
    /// # Errors
    /// [`Missing`].
    pub(super) async fn open_again(
        &mut self,
        opened: &Opened,
        folders: &[Folder],
    ) -> Result<Descriptor> {
        let Some((_, folder)) = folders.iter().find(|(name, _)| *name == opened.folder) else {
            return Err(Missing::folder(&opened.folder).into());
        };
        let again = self.open(folder, opened).await?;
        again.map_err(|error| {
            let why = error
                .downcast_ref()
                .map_or_else(|| error.to_string(), |code| format!("{code:?}"));
            Missing(format!("the {opened} cannot be opened again: {why}")).into()
        })
    }

    /// Where it is, if a copy can open the very same.
    ///
    /// # Errors
    /// The table of resources is full.
    pub(super) async fn locate(
        &mut self,
        descriptor: &Descriptor,
        folders: &[Folder],
    ) -> Result<Option<Opened>> {
        let kind = handle(descriptor).metadata();
        // Opening anything else, a pipe for one, may wait for ever.
        if !kind.is_ok_and(|kind| kind.is_file() || kind.is_dir()) {
            return Ok(None);
        }
        let Some(path) = path_of(&**handle(descriptor)) else {
            return Ok(None);
        };
        for (guest, folder) in folders {
            let below = path_of(&**handle(folder));
            let below = below.as_ref().and_then(|root| path.strip_prefix(root).ok());
            let Some(below) = below.and_then(Path::to_str) else {
                continue;
            };
            let mode = match descriptor {
                Descriptor::File(file) => file.open_mode,
                Descriptor::Dir(dir) => dir.open_mode,
            };
            let opened = Opened {
                folder: guest.clone(),
                path: if below.is_empty() { "." } else { below }.to_owned(),
                is_folder: matches!(descriptor, Descriptor::Dir(_)),
                is_read: mode.contains(OpenMode::READ),
                is_written: mode.contains(OpenMode::WRITE),
            };
            if let Ok(again) = self.open(folder, &opened).await?
                && is_same(handle(&again), handle(descriptor))
            {
                return Ok(Some(opened));
            }
        }
        Ok(None)
    }

    /// The outer error is the host's own. Leaves the table of resources as it was.
    async fn open(&mut self, folder: &Descriptor, opened: &Opened) -> Result<FsResult<Descriptor>> {
        let (mut how, mut flags) = (OpenFlags::empty(), DescriptorFlags::empty());
        if opened.is_read {
            flags |= DescriptorFlags::READ;
        }
        if opened.is_folder {
            how |= OpenFlags::DIRECTORY;
        }
        if opened.is_written {
            flags |= DescriptorFlags::WRITE;
        }
        let root = self.table.push(folder.clone())?;
        let below = Resource::new_borrow(root.rep());
        let again = self
            .open_at(below, PathFlags::empty(), opened.path.clone(), how, flags)
            .await;
        let again = match again {
            Ok(again) => Ok(self.table.delete(again)?),
            Err(error) => Err(error),
        };
        self.table.delete(root)?;
        Ok(again)
    }
}

fn handle(descriptor: &Descriptor) -> &Arc<File> {
    match descriptor {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(dir) => &dir.dir,
    }
}

/// A path may lead elsewhere than when it was opened.
fn is_same(one: &File, other: &File) -> bool {
    let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The last part of the path: all of it would tell a guest's caller how the host is laid out.
pub(super) fn name_of(descriptor: &Descriptor) -> String {
    let path = path_of(&**handle(descriptor));
    path.as_deref()
        .and_then(Path::file_name)
        .map(|name| format!(" {name:?}"))
        .unwrap_or_default()
}
