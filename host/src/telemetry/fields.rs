//! The fields of spans as JSON, written as they come. Every call has a span, and hardly any has a line of the log that shows it: what the
//! subscriber's own formatter does for each of them (a map of values, read again when one is added) costs a fifth of a short call.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Writes one JSON object, which the formatter of events reads.
#[derive(Debug)]
pub(super) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'writer>, fields: R) -> fmt::Result {
        out.write_char('{')?;
        let mut members = Members::after("", &mut out);
        fields.record(&mut members);
        members.written?;
        out.write_char('}')
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let text = &mut current.fields;
        let separator = match text.pop() {
            None => {
                text.push('{');
                ""
            }
            Some(_) if text.ends_with('{') => "",
            Some(_) => ",",
        };
        let mut members = Members::after(separator, text);
        fields.record(&mut members);
        members.written?;
        text.write_char('}')
    }
}

struct Members<'a> {
    out: &'a mut dyn Write,
    /// What stands before the next member.
    separator: &'static str,
    written: fmt::Result,
}

impl<'a> Members<'a> {
    fn after(separator: &'static str, out: &'a mut dyn Write) -> Self {
        Self {
            out,
            separator,
            written: Ok(()),
        }
    }

    /// `value`: as JSON.
    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let separator = std::mem::replace(&mut self.separator, ",");
        let name = field.name();
        let written = write!(self.out, "{separator}\"{name}\":{value}");
        self.written = self.written.and(written);
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.plain(field, format_args!("\""));
        let written = Escaped(self.out).write_fmt(value);
        self.written = self.written.and(written).and(self.out.write_char('"'));
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, format_args!("{value}"));
        } else {
            self.text(field, format_args!("{value}"));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }
}

/// The inside of a JSON string.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if !text.bytes().any(is_special) {
            return self.0.write_str(text);
        }
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(self.0, "\\{character}")?,
                '\0'..'\x20' => write!(self.0, "\\u{:04x}", u32::from(character))?,
                _ => self.0.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_the_log_shows_the_fields_of_its_span_whatever_is_in_them() {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .fmt_fields(SpanFields)
            .with_writer(move || written.clone())
            .finish();
        let hostile = "\"},{\\\n\u{1b}é\0";
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(
                "call",
                action = hostile,
                shown = %hostile,
                count = 3_u64,
                below = -3,
                share = 0.5,
                good = true,
                later = tracing::field::Empty,
                never = tracing::field::Empty,
            );
            span.record("later", hostile);
            span.in_scope(|| tracing::info!("first"));
            let empty = tracing::info_span!("empty", later = tracing::field::Empty);
            empty.record("later", 1);
            empty.in_scope(|| tracing::info!("second"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let spans: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["span"].take())
            .collect();
        assert_eq!(
            spans,
            [
                json!({
                    "name": "call", "action": hostile, "shown": hostile, "count": 3, "below": -3, "share": 0.5, "good": true,
                    "later": hostile,
                }),
                json!({"name": "empty", "later": 1}),
            ]
        );
    }
}
