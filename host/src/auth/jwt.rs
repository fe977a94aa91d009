//! Tokens that somebody else has signed (JWT, RFC 9068): who the issuer says the caller is, and what it may do here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::access::{Credential, Scope, Scopes};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::WorkerId;

use super::jwks::{Jwks, JwksSource};
use super::{Identity, signature, unknown};

/// A longer token is refused before it is read.
const BYTES_MAX: usize = 8 << 10;
/// Clocks differ by so much.
const LEEWAY_S: u64 = 60;
/// Tokens that were good a moment ago, so that a caller's next request costs no signature. After so many, it begins anew.
const REMEMBERED_MAX: usize = 1_000;
/// A token that was good is looked at again after so long: the issuer's keys may be others by then.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// Which tokens are good here.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud`, exactly: this host's own address, as issuers know it.
    pub audience: String,
    pub keys: JwksSource,
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the worker. Default `sub`.
    pub worker_claim: String,
    /// The claim that has the scopes, as words of a string or as a list. Default `scope`.
    pub scope_claim: String,
}

pub(super) struct Tokens {
    settings: JwtSettings,
    issuer: Arc<str>,
    keys: Jwks,
    remembered: Mutex<HashMap<blake3::Hash, Remembered>>,
}

struct Remembered {
    identity: Identity,
    until: SystemTime,
}

impl Tokens {
    /// # Errors
    /// In words for the operator.
    pub(super) fn open(settings: JwtSettings) -> Result<Self, String> {
        signature::install();
        Ok(Self {
            keys: Jwks::open(settings.keys.clone())?,
            issuer: settings.issuer.as_str().into(),
            settings,
            remembered: Mutex::default(),
        })
    }

    /// The issuer, and the audience.
    pub(super) fn issuer(&self) -> (&str, &str) {
        (&self.settings.issuer, &self.settings.audience)
    }

    /// # Errors
    /// `unauthenticated`.
    pub(super) async fn identify(&self, token: &str) -> Result<Identity> {
        if token.len() > BYTES_MAX {
            return Err(refused("it is longer than 8 KiB"));
        }
        let hash = blake3::hash(token.as_bytes());
        if let Some(identity) = self.recall(&hash) {
            return Ok(identity);
        }
        let header = decode_header(token).map_err(|_| unknown())?;
        let allowed = self.settings.algorithms.iter();
        if !allowed
            .clone()
            .any(|algorithm| algorithm.of_library() == header.alg)
        {
            return Err(refused(
                "it is signed with an algorithm that is not allowed",
            ));
        }
        // An extension that must be understood is one that this is not.
        if header.crit.is_some_and(|critical| !critical.is_empty()) {
            return Err(refused("its header asks for an extension"));
        }
        let kid = header.kid.ok_or_else(|| refused("it names no key (kid)"))?;
        let key = self.keys.find(&kid).await;
        let key = key.ok_or_else(|| refused("the issuer has no key of its kid"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.settings.audience]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Map<String, Value>>(token, &key, &validation);
        let claims = claims.map_err(|error| refused(&error.to_string()))?.claims;
        // The library also takes a list that has it.
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(refused("its issuer (iss) is another"));
        }
        let identity = self.identity(&claims)?;
        self.remember(hash, &identity, &claims);
        Ok(identity)
    }

    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity> {
        let JwtSettings {
            worker_claim,
            scope_claim,
            ..
        } = &self.settings;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let worker = text(worker_claim)
            .ok_or_else(|| refused(&format!("its claim {worker_claim:?} is no string")))?;
        let worker = WorkerId::parse(worker)
            .map_err(|_| refused(&format!("its claim {worker_claim:?} names no worker")))?;
        // Issuers have scopes of their own beside ours: those say nothing here.
        let words: Vec<&str> = match claims.get(scope_claim) {
            Some(Value::String(words)) => words.split_ascii_whitespace().collect(),
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let scopes = words.into_iter().filter_map(|word| Scope::parse(word).ok());
        let subject = text("sub").unwrap_or_else(|| worker.as_str());
        Ok(Identity {
            credential: Credential::Token {
                subject: subject.into(),
                issuer: self.issuer.clone(),
            },
            scopes: Scopes::of(scopes.collect()).map_err(|_| refused("it has too many scopes"))?,
            worker,
        })
    }

    fn recall(&self, hash: &blake3::Hash) -> Option<Identity> {
        let remembered = self.remembered();
        let found = remembered.get(hash)?;
        (SystemTime::now() < found.until).then(|| found.identity.clone())
    }

    fn remember(&self, hash: blake3::Hash, identity: &Identity, claims: &Map<String, Value>) {
        let now = SystemTime::now();
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or(0.0);
        let expires = Duration::try_from_secs_f64(expires)
            .ok()
            .and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
        let expires = expires.unwrap_or(now);
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        let known = Remembered {
            identity: identity.clone(),
            until: expires.min(now + REMEMBERED_FOR),
        };
        remembered.insert(hash, known);
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Remembered>> {
        self.remembered
            .lock()
            .expect("no code panics while it holds what it remembers")
    }
}

/// What is wrong with a token that is one: its owner has to know.
fn refused(why: &str) -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        format!("the bearer token is not good here: {why}"),
    )
    .hint("get a new one from the issuer, for this host (audience)")
}
