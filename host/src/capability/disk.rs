//! What a guest puts on the disk is bounded, in bytes and in files: functions that write, make, link or move are charged before they do it,
//! and where nothing is left the guest is told so, as by a full disk.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, File, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult, StreamError};

use super::Capabilities;
use super::looked::{TYPES, answer};

mod account;

pub(super) use account::{Account, Size};
use account::{Area, UnderWay};

/// What a full account is to the guest: as good as a full disk.
const FULL: ErrorCode = ErrorCode::InsufficientSpace;

/// Growth that was charged and has not happened yet.
struct Charge {
    account: Arc<Account>,
    area: Area,
    size: Size,
}

impl Charge {
    /// What was paid for did not happen.
    fn give_back(self) {
        self.account.give_back(self.area, self.size);
    }
}

impl Capabilities {
    /// Opens a file or folder below another one.
    ///
    /// # Errors
    /// Those of the WASI function of the same name.
    pub(super) async fn open_at(
        &mut self,
        folder: Resource<Descriptor>,
        links: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let below = || Resource::new_borrow(folder.rep());
        let mut charge = Ok(None);
        if how.contains(OpenFlags::CREATE) {
            charge = self.charge(&folder, Size::FILE).await;
            if charge.is_err() {
                // Nothing is made where there is something.
                self.filesystem()
                    .stat_at(below(), links, path.clone())
                    .await
                    .map_err(|_| FULL)?;
                charge = Ok(None);
            }
        } else if how.contains(OpenFlags::TRUNCATE) {
            self.freed(&folder, Size::default())?;
        } else if flags.contains(DescriptorFlags::WRITE) {
            self.may_change(self.table.get(&folder)?);
        }
        let charge = charge?;
        let opened = self
            .filesystem()
            .open_at(below(), links, path, how, flags)
            .await;
        let opened = settle(charge, opened)?;
        if let Some(disk) = &self.disk {
            disk.note_open(self.table.get(&opened)?);
        }
        Ok(opened)
    }

    /// Takes `size` from the account on which the open file or folder is. None: it cannot be written to anyway.
    async fn charge(&mut self, at: &Resource<Descriptor>, size: Size) -> FsResult<Option<Charge>> {
        let Some((account, area)) = self.account_of(at)? else {
            return Ok(None);
        };
        if !account.charge(area, size).await {
            return Err(FULL.into());
        }
        Ok(Some(Charge {
            account,
            area,
            size,
        }))
    }

    /// Something below an open folder is going to be smaller by this, if all goes well.
    fn freed(&mut self, at: &Resource<Descriptor>, size: Size) -> FsResult<()> {
        if let Some((account, area)) = self.account_of(at)? {
            account.give_back(area, size);
        }
        Ok(())
    }

    fn account_of(&self, at: &Resource<Descriptor>) -> FsResult<Option<(Arc<Account>, Area)>> {
        let descriptor = self.table.get(at)?;
        if !self.may_change(descriptor) {
            return Ok(None);
        }
        let Some(account) = &self.disk else {
            return Ok(None);
        };
        let file = match descriptor {
            Descriptor::File(file) => &file.file,
            Descriptor::Dir(dir) => &dir.dir,
        };
        Ok(Some((account.clone(), account.area(file))))
    }

    /// What an open file grows by when `length` bytes are written at `offset`.
    fn growth(&self, of: &Resource<Descriptor>, offset: u64, length: u64) -> FsResult<Size> {
        let growth = match self.table.get(of)? {
            Descriptor::File(file) => growth(file, Some(offset), length),
            Descriptor::Dir(_) => 0,
        };
        Ok(Size::bytes(growth))
    }

    async fn write(
        &mut self,
        file: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: u64,
    ) -> FsResult<u64> {
        let growth = self.growth(&file, offset, bytes.len() as u64)?;
        let charge = self.charge(&file, growth).await?;
        settle(charge, self.filesystem().write(file, bytes, offset).await)
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: u64) -> FsResult<()> {
        let growth = self.growth(&file, 0, size)?;
        let shrinks = match self.table.get(&file)? {
            Descriptor::File(file) => length(file).saturating_sub(size),
            Descriptor::Dir(_) => 0,
        };
        let at = Resource::new_borrow(file.rep());
        let charge = self.charge(&file, growth).await?;
        settle(charge, self.filesystem().set_size(file, size).await)?;
        self.freed(&at, Size::bytes(shrinks))
    }

    async fn create_directory_at(
        &mut self,
        folder: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let charge = self.charge(&folder, Size::FILE).await?;
        let made = self.filesystem().create_directory_at(folder, path).await;
        settle(charge, made)
    }

    async fn symlink_at(
        &mut self,
        folder: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> FsResult<()> {
        let size = Size::FILE.and(Size::bytes(target.len() as u64));
        let charge = self.charge(&folder, size).await?;
        let made = self.filesystem().symlink_at(folder, target, path).await;
        settle(charge, made)
    }

    /// A second name costs what the file does: a copy of the folder has the file twice.
    async fn link_at(
        &mut self,
        folder: Resource<Descriptor>,
        links: PathFlags,
        path: String,
        other: Resource<Descriptor>,
        other_path: String,
    ) -> FsResult<()> {
        self.check_same_account(&folder, &other)?;
        let at = Resource::new_borrow(folder.rep());
        let mut files = self.filesystem();
        let stat = files.stat_at(at, PathFlags::empty(), path.clone()).await?;
        let size = Size::FILE.and(Size::bytes(stat.size));
        let charge = self.charge(&other, size).await?;
        let mut files = self.filesystem();
        let linked = files.link_at(folder, links, path, other, other_path).await;
        settle(charge, linked)
    }

    async fn rename_at(
        &mut self,
        folder: Resource<Descriptor>,
        path: String,
        other: Resource<Descriptor>,
        other_path: String,
    ) -> FsResult<()> {
        self.check_same_account(&folder, &other)?;
        self.freed(&other, Size::default())?;
        let mut files = self.filesystem();
        files.rename_at(folder, path, other, other_path).await
    }

    /// What is moved from one account to another one would be lost to the first and unknown to the second.
    fn check_same_account(
        &self,
        one: &Resource<Descriptor>,
        other: &Resource<Descriptor>,
    ) -> FsResult<()> {
        let area = |at| Ok::<_, FsError>(self.account_of(at)?.map(|(_, area)| area));
        match (area(one)?, area(other)?) {
            (Some(one), Some(other)) if one != other => Err(ErrorCode::CrossDevice.into()),
            _ => Ok(()),
        }
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        let Some((account, area)) = self.account_of(&folder)? else {
            return self.filesystem().unlink_file_at(folder, path).await;
        };
        let mut size = Size::default();
        // In the session's own folder a count tells; elsewhere this is the only moment to know.
        if area == Area::Shared {
            let at = Resource::new_borrow(folder.rep());
            let mut files = self.filesystem();
            let stat = files.stat_at(at, PathFlags::empty(), path.clone()).await?;
            if stat.type_ == DescriptorType::RegularFile && stat.link_count == 1 {
                size = Size::FILE.and(Size::bytes(stat.size));
            }
        }
        let without_name = account.without_name();
        self.filesystem().unlink_file_at(folder, path).await?;
        // A file that is still open takes what it took.
        if account.without_name() > without_name {
            size.bytes = 0;
        }
        account.give_back(area, size);
        Ok(())
    }

    async fn remove_directory_at(
        &mut self,
        folder: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let at = Resource::new_borrow(folder.rep());
        self.may_change(self.table.get(&folder)?);
        self.filesystem().remove_directory_at(folder, path).await?;
        self.freed(&at, Size::FILE)
    }
}

/// What was charged for something that failed is given back.
fn settle<T>(charge: Option<Charge>, outcome: FsResult<T>) -> FsResult<T> {
    if outcome.is_err()
        && let Some(charge) = charge
    {
        charge.give_back();
    }
    outcome
}

fn length(file: &File) -> u64 {
    file.file.metadata().map_or(0, |stat| stat.len())
}

/// What all names of a file grow by together. `offset`: none is its end.
fn growth(file: &File, offset: Option<u64>, length: u64) -> u64 {
    let (size, names) = match file.file.metadata() {
        Ok(stat) => (stat.len(), stat.nlink().max(1)),
        Err(_) => (0, 1),
    };
    let end = offset.unwrap_or(size).saturating_add(length);
    end.saturating_sub(size).saturating_mul(names)
}

/// What a stream into a file pays with.
pub(super) struct Purse {
    account: Arc<Account>,
    area: Area,
    file: File,
    under_way: Option<UnderWay>,
}

impl Purse {
    /// None: what the file takes is not counted.
    pub(super) fn of(account: Option<&Arc<Account>>, file: &File) -> Option<Self> {
        let account = account?;
        Some(Self {
            account: account.clone(),
            area: account.area(&file.file),
            file: file.clone(),
            under_way: None,
        })
    }

    /// Pays for a write at `offset` (none: the file's end), if there is enough without looking closer.
    pub(super) fn try_pay(&mut self, offset: Option<u64>, length: usize) -> bool {
        let growth = growth(&self.file, offset, length as u64);
        let is_paid = self.account.try_charge(self.area, Size::bytes(growth));
        if is_paid {
            self.under_way = Some(self.account.begin(growth));
        }
        is_paid
    }

    /// Pays for it, and looks closer if need be.
    pub(super) async fn pay(&mut self, offset: Option<u64>, length: usize) -> bool {
        let growth = growth(&self.file, offset, length as u64);
        let is_paid = self.account.charge(self.area, Size::bytes(growth)).await;
        if is_paid {
            self.under_way = Some(self.account.begin(growth));
        }
        is_paid
    }

    /// What was paid for is written.
    pub(super) fn settle(&mut self) {
        self.under_way = None;
    }
}

/// [`FULL`] as the error of a stream.
pub(super) fn full() -> StreamError {
    let full = std::io::Error::from(rustix::io::Errno::NOSPC);
    StreamError::LastOperationFailed(full.into())
}

/// Takes the place of wasmtime's functions that let files and folders grow, and does what they do.
pub(super) fn link(linker: &mut Linker<Capabilities>) -> Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut context: Context<'_>, (file, bytes, at): (Resource<Descriptor>, Vec<u8>, u64)| {
            Box::new(async move { answer(context.data_mut().write(file, bytes, at).await) })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-size",
        |mut context: Context<'_>, (file, size): (Resource<Descriptor>, u64)| {
            Box::new(async move { answer(context.data_mut().set_size(file, size).await) })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.create-directory-at",
        |mut context: Context<'_>, (folder, path): (Resource<Descriptor>, String)| {
            Box::new(
                async move { answer(context.data_mut().create_directory_at(folder, path).await) },
            )
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut context: Context<'_>,
         (folder, target, path): (Resource<Descriptor>, String, String)| {
            Box::new(
                async move { answer(context.data_mut().symlink_at(folder, target, path).await) },
            )
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.link-at",
        |mut context: Context<'_>,
         (folder, links, path, other, other_path): (
            Resource<Descriptor>,
            PathFlags,
            String,
            Resource<Descriptor>,
            String,
        )| {
            Box::new(async move {
                let state = context.data_mut();
                answer(state.link_at(folder, links, path, other, other_path).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut context: Context<'_>,
         (folder, path, other, other_path): (
            Resource<Descriptor>,
            String,
            Resource<Descriptor>,
            String,
        )| {
            Box::new(async move {
                let state = context.data_mut();
                answer(state.rename_at(folder, path, other, other_path).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.unlink-file-at",
        |mut context: Context<'_>, (folder, path): (Resource<Descriptor>, String)| {
            Box::new(async move { answer(context.data_mut().unlink_file_at(folder, path).await) })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.remove-directory-at",
        |mut context: Context<'_>, (folder, path): (Resource<Descriptor>, String)| {
            Box::new(
                async move { answer(context.data_mut().remove_directory_at(folder, path).await) },
            )
        },
    )
}

type Context<'a> = StoreContextMut<'a, Capabilities>;
