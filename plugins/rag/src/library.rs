//! The documents of one folder, ready to be searched. Loaded once, by warmup or by the first call, and never changed.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use crate::document::Document;
use crate::folder::{self, File};
use crate::index::{Builder, Index};
use crate::passage::{self, Passage};
use crate::query::Query;

/// Where the host puts the folder of documents.
const MOUNT: &str = "/corpus";
const NOTHING: &str =
    "grant this backend a folder with documents (.md, .rst, .html, .txt) at /corpus, read-only";
/// How often loading says how far it is.
const REPORTS: u64 = 20;
const CANDIDATES_MAX: usize = 5;

pub(crate) struct Library {
    documents: Vec<Document>,
    passages: Vec<Passage>,
    index: Index,
}

thread_local! {
    /// Part of the memory that warmup leaves to every instance.
    static LIBRARY: RefCell<Option<Rc<Library>>> = const { RefCell::new(None) };
}

/// Loads the host's folder.
pub(crate) fn load() -> Result<(), String> {
    let library = Library::open(Path::new(MOUNT))?;
    LIBRARY.set(Some(Rc::new(library)));
    Ok(())
}

/// Answers from the library, which is loaded first if no warmup has run.
pub(crate) fn with<T>(answer: impl FnOnce(&Library) -> Result<T, String>) -> Result<T, String> {
    if LIBRARY.with_borrow(Option::is_none) {
        load()?;
    }
    let library = LIBRARY
        .with_borrow(Clone::clone)
        .ok_or("the documents are gone")?;
    answer(&library)
}

impl Library {
    /// Reads and indexes the documents below `root`.
    pub(crate) fn open(root: &Path) -> Result<Self, String> {
        if !root.is_dir() {
            return Err(format!(
                "there is no folder at {}: {NOTHING}",
                root.display()
            ));
        }
        let listing = folder::list(root)?;
        for left_out in &listing.left_out {
            hostel::log::warn(format!("left out {left_out}"));
        }
        let mut library = Shelves::new()?;
        let total: u64 = listing.files.iter().map(|file| file.bytes).sum();
        let (mut done, mut reported) = (0, 0);
        for file in &listing.files {
            library.add(file)?;
            done += file.bytes;
            if done - reported > total / REPORTS || done == total {
                hostel::progress::report(done, total, "indexing documents");
                reported = done;
            }
        }
        let library = library.finish()?;
        if library.passages.is_empty() {
            return Err(format!(
                "there is no text below {}: {NOTHING}",
                root.display()
            ));
        }
        let (documents, passages) = (library.documents.len(), library.passages.len());
        hostel::log::info(format!(
            "indexed {documents} documents, {passages} passages, {total} bytes"
        ));
        Ok(library)
    }

    /// The passages that fit a query best, with their scores, best first. `source` is a part of the paths to search.
    pub(crate) fn search(
        &self,
        query: &str,
        limit: u32,
        source: Option<&str>,
    ) -> Result<Vec<(&Passage, f32)>, String> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let most = if source.is_some() {
            self.passages.len()
        } else {
            limit
        };
        let found = self.index.search(&Query::parse(query), most)?;
        let found = found
            .into_iter()
            .filter_map(|(number, score)| Some((self.passages.get(number)?, score)));
        let is_in = |passage: &Passage| {
            source.is_none_or(|part| self.document_of(passage).source.contains(part))
        };
        Ok(found
            .filter(|(passage, _)| is_in(passage))
            .take(limit)
            .collect())
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter()
    }

    pub(crate) fn document_of(&self, passage: &Passage) -> &Document {
        self.documents
            .get(passage.document)
            .expect("a passage is made of a document of the same library")
    }

    /// The document with this path, or the only one whose path contains it.
    pub(crate) fn document(&self, source: &str) -> Result<&Document, String> {
        if let Some(exact) = self
            .documents
            .iter()
            .find(|document| document.source == source)
        {
            return Ok(exact);
        }
        let candidates: Vec<&Document> = self
            .documents
            .iter()
            .filter(|document| document.source.contains(source))
            .collect();
        match candidates.as_slice() {
            [one] => Ok(one),
            [] => Err(format!(
                "there is no document {source:?}; `sources` lists them"
            )),
            several => {
                let names: Vec<&str> = several
                    .iter()
                    .take(CANDIDATES_MAX)
                    .map(|document| document.source.as_str())
                    .collect();
                Err(format!(
                    "{} documents have {source:?} in their path: {} …",
                    several.len(),
                    names.join(", ")
                ))
            }
        }
    }
}

/// A library while documents are being added.
struct Shelves {
    documents: Vec<Document>,
    passages: Vec<Passage>,
    index: Builder,
}

impl Shelves {
    fn new() -> Result<Self, String> {
        Ok(Self {
            documents: Vec::new(),
            passages: Vec::new(),
            index: Builder::new()?,
        })
    }

    fn add(&mut self, file: &File) -> Result<(), String> {
        let content = match read(file) {
            Ok(content) => content,
            Err(error) => {
                hostel::log::warn(format!("left out {}: {error}", file.source));
                return Ok(());
            }
        };
        let mut document = Document::new(file, &content);
        let passages = passage::divide(&document, self.documents.len());
        let title = format!("{} {}", document.title, document.source);
        for passage in &passages {
            let heading = without_parameters(&passage.heading);
            self.index.add(
                document.lines(passage.first_line, passage.last_line),
                &heading,
                &title,
            )?;
        }
        document.passages = u32::try_from(passages.len()).unwrap_or(u32::MAX);
        self.passages.extend(passages);
        self.documents.push(document);
        Ok(())
    }

    fn finish(self) -> Result<Library, String> {
        Ok(Library {
            documents: self.documents,
            passages: self.passages,
            index: self.index.finish()?,
        })
    }
}

/// `json > loads(s, *, cls=None)` is found as `json > loads`: what a function takes is said in the passage, and a name
/// that stands alone counts more.
fn without_parameters(heading: &str) -> String {
    let names = heading
        .split(" > ")
        .map(|part| part.split_once('(').map_or(part, |(name, _)| name));
    names.collect::<Vec<&str>>().join(" > ")
}

fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or_default());
    fs::File::open(&file.path)?.read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests;
