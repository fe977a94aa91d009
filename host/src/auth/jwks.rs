//! The public keys of an issuer: a file, or a page that is asked for again when a token names a key that is not among them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::https::{Https, NoAnswer};

/// A page is asked for so often at most, whatever tokens name.
const REFETCH: Duration = Duration::from_secs(60);
/// The page has this long to answer, and this much to say.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 1 << 20;
/// Keys of one issuer.
const KEYS_MAX: usize = 100;

/// Where an issuer's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    File(PathBuf),
    /// `https`, or plain `http` on this machine.
    Page(String),
}

impl JwksSource {
    /// # Errors
    /// In words for the operator: keys that come over an open line are anybody's.
    pub fn page(url: String) -> Result<Self, String> {
        let name = |rest: &str| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let authority = authority.rsplit('@').next().unwrap_or_default();
            match authority.strip_prefix('[') {
                Some(rest) => rest.split(']').next().unwrap_or_default().to_owned(),
                None => authority.split(':').next().unwrap_or_default().to_owned(),
            }
        };
        let is_safe = match url.split_once("://") {
            Some(("https", rest)) => !name(rest).is_empty(),
            Some(("http", rest)) => {
                let name = name(rest);
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            _ => false,
        };
        if is_safe {
            return Ok(Self::Page(url));
        }
        Err(format!(
            "{url:?} is neither https nor on this machine: whoever sits on the line could put keys of their own there"
        ))
    }
}

type Known = HashMap<String, DecodingKey>;

/// An issuer's keys by their ids.
pub(super) struct Jwks {
    source: JwksSource,
    keys: RwLock<Arc<Known>>,
    /// None: never asked for.
    fetched: Mutex<Option<Instant>>,
    /// One asks; the others wait for what it brings.
    fetching: Semaphore,
    client: Option<Https>,
}

impl Jwks {
    /// A file is read now, a page when the first token comes.
    ///
    /// # Errors
    /// In words for the operator.
    pub(super) fn open(source: JwksSource) -> Result<Self, String> {
        let (keys, client) = match &source {
            JwksSource::File(path) => {
                let text = fs_err::read(path).map_err(|error| error.to_string())?;
                let keys = read(&text).map_err(|why| format!("{}: {why}", path.display()))?;
                (keys, None)
            }
            JwksSource::Page(_) => {
                let client = Https::new(FETCH_TIMEOUT, BYTES_MAX, None)?;
                (Known::new(), Some(client))
            }
        };
        Ok(Self {
            source,
            keys: RwLock::new(Arc::new(keys)),
            fetched: Mutex::new(None),
            fetching: Semaphore::new(1),
            client,
        })
    }

    /// The key of this id.
    pub(super) async fn find(&self, id: &str) -> Option<DecodingKey> {
        if let Some(key) = self.known(id) {
            return Some(key);
        }
        let (JwksSource::Page(url), Some(client)) = (&self.source, &self.client) else {
            return None;
        };
        // Who comes while the page is asked for waits for what it says.
        let is_asked_for = self.fetching.available_permits() == 0;
        if !is_asked_for && !self.is_due() {
            return None;
        }
        let _turn = self.fetching.acquire().await.ok()?;
        // Somebody else may have brought it while this one waited for its turn.
        if let Some(key) = self.known(id) {
            return Some(key);
        }
        if !self.is_due() {
            return None;
        }
        *self.fetched() = Some(Instant::now());
        match fetch(client, url).await {
            Ok(keys) => {
                tracing::info!(url, keys = keys.len(), "the issuer's keys were fetched");
                *self
                    .keys
                    .write()
                    .expect("no code panics while it holds the keys") = Arc::new(keys);
            }
            Err(why) => tracing::error!(url, why, "the issuer's keys cannot be fetched"),
        }
        self.known(id)
    }

    fn known(&self, id: &str) -> Option<DecodingKey> {
        let keys = self
            .keys
            .read()
            .expect("no code panics while it holds the keys");
        keys.get(id).cloned()
    }

    fn is_due(&self) -> bool {
        self.fetched().is_none_or(|at| at.elapsed() >= REFETCH)
    }

    fn fetched(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.fetched
            .lock()
            .expect("no code panics while it holds the time")
    }
}

/// Redirects are not followed: the operator has named the page.
async fn fetch(client: &Https, url: &str) -> Result<Known, String> {
    let request = Request::get(url).body(Full::<Bytes>::default());
    let request = request.map_err(|error| error.to_string())?;
    match client.ask(request).await {
        Ok((status, text)) if status.is_success() => read(&text),
        Ok((status, _)) => Err(format!("the page answers {status}")),
        Err(NoAnswer::Unreachable) => Err("nobody answers there".to_owned()),
        Err(NoAnswer::Broken(why)) => Err(why),
    }
}

/// The keys that can verify what is allowed at all. Others stand beside them in many sets, and are passed over.
fn read(text: &[u8]) -> Result<Known, String> {
    let set: JwkSet =
        serde_json::from_slice(text).map_err(|error| format!("no set of keys: {error}"))?;
    if set.keys.len() > KEYS_MAX {
        return Err(format!("{} keys; at most {KEYS_MAX}", set.keys.len()));
    }
    let known: Known = set
        .keys
        .iter()
        .filter_map(|jwk| Some((jwk.common.key_id.clone()?, verifying(jwk)?)))
        .collect();
    if known.is_empty() {
        return Err("no key in it has an id (kid) and can verify ES256, EdDSA or RS256".to_owned());
    }
    Ok(known)
}

fn verifying(jwk: &Jwk) -> Option<DecodingKey> {
    let signs = !matches!(
        jwk.common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    );
    let verifies = jwk
        .common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !(signs && verifies) {
        return None;
    }
    DecodingKey::from_jwk(jwk)
        .ok()
        // A secret that is on a page is none.
        .filter(|key| key.family() != AlgorithmFamily::Hmac)
}

#[cfg(test)]
mod tests {
    use super::JwksSource;

    #[test]
    fn keys_come_over_a_safe_line_or_not_at_all() {
        for good in [
            "https://id.example.com/keys",
            "http://127.0.0.1:9/keys",
            "http://localhost/keys",
            "http://[::1]:80/keys",
        ] {
            assert!(JwksSource::page(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.com/keys",
            "http://127.0.0.1@evil.example/keys",
            "http://localhost.evil.example/",
            "ftp://127.0.0.1/keys",
            "https:///keys",
            "keys.json",
        ] {
            assert!(JwksSource::page(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
