//! The `rag` backend: full-text search over a folder of documents.
//!
//! This file is what callers see: the tools, their parameters and answers. The documents are read by `folder`, divided by
//! `outline` and `passage`, found again by `index`; `library` holds them together.

mod document;
mod folder;
mod index;
mod library;
mod outline;
mod passage;
mod query;
mod words;

/// Searches a folder of documents (Markdown, reStructuredText, HTML and plain text) that the host grants at `/corpus`.
/// Search first; read more around a hit with `passage`; `sources` says which documents there are.
#[hostel::backend]
mod rag {
    use crate::library::{self, Library};

    const LIMIT_DEFAULT: u32 = 5;
    const LIMIT_MAX: u32 = 50;
    const CONTEXT_DEFAULT: u32 = 30;
    const CONTEXT_MAX: u32 = 500;

    /// A passage that answers a search.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Hit {
        /// The passage, as it is in the document: about 1000 characters, whole paragraphs as far as possible.
        pub text: String,
        /// How well it fits (BM25): higher is better. Comparable within one answer only.
        pub score: f32,
        /// The document, as a path below the folder. `passage` takes it.
        pub source: String,
        /// The document's title.
        pub title: String,
        /// The headings above the passage, outermost first, joined by ` > `. Empty if there are none below the title.
        pub heading: String,
        /// The first line of the passage in the document, from 1.
        pub first_line: u32,
        /// Its last line.
        pub last_line: u32,
    }

    /// A document that can be searched.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Source {
        /// Its path below the folder.
        pub source: String,
        /// Its title: the first heading, or else the name of the file.
        pub title: String,
        /// Its size.
        pub bytes: u64,
        /// How many lines it has.
        pub lines: u32,
        /// Into how many passages it has been divided.
        pub passages: u32,
    }

    /// Some lines of a document.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Excerpt {
        /// The lines. Of an HTML document, without the tags.
        pub text: String,
        /// The document, as a path below the folder.
        pub source: String,
        /// The document's title.
        pub title: String,
        /// The headings above the line that was asked for, outermost first, joined by ` > `.
        pub heading: String,
        /// The first of the lines, from 1.
        pub first_line: u32,
        /// The last of them.
        pub last_line: u32,
        /// How many lines the document has.
        pub lines_total: u32,
    }

    /// Finds the passages that fit a query best, best first.
    #[tool(read_only, idempotent, open_world = false, title = "Search documents")]
    pub fn search(
        /// What to look for: words, a question, or names such as `json.loads`. Passages need not have all of the words, but
        /// those that do come first; word endings do not matter (`parsing` finds `parse`). A phrase in "double quotes" must
        /// occur as it is, and `-word` leaves out passages with that word (three letters or more). Never a syntax error.
        query: &str,
        /// How many passages at most, 1 to 50. Default 5.
        limit: Option<u32>,
        /// Only documents whose path contains this, as in `tutorial/` or `json.rst`. Default: all.
        source: Option<String>,
    ) -> Result<Vec<Hit>, String> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        library::with(|library| {
            let found = library.search(query, limit, source.as_deref())?;
            Ok(found
                .into_iter()
                .map(|(passage, score)| hit(library, passage, score))
                .collect())
        })
    }

    /// Reads a document around a line, such as that of a hit.
    #[tool(
        read_only,
        idempotent,
        open_world = false,
        title = "Read around a line"
    )]
    pub fn passage(
        /// The document, as `source` of a hit or of `sources`. A part of the path is enough if only one document has it.
        source: &str,
        /// The line to read around, from 1.
        line: u32,
        /// How many lines before and after it, 0 to 500. Default 30.
        context: Option<u32>,
    ) -> Result<Excerpt, String> {
        let context = context.unwrap_or(CONTEXT_DEFAULT).min(CONTEXT_MAX);
        library::with(|library| {
            let document = library.document(source)?;
            let lines_total = document.line_count();
            if line == 0 || line > lines_total {
                return Err(format!(
                    "{} has lines 1 to {lines_total}, not {line}",
                    document.source
                ));
            }
            let first_line = line.saturating_sub(context).max(1);
            let last_line = line.saturating_add(context).min(lines_total);
            Ok(Excerpt {
                text: document.lines(first_line, last_line).to_owned(),
                source: document.source.clone(),
                title: document.title.clone(),
                heading: document.heading(line),
                first_line,
                last_line,
                lines_total,
            })
        })
    }

    /// Lists the documents that can be searched, sorted by path.
    #[tool(read_only, idempotent, open_world = false, title = "List documents")]
    pub fn sources(
        /// Only documents whose path contains this. Default: all.
        containing: Option<String>,
    ) -> Result<Vec<Source>, String> {
        library::with(|library| {
            let documents = library.documents().filter(|document| {
                containing
                    .as_deref()
                    .is_none_or(|part| document.source.contains(part))
            });
            Ok(documents.map(source_of).collect())
        })
    }

    /// Reads and indexes the documents, once for all calls.
    pub fn warmup() -> Result<(), String> {
        library::load()
    }

    fn hit(library: &Library, passage: &crate::passage::Passage, score: f32) -> Hit {
        let document = library.document_of(passage);
        Hit {
            text: document
                .lines(passage.first_line, passage.last_line)
                .trim_end()
                .to_owned(),
            score,
            source: document.source.clone(),
            title: document.title.clone(),
            heading: passage.heading.clone(),
            first_line: passage.first_line,
            last_line: passage.last_line,
        }
    }

    fn source_of(document: &crate::document::Document) -> Source {
        Source {
            source: document.source.clone(),
            title: document.title.clone(),
            bytes: document.bytes,
            lines: document.line_count(),
            passages: document.passages,
        }
    }
}
