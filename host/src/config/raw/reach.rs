//! What backends may reach beyond the host, as it is written: rules for outgoing HTTP, sockets, secrets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use crate::config::{OutgoingConfig, environment};
use crate::error::Error;
use crate::policy::TcpRule;
use crate::policy::address::Network;
use crate::policy::host::HostPattern;
use crate::policy::http::{HttpRule, PathPattern, RequestPattern, Scheme, method};
use crate::policy::secret::{Secret, SecretBinding};

/// A shorter secret stands in many answers by chance, and masking it would tear them.
const SECRET_BYTES_MIN: usize = 8;
const SECRET_BYTES_MAX: usize = 8 << 10;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawOutgoing {
    /// Certificates (PEM) that are trusted besides those that browsers trust.
    authorities: Vec<PathBuf>,
    /// Addresses of names, which are then not looked up.
    names: BTreeMap<String, Vec<IpAddr>>,
}

impl RawOutgoing {
    pub(in crate::config) fn checked(self, base: &Path) -> Result<OutgoingConfig, String> {
        let mut authorities = Vec::new();
        for path in self.authorities {
            let path = base.join(path);
            let unreadable = |error: &dyn std::fmt::Display| {
                format!("outgoing.authorities: {}: {error}", path.display())
            };
            let bytes = fs_err::read(&path).map_err(|error| unreadable(&error))?;
            let before = authorities.len();
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                authorities.push(certificate.map_err(|error| unreadable(&error))?);
            }
            if authorities.len() == before {
                return Err(unreadable(&"there is no certificate in it"));
            }
        }
        let names = self.names.into_iter().map(|(name, addresses)| {
            let name = crate::policy::host::canonical(&name);
            (name, addresses)
        });
        Ok(OutgoingConfig {
            authorities,
            names: names.collect(),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawHttpRule {
    host: String,
    /// Default: https alone.
    schemes: Option<Vec<String>>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

impl RawHttpRule {
    pub(in crate::config) fn checked(&self) -> Result<HttpRule, String> {
        if self.schemes.as_ref().is_some_and(Vec::is_empty) {
            return Err(
                "schemes is empty: the rule would allow nothing; leave it out for https alone"
                    .to_owned(),
            );
        }
        let Self {
            host,
            schemes,
            methods,
            paths,
            addresses,
        } = self;
        Ok(HttpRule {
            requests: requests(host, schemes.as_deref(), methods, paths)?,
            addresses: all(addresses, Network::parse)?,
        })
    }
}

/// The short form: a host, every method and path of it, by either scheme.
pub(in crate::config) fn whole_host(text: &str) -> Result<HttpRule, String> {
    if text == "*" {
        return Err(
            "http_hosts: \"*\" is not a host; to allow every host, write http = [{ host = \"*\" }]"
                .to_owned(),
        );
    }
    HostPattern::parse(text)
        .map(HttpRule::whole)
        .map_err(in_words)
}

pub(in crate::config) fn tcp_rule(text: &str) -> Result<TcpRule, String> {
    TcpRule::parse(text).map_err(in_words)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawSecret {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl RawSecret {
    /// Reads the value.
    pub(in crate::config) fn checked(self, name: &str, base: &Path) -> Result<Secret, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err("its name is not 1 to 64 of letters, digits, - and _".to_owned());
        }
        let value = match (self.env, self.file) {
            (Some(variable), None) => environment(&variable)
                .ok_or_else(|| format!("the environment variable {variable} is not set"))?,
            (None, Some(path)) => {
                let text = fs_err::read_to_string(base.join(path));
                let text = text.map_err(|error| error.to_string())?;
                text.trim_end_matches(['\n', '\r']).to_owned()
            }
            _ => return Err("give env or file, and only one of them".to_owned()),
        };
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&value.len()) {
            return Err(format!(
                "its value has {} bytes; a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}",
                value.len()
            ));
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("its value has control characters in it".to_owned());
        }
        Ok(Secret::new(name.to_owned(), value))
    }
}

/// Headers that say how a request is carried, and not what it is.
const FRAMING: [http::HeaderName; 8] = [
    http::header::CONNECTION,
    http::header::CONTENT_LENGTH,
    http::header::EXPECT,
    http::header::HOST,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawBinding {
    secret: String,
    host: String,
    /// Default: https alone.
    schemes: Option<Vec<String>>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    /// Default `authorization`.
    header: Option<String>,
    /// The header's value, `{}` for the secret. Default `Bearer {}` in `authorization`, else the secret alone.
    value: Option<String>,
    env: Option<String>,
}

impl RawBinding {
    pub(in crate::config) fn checked(
        self,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<SecretBinding, String> {
        let secret = secrets.get(&self.secret).cloned().ok_or_else(|| {
            format!(
                "there is no secret {:?}; define it under [secrets.{}]",
                self.secret, self.secret
            )
        })?;
        let header = self.header.as_deref().unwrap_or("authorization");
        let header: http::HeaderName = header
            .parse()
            .map_err(|_| format!("{header:?} is not the name of a header"))?;
        if FRAMING.contains(&header) {
            return Err(format!(
                "header {:?} is the connection's own; bind the secret to another one",
                header.as_str()
            ));
        }
        if self
            .env
            .as_ref()
            .is_some_and(|env| env.is_empty() || env.contains(['=', '\0']))
        {
            return Err(format!("env {:?} is not the name of a variable", self.env));
        }
        let value = self.value.unwrap_or_else(|| {
            let is_authorization = header == http::header::AUTHORIZATION;
            if is_authorization { "Bearer {}" } else { "{}" }.to_owned()
        });
        if value.matches("{}").count() != 1 {
            return Err(format!(
                "value {value:?} has to have {{}} in it once, where the secret stands"
            ));
        }
        let binding = SecretBinding {
            secret,
            requests: requests(
                &self.host,
                self.schemes.as_deref(),
                &self.methods,
                &self.paths,
            )?,
            header,
            value,
            env: self.env,
        };
        match binding.header_value() {
            Some(_) => Ok(binding),
            None => Err("the value cannot stand in a header".to_owned()),
        }
    }
}

fn requests(
    host: &str,
    schemes: Option<&[String]>,
    methods: &[String],
    paths: &[String],
) -> Result<RequestPattern, String> {
    Ok(RequestPattern {
        host: HostPattern::parse(host).map_err(in_words)?,
        schemes: match schemes {
            None => vec![Scheme::Https],
            Some([]) => return Err("schemes is empty: nothing would match".to_owned()),
            Some(schemes) => all(schemes, Scheme::parse)?,
        },
        methods: all(methods, method)?,
        paths: all(paths, PathPattern::parse)?,
    })
}

fn all<T>(texts: &[String], read: impl Fn(&str) -> Result<T, Error>) -> Result<Vec<T>, String> {
    texts
        .iter()
        .map(|text| read(text).map_err(in_words))
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it ends a chain of results")]
fn in_words(error: Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}
