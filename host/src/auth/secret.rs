//! What an API key looks like: `hsk_`, the digits of its id, 256 random bits and a checksum. A scanner for leaked secrets finds it by its
//! prefix and knows it by its checksum.

use crate::ids::KeyId;

pub(super) const PREFIX: &str = "hsk_";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits of 256 bits and of 32 bits.
const SECRET_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;

/// A new secret for this key.
pub(super) fn random(id: &KeyId) -> String {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).expect("the operating system gives random bytes");
    let id = id.as_str().strip_prefix("k_").unwrap_or_default();
    let body = format!("{PREFIX}{id}_{}", base62(&bits, SECRET_DIGITS));
    let check = checksum(&body);
    format!("{body}{check}")
}

/// The id in a key that was not mistyped or cut.
pub(super) fn id_of(key: &str) -> Option<KeyId> {
    let (id, rest) = key.strip_prefix(PREFIX)?.split_once('_')?;
    if rest.len() != SECRET_DIGITS + CHECK_DIGITS {
        return None;
    }
    let (body, check) = key.split_at_checked(key.len() - CHECK_DIGITS)?;
    (checksum(body) == check)
        .then(|| KeyId::parse(&format!("k_{id}")).ok())
        .flatten()
}

/// What is kept of a key. The key has 256 random bits: nothing slower is needed.
pub(super) fn hash(key: &str) -> blake3::Hash {
    blake3::hash(key.as_bytes())
}

fn checksum(body: &str) -> String {
    let hash = blake3::hash(body.as_bytes());
    let bytes = hash.as_bytes().first_chunk::<4>();
    base62(bytes.map_or(&[][..], |bytes| &bytes[..]), CHECK_DIGITS)
}

/// A number, written with so many digits.
fn base62(number: &[u8], length: usize) -> String {
    let mut number = number.to_vec();
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut rest = 0_usize;
        for byte in &mut number {
            let value = rest * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).expect("the rest before it was less than 62");
            rest = value % 62;
        }
        digits.push(DIGITS.get(rest).copied().unwrap_or(b'0'));
    }
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_sixty_two_digits() {
        assert_eq!(base62(&[0, 0], 3), "000");
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&[1, 0], 3), "048");
        assert!(base62(&[0xff; 32], SECRET_DIGITS) < "z".repeat(SECRET_DIGITS));
        assert!(base62(&[0xff; 4], CHECK_DIGITS) < "z".repeat(CHECK_DIGITS));
    }

    #[test]
    fn a_key_says_its_id_unless_a_character_is_wrong() {
        let id = KeyId::random();
        let key = random(&id);
        assert_eq!(key.len(), 4 + 12 + 1 + 43 + 6);
        assert_eq!(id_of(&key), Some(id));
        for place in 0..key.len() {
            let mut wrong = key.clone().into_bytes();
            wrong[place] = if wrong[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(id_of(std::str::from_utf8(&wrong).unwrap()), None, "{place}");
        }
        assert_eq!(id_of(&key[..key.len() - 1]), None);
        assert_eq!(id_of(""), None);
        assert_eq!(id_of("hsk_é"), None);
    }
}
