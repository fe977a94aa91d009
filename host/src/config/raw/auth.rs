//! `[auth]` and what `[server]` says of names and encryption, as they are written.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::api::TlsFiles;
use crate::auth::{Algorithm, JwksSource, JwtSettings};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawAuth {
    pub(in crate::config) required: bool,
    jwt: Option<RawJwt>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJwt {
    issuer: String,
    audience: String,
    jwks_file: Option<PathBuf>,
    jwks_url: Option<String>,
    algorithms: Option<Vec<String>>,
    worker_claim: Option<String>,
    scope_claim: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawTls {
    cert: PathBuf,
    key: PathBuf,
}

impl RawAuth {
    pub(in crate::config) fn jwt(self, base: &Path) -> Result<Option<JwtSettings>, String> {
        let jwt = self.jwt.map(|jwt| jwt.checked(base)).transpose();
        jwt.map_err(|error| format!("auth.jwt: {error}"))
    }
}

impl RawJwt {
    fn checked(self, base: &Path) -> Result<JwtSettings, String> {
        let keys = match (self.jwks_file, self.jwks_url) {
            (Some(file), None) => JwksSource::File(base.join(file)),
            (None, Some(url)) => JwksSource::page(url)?,
            _ => {
                return Err(
                    "say where the issuer's keys are: jwks_file or jwks_url, and one of them"
                        .to_owned(),
                );
            }
        };
        let algorithms = match self.algorithms {
            None => Algorithm::ALL.to_vec(),
            Some(names) => names
                .iter()
                .map(|name| algorithm(name))
                .collect::<Result<_, _>>()?,
        };
        for (name, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if text.is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        if algorithms.is_empty() {
            return Err("algorithms: with none of them, no token is good".to_owned());
        }
        Ok(JwtSettings {
            issuer: self.issuer,
            audience: self.audience,
            keys,
            algorithms,
            worker_claim: self.worker_claim.unwrap_or_else(|| "sub".to_owned()),
            scope_claim: self.scope_claim.unwrap_or_else(|| "scope".to_owned()),
        })
    }
}

impl RawTls {
    pub(in crate::config) fn files(self, base: &Path) -> TlsFiles {
        TlsFiles {
            cert: base.join(self.cert),
            key: base.join(self.key),
        }
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    let known = Algorithm::ALL
        .into_iter()
        .find(|known| known.as_str() == name);
    known.ok_or_else(|| format!("algorithms: {name:?} is none of ES256, EdDSA, RS256"))
}
