//! The account of what one instance puts on the disk: what is used as far as it is known, and what may still be. It never knows too little:
//! growth is taken before it happens, and what was removed is found by counting the folder again when nothing is left.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use wasmtime_wasi::filesystem::Descriptor;

use crate::capability::files::{Workspace, tree};
use crate::capability::log::{Level, LogRing};
use crate::capability::looked::path_of;
use crate::policy::{FolderAccess, Grants, Limits};

/// So many bytes and so many files, folders and links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::capability) struct Size {
    pub(in crate::capability) bytes: u64,
    pub(in crate::capability) files: u64,
}

impl Size {
    pub(super) const FILE: Self = Self { bytes: 0, files: 1 };

    pub(super) fn bytes(bytes: u64) -> Self {
        Self { bytes, files: 0 }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    fn fits(self, most: Self) -> bool {
        self.bytes <= most.bytes && self.files <= most.files
    }
}

/// Whose files these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The session's own folder, which can be counted.
    Own,
    /// A granted folder, which others write to as well: only what this instance does is known.
    Shared,
}

pub(in crate::capability) struct Account {
    state: Mutex<State>,
    own: Option<PathBuf>,
    /// The same as the kernel names it.
    own_real: OnceLock<Option<PathBuf>>,
    has_shared: bool,
    /// Where the session's callers read why their guest's disk is full.
    log: Arc<LogRing>,
}

struct State {
    most: Size,
    /// In the session's own folder. None: it was not counted yet.
    own: Option<Size>,
    /// What this instance added to granted folders.
    shared: Size,
    /// Own growth since the beginning, which tells what was taken while somebody counted.
    taken: Size,
    /// Growth by writes that are still under way.
    under_way: u64,
    /// Something happened since the last count: another can say something else.
    is_stale: bool,
    /// The log has it that there is no more room.
    is_told: bool,
    /// Files that were opened: those that have no name any more are found here alone.
    open: Vec<Weak<File>>,
}

impl Account {
    /// None when nothing is granted that can be written to.
    pub(in crate::capability) fn new(
        grants: &Grants,
        limits: &Limits,
        workspace: Option<&Workspace>,
        log: &Arc<LogRing>,
    ) -> Option<Arc<Self>> {
        let mut folders = grants.folders.iter();
        let has_shared = folders.any(|folder| folder.access == FolderAccess::ReadWrite);
        if workspace.is_none() && !has_shared {
            return None;
        }
        let own = match workspace {
            Some(workspace) if !workspace.is_new() => None,
            Some(_) | None => Some(Size::default()),
        };
        Some(Arc::new(Self {
            state: Mutex::new(State {
                most: Size {
                    bytes: limits.workspace_bytes,
                    files: limits.workspace_files,
                },
                own,
                shared: Size::default(),
                taken: Size::default(),
                under_way: 0,
                is_stale: false,
                is_told: false,
                open: Vec::new(),
            }),
            own: workspace.map(|workspace| workspace.path().to_owned()),
            own_real: OnceLock::new(),
            has_shared,
            log: log.clone(),
        }))
    }

    /// Narrows what may be used: a session's own limits on an instance that was made before it.
    pub(in crate::capability) fn tighten(&self, limits: &Limits) {
        let mut state = self.state();
        state.most.bytes = state.most.bytes.min(limits.workspace_bytes);
        state.most.files = state.most.files.min(limits.workspace_files);
    }

    /// Where an open file or folder is.
    pub(super) fn area(&self, file: &File) -> Area {
        match &self.own {
            None => Area::Shared,
            Some(_) if !self.has_shared => Area::Own,
            Some(own) => {
                let real = self.own_real.get_or_init(|| fs_err::canonicalize(own).ok());
                let is_own = real
                    .as_ref()
                    .is_some_and(|own| path_of(file).is_some_and(|path| path.starts_with(own)));
                if is_own { Area::Own } else { Area::Shared }
            }
        }
    }

    /// Remembers a file that can be written while it is open, also after it has lost its name.
    pub(super) fn note_open(&self, descriptor: &Descriptor) {
        let Descriptor::File(file) = descriptor else {
            return;
        };
        let open = &mut self.state().open;
        if open.len() == open.capacity() {
            open.retain(|file| file.strong_count() > 0);
        }
        open.push(Arc::downgrade(&file.file));
    }

    /// Bytes of files that the guest has open and no folder names.
    pub(super) fn without_name(&self) -> u64 {
        without_name(&self.state().open)
    }

    /// Takes what is about to be used. Counts the folder anew when that may help.
    pub(super) async fn charge(self: &Arc<Self>, area: Area, size: Size) -> bool {
        let fits =
            self.try_charge(area, size) || (self.recount().await && self.try_charge(area, size));
        if !fits {
            self.tell();
        }
        fits
    }

    /// Says in the session's log, once, which limit it is.
    fn tell(&self) {
        let most = {
            let mut state = self.state();
            if std::mem::replace(&mut state.is_told, true) {
                return;
            }
            state.most
        };
        let message = format!(
            "the guest's disk is full: limits.workspace_bytes = {}, limits.workspace_files = {}",
            most.bytes, most.files
        );
        self.log.event(Level::Warn, &message, &[]);
    }

    /// The same without counting.
    pub(super) fn try_charge(&self, area: Area, size: Size) -> bool {
        // Who has more than he may have by now can still change what is there.
        if size == Size::default() {
            return true;
        }
        let mut state = self.state();
        let Some(own) = state.own else { return false };
        if !own.and(state.shared).and(size).fits(state.most) {
            return false;
        }
        match area {
            Area::Own => {
                state.own = Some(own.and(size));
                state.taken = state.taken.and(size);
            }
            Area::Shared => state.shared = state.shared.and(size),
        }
        state.is_stale = true;
        true
    }

    /// Something was removed, or what was taken was not used after all. In the own folder the next count tells how much that is.
    pub(super) fn give_back(&self, area: Area, size: Size) {
        let mut state = self.state();
        state.is_stale = true;
        // A write that is under way may undo what was just freed.
        if area == Area::Shared && state.under_way == 0 {
            state.shared = state.shared.less(size);
        }
    }

    /// A write of so much growth has begun, which goes on while the guest does something else.
    pub(super) fn begin(self: &Arc<Self>, growth: u64) -> UnderWay {
        self.state().under_way += growth;
        UnderWay {
            account: self.clone(),
            growth,
        }
    }

    /// False when it cannot help.
    async fn recount(self: &Arc<Self>) -> bool {
        let Some(own) = self.own.clone() else {
            return false;
        };
        let (before, under_way, open) = {
            let mut state = self.state();
            if state.own.is_some() && !state.is_stale {
                return false;
            }
            state.open.retain(|file| file.strong_count() > 0);
            (state.taken, state.under_way, state.open.clone())
        };
        let count = move || Ok(tree::measure(&own)?.and(Size::bytes(without_name(&open))));
        let counted: std::io::Result<Size> = match tokio::task::spawn_blocking(count).await {
            Ok(counted) => counted,
            Err(error) => Err(std::io::Error::other(error)),
        };
        let counted = match counted {
            Ok(counted) => counted,
            Err(error) => {
                tracing::debug!(%error, "cannot count a session's folder: nothing more fits into it");
                return false;
            }
        };
        let mut state = self.state();
        let meanwhile = state.taken.less(before);
        state.own = Some(counted.and(meanwhile).and(Size::bytes(under_way)));
        state.is_stale = under_way > 0;
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the account")
    }
}

/// Bytes of open files that no folder names.
fn without_name(open: &[Weak<File>]) -> u64 {
    let mut found: Vec<((u64, u64), u64)> = open
        .iter()
        .filter_map(|file| file.upgrade()?.metadata().ok())
        .filter(|stat| stat.nlink() == 0)
        .map(|stat| ((stat.dev(), stat.ino()), stat.len()))
        .collect();
    found.sort_unstable();
    found.dedup_by_key(|(file, _)| *file);
    found.iter().map(|(_, bytes)| bytes).sum()
}

/// A write that has begun; over when this is dropped.
pub(super) struct UnderWay {
    account: Arc<Account>,
    growth: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.account.state();
        state.under_way -= self.growth;
        state.is_stale = true;
    }
}
