//! Who a bearer token stands for: an API key of this host, or a token that an issuer has signed. Says who it is and what it allows; what is
//! asked for is decided by the host's verbs. Sessions' own tokens are the business of `session`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::{Credential, Scopes};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{KeyId, WorkerId};

mod attempts;
mod jwks;
mod jwt;
mod keys;
mod secret;
mod signature;

use attempts::Attempts;
pub(crate) use attempts::site;
pub use jwks::JwksSource;
use jwt::Tokens;
pub use jwt::{Algorithm, JwtSettings};
use keys::Keys;
pub use keys::{KeyFile, NewKey, StoredKey};

/// What lets whom in.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// None: there are no API keys.
    pub keys: Option<PathBuf>,
    pub jwt: Option<JwtSettings>,
    /// Ask for a credential also while there is neither a file of keys nor an issuer.
    pub required: bool,
}

/// Who a bearer token stands for.
#[derive(Clone, Debug)]
pub struct Identity {
    pub worker: WorkerId,
    pub credential: Credential,
    pub scopes: Scopes,
}

/// Lets callers in.
#[derive(Default)]
pub struct Guard {
    keys: Option<Keys>,
    tokens: Option<Tokens>,
    required: bool,
    attempts: Attempts,
}

impl Guard {
    /// # Errors
    /// In words for the operator: a file of keys or of an issuer's keys that cannot be read.
    pub fn open(settings: AuthSettings) -> Result<Self, String> {
        Ok(Self {
            keys: settings.keys.map(Keys::open).transpose()?,
            tokens: settings.jwt.map(Tokens::open).transpose()?,
            required: settings.required,
            attempts: Attempts::default(),
        })
    }

    /// Whether a request without a credential is turned away: there is a file of keys, even an empty one, or an issuer, or it was asked for.
    pub fn asks(&self) -> bool {
        self.required || self.tokens.is_some() || self.keys.as_ref().is_some_and(Keys::is_there)
    }

    /// The issuer of tokens, and the name that it knows this host by.
    pub fn issuer(&self) -> Option<(&str, &str)> {
        self.tokens.as_ref().map(Tokens::issuer)
    }

    /// # Errors
    /// `unauthenticated`; `rate_limited` for an address from which too many wrong ones came. A good one is let in also then.
    pub async fn identify(&self, bearer: &str, from: Option<IpAddr>) -> Result<Identity> {
        let known = if bearer.starts_with(secret::PREFIX) {
            match &self.keys {
                Some(keys) => keys.identify(bearer),
                None => Err(unknown()),
            }
        } else {
            match &self.tokens {
                Some(tokens) => Box::pin(tokens.identify(bearer)).await,
                None => Err(unknown()),
            }
        };
        known.map_err(|error| self.failed(error, from))
    }

    /// Whether there is this key, and it is still good.
    pub fn knows(&self, key: &KeyId) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.knows(key))
    }

    /// Counts a credential that was none, and says so in place of `error` when it is one too many.
    pub fn failed(&self, error: Error, from: Option<IpAddr>) -> Error {
        match self.attempts.count(from) {
            None => error,
            Some(wait) => Error::new(
                ErrorCode::RateLimited,
                "too many wrong credentials came from this address",
            )
            .hint("mend the credential; good ones are let in all the while")
            .retry_after(wait),
        }
    }
}

/// An error that says no more than it must: which part of it was wrong is nobody's business.
fn unknown() -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        "the bearer token is none that this host knows",
    )
    .hint("send `Authorization: Bearer …` with an API key (`hostel keys new`) or a session's token")
}

/// For hosts that ask for nothing.
impl Guard {
    pub fn open_to_all() -> Arc<Self> {
        Arc::default()
    }
}
