//! Folders that a guest has filled, as the host walks them: to copy, to measure, to remove them. Every step goes from an open folder to a
//! name in it and never through a symbolic link, so nothing that a guest plants or nests leads the host elsewhere or too deep.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, fchmod, fstat, mkdirat, openat, readlinkat,
    renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::capability::disk::Size;

/// Folders within folders that are walked; each costs an open file and some stack.
const DEPTH_MAX: usize = 100;

/// What is in a folder, in files of every kind and in bytes. A file that has two names counts twice, as it would in a copy, and one with
/// holes counts as if it had none.
///
/// # Errors
/// It cannot be read, or is nested too deep.
pub(in crate::capability) fn measure(root: &Path) -> io::Result<Size> {
    let mut size = Size::default();
    measure_folder(&open_folder(CWD, root)?, 0, &mut size)?;
    Ok(size)
}

fn measure_folder(folder: &OwnedFd, depth: usize, size: &mut Size) -> io::Result<()> {
    for_each(folder, |name| {
        let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed meanwhile.
            Err(Errno::NOENT) => return Ok(()),
            stat => stat?,
        };
        size.files += 1;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return measure_folder(&deeper(folder, name, depth)?, depth + 1, size);
        }
        size.bytes += u64::try_from(stat.st_size).unwrap_or(0);
        Ok(())
    })
}

/// Copies what is in a folder into one that is empty: files, folders and symbolic links, these as links. Answers with the bytes of all files.
/// The kernel shares their blocks where the file system can.
///
/// # Errors
/// The first thing that is none of them or cannot be copied, by its path.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    copy_folder(
        &open_folder(CWD, from)?,
        &open_folder(CWD, to)?,
        0,
        &mut bytes,
    )?;
    Ok(bytes)
}

fn copy_folder(from: &OwnedFd, to: &OwnedFd, depth: usize, bytes: &mut u64) -> io::Result<()> {
    for_each(from, |name| {
        let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let source = deeper(from, name, depth)?;
                mkdirat(to, name, Mode::RWXU | Mode::RGRP | Mode::XGRP)?;
                copy_folder(&source, &open_folder(to, name)?, depth + 1, bytes)
            }
            FileType::Symlink => {
                let target = readlinkat(from, name, Vec::new())?;
                Ok(symlinkat(target, to, name)?)
            }
            _ => {
                *bytes += copy_file(from, to, name)?;
                Ok(())
            }
        }
    })
}

fn copy_file(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<u64> {
    // A pipe would keep whoever opens it waiting.
    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let source = openat(from, name, how, Mode::empty())?;
    let stat = fstat(&source)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("neither a file nor a folder nor a link"));
    }
    let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let copy = openat(to, name, how, Mode::RUSR | Mode::WUSR)?;
    fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o777))?;
    io::copy(&mut File::from(source), &mut File::from(copy))
}

/// Removes a folder with everything in it. What is nested is brought to the top first: no depth is too deep.
///
/// # Errors
/// The first thing that cannot be removed, by its name; the others are gone or are left.
pub(crate) fn remove(root: &Path) -> io::Result<()> {
    let top = open_folder(CWD, root)?;
    let mut moved = 0;
    loop {
        let mut is_empty = true;
        for_each(&top, |name| {
            is_empty = false;
            match unlinkat(&top, name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => remove_folder(&top, name, &mut moved),
                outcome => Ok(outcome?),
            }
        })?;
        if is_empty {
            return Ok(unlinkat(CWD, root, AtFlags::REMOVEDIR)?);
        }
    }
}

/// Removes a folder of the top one. Folders in it that are not empty are moved to the top, for later.
fn remove_folder(top: &OwnedFd, name: &CStr, moved: &mut u64) -> io::Result<()> {
    let folder = open_folder(top, name)?;
    for_each(&folder, |name| {
        match unlinkat(&folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {}
            outcome => return Ok(outcome?),
        }
        match unlinkat(&folder, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => move_up(&folder, name, top, moved),
            outcome => Ok(outcome?),
        }
    })?;
    Ok(unlinkat(top, name, AtFlags::REMOVEDIR)?)
}

fn move_up(folder: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    loop {
        *moved += 1;
        match renameat(folder, name, top, format!(".removed-{moved}")) {
            // The guest had the same idea of a name.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Everything in a folder but itself and its parent. An error gets the name where it happened in front.
fn for_each(folder: &OwnedFd, mut entry: impl FnMut(&CStr) -> io::Result<()>) -> io::Result<()> {
    for found in Dir::read_from(folder)? {
        let found = found?;
        let name = found.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        entry(name).map_err(|error| {
            let place = name.to_string_lossy();
            io::Error::new(error.kind(), format!("{place}: {error}"))
        })?;
    }
    Ok(())
}

fn deeper(folder: &OwnedFd, name: &CStr, depth: usize) -> io::Result<OwnedFd> {
    if depth == DEPTH_MAX {
        return Err(io::Error::other(format!(
            "nested more than {DEPTH_MAX} folders deep"
        )));
    }
    open_folder(folder, name)
}

fn open_folder(below: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(below, name, how, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_copied_as_links_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs_err::create_dir_all(from.join("inner")).unwrap();
        fs_err::create_dir(&to).unwrap();
        fs_err::write(folder.path().join("secret"), "secret").unwrap();
        fs_err::write(from.join("inner/file"), "text").unwrap();
        fs_err::os::unix::fs::symlink(folder.path().join("secret"), from.join("link")).unwrap();
        fs_err::os::unix::fs::symlink("..", from.join("inner/up")).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(
            fs_err::read_link(to.join("link")).unwrap(),
            folder.path().join("secret")
        );
        assert_eq!(
            fs_err::read_link(to.join("inner/up")).unwrap(),
            Path::new("..")
        );
        assert_eq!(
            fs_err::read_to_string(to.join("inner/file")).unwrap(),
            "text"
        );
        assert_eq!(measure(&to).unwrap().files, 4);
        remove(&to).unwrap();
        assert!(!to.exists());
        assert_eq!(
            fs_err::read_to_string(folder.path().join("secret")).unwrap(),
            "secret"
        );
    }

    #[test]
    fn a_folder_that_becomes_a_link_meanwhile_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, outside) = (folder.path().join("from"), folder.path().join("outside"));
        fs_err::create_dir_all(from.join("d")).unwrap();
        fs_err::create_dir(&outside).unwrap();
        fs_err::write(outside.join("canary"), "canary").unwrap();
        fs_err::os::unix::fs::symlink(&outside, from.join("link")).unwrap();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    for (old, new) in [("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")] {
                        fs_err::rename(from.join(old), from.join(new)).unwrap();
                    }
                }
            });
            for _ in 0..2000 {
                let to = tempfile::tempdir_in(folder.path()).unwrap();
                // It may miss what is moved meanwhile, and then fails.
                let _ = copy(&from, to.path());
                let _ = measure(&from);
                for name in ["d", "real", "link"] {
                    let copied = to.path().join(name);
                    let is_folder =
                        fs_err::symlink_metadata(&copied).is_ok_and(|copied| copied.is_dir());
                    assert!(
                        !is_folder || !copied.join("canary").exists(),
                        "{name} was followed"
                    );
                }
            }
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn what_is_no_file_is_not_copied_and_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs_err::create_dir_all(from.join("inner")).unwrap();
        fs_err::create_dir(&to).unwrap();
        let kind = FileType::Fifo;
        rustix::fs::mknodat(
            CWD,
            from.join("inner/pipe"),
            kind,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let error = copy(&from, &to).unwrap_err().to_string();
        assert_eq!(error, "inner: pipe: neither a file nor a folder nor a link");
    }

    #[test]
    fn folders_within_folders_are_removed_however_deep() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs_err::create_dir(&root).unwrap();
        fs_err::create_dir(root.join(".removed-1")).unwrap();
        fs_err::write(root.join(".removed-2"), "").unwrap();
        let mut below = open_folder(CWD, &root).unwrap();
        for _ in 0..20_000 {
            mkdirat(&below, c"d", Mode::RWXU).unwrap();
            below = open_folder(&below, c"d").unwrap();
        }
        assert!(measure(&root).is_err() && copy(&root, folder.path()).is_err());
        remove(&root).unwrap();
        assert!(!root.exists());
    }
}
