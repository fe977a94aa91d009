//! A walk through a folder: every entry once, a folder before what is in it, names in order, links not followed.

use std::fs::{self, FileType};

use crate::globs::Globs;
use crate::workspace::Place;

/// The largest folder, in entries that are not excluded: they are sorted in memory.
const ENTRIES_MAX: usize = 50_000;

/// An entry that the walk came by.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) kind: FileType,
    /// 1 for the entries of the folder where the walk began.
    depth: u32,
}

/// The walk. It holds the entries of the folders that are open, not the whole tree.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    globs: &'a Globs,
    depth_max: u32,
    /// What is still to come, the next one last.
    open: Vec<Entry>,
    /// The folder that was handed out last, whose entries come next.
    entered: Option<(Place, u32)>,
}

impl<'a> Walk<'a> {
    /// Walks through `folder`, `depth_max` folders deep, without what `globs` excludes.
    #[must_use]
    pub(crate) fn new(folder: Place, globs: &'a Globs, depth_max: u32) -> Self {
        Self {
            globs,
            depth_max,
            open: Vec::new(),
            entered: Some((folder, 0)),
        }
    }

    fn enter(&mut self, folder: &Place, depth: u32) -> Result<(), String> {
        let cannot = |error| folder.cannot("list", &error);
        let mut entries = Vec::new();
        let too_many = || {
            format!(
                "{folder} has more than {ENTRIES_MAX} entries: leave some out with `globs`, as in `!*.log`"
            )
        };
        for entry in fs::read_dir(folder.path()).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let place = folder.child(&entry.file_name().to_string_lossy());
            if !self.globs.excludes(&place.to_string()) {
                if entries.len() == ENTRIES_MAX {
                    return Err(too_many());
                }
                entries.push(Entry {
                    place,
                    kind: entry.file_type().map_err(cannot)?,
                    depth: depth + 1,
                });
            }
        }
        entries.sort_by(|one, other| other.place.path().cmp(one.place.path()));
        self.open.append(&mut entries);
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Entry, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((folder, depth)) = self.entered.take()
            && let Err(refusal) = self.enter(&folder, depth)
        {
            return Some(Err(refusal));
        }
        let entry = self.open.pop()?;
        if entry.kind.is_dir() && entry.depth < self.depth_max {
            self.entered = Some((entry.place.clone(), entry.depth));
        }
        Some(Ok(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn walked(folder: &Folder, globs: &[&str], depth_max: u32) -> Vec<String> {
        let globs = Globs::parse(
            &globs
                .iter()
                .map(|&glob| glob.to_owned())
                .collect::<Vec<_>>(),
        )
        .unwrap();
        Walk::new(folder.place("."), &globs, depth_max)
            .map(|entry| entry.unwrap().place.to_string())
            .collect()
    }

    #[test]
    fn every_entry_comes_once_and_in_order() {
        let folder = Folder::with(&[
            ("b/z", b""),
            ("b/a/x", b""),
            ("a", b""),
            ("c", b""),
            ("b/b", b""),
        ]);
        assert_eq!(
            walked(&folder, &[], u32::MAX),
            ["a", "b", "b/a", "b/a/x", "b/b", "b/z", "c"]
        );
        assert_eq!(
            walked(&folder, &[], 2),
            ["a", "b", "b/a", "b/b", "b/z", "c"]
        );
        assert_eq!(walked(&folder, &["!b"], u32::MAX), ["a", "c"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = Folder::with(&[("a/x", b"")]);
        folder.link("a/up", "..");
        assert_eq!(walked(&folder, &[], u32::MAX), ["a", "a/up", "a/x"]);
    }
}
