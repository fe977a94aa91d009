//! The list of a folder.

use std::fs::{FileType, Metadata};

use crate::files::{Entry, EntryKind, Listing};
use crate::globs::Globs;
use crate::walk::Walk;
use crate::workspace::Place;

/// The entries of `folder` that `globs` choose, `depth_max` folders deep, but no more than `entries_max`.
pub(crate) fn list(
    folder: &Place,
    globs: &Globs,
    depth_max: u32,
    entries_max: usize,
) -> Result<Listing, String> {
    folder.folder()?;
    let mut entries = Vec::new();
    let mut truncated = false;
    for found in Walk::new(folder.clone(), globs, depth_max) {
        let found = found?;
        if !globs.includes(&found.place.to_string()) {
            continue;
        }
        if entries.len() == entries_max {
            truncated = true;
            break;
        }
        // An entry that is gone by now is not worth failing for.
        if let Some(metadata) = found.place.look()? {
            entries.push(entry(&found.place, &metadata));
        }
    }
    let note = truncated.then(|| {
        format!("cut after {entries_max} entries: list a folder below, less deep, or with `globs`")
    });
    Ok(Listing {
        entries,
        truncated,
        note,
    })
}

/// What is told of a file or folder.
pub(crate) fn entry(place: &Place, metadata: &Metadata) -> Entry {
    let kind = kind(metadata.file_type());
    Entry {
        path: place.to_string(),
        kind,
        bytes: if kind == EntryKind::File {
            metadata.len()
        } else {
            0
        },
    }
}

fn kind(found: FileType) -> EntryKind {
    if found.is_file() {
        EntryKind::File
    } else if found.is_dir() {
        EntryKind::Folder
    } else if found.is_symlink() {
        EntryKind::Link
    } else {
        EntryKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn listed(
        folder: &Folder,
        path: &str,
        globs: &[&str],
        depth_max: u32,
        entries_max: usize,
    ) -> Result<Listing, String> {
        let globs = Globs::parse(
            &globs
                .iter()
                .map(|&glob| glob.to_owned())
                .collect::<Vec<_>>(),
        )?;
        list(&folder.place(path), &globs, depth_max, entries_max)
    }

    #[test]
    fn entries_have_kinds_and_sizes() {
        let folder = Folder::with(&[("src/main.rs", b"fn main() {}"), ("README", b"x")]);
        let listing = listed(&folder, ".", &[], 1, 100).unwrap();
        let told: Vec<_> = listing
            .entries
            .iter()
            .map(|entry| (entry.path.as_str(), entry.kind, entry.bytes))
            .collect();
        assert_eq!(
            told,
            [
                ("README", EntryKind::File, 1),
                ("src", EntryKind::Folder, 0)
            ]
        );
        assert_eq!((listing.truncated, listing.note), (false, None));
    }

    #[test]
    fn globs_reach_through_folders_that_they_do_not_choose() {
        let folder = Folder::with(&[("src/a/main.rs", b""), ("src/b.py", b""), ("x.rs", b"")]);
        let listing = listed(&folder, "src", &["*.rs"], u32::MAX, 100).unwrap();
        assert_eq!(
            listing
                .entries
                .iter()
                .map(|entry| entry.path.as_str())
                .collect::<Vec<_>>(),
            ["src/a/main.rs"]
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let folder = Folder::with(&[("a", b""), ("b", b""), ("c", b"")]);
        assert!(!listed(&folder, ".", &[], 1, 3).unwrap().truncated);
        let listing = listed(&folder, ".", &[], 1, 2).unwrap();
        assert_eq!((listing.entries.len(), listing.truncated), (2, true));
        assert!(listing.note.unwrap().starts_with("cut after 2 entries"));
    }

    #[test]
    fn only_folders_are_listed() {
        let folder = Folder::with(&[("a", b"")]);
        assert_eq!(
            listed(&folder, "a", &[], 1, 9).unwrap_err(),
            "a is a file, not a folder"
        );
        assert!(
            listed(&folder, "b", &[], 1, 9)
                .unwrap_err()
                .starts_with("b does not exist")
        );
    }
}
