//! Names and ids. To parse is to validate: nothing below the doors ever holds a raw string for one of these.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorCode, Result};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The name under which a component is registered: `rag`, `my-backend`.
    BackendName
}
name_type! {
    /// The name of a session, unique per worker and backend; `default` if none is given.
    SessionName
}
name_type! {
    /// Who calls: the owner of sessions.
    WorkerId
}
name_type! {
    /// `ses_` and 128 random bits in hexadecimal.
    SessionId
}
name_type! {
    /// `job_` and 128 random bits in hexadecimal.
    JobId
}
name_type! {
    /// What a caller calls a request, so that sending it twice runs it once.
    IdempotencyKey
}
name_type! {
    /// Names an API key in lists and logs: `k_` and 48 random bits in hexadecimal. It opens nothing.
    KeyId
}

impl BackendName {
    /// Accepts `[a-z][a-z0-9_-]{0,63}`.
    ///
    /// # Errors
    /// `invalid_request`, naming the rule.
    pub fn parse(text: &str) -> Result<Self> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let rest_is_well = text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        if starts_well && rest_is_well && text.len() <= 64 {
            return Ok(Self(text.into()));
        }
        Err(Error::new(ErrorCode::InvalidRequest, format!("{text:?} is not a name for a backend"))
            .hint("a name starts with a lower-case letter and goes on with lower-case letters, digits, - and _, 64 at most"))
    }
}

impl SessionName {
    pub const DEFAULT: &'static str = "default";

    /// Accepts 1 to 128 printable characters.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        printable(text, "name for a session").map(Self)
    }
}

impl Default for SessionName {
    fn default() -> Self {
        static NAME: LazyLock<Arc<str>> = LazyLock::new(|| SessionName::DEFAULT.into());
        Self(NAME.clone())
    }
}

impl WorkerId {
    /// Accepts 1 to 128 printable characters.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        printable(text, "worker id").map(Self)
    }
}

impl Default for WorkerId {
    /// Who calls when nobody says.
    fn default() -> Self {
        static ID: LazyLock<Arc<str>> = LazyLock::new(|| "default".into());
        Self(ID.clone())
    }
}

impl SessionId {
    pub fn random() -> Self {
        Self(format!("ses_{:032x}", random_bits()).into())
    }

    /// Accepts what [`SessionId::random`] makes.
    ///
    /// # Errors
    /// `session_not_found`: a malformed id is just an id that nobody has.
    pub fn parse(text: &str) -> Result<Self> {
        if is_random("ses_", text, 32) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorCode::SessionNotFound,
            format!("there is no session {text:?}"),
        ))
    }
}

impl JobId {
    pub fn random() -> Self {
        Self(format!("job_{:032x}", random_bits()).into())
    }

    /// Accepts what [`JobId::random`] makes.
    ///
    /// # Errors
    /// `job_not_found`.
    pub fn parse(text: &str) -> Result<Self> {
        if is_random("job_", text, 32) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorCode::JobNotFound,
            format!("there is no job {text:?}"),
        ))
    }
}

impl KeyId {
    const DIGITS: usize = 12;

    pub fn random() -> Self {
        let bits = random_bits() & ((1 << (4 * Self::DIGITS)) - 1);
        Self(format!("k_{bits:012x}").into())
    }

    /// Accepts what [`KeyId::random`] makes.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        if is_random("k_", text, Self::DIGITS) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorCode::InvalidRequest,
            format!("{text:?} is not the id of a key"),
        )
        .hint("an id is k_ and 12 hexadecimal digits; `hostel keys list` shows them"))
    }
}

impl IdempotencyKey {
    /// Accepts 1 to 128 printable characters.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        printable(text, "key for a request").map(Self)
    }
}

/// The prefix, and so many lower-case hexadecimal digits.
fn is_random(prefix: &str, text: &str, length: usize) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    digits.len() == length && digits.bytes().all(is_hex)
}

fn printable(text: &str, what: &str) -> Result<Arc<str>> {
    let fits =
        !text.is_empty() && text.chars().count() <= 128 && !text.chars().any(char::is_control);
    if fits {
        Ok(text.into())
    } else {
        Err(Error::new(
            ErrorCode::InvalidRequest,
            format!("{text:?} is not a {what}"),
        )
        .hint("1 to 128 characters, no control characters"))
    }
}

/// Tells this process from every other.
static PROCESS: LazyLock<u64> = LazyLock::new(|| {
    u64::try_from(random_bits() >> 64).expect("the upper half of 128 bits fits in 64")
});

/// Names one request in answers, logs and headers. Unique across hosts: random bits of the process and a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    pub fn next() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(format!(
            "req_{:016x}{:08x}",
            *PROCESS,
            COUNT.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// Takes over the caller's own id if it is 1 to 128 visible ASCII characters.
    pub fn from_caller(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a request whose caller gave it no name, in the form of a UUID (RFC 9562, version 8). Unique as a [`RequestId`] is.
pub fn trace_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let bits = u128::from(*PROCESS) << 64 | u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    uuid::Builder::from_custom_bytes(bits.to_be_bytes())
        .into_uuid()
        .to_string()
}

/// A session's capability token: shown once, kept only as a hash.
pub struct Token {
    pub secret: String,
    pub hash: TokenHash,
}

/// Compares in constant time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(blake3::Hash);

impl Token {
    pub const PREFIX: &'static str = "hst_";

    pub fn random() -> Self {
        let secret = format!(
            "{}{:032x}{:032x}",
            Self::PREFIX,
            random_bits(),
            random_bits()
        );
        let hash = TokenHash::of(&secret);
        Self { secret, hash }
    }
}

impl TokenHash {
    pub fn of(secret: &str) -> Self {
        Self(blake3::hash(secret.as_bytes()))
    }

    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash.into())
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
