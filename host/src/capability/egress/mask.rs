//! Covers secrets in what other hosts answer, as they are and in the encodings in which servers echo them: base64, hexadecimal. What is
//! covered keeps its length, so that nothing else in the answer moves.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::policy::secret::{MASK, SecretBinding};

type Pattern = Zeroizing<Vec<u8>>;

pub(super) struct Mask {
    patterns: Vec<Pattern>,
    /// The end of what came so far: it may be the beginning of a secret.
    held: BytesMut,
}

impl Mask {
    /// None: there is nothing to cover.
    pub(super) fn of(bindings: &[SecretBinding]) -> Option<Self> {
        let mut patterns: Vec<Pattern> = bindings
            .iter()
            .flat_map(|binding| forms(binding.secret.expose()))
            .collect();
        patterns.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        patterns.dedup();
        (!patterns.is_empty()).then(|| Self {
            patterns,
            held: BytesMut::new(),
        })
    }

    /// The next piece, covered, less what may be the beginning of a secret.
    pub(super) fn cover(&mut self, piece: &[u8]) -> Bytes {
        self.held.extend_from_slice(piece);
        cover(&self.patterns, &mut self.held);
        let keep = self.unfinished();
        self.held.split_to(self.held.len() - keep).freeze()
    }

    /// What was kept back, when nothing more comes.
    pub(super) fn rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    pub(super) fn cover_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if cover(&self.patterns, &mut bytes)
                && let Ok(covered) = HeaderValue::from_bytes(&bytes)
            {
                *value = covered;
            }
        }
    }

    /// The length of the longest end of what is held with which some pattern begins.
    fn unfinished(&self) -> usize {
        let begins = |pattern: &Pattern| {
            let most = self.held.len().min(pattern.len() - 1);
            (1..=most).rev().find(|length| {
                let (_, end) = self.held.split_at(self.held.len() - length);
                pattern.starts_with(end)
            })
        };
        self.patterns.iter().filter_map(begins).max().unwrap_or(0)
    }
}

/// True when something was covered.
fn cover(patterns: &[Pattern], bytes: &mut [u8]) -> bool {
    let mut covered = false;
    for pattern in patterns {
        let mut from = 0;
        while let Some(at) = find(bytes.get(from..).unwrap_or_default(), pattern) {
            let start = from + at;
            from = start + pattern.len();
            if let Some(found) = bytes.get_mut(start..from) {
                found.fill(MASK);
                covered = true;
            }
        }
    }
    covered
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, pattern)
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
        Mask {
            patterns: forms(SECRET),
            held: BytesMut::new(),
        }
    }

    #[test]
    fn a_secret_is_covered_however_the_answer_is_cut_into_pieces() {
        let text = format!("a {SECRET} b{SECRET}{SECRET} canary-7f3 canary");
        let stars = "*".repeat(SECRET.len());
        let expected = format!("a {stars} b{stars}{stars} canary-7f3 canary");
        for size in 1..text.len() {
            let mut mask = mask();
            let mut seen = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                seen.extend_from_slice(&mask.cover(piece));
            }
            seen.extend_from_slice(&mask.rest());
            assert_eq!(
                String::from_utf8(seen).unwrap(),
                expected,
                "pieces of {size}"
            );
        }
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
        assert_eq!(mask().cover(hex.as_bytes()), "*".repeat(hex.len()));
    }
}
