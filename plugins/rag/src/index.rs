//! The full-text index: which passages have which words, and how well they fit a query.
//!
//! The only file that knows tantivy's index. Passages are numbers here, in the order in which they were added.

use std::collections::HashSet;

use tantivy::collector::{DocSetCollector, TopDocs};
use tantivy::directory::RamDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, PhraseQuery,
    Query as Clause, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{
    DocAddress, Index as Tantivy, IndexReader, IndexSettings, ReloadPolicy, Searcher,
    TantivyDocument, TantivyError, Term,
};

use crate::query::Query;
use crate::words::{analyzer, is_common, words};

const WRITER_BYTES: usize = 15_000_000;
/// How much a word counts that does not occur in the text but in the headings, or in the title or path.
const HEADING_BOOST: f32 = 2.0;
const TITLE_BOOST: f32 = 1.5;
/// How much the fields that fit less well add to the one that fits best.
const TIE_BREAKER: f32 = 0.3;
/// A name with all of its parts in a row (`json.loads`) counts more than its parts do.
const NAME_BOOST: f32 = 2.0;
/// Words that questions are full of count little, but they count: some are keywords of programming languages.
const COMMON_BOOST: f32 = 0.1;
/// A word that occurs nowhere is taken for a misspelt one, if it is long enough to be recognized.
const MISSPELT_BOOST: f32 = 4.0;
const MISSPELT_CHARS_MIN: usize = 4;

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

/// A clause and what it means for a passage to fit it.
type Clauses = Vec<(Occur, Box<dyn Clause>)>;

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
        let searcher = self.reader.searcher();
        let mut asking = Asking {
            searcher,
            fields: self.fields,
            analyzer: analyzer(),
            asked: HashSet::new(),
        };
        let mut clauses = Clauses::new();
        for phrase in &query.phrases {
            clauses.extend(asking.phrase(phrase).map(|clause| (Occur::Must, clause)));
        }
        for word in &query.wanted {
            asking.wanted(word, &mut clauses)?;
        }
        if clauses.is_empty() {
            return Err("there is no word to search for in the query".into());
        }
        let excluded = asking.excluded(query)?;
        let best = TopDocs::with_limit(limit.max(1) + excluded.len()).order_by_score();
        let found = asking
            .searcher
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

/// One search.
struct Asking {
    searcher: Searcher,
    fields: Fields,
    analyzer: TextAnalyzer,
    /// The words that have their clause; saying one twice does not make it count twice.
    asked: HashSet<String>,
}

impl Asking {
    /// The passages that the query leaves out. Not a clause of the search: in one, a phrase that is to be left out is asked
    /// for passages in an order that it does not support (tantivy 0.27).
    fn excluded(&mut self, query: &Query<'_>) -> Result<HashSet<DocAddress>, String> {
        let phrases: Vec<Box<dyn Clause>> = query
            .excluded
            .iter()
            .filter_map(|text| self.phrase(text))
            .collect();
        if phrases.is_empty() {
            return Ok(HashSet::new());
        }
        self.searcher
            .search(&BooleanQuery::union(phrases), &DocSetCollector)
            .map_err(broken)
    }

    /// Passages with the words of `text` in a row; none if there are no words in it.
    fn phrase(&mut self, text: &str) -> Option<Box<dyn Clause>> {
        let words = words(&mut self.analyzer, text);
        (!words.is_empty()).then(|| self.in_any_field(|field| in_a_row(field, &words)))
    }

    /// Passages with a word that was typed: with each of its parts and, better, with all of them in a row.
    fn wanted(&mut self, typed: &str, clauses: &mut Clauses) -> Result<(), String> {
        let parts = words(&mut self.analyzer, typed);
        if parts.len() > 1 {
            let name = self.in_any_field(|field| in_a_row(field, &parts));
            clauses.push((Occur::Should, Box::new(BoostQuery::new(name, NAME_BOOST))));
        }
        for part in &parts {
            if !self.asked.insert(part.clone()) {
                continue;
            }
            let clause = match self.occurs(part)? {
                true => self.in_any_field(|field| term(field, part)),
                false => self.misspelt(part),
            };
            let clause = if is_common(part) {
                Box::new(BoostQuery::new(clause, COMMON_BOOST))
            } else {
                clause
            };
            clauses.push((Occur::Should, clause));
        }
        Ok(())
    }

    fn occurs(&self, word: &str) -> Result<bool, String> {
        for field in self.fields.all() {
            if self
                .searcher
                .doc_freq(&Term::from_field_text(field, word))
                .map_err(broken)?
                > 0
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn misspelt(&self, word: &str) -> Box<dyn Clause> {
        if word.chars().count() < MISSPELT_CHARS_MIN {
            return term(self.fields.body, word);
        }
        let similar = |field| FuzzyTermQuery::new(Term::from_field_text(field, word), 1, true);
        Box::new(BoostQuery::new(
            self.in_any_field(|field| Box::new(similar(field))),
            MISSPELT_BOOST,
        ))
    }

    /// The best of the three fields, as a word in a heading says more than one in the text.
    fn in_any_field(&self, clause: impl Fn(Field) -> Box<dyn Clause>) -> Box<dyn Clause> {
        let Fields {
            body,
            heading,
            title,
        } = self.fields;
        let boosted =
            |field, boost| -> Box<dyn Clause> { Box::new(BoostQuery::new(clause(field), boost)) };
        let fields = vec![
            clause(body),
            boosted(heading, HEADING_BOOST),
            boosted(title, TITLE_BOOST),
        ];
        Box::new(DisjunctionMaxQuery::with_tie_breaker(fields, TIE_BREAKER))
    }
}

impl Fields {
    fn all(self) -> [Field; 3] {
        [self.body, self.heading, self.title]
    }
}

fn term(field: Field, word: &str) -> Box<dyn Clause> {
    Box::new(TermQuery::new(
        Term::from_field_text(field, word),
        IndexRecordOption::WithFreqs,
    ))
}

fn in_a_row(field: Field, words: &[String]) -> Box<dyn Clause> {
    match words {
        [word] => term(field, word),
        words => Box::new(PhraseQuery::new(
            words
                .iter()
                .map(|word| Term::from_field_text(field, word))
                .collect(),
        )),
    }
}

fn broken(error: TantivyError) -> String {
    format!("the index does not work: {error}")
}
