//! Pictures and sounds among a tool's bytes: known by how they begin, and shown as what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::ContentBlock;
use serde_json::Value;

use super::menu::is_bytes;

/// Base64 digits that are looked at: twelve bytes.
const HEAD_DIGITS: usize = 16;
/// A search looks at so many places: a schema can have more alternatives than anybody has time for.
const STEPS_MAX: usize = 100_000;

/// What was found in a value.
pub(super) struct Found {
    /// The value with a note in place of each picture, for the text.
    pub(super) rest: Value,
    pub(super) blocks: Vec<ContentBlock>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Audio,
}

/// The content block of bytes in base64, if they are a picture or a sound.
pub(super) fn block(base64: &str) -> Option<ContentBlock> {
    let (kind, mime) = recognized(base64)?;
    Some(match kind {
        Kind::Image => ContentBlock::image(base64, mime),
        Kind::Audio => ContentBlock::audio(base64, mime),
    })
}

/// The pictures and sounds in a value, where its schema says that there are bytes.
pub(super) fn found(value: &Value, schema: &Value) -> Option<Found> {
    let mut search = Search {
        root: schema,
        pointer: String::new(),
        pointers: Vec::new(),
        steps: 0,
    };
    search.look(value, schema);
    if search.pointers.is_empty() {
        return None;
    }
    let (mut rest, mut blocks) = (value.clone(), Vec::new());
    for pointer in search.pointers {
        let Some(place) = rest.pointer_mut(&pointer) else {
            continue;
        };
        let Some(shown) = place.as_str().and_then(block) else {
            continue;
        };
        blocks.push(shown);
        *place = Value::String(format!("(number {} of those below)", blocks.len()));
    }
    Some(Found { rest, blocks })
}

/// A walk through a value and its schema at once.
struct Search<'s> {
    root: &'s Value,
    pointer: String,
    pointers: Vec<String>,
    steps: usize,
}

impl<'s> Search<'s> {
    fn look(&mut self, value: &Value, schema: &'s Value) {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let place = reference.strip_prefix('#');
            if let Some(target) = place.and_then(|place| self.root.pointer(place)) {
                self.look(value, target);
            }
            return;
        }
        if is_bytes(schema) {
            let known = value.as_str().and_then(recognized).is_some();
            if known && !self.pointers.contains(&self.pointer) {
                self.pointers.push(self.pointer.clone());
            }
            return;
        }
        for word in ["anyOf", "oneOf"] {
            let alternatives = schema.get(word).and_then(Value::as_array);
            for alternative in alternatives.into_iter().flatten() {
                self.look(value, alternative);
            }
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let properties = schema.get("properties");
                    let own = properties.and_then(|properties| properties.get(name));
                    if let Some(inner) = own.or_else(|| schema.get("additionalProperties")) {
                        self.step(&name.replace('~', "~0").replace('/', "~1"), member, inner);
                    }
                }
            }
            Value::Array(items) => {
                let fixed = schema.get("prefixItems").and_then(Value::as_array);
                for (place, item) in items.iter().enumerate() {
                    let own = fixed.and_then(|fixed| fixed.get(place));
                    if let Some(inner) = own.or_else(|| schema.get("items")) {
                        self.step(&place.to_string(), item, inner);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn step(&mut self, name: &str, value: &Value, schema: &'s Value) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(name);
        self.look(value, schema);
        self.pointer.truncate(length);
    }
}

fn recognized(base64: &str) -> Option<(Kind, &'static str)> {
    let head = STANDARD.decode(base64.get(..HEAD_DIGITS)?).ok()?;
    let begins = |magic: &[u8]| head.starts_with(magic);
    let riff = |form: &[u8]| begins(b"RIFF") && head.get(8..12) == Some(form);
    let known = [
        (begins(b"\x89PNG\r\n\x1a\n"), Kind::Image, "image/png"),
        (begins(b"\xff\xd8\xff"), Kind::Image, "image/jpeg"),
        (
            begins(b"GIF87a") || begins(b"GIF89a"),
            Kind::Image,
            "image/gif",
        ),
        (riff(b"WEBP"), Kind::Image, "image/webp"),
        (riff(b"WAVE"), Kind::Audio, "audio/wav"),
        (begins(b"ID3"), Kind::Audio, "audio/mpeg"),
        (begins(b"OggS"), Kind::Audio, "audio/ogg"),
        (begins(b"fLaC"), Kind::Audio, "audio/flac"),
    ];
    known
        .into_iter()
        .find_map(|(is, kind, mime)| is.then_some((kind, mime)))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::{Kind, found, recognized};

    fn bytes(head: &[u8]) -> String {
        STANDARD.encode([head, b"and more than enough of it"].concat())
    }

    #[test]
    fn pictures_and_sounds_are_known_by_how_they_begin() {
        for (head, expected) in [
            (
                b"\x89PNG\r\n\x1a\n".as_slice(),
                Some((Kind::Image, "image/png")),
            ),
            (b"\xff\xd8\xff\xe0", Some((Kind::Image, "image/jpeg"))),
            (b"GIF89a", Some((Kind::Image, "image/gif"))),
            (b"RIFF1234WEBP", Some((Kind::Image, "image/webp"))),
            (b"RIFF1234WAVE", Some((Kind::Audio, "audio/wav"))),
            (b"OggS", Some((Kind::Audio, "audio/ogg"))),
            (b"plain", None),
        ] {
            assert_eq!(recognized(&bytes(head)), expected, "{head:?}");
        }
        assert_eq!(recognized("short"), None);
        assert_eq!(recognized("äöüäöüäöüäöüäöüäöü"), None);
    }

    #[test]
    fn a_picture_is_found_where_the_schema_says_bytes_and_nowhere_else() {
        let picture = bytes(b"\x89PNG\r\n\x1a\n");
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "frames": {"type": "array", "items": {"$ref": "#/$defs/frame"}},
            },
            "$defs": {"frame": {"anyOf": [{"type": "null"}, {"type": "string", "contentEncoding": "base64"}]}},
        });
        let value = json!({"name": picture, "frames": [null, picture, "AAAA"]});
        let found = found(&value, &schema).expect("there is one");
        assert_eq!(found.blocks.len(), 1);
        assert_eq!(found.rest["name"], picture);
        assert_eq!(
            found.rest["frames"],
            json!([null, "(number 1 of those below)", "AAAA"])
        );
    }
}
