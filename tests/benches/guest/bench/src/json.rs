//! A small JSON reader that builds a tree: bytes, branches, numbers and many small allocations, as in the code that tools consist of.

use std::hint::black_box;

enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// Parses the same document again and again and answers with the number of values that were found.
pub(crate) fn parse_often(rounds: u32) -> u64 {
    let text = document();
    (0..rounds)
        .map(|_| {
            let mut reader = Reader {
                rest: black_box(text.as_bytes()),
            };
            reader.value().map_or(0, |value| value.count())
        })
        .sum()
}

/// About 140 KB.
fn document() -> String {
    let rows: Vec<String> = (0..1000)
        .map(|row| {
            format!(
                r#"{{"id": {row}, "name": "row \"{row}\"", "score": {}.{row}, "tags": ["a", "b{row}", "long enough to be copied"], "open": {}, "next": null, "at": [{row}, -1, 2e3]}}"#,
                row * 7,
                row % 3 == 0
            )
        })
        .collect();
    format!("[{}]", rows.join(",\n"))
}

impl Value {
    fn count(&self) -> u64 {
        1 + match self {
            Self::Null => 0,
            Self::Bool(claim) => u64::from(*claim),
            Self::Number(number) => u64::from(*number > 1.0),
            Self::Text(text) => u64::from(!text.is_empty()),
            Self::List(items) => items.iter().map(Self::count).sum(),
            Self::Object(fields) => fields
                .iter()
                .map(|(key, value)| u64::from(key.len() > 2) + value.count())
                .sum(),
        }
    }
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        self.blank();
        match *self.rest.first()? {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => self.text().map(Value::Text),
            b'n' => self.word(b"null", Value::Null),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<Value> {
        let mut fields = Vec::new();
        self.skip();
        loop {
            self.blank();
            let key = self.text()?;
            self.blank();
            self.skip();
            fields.push((key, self.value()?));
            if !self.more()? {
                return Some(Value::Object(fields));
            }
        }
    }

    fn list(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        self.skip();
        loop {
            items.push(self.value()?);
            if !self.more()? {
                return Some(Value::List(items));
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.skip();
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    text.push(*self.rest.first()?);
                    self.skip();
                }
                byte => text.push(*byte),
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let end = self
            .rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Value::Number(number))
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    /// True at a comma, false at the end of a list or an object.
    fn more(&mut self) -> Option<bool> {
        self.blank();
        let comma = *self.rest.first()? == b',';
        self.skip();
        Some(comma)
    }

    fn blank(&mut self) {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}
