//! Reads what somebody typed. Every text is a query: quotes that do not close, operators of other search engines and stray
//! punctuation are words or nothing.

/// An exclusion has at least so many letters: `-m` and `-rf` are options that somebody asks about.
const EXCLUDED_CHARS_MIN: usize = 3;
/// More words than this are a document, not a query.
const PARTS_MAX: usize = 64;

/// A query in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    /// Words that make a passage fit better. One may hold several, as `json.loads` does.
    pub(crate) wanted: Vec<&'a str>,
    /// Phrases that a passage must have.
    pub(crate) phrases: Vec<&'a str>,
    /// Words and phrases that a passage must not have.
    pub(crate) excluded: Vec<&'a str>,
}

impl<'a> Query<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut query = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() && query.parts() < PARTS_MAX {
            let (part, after) = next_part(rest);
            query.add(part);
            rest = after.trim_start();
        }
        query
    }

    fn add(&mut self, part: Part<'a>) {
        match part {
            Part::Word(word) => match word.strip_prefix('-').filter(|word| is_excludable(word)) {
                Some(excluded) => self.excluded.push(excluded),
                None if word.contains(char::is_alphanumeric) => self.wanted.push(word),
                None => {}
            },
            Part::Phrase { text, is_excluded } if text.contains(char::is_alphanumeric) => {
                if is_excluded {
                    self.excluded.push(text)
                } else {
                    self.phrases.push(text)
                }
            }
            Part::Phrase { .. } => {}
        }
    }

    fn parts(&self) -> usize {
        self.wanted.len() + self.phrases.len() + self.excluded.len()
    }
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Word(&'a str),
    Phrase { text: &'a str, is_excluded: bool },
}

/// The word or phrase that `text` begins with, and what follows it.
fn next_part(text: &str) -> (Part<'_>, &str) {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if let Some(quoted) = unsigned.strip_prefix(is_quote)
        && let Some((phrase, after)) = quoted.split_once(is_quote)
    {
        return (
            Part::Phrase {
                text: phrase,
                is_excluded: unsigned.len() < text.len(),
            },
            after,
        );
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    (Part::Word(word), after)
}

fn is_quote(char: char) -> bool {
    matches!(char, '"' | '“' | '”' | '„')
}

fn is_excludable(word: &str) -> bool {
    word.starts_with(char::is_alphanumeric)
        && word.chars().filter(|char| char.is_alphanumeric()).count() >= EXCLUDED_CHARS_MIN
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[track_caller]
    fn check(text: &str, wanted: &[&str], phrases: &[&str], excluded: &[&str]) {
        let query = Query::parse(text);
        assert_eq!(
            (query.wanted, query.phrases, query.excluded),
            (wanted.to_vec(), phrases.to_vec(), excluded.to_vec())
        );
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        check("read json -stream", &["read", "json"], &[], &["stream"]);
        check(
            "\"list comprehension\" nested -\"dict view\"",
            &["nested"],
            &["list comprehension"],
            &["dict view"],
        );
        check("“smart quotes” a\"b", &["a\"b"], &["smart quotes"], &[]);
    }

    #[test]
    fn options_are_not_exclusions() {
        check(
            "python -m venv --clear",
            &["python", "-m", "venv", "--clear"],
            &[],
            &[],
        );
    }

    #[test]
    fn everything_is_a_query() {
        check("", &[], &[], &[]);
        check(" \t\n ", &[], &[], &[]);
        check("\"never closed", &["\"never", "closed"], &[], &[]);
        check(
            "AND (a:b OR [x TO y}) ^2 ~ *",
            &["AND", "(a:b", "OR", "[x", "TO", "y})", "^2"],
            &[],
            &[],
        );
        check("\"\" \"  \" - -- ??? 😀", &[], &[], &[]);
        check("日本語 “検索”", &["日本語"], &["検索"], &[]);
        assert_eq!(Query::parse(&"word ".repeat(1000)).wanted.len(), 64);
    }
}
