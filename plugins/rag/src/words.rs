//! Divides text into the words that are indexed and searched for: the same way for both, or nothing would be found.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, Stemmer, TextAnalyzer, Token,
    TokenStream, Tokenizer,
};

/// Longer ones are digests and data, which nobody types.
const WORD_BYTES_MAX: usize = 60;

/// Words in lower case, without accents and English endings.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(Words::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The words of `text` in the form in which they are indexed.
pub(crate) fn words(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    analyzer
        .token_stream(text)
        .process(&mut |token| words.push(token.text.clone()));
    words
}

/// Whether a word, in the form in which it is indexed, says little about what is asked.
pub(crate) fn is_common(word: &str) -> bool {
    const COMMON: [&str; 48] = [
        "a", "about", "an", "and", "ani", "are", "as", "at", "be", "by", "can", "do", "doe", "for",
        "from", "have", "how", "i", "if", "in", "into", "is", "it", "me", "my", "not", "of", "on",
        "one", "or", "should", "so", "that", "the", "their", "there", "this", "to", "use", "was",
        "we", "what", "when", "where", "which", "whi", "with", "you",
    ];
    COMMON.binary_search(&word).is_ok()
}

/// Runs of letters and digits. Chinese and Japanese are written without spaces, so each of their characters is a word.
#[derive(Clone, Default)]
struct Words {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    /// Where the rest begins.
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream {
            text,
            at: 0,
            token: &mut self.token,
        }
    }
}

impl WordStream<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = self.rest();
        let Some((skipped, first)) = rest.char_indices().find(|(_, char)| char.is_alphanumeric())
        else {
            return false;
        };
        let word = rest.get(skipped..).unwrap_or_default();
        let length = match is_ideograph(first) {
            true => first.len_utf8(),
            false => word
                .find(|char: char| !char.is_alphanumeric() || is_ideograph(char))
                .unwrap_or(word.len()),
        };
        let (start, end) = (self.at + skipped, self.at + skipped + length);
        self.token.text.clear();
        self.token
            .text
            .push_str(self.text.get(start..end).unwrap_or_default());
        self.token.offset_from = start;
        self.token.offset_to = end;
        self.token.position = self.token.position.wrapping_add(1);
        self.at = end;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// Kana and Chinese characters (Unicode 16, blocks 3040-30FF, 3400-9FFF, F900-FAFF and the supplementary ideographs).
fn is_ideograph(char: char) -> bool {
    matches!(u32::from(char), 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::{analyzer, is_common, words};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(&mut analyzer(), text), expected);
    }

    #[test]
    fn case_accents_and_endings_do_not_matter() {
        check("Parsing PARSED parses", &["pars", "pars", "pars"]);
        check("Café naïve", &["cafe", "naiv"]);
    }

    #[test]
    fn words_of_questions_are_common() {
        let mut analyzer = analyzer();
        for text in [
            "How do I use this with any of the",
            "why does it have to be",
            "what is a when you are about from",
        ] {
            assert!(
                words(&mut analyzer, text)
                    .iter()
                    .all(|word| is_common(word)),
                "{text}"
            );
        }
        assert!(
            !words(&mut analyzer, "read file line")
                .iter()
                .any(|word| is_common(word))
        );
    }

    #[test]
    fn names_are_divided_at_punctuation() {
        check("os.path_join(x2)", &["os", "path", "join", "x2"]);
        check("--  ... 😀", &[]);
    }

    #[test]
    fn ideographs_are_words_of_their_own() {
        check("日本語text検索", &["日", "本", "語", "text", "検", "索"]);
        check("Привет мир", &["привет", "мир"]);
    }
}
