//! Finds the documents in a folder. Knows names and sizes of files, not what is in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A larger file is a dump, not a document.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What fits into the memory that a host usually grants, index included.
const TOTAL_BYTES_MAX: u64 = 12 * 1024 * 1024;
const LEVELS_MAX: usize = 16;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Markdown,
    ReStructuredText,
    Html,
    Plain,
}

/// A file to be read.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// The path below the folder, with `/` between its parts.
    pub(crate) source: String,
    pub(crate) format: Format,
    pub(crate) bytes: u64,
}

/// The documents of a folder, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<File>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// Lists the documents below `root`. Hidden files and folders and files of other kinds are passed over.
pub(crate) fn list(root: &Path) -> Result<Listing, String> {
    let mut listing = Listing::default();
    walk(root, "", 0, &mut listing)
        .map_err(|error| format!("cannot list {}: {error}", root.display()))?;
    listing
        .files
        .sort_by(|one, other| one.source.cmp(&other.source));
    listing.keep_within(TOTAL_BYTES_MAX);
    Ok(listing)
}

impl Listing {
    fn keep_within(&mut self, bytes_max: u64) {
        let mut total = 0;
        let left_out = &mut self.left_out;
        self.files.retain(|file| {
            let fits = total + file.bytes <= bytes_max;
            if fits {
                total += file.bytes;
            } else {
                left_out.push(format!(
                    "{}: the folder has more than {bytes_max} bytes",
                    file.source
                ));
            }
            fits
        });
    }
}

fn walk(folder: &Path, prefix: &str, level: usize, listing: &mut Listing) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let (path, source) = (entry.path(), format!("{prefix}{name}"));
        // Follows links, which the host keeps within the folder.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() && level < LEVELS_MAX {
            // A folder that may not be listed does not hide the others.
            if let Err(error) = walk(&path, &format!("{source}/"), level + 1, listing) {
                listing.left_out.push(format!("{source}: {error}"));
            }
        } else if let Some(format) = format_of(&name).filter(|_| metadata.is_file()) {
            match metadata.len() {
                bytes if bytes > FILE_BYTES_MAX => {
                    listing.left_out.push(format!(
                        "{source}: it has {bytes} bytes, and {FILE_BYTES_MAX} are the most"
                    ));
                }
                bytes => listing.files.push(File {
                    path,
                    source,
                    format,
                    bytes,
                }),
            }
        }
    }
    Ok(())
}

fn format_of(name: &str) -> Option<Format> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" | "mdx" => Some(Format::Markdown),
        "rst" => Some(Format::ReStructuredText),
        "html" | "htm" | "xhtml" => Some(Format::Html),
        "txt" | "text" | "adoc" | "org" => Some(Format::Plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Format, Listing, list};

    fn sources(listing: &Listing) -> Vec<(&str, Format)> {
        listing
            .files
            .iter()
            .map(|file| (file.source.as_str(), file.format))
            .collect()
    }

    #[test]
    fn documents_are_found_at_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("b.MD", "x"),
            ("a/c.rst", "x"),
            ("a/d/e.html", "x"),
            (".git/f.md", "x"),
            ("g.png", "x"),
            ("LICENSE", "x"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
                .unwrap();
        }
        let listing = list(folder.path()).unwrap();
        let expected = [
            ("a/c.rst", Format::ReStructuredText),
            ("a/d/e.html", Format::Html),
            ("b.MD", Format::Markdown),
        ];
        assert_eq!(sources(&listing), expected);
        assert!(listing.left_out.is_empty());
    }

    #[test]
    fn what_is_too_large_is_left_out_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::File::create(folder.path().join("large.txt"))
            .unwrap()
            .set_len(5 * 1024 * 1024)
            .unwrap();
        for name in ["1.txt", "2.txt", "3.txt", "4.txt"] {
            fs::File::create(folder.path().join(name))
                .unwrap()
                .set_len(3_500_000)
                .unwrap();
        }
        let listing = list(folder.path()).unwrap();
        assert_eq!(listing.files.len(), 3);
        assert!(listing.left_out[0].starts_with("large.txt: it has 5242880 bytes"));
        assert!(listing.left_out[1].starts_with("4.txt: the folder has more than"));
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(
            list(std::path::Path::new("/no/such/folder"))
                .unwrap_err()
                .starts_with("cannot list /no/such/folder: ")
        );
    }
}
