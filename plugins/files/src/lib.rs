//! The backend `files`: what agents see of a workspace.
//!
//! This file holds the tools, their parameters and their answers, because their docs are what agents read. The work is
//! done in the other modules, which take paths as `workspace::Place` only.

mod edit;
mod globs;
mod list;
mod read;
mod search;
mod tree;
mod walk;
mod workspace;
mod write;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

/// The files of the session's workspace: read, write, edit, list, search, move and delete.
///
/// Paths are relative to the workspace, as in `src/main.rs`; the workspace itself is `.`. Nothing outside of it can be
/// reached: absolute paths, `..` and symbolic links that lead out are refused.
#[hostel::backend]
pub mod files {
    use super::globs::Globs;
    use super::read::{Numbering, Range};
    use super::search::{Case, Limits, Syntax};
    use super::tree::Existing;
    use super::workspace::{LastLink, Workspace};
    use super::{edit, list, read, search, tree, write};

    /// Where the host mounts a session's workspace.
    const ROOT: &str = "/workspace";

    /// The most bytes that a config may let one answer hold.
    const READ_BYTES_MAX: u32 = 1024 * 1024;
    /// The longest file that can be edited: it is in memory several times while it is.
    const EDIT_BYTES_MAX: usize = 4 * 1024 * 1024;
    const CONTEXT_MAX: u32 = 20;

    /// The limits of a session. Everything can be left out.
    #[derive(Clone, Debug, Default)]
    pub struct Config {
        /// The most bytes of files that one answer holds, 1 to 1048576. Default 65536. What is longer is cut, and the answer
        /// says how to go on.
        pub max_read_bytes: Option<u32>,
        /// The most entries of a list and matches of a search, 1 to 10000. Default 500.
        pub max_results: Option<u32>,
    }

    /// What `write` does with a file that exists.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum WriteMode {
        /// Its content is replaced, in one step.
        Replace,
        /// The write is refused.
        Create,
        /// What is written goes to its end.
        Append,
    }

    /// What a path leads to.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum EntryKind {
        File,
        Folder,
        /// A symbolic link.
        Link,
        Other,
    }

    /// Lines of a file.
    #[derive(Clone, Debug)]
    pub struct Text {
        /// The lines with their line ends, each behind its number and a tab if numbers were asked for.
        pub text: String,
        /// The number of the first line in `text`.
        pub first_line: u64,
        /// The number of the last line in `text`; one less than `first_line` if there is none.
        pub last_line: u64,
        /// The line to go on with; none at the end of the file.
        pub next_line: Option<u64>,
        /// How many lines the file has.
        pub total_lines: u64,
        /// How many bytes the file has.
        pub total_bytes: u64,
        /// Whether there is less in `text` than was asked for.
        pub truncated: bool,
        /// If so, why, and how to get the rest.
        pub note: Option<String>,
    }

    /// Bytes of a file.
    #[derive(Clone, Debug)]
    pub struct Bytes {
        pub bytes: Vec<u8>,
        /// How many bytes the file has.
        pub total_bytes: u64,
        /// The offset to go on with; none at the end of the file.
        pub next_offset: Option<u64>,
    }

    /// A file after it was written.
    #[derive(Clone, Debug)]
    pub struct Written {
        pub path: String,
        /// How many bytes the file has now.
        pub bytes: u64,
        /// Whether the file is new.
        pub created: bool,
    }

    /// A piece of text and what takes its place.
    #[derive(Clone, Debug)]
    pub struct Replacement {
        /// The text as it stands in the file, with its white space and line ends. It must occur exactly once, so give enough
        /// of what is around it.
        pub old: String,
        /// What takes its place; empty to delete it.
        pub new: String,
        /// Replaces every occurrence, however many there are. Default false.
        pub all: Option<bool>,
    }

    /// A file after its edits.
    #[derive(Clone, Debug)]
    pub struct Edited {
        pub path: String,
        /// How many pieces of text were replaced.
        pub replacements: u32,
        /// What changed, as a unified diff.
        pub diff: String,
    }

    /// A file or folder in a list.
    #[derive(Clone, Debug)]
    pub struct Entry {
        pub path: String,
        pub kind: EntryKind,
        /// The size of a file; 0 for everything else.
        pub bytes: u64,
    }

    /// The entries of a folder.
    #[derive(Clone, Debug)]
    pub struct Listing {
        /// Sorted by name, a folder before what is in it.
        pub entries: Vec<Entry>,
        /// Whether there are more.
        pub truncated: bool,
        /// If so, how to see them.
        pub note: Option<String>,
    }

    /// A file or folder looked at closely.
    #[derive(Clone, Debug)]
    pub struct Details {
        pub path: String,
        pub kind: EntryKind,
        /// The size of a file; 0 for everything else.
        pub bytes: u64,
        /// When the content last changed, as in 2026-03-01T12:00:00Z.
        pub modified: Option<String>,
        /// Where a link points to; left out if that is an absolute path.
        pub target: Option<String>,
    }

    /// A line that matches.
    #[derive(Clone, Debug)]
    pub struct Match {
        pub path: String,
        /// The number of the line, from 1.
        pub line: u64,
        /// Where in the line the first match begins, in characters from 1.
        pub column: u64,
        /// The line; a long one is cut around the match.
        pub text: String,
        /// The lines before it, if context was asked for.
        pub before: Vec<String>,
        /// The lines behind it, if context was asked for.
        pub after: Vec<String>,
    }

    /// What a search found.
    #[derive(Clone, Debug, Default)]
    pub struct Found {
        /// In the order of the files and lines. A line comes once, however often it matches.
        pub matches: Vec<Match>,
        pub files_searched: u32,
        /// Files that were left out: not text, longer than 16 MiB, or not to be read.
        pub files_skipped: u32,
        /// Whether there may be more matches.
        pub truncated: bool,
        /// If so, why, and what to do.
        pub note: Option<String>,
    }

    /// A workspace at work. It keeps nothing in memory but its limits: all state is in the files.
    pub struct Session {
        workspace: Workspace,
        read_bytes_max: usize,
        results_max: u32,
    }

    impl Session {
        /// Opens the session's workspace.
        pub fn new(config: &Config) -> Result<Self, String> {
            Self::open(Workspace::open(ROOT)?, config)
        }

        pub(super) fn open(workspace: Workspace, config: &Config) -> Result<Self, String> {
            let read_bytes_max = within(
                config.max_read_bytes.unwrap_or(65_536),
                READ_BYTES_MAX,
                "max_read_bytes",
            )?;
            let results_max = within(config.max_results.unwrap_or(500), 10_000, "max_results")?;
            Ok(Self {
                workspace,
                read_bytes_max: read_bytes_max as usize,
                results_max,
            })
        }

        /// Reads lines of a text file. A long answer is cut at a line and says where to go on.
        #[tool(read_only, idempotent, open_world = false, title = "Read a file")]
        pub fn read(
            &self,
            /// The file, as in `src/main.rs`.
            path: &str,
            /// The first line to read, from 1. Default 1.
            from_line: Option<u64>,
            /// At most so many lines. Default: up to the end, within the session's limit.
            lines: Option<u64>,
            /// Puts its number and a tab before each line. They are not part of the file: leave them out of edits. Default false.
            line_numbers: Option<bool>,
        ) -> Result<Text, String> {
            let range = Range {
                from: from_line.unwrap_or(1),
                count: lines,
            };
            let numbering = if line_numbers == Some(true) {
                Numbering::Numbered
            } else {
                Numbering::Plain
            };
            read::text(
                &self.workspace.place(path)?,
                range,
                numbering,
                self.read_bytes_max,
            )
        }

        /// Reads bytes of any file, for what is not text.
        #[tool(read_only, idempotent, open_world = false, title = "Read bytes")]
        pub fn read_bytes(
            &self,
            /// The file.
            path: &str,
            /// The first byte to read, from 0. Default 0.
            offset: Option<u64>,
            /// At most so many bytes. Default: up to the end, within the session's limit.
            length: Option<u32>,
        ) -> Result<Bytes, String> {
            read::bytes(
                &self.workspace.place(path)?,
                offset.unwrap_or(0),
                length,
                self.read_bytes_max,
            )
        }

        /// Writes a text file and makes the folders above it. To change a part of a file, use `edit`.
        #[tool(destructive, open_world = false, title = "Write a file")]
        pub fn write(
            &self,
            /// The file.
            path: &str,
            /// The content.
            text: &str,
            /// What to do with a file that exists. Default `replace`.
            mode: Option<WriteMode>,
        ) -> Result<Written, String> {
            self.write_bytes(path, text.as_bytes(), mode)
        }

        /// Writes a file of any kind and makes the folders above it. A large one can be written piece by piece with `append`.
        #[tool(destructive, open_world = false, title = "Write bytes")]
        pub fn write_bytes(
            &self,
            /// The file.
            path: &str,
            /// The content.
            bytes: &[u8],
            /// What to do with a file that exists. Default `replace`.
            mode: Option<WriteMode>,
        ) -> Result<Written, String> {
            write::write(
                &self.workspace.place(path)?,
                bytes,
                mode.unwrap_or(WriteMode::Replace),
            )
        }

        /// Replaces exact pieces of text in a file. Several edits are made in order, each on what the one before it made; if
        /// one of them cannot be made, none is.
        #[tool(destructive, open_world = false, title = "Edit a file")]
        pub fn edit(
            &self,
            /// The file.
            path: &str,
            /// What to replace.
            edits: &[Replacement],
            /// Only tells what would change. Default false.
            dry_run: Option<bool>,
        ) -> Result<Edited, String> {
            let place = self.workspace.place(path)?;
            let before = read::whole(&place, EDIT_BYTES_MAX)?;
            let after = edit::apply(&place.to_string(), &before, edits, EDIT_BYTES_MAX)?;
            if dry_run != Some(true) {
                write::write(&place, after.text.as_bytes(), WriteMode::Replace)?;
            }
            let diff = edit::diff(&place.to_string(), &before, &after.text);
            Ok(Edited {
                path: place.to_string(),
                replacements: after.replacements,
                diff,
            })
        }

        /// Lists a folder. To find files by name, give `globs`.
        #[tool(read_only, idempotent, open_world = false, title = "List a folder")]
        pub fn list(
            &self,
            /// The folder. Default: the workspace.
            path: Option<String>,
            /// How many folders deep, 1 for the folder itself. Default 1, or without end if there are `globs`.
            depth: Option<u32>,
            /// Which entries: `*.rs` matches at any depth, `/src/*.rs` from the top of the workspace, `**` any folders, and
            /// `!target` leaves out a folder with all that is in it.
            globs: Option<Vec<String>>,
        ) -> Result<Listing, String> {
            let folder = self.workspace.place(&path.unwrap_or_default())?;
            let usual_depth = if globs.is_some() { u32::MAX } else { 1 };
            let depth = within(depth.unwrap_or(usual_depth), u32::MAX, "depth")?;
            list::list(
                &folder,
                &Globs::parse(&globs.unwrap_or_default())?,
                depth,
                self.results_max as usize,
            )
        }

        /// Searches files for lines that match. It reads all text files below `path`, hidden ones too.
        #[tool(read_only, idempotent, open_world = false, title = "Search files")]
        #[expect(
            clippy::too_many_arguments,
            reason = "agents fill in flat parameters more reliably than nested ones"
        )]
        pub fn search(
            &self,
            /// A regular expression in the syntax of Rust's regex crate, as in `fn \w+_id\(`. It matches within a line.
            pattern: &str,
            /// Takes `pattern` as plain text. Default false.
            literal: Option<bool>,
            /// Takes capital and small letters as the same. Default false.
            ignore_case: Option<bool>,
            /// The folder or file to search. Default: the workspace.
            path: Option<String>,
            /// Which files: `*.rs` matches at any depth, `/src/*.rs` from the top of the workspace, `!target` leaves out a folder.
            globs: Option<Vec<String>>,
            /// How many lines to show before and after each match, 0 to 20. Default 0.
            context: Option<u32>,
            /// At most so many matches. Default 100.
            max_matches: Option<u32>,
        ) -> Result<Found, String> {
            let context = context.unwrap_or(0);
            if context > CONTEXT_MAX {
                return Err(format!(
                    "`context` is {context}: it must be 0 to {CONTEXT_MAX}"
                ));
            }
            let usual_matches = self.results_max.min(100);
            let limits = Limits {
                matches_max: within(
                    max_matches.unwrap_or(usual_matches),
                    self.results_max,
                    "max_matches",
                )? as usize,
                bytes_max: self.read_bytes_max,
                context: context as usize,
            };
            let syntax = if literal == Some(true) {
                Syntax::Literal
            } else {
                Syntax::Regex
            };
            let case = if ignore_case == Some(true) {
                Case::Insensitive
            } else {
                Case::Sensitive
            };
            let place = self.workspace.place(&path.unwrap_or_default())?;
            let globs = Globs::parse(&globs.unwrap_or_default())?;
            search::search(
                &place,
                &globs,
                &search::compile(pattern, syntax, case)?,
                limits,
            )
        }

        /// Tells kind, size and time of a file or folder.
        #[tool(read_only, idempotent, open_world = false, title = "Look at a file")]
        pub fn stat(
            &self,
            /// The file or folder. A link is not followed.
            path: &str,
        ) -> Result<Details, String> {
            tree::details(&self.workspace.place_with(path, LastLink::Keep)?)
        }

        /// Moves or renames a file or folder.
        #[tool(destructive, open_world = false, title = "Move a file")]
        pub fn rename(
            &self,
            /// Where it is.
            from: &str,
            /// Its new path, not the folder to put it into. The folders above are made.
            to: &str,
            /// Replaces a file that is in the way. Default false.
            overwrite: Option<bool>,
        ) -> Result<Entry, String> {
            let from = self.workspace.place_with(from, LastLink::Keep)?;
            tree::rename(
                &from,
                &self.workspace.place_with(to, LastLink::Keep)?,
                existing(overwrite),
            )
        }

        /// Copies a file.
        #[tool(destructive, open_world = false, title = "Copy a file")]
        pub fn copy(
            &self,
            /// The file to copy.
            from: &str,
            /// The path of the copy. The folders above are made.
            to: &str,
            /// Replaces a file that is in the way. Default false.
            overwrite: Option<bool>,
        ) -> Result<Entry, String> {
            tree::copy(
                &self.workspace.place(from)?,
                &self.workspace.place(to)?,
                existing(overwrite),
            )
        }

        /// Deletes a file or folder for good and answers how many entries are gone.
        #[tool(destructive, open_world = false, title = "Delete a file")]
        pub fn delete(
            &self,
            /// The file or folder. Of a link, only the link is deleted.
            path: &str,
            /// Deletes a folder with all that is in it. Default false: only an empty folder is deleted.
            recursive: Option<bool>,
        ) -> Result<u64, String> {
            tree::delete(
                &self.workspace.place_with(path, LastLink::Keep)?,
                recursive == Some(true),
            )
        }

        /// Makes a folder and those above it. One that is there already is fine. Writing a file makes its folders by itself.
        #[tool(
            destructive = false,
            idempotent,
            open_world = false,
            title = "Make a folder"
        )]
        pub fn make_dir(
            &self,
            /// The folder.
            path: &str,
        ) -> Result<Entry, String> {
            tree::make_folder(&self.workspace.place(path)?)
        }
    }

    fn existing(overwrite: Option<bool>) -> Existing {
        if overwrite == Some(true) {
            Existing::Overwrite
        } else {
            Existing::Keep
        }
    }

    fn within(value: u32, max: u32, name: &str) -> Result<u32, String> {
        if (1..=max).contains(&value) {
            Ok(value)
        } else {
            Err(format!("`{name}` is {value}: it must be 1 to {max}"))
        }
    }
}
