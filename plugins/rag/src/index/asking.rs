//! What a query means for the index: a clause for every word and phrase, weighed by where it is found.

use std::collections::HashSet;

use tantivy::collector::DocSetCollector;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, PhraseQuery,
    Query as Clause, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocAddress, Searcher, Term};

use super::{Fields, broken};
use crate::query::Query;
use crate::words::{analyzer, is_common, words};

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

/// A clause and what it means for a passage to fit it.
pub(super) type Clauses = Vec<(Occur, Box<dyn Clause>)>;

/// One search.
pub(super) struct Asking {
    searcher: Searcher,
    fields: Fields,
    analyzer: TextAnalyzer,
    /// The words that have their clause; saying one twice does not make it count twice.
    asked: HashSet<String>,
}

impl Asking {
    pub(super) fn new(searcher: Searcher, fields: Fields) -> Self {
        Self {
            searcher,
            fields,
            analyzer: analyzer(),
            asked: HashSet::new(),
        }
    }

    /// What the query asks of a passage, but for its exclusions.
    pub(super) fn clauses(&mut self, query: &Query<'_>) -> Result<Clauses, String> {
        let mut clauses = Clauses::new();
        for phrase in &query.phrases {
            clauses.extend(self.phrase(phrase).map(|clause| (Occur::Must, clause)));
        }
        for word in &query.wanted {
            self.wanted(word, &mut clauses)?;
        }
        Ok(clauses)
    }

    /// The passages that the query leaves out. Not a clause of the search: in one, a phrase that is to be left out is asked
    /// for passages in an order that it does not support (tantivy 0.27).
    pub(super) fn excluded(&mut self, query: &Query<'_>) -> Result<HashSet<DocAddress>, String> {
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
            let mut clause = match self.occurs(part)? {
                true => self.in_any_field(|field| term(field, part)),
                false => self.misspelt(part),
            };
            if is_common(part) {
                clause = Box::new(BoostQuery::new(clause, COMMON_BOOST));
            }
            clauses.push((Occur::Should, clause));
        }
        Ok(())
    }

    fn occurs(&self, word: &str) -> Result<bool, String> {
        for field in self.fields.all() {
            let passages = self.searcher.doc_freq(&Term::from_field_text(field, word));
            if passages.map_err(broken)? > 0 {
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
