//! Files and folders as wholes: looking at, moving, copying, deleting, making.

use std::fs::{self, DirEntry};

use crate::files::{Details, Entry, EntryKind};
use crate::list;
use crate::workspace::Place;
use crate::write;

/// How many names of a large folder are in memory at once while it is deleted.
const DELETED_AT_ONCE: usize = 1000;

/// What may happen to a file that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Keep,
    Overwrite,
}

/// What is known of a file or folder without reading it.
pub(crate) fn details(place: &Place) -> Result<Details, String> {
    let metadata = place.found()?;
    let Entry { path, kind, bytes } = list::entry(place, &metadata);
    let modified = metadata
        .modified()
        .ok()
        .map(|time| humantime::format_rfc3339_seconds(time).to_string());
    // A link that leads out of the workspace cannot be read under the host; that it is one is told by its kind.
    let target = match kind {
        EntryKind::Link => fs::read_link(place.path())
            .ok()
            .map(|target| target.to_string_lossy().into_owned()),
        EntryKind::File | EntryKind::Folder | EntryKind::Other => None,
    };
    Ok(Details {
        path,
        kind,
        bytes,
        modified,
        target,
    })
}

/// Gives a file or folder another place.
pub(crate) fn rename(from: &Place, to: &Place, existing: Existing) -> Result<Entry, String> {
    refuse_root(from, "moved")?;
    from.found()?;
    if to.path().starts_with(from.path()) && to.path() != from.path() {
        return Err(format!("{from} cannot be moved into itself, to {to}"));
    }
    make_room(to, existing)?;
    fs::rename(from.path(), to.path())
        .map_err(|error| to.cannot(&format!("move {from} to"), &error))?;
    Ok(list::entry(to, &to.found()?))
}

/// Makes a second file with the content of `from`.
pub(crate) fn copy(from: &Place, to: &Place, existing: Existing) -> Result<Entry, String> {
    if from.found()?.is_dir() {
        return Err(format!("{from} is a folder: only files are copied"));
    }
    from.file()?;
    make_room(to, existing)?;
    write::replace(to, |path| fs::copy(from.path(), path).map(drop))?;
    Ok(list::entry(to, &to.found()?))
}

/// Makes the folders above `to`, and sees that nothing is there that must stay.
fn make_room(to: &Place, existing: Existing) -> Result<(), String> {
    match to.look()? {
        None => write::make_parents(to),
        Some(found) if found.is_dir() => Err(format!(
            "{to} is a folder that exists already: to put something into it, name its new path, as in {to}/name"
        )),
        Some(_) if existing == Existing::Keep => Err(format!(
            "{to} exists already: choose another path or set `overwrite`"
        )),
        Some(_) => Ok(()),
    }
}

/// Deletes a file, a link, or a folder; a folder with something in it only if `recursive`. Answers how many entries went.
pub(crate) fn delete(place: &Place, recursive: bool) -> Result<u64, String> {
    refuse_root(place, "deleted")?;
    let is_folder = place.found()?.is_dir();
    if is_folder && !recursive && !is_empty(place)? {
        return Err(format!(
            "{place} is a folder with something in it: set `recursive` to delete it all"
        ));
    }
    if is_folder {
        delete_folder(place)
    } else {
        delete_file(place)
    }
}

fn is_empty(folder: &Place) -> Result<bool, String> {
    let mut entries = fs::read_dir(folder.path()).map_err(|error| folder.cannot("list", &error))?;
    Ok(entries.next().is_none())
}

fn delete_file(place: &Place) -> Result<u64, String> {
    fs::remove_file(place.path()).map_err(|error| place.cannot("delete", &error))?;
    Ok(1)
}

/// Deletes what is in a folder, then the folder. Folders may nest deeper than the stack of a guest.
fn delete_folder(folder: &Place) -> Result<u64, String> {
    let mut count = 0;
    let mut open = vec![folder.clone()];
    while let Some(folder) = open.last().cloned() {
        let cannot = |error| folder.cannot("delete", &error);
        // Names first, then deletion: a folder that changes while it is read may hide some.
        let entries = fs::read_dir(folder.path())
            .map_err(cannot)?
            .take(DELETED_AT_ONCE);
        let entries: Vec<DirEntry> = entries.collect::<Result<_, _>>().map_err(cannot)?;
        if entries.is_empty() {
            fs::remove_dir(folder.path()).map_err(cannot)?;
            open.pop();
            count += 1;
        }
        for entry in entries {
            let place = folder.child(&entry.file_name().to_string_lossy());
            if entry.file_type().map_err(cannot)?.is_dir() {
                open.push(place);
            } else {
                count += delete_file(&place)?;
            }
        }
    }
    Ok(count)
}

/// Makes a folder and those above it; one that is there already is fine.
pub(crate) fn make_folder(place: &Place) -> Result<Entry, String> {
    if place.look()?.is_some() {
        place.folder()?;
    } else {
        fs::create_dir_all(place.path())
            .map_err(|error| place.cannot("make the folder", &error))?;
    }
    Ok(list::entry(place, &place.found()?))
}

fn refuse_root(place: &Place, done: &str) -> Result<(), String> {
    if place.is_root {
        Err(format!("the workspace itself cannot be {done}"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
