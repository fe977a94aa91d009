//! Covers secrets in what other hosts answer, as they are and in the encodings in which servers echo them: base64, hexadecimal. What is
//! covered keeps its length, so that nothing else in the answer moves.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::policy::secret::{MASK, SecretBinding};

type Pattern = Zeroizing<Vec<u8>>;

pub(super) struct Mask {
    patterns: Vec<Pattern>,
    /// The longest of them has so many bytes.
    longest: usize,
    /// The end of what came so far, as it came. How much it is depends on nothing that is in it: a guest that has its guesses echoed by a
    /// server of its own, and breaks off, would learn how much of one is right.
    held: BytesMut,
    /// Of it, what belongs to a secret whose beginning is out already.
    covered: usize,
}

impl Mask {
    /// None: there is nothing to cover.
    pub(super) fn of(bindings: &[SecretBinding]) -> Option<Self> {
        let forms = bindings
            .iter()
            .flat_map(|binding| forms(binding.secret.expose()));
        Self::over(forms.collect())
    }

    fn over(mut patterns: Vec<Pattern>) -> Option<Self> {
        patterns.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        patterns.dedup();
        let longest = patterns.iter().map(|pattern| pattern.len()).max()?;
        Some(Self {
            patterns,
            longest,
            held: BytesMut::new(),
            covered: 0,
        })
    }

    /// The next piece, covered, less its end: a secret that began there is covered when the rest of it has come.
    pub(super) fn cover(&mut self, piece: &[u8]) -> Bytes {
        self.held.extend_from_slice(piece);
        let length = self.held.len().saturating_sub(self.longest - 1);
        self.release(length)
    }

    /// What was kept back, when nothing more comes.
    pub(super) fn rest(&mut self) -> Bytes {
        self.release(self.held.len())
    }

    /// The first bytes of what is held. Any secret that begins in them is there to its end.
    fn release(&mut self, length: usize) -> Bytes {
        let mut covered = self.covered;
        let mut out = self.held.clone();
        hide(&mut out, 0..covered);
        for found in found(&self.patterns, &self.held) {
            if found.start < length {
                covered = covered.max(found.end);
                hide(&mut out, found);
            }
        }
        let _ = self.held.split_to(length);
        self.covered = covered.saturating_sub(length);
        out.truncate(length);
        out.freeze()
    }

    /// Covers values. A header that has a secret for its name is left out.
    pub(super) fn cover_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            let all: Vec<Range<usize>> = found(&self.patterns, &bytes).collect();
            if all.is_empty() {
                continue;
            }
            all.into_iter().for_each(|found| hide(&mut bytes, found));
            *value =
                HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("*"));
        }
        // Names come in small letters.
        let small = |pattern: &Pattern| Zeroizing::new(pattern.to_ascii_lowercase());
        let patterns: Vec<Pattern> = self.patterns.iter().map(small).collect();
        let telling: Vec<HeaderName> = headers
            .keys()
            .filter(|name| found(&patterns, name.as_str().as_bytes()).next().is_some())
            .cloned()
            .collect();
        for name in telling {
            headers.remove(name);
        }
    }
}

/// All places where one of the patterns stands; they may overlap.
fn found(patterns: &[Pattern], bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    patterns.iter().flat_map(move |pattern| {
        let mut from = 0;
        std::iter::from_fn(move || {
            let start = from + memchr::memmem::find(bytes.get(from..)?, pattern)?;
            from = start + 1;
            Some(start..start + pattern.len())
        })
    })
}

fn hide(bytes: &mut [u8], range: Range<usize>) {
    let end = range.end.min(bytes.len());
    if let Some(found) = bytes.get_mut(range.start..end) {
        found.fill(MASK);
    }
}

/// The secret as it is, in hexadecimal, and in base64 wherever it may stand in what was encoded.
fn forms(secret: &str) -> Vec<Pattern> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool| -> Pattern {
        let digits = bytes.iter().flat_map(|byte| {
            let text = if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            };
            text.into_bytes()
        });
        Zeroizing::new(digits.collect())
    };
    let mut forms = vec![Zeroizing::new(bytes.to_vec()), hex(false), hex(true)];
    for before in 0..3 {
        let mut shifted = Zeroizing::new(vec![0; before]);
        shifted.extend_from_slice(bytes);
        // Characters that depend on the secret alone: each stands for six bits.
        let first = (before * 8).div_ceil(6);
        let last = shifted.len() * 8 / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&*shifted),
            URL_SAFE_NO_PAD.encode(&*shifted),
        ] {
            let encoded = Zeroizing::new(encoded.into_bytes());
            forms.extend(
                encoded
                    .get(first..last)
                    .map(|own| Zeroizing::new(own.to_vec())),
            );
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-7f3a91";

    fn mask() -> Mask {
        Mask::over(forms(SECRET)).unwrap()
    }

    fn all_of(mut mask: Mask, text: &str, size: usize) -> String {
        let mut seen = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            seen.extend_from_slice(&mask.cover(piece));
        }
        seen.extend_from_slice(&mask.rest());
        String::from_utf8(seen).unwrap()
    }

    #[test]
    fn a_secret_is_covered_however_the_answer_is_cut_into_pieces() {
        let text = format!("a {SECRET} b{SECRET}{SECRET} canary-7f3 canary");
        let stars = "*".repeat(SECRET.len());
        let expected = format!("a {stars} b{stars}{stars} canary-7f3 canary");
        for size in 1..text.len() {
            assert_eq!(all_of(mask(), &text, size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_is_held_back_tells_nothing_of_the_secret() {
        let lengths = |text: &str| -> Vec<usize> {
            let mut mask = mask();
            let pieces = text.as_bytes().chunks(1);
            pieces.map(|piece| mask.cover(piece).len()).collect()
        };
        let right = format!("{SECRET}{SECRET}{SECRET}");
        for guess in [&right, &"z".repeat(right.len())] {
            for end in 1..=guess.len() {
                assert_eq!(lengths(&guess[..end]), lengths(&right[..end]));
            }
        }
    }

    #[test]
    fn secrets_that_overlap_are_covered_whole() {
        let secrets = ["tenant42", "tenant42-Zq81xkK7", "kK7-and-more", "abcabcabc"];
        let patterns = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let mask = || Mask::over(Vec::clone(&patterns)).unwrap();
        for (text, expected) in [
            (
                "<tenant42-Zq81xkK7-and-more>",
                "<**************************>",
            ),
            ("<tenant42-Zq81xkK>", "<********-Zq81xkK>"),
            ("<abcabcabcabc>", "<************>"),
        ] {
            for size in 1..=text.len() {
                assert_eq!(all_of(mask(), text, size), expected, "pieces of {size}");
            }
        }
    }

    #[test]
    fn headers_tell_no_secret_by_value_or_by_name() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-said",
            HeaderValue::from_str(&format!("it is {SECRET}")).unwrap(),
        );
        headers.insert("x-canary-7f3a91-x", HeaderValue::from_static("1"));
        headers.insert("x-good", HeaderValue::from_static("canary"));
        mask().cover_headers(&mut headers);
        assert_eq!(headers.get("x-said").unwrap(), "it is *************");
        assert_eq!(headers.len(), 2, "{headers:?}");
    }

    #[test]
    fn an_echo_in_base64_or_hexadecimal_is_covered_too() {
        for before in ["", "a", "ab", "Bearer "] {
            for encoded in [
                STANDARD_NO_PAD.encode(format!("{before}{SECRET}")),
                URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}, and more")),
            ] {
                let mut mask = mask();
                let mut seen = mask.cover(encoded.as_bytes()).to_vec();
                seen.extend_from_slice(&mask.rest());
                assert_eq!(seen.len(), encoded.len());
                let stars = seen.iter().filter(|byte| **byte == MASK).count();
                assert!(stars >= SECRET.len() * 8 / 6 - 1, "{encoded}");
            }
        }
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(all_of(mask(), &hex, 7), "*".repeat(hex.len()));
    }
}
