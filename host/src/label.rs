//! Labels: what callers write on their sessions, and how they find them again.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorCode, Result};

/// At most this many labels on a session.
pub const LABELS_MAX: usize = 64;
/// At most this many characters in a key or a value.
pub const LABEL_CHARS_MAX: usize = 256;

/// Non-empty keys and values, at most [`LABELS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// # Errors
    /// `invalid_request`, naming the label.
    pub fn parse(pairs: BTreeMap<String, String>) -> Result<Self> {
        if pairs.len() > LABELS_MAX {
            return Err(Error::new(
                ErrorCode::InvalidRequest,
                format!("{} labels are too many: at most {LABELS_MAX}", pairs.len()),
            ));
        }
        for (key, value) in &pairs {
            let fits = |text: &str| (1..=LABEL_CHARS_MAX).contains(&text.chars().count());
            if !fits(key) || !fits(value) {
                let message = format!("label {key:?} = {value:?} is not valid");
                return Err(Error::new(ErrorCode::InvalidRequest, message).hint(format!(
                    "keys and values have 1 to {LABEL_CHARS_MAX} characters"
                )));
            }
        }
        Ok(Self(pairs))
    }

    /// Reads `a=1,b=2`, the form of a query string.
    ///
    /// # Errors
    /// `invalid_request`, naming the part that is no `key=value`.
    pub fn parse_query(text: &str) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(Error::new(
                    ErrorCode::InvalidRequest,
                    format!("{part:?} is not a label"),
                )
                .hint("write labels as key=value,key=value"));
            };
            pairs.insert(key.to_owned(), value.to_owned());
        }
        Self::parse(pairs)
    }

    /// True when every label of `selector` stands here with the same value.
    pub fn matches(&self, selector: &Self) -> bool {
        selector
            .0
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        Labels::parse_query(text).unwrap()
    }

    #[test]
    fn a_selector_matches_when_all_its_labels_do() {
        let own = labels("app=chat,user=7");
        for (selector, expected) in [
            ("", true),
            ("app=chat", true),
            ("user=7,app=chat", true),
            ("user=8", false),
            ("app=chat,x=1", false),
        ] {
            assert_eq!(own.matches(&labels(selector)), expected, "{selector}");
        }
    }

    #[test]
    fn empty_long_and_too_many_labels_are_refused() {
        let many = (0..65)
            .map(|i| format!("k{i}=v"))
            .collect::<Vec<_>>()
            .join(",");
        for bad in [
            "a=",
            "=b",
            "novalue",
            &format!("k={}", "x".repeat(257)),
            &many,
        ] {
            assert_eq!(
                Labels::parse_query(bad).unwrap_err().code(),
                ErrorCode::InvalidRequest,
                "{bad}"
            );
        }
    }
}
