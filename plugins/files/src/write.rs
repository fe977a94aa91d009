//! Writing: a file has its old content or its new content, never a part of either.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files::{WriteMode, Written};
use crate::workspace::Place;

/// How many leftovers of writes that were cut short are stepped around.
const LEFTOVERS_MAX: u32 = 100;

/// Writes `content` to the file, as `mode` says, and makes the folders above it.
pub(crate) fn write(place: &Place, content: &[u8], mode: WriteMode) -> Result<Written, String> {
    let existed = match place.look()? {
        Some(_) if mode == WriteMode::Create => {
            return Err(format!(
                "{place} exists already: choose another path, or the mode `replace` or `append`"
            ));
        }
        Some(_) => place.file().map(|_| true)?,
        None => false,
    };
    make_parents(place)?;
    match mode {
        WriteMode::Append => append(place, content)?,
        WriteMode::Replace | WriteMode::Create => replace(place, |path| create(path, content))?,
    }
    Ok(Written {
        path: place.to_string(),
        bytes: place.file()?.len(),
        created: !existed,
    })
}

/// Makes the folders above `place`.
pub(crate) fn make_parents(place: &Place) -> Result<(), String> {
    let Some(parent) = place.path().parent() else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(|error| match error.kind() {
        // The host says so where a file stands in the way.
        ErrorKind::AlreadyExists => {
            place.cannot("make the folders above", &ErrorKind::NotADirectory.into())
        }
        _ => place.cannot("make the folders above", &error),
    })
}

/// Puts a new file in the place of an old one, if there is one. `fill` makes it, under a name of its own in the same
/// folder; then it takes the old one's name in one step.
pub(crate) fn replace(
    place: &Place,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), String> {
    let temporary = temporary(place)?;
    fill(&temporary)
        .and_then(|()| fs::rename(&temporary, place.path()))
        .map_err(|error| {
            // The message is about the write; a file that cannot be removed either is a leftover.
            let _ = fs::remove_file(&temporary);
            place.cannot("write", &error)
        })
}

/// A new empty file beside `place`. The name is short, because that of `place` may be as long as names get.
fn temporary(place: &Place) -> Result<PathBuf, String> {
    let mut attempts = 0;
    loop {
        let path = place
            .path()
            .with_file_name(format!(".hostel-write-{attempts}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempts < LEFTOVERS_MAX => {
                attempts += 1
            }
            Err(error) => return Err(place.cannot("write", &error)),
        }
    }
}

fn create(path: &Path, content: &[u8]) -> std::io::Result<()> {
    File::create(path)?.write_all(content)
}

fn append(place: &Place, content: &[u8]) -> Result<(), String> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(place.path());
    file.and_then(|mut file| file.write_all(content))
        .map_err(|error| place.cannot("append to", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn modes_decide_about_what_is_there() {
        for (mode, old, expected) in [
            (WriteMode::Replace, Some("old"), Ok(("new", 3, false))),
            (WriteMode::Replace, None, Ok(("new", 3, true))),
            (WriteMode::Append, Some("old"), Ok(("oldnew", 6, false))),
            (WriteMode::Append, None, Ok(("new", 3, true))),
            (WriteMode::Create, None, Ok(("new", 3, true))),
            (WriteMode::Create, Some("old"), Err("file exists already")),
        ] {
            let files: Vec<(&str, &[u8])> =
                old.iter().map(|old| ("file", old.as_bytes())).collect();
            let folder = Folder::with(&files);
            match (write(&folder.place("file"), b"new", mode), expected) {
                (Ok(written), Ok((content, bytes, created))) => {
                    assert_eq!((written.bytes, written.created), (bytes, created));
                    assert_eq!(folder.content("file").as_deref(), Some(content));
                }
                (Err(refusal), Err(message)) => {
                    assert!(refusal.contains(message), "{refusal}");
                    assert_eq!(folder.content("file").as_deref(), old);
                }
                (found, expected) => {
                    panic!("{mode:?} on {old:?}: expected {expected:?}, found {found:?}")
                }
            }
            assert_eq!(folder.names("."), ["file"], "nothing else is left");
        }
    }

    #[test]
    fn the_folders_above_are_made() {
        let folder = Folder::with(&[]);
        write(&folder.place("a/b/c.txt"), b"x", WriteMode::Replace).unwrap();
        assert_eq!(folder.content("a/b/c.txt").as_deref(), Some("x"));
        let refusal = write(&folder.place("a/b/c.txt/d"), b"x", WriteMode::Replace).unwrap_err();
        let expected =
            "cannot make the folders above a/b/c.txt/d: a part of its path is a file, not a folder";
        assert_eq!(refusal, expected);
    }

    #[test]
    fn folders_are_not_written_to() {
        let folder = Folder::with(&[("a/file", b"")]);
        for mode in [WriteMode::Replace, WriteMode::Append] {
            assert_eq!(
                write(&folder.place("a"), b"x", mode).unwrap_err(),
                "a is a folder: use `list`"
            );
            assert!(write(&folder.place("."), b"x", mode).is_err());
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_content_and_no_leftover() {
        let folder = Folder::with(&[("file", b"old")]);
        let failed = replace(&folder.place("file"), |path| {
            File::create(path)?.write_all(b"half of the ne")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(
            failed.unwrap_err(),
            "cannot write file: there is no room for it"
        );
        assert_eq!(folder.content("file").as_deref(), Some("old"));
        assert_eq!(folder.names("."), ["file"]);
    }

    #[test]
    fn leftovers_are_stepped_around() {
        let folder = Folder::with(&[(".hostel-write-0", b"left")]);
        write(&folder.place("file"), b"new", WriteMode::Replace).unwrap();
        assert_eq!(folder.names("."), [".hostel-write-0", "file"]);
        assert_eq!(folder.content(".hostel-write-0").as_deref(), Some("left"));
    }

    #[cfg(unix)]
    #[test]
    fn writing_through_a_link_leaves_the_link() {
        let folder = Folder::with(&[("a/file", b"old")]);
        folder.link("near", "a/file");
        write(&folder.place("near"), b"new", WriteMode::Replace).unwrap();
        assert_eq!(folder.content("a/file").as_deref(), Some("new"));
        assert!(
            fs::symlink_metadata(folder.path("near"))
                .unwrap()
                .is_symlink()
        );
    }
}
