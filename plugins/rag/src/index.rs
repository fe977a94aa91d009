//! The full-text index: which passages have which words, and how well they fit a query.
//!
//! With `asking`, the only file that knows tantivy. Passages are numbers here, in the order in which they were added.

mod asking;

use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::query::BooleanQuery;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TokenizerManager;
use tantivy::{
    DocAddress, Index as Tantivy, IndexReader, IndexSettings, ReloadPolicy, TantivyDocument,
    TantivyError,
};

use crate::query::Query;
use crate::words::analyzer;
use asking::Asking;

const WRITER_BYTES: usize = 15_000_000;

/// The index while passages are being added.
pub(crate) struct Builder {
    writer: SingleSegmentIndexWriter,
    fields: Fields,
}

/// The index of a collection that does not change any more.
pub(crate) struct Index {
    reader: IndexReader,
    fields: Fields,
}

#[derive(Clone, Copy)]
struct Fields {
    body: Field,
    heading: Field,
    title: Field,
}

impl Builder {
    pub(crate) fn new() -> Result<Self, String> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("words")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let options = TextOptions::default().set_indexing_options(indexing);
        let mut field = |name| schema.add_text_field(name, options.clone());
        let fields = Fields {
            body: field("body"),
            heading: field("heading"),
            title: field("title"),
        };
        let tokenizers = TokenizerManager::new();
        tokenizers.register("words", analyzer());
        // A component has no threads.
        let settings = IndexSettings {
            docstore_compress_dedicated_thread: false,
            ..IndexSettings::default()
        };
        let builder = Tantivy::builder()
            .schema(schema.build())
            .settings(settings)
            .tokenizers(tokenizers);
        let writer = builder.single_segment_index_writer(RamDirectory::create(), WRITER_BYTES);
        Ok(Self {
            writer: writer.map_err(broken)?,
            fields,
        })
    }

    /// Adds the next passage.
    pub(crate) fn add(&mut self, body: &str, heading: &str, title: &str) -> Result<(), String> {
        let mut passage = TantivyDocument::new();
        passage.add_text(self.fields.body, body);
        passage.add_text(self.fields.heading, heading);
        passage.add_text(self.fields.title, title);
        self.writer.add_document(passage).map_err(broken)
    }

    pub(crate) fn finish(self) -> Result<Index, String> {
        let index = self.writer.finalize().map_err(broken)?;
        // The other policies watch the directory from a thread.
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(broken)?;
        Ok(Index {
            reader,
            fields: self.fields,
        })
    }
}

impl Index {
    /// The numbers of the passages that fit best, with their scores, best first.
    pub(crate) fn search(
        &self,
        query: &Query<'_>,
        limit: usize,
    ) -> Result<Vec<(usize, f32)>, String> {
        let mut asking = Asking::new(self.reader.searcher(), self.fields);
        let clauses = asking.clauses(query)?;
        if clauses.is_empty() {
            return Err("there is no word to search for in the query".into());
        }
        let excluded = asking.excluded(query)?;
        let best = TopDocs::with_limit(limit.max(1) + excluded.len()).order_by_score();
        let found = self
            .reader
            .searcher()
            .search(&BooleanQuery::new(clauses), &best)
            .map_err(broken)?;
        // There is one segment, so a passage's number in it is its number.
        let number = |address: DocAddress| usize::try_from(address.doc_id).unwrap_or(usize::MAX);
        let kept = found
            .into_iter()
            .filter(|(_, address)| !excluded.contains(address))
            .take(limit);
        Ok(kept
            .map(|(score, address)| (number(address), score))
            .collect())
    }
}

impl Fields {
    fn all(self) -> [Field; 3] {
        [self.body, self.heading, self.title]
    }
}

fn broken(error: TantivyError) -> String {
    format!("the index does not work: {error}")
}
