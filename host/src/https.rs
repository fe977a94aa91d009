//! Asks other servers over HTTP and HTTPS, for the host's own purposes: the keys of an issuer, and the commands that talk to a host. It follows
//! no redirects and uses no proxy. Guests' requests go another way, under their policy.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

pub(crate) struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// For a whole answer.
    patience: Duration,
    /// Of an answer.
    bytes_max: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nobody is there.
    Unreachable,
    Broken(String),
}

impl Https {
    /// Trusts what browsers trust, and the certificates of `ca`.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn new(
        patience: Duration,
        bytes_max: usize,
        ca: Option<&Path>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = ca {
            let text = fs_err::read(path).map_err(|error| error.to_string())?;
            let bad = |why: String| format!("{}: {why}", path.display());
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| bad(error.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            patience,
            bytes_max,
        })
    }

    /// # Errors
    /// Nobody answers, or not whole and in time.
    pub(crate) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        let broken = |why: &dyn std::fmt::Display| NoAnswer::Broken(why.to_string());
        let asked = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| {
                // A server that is there and cannot be trusted is no server that is not there.
                let mut cause = chain(&error);
                if cause.contains("CaUsedAsEndEntity") {
                    cause.push_str(
                        "; the host's certificate is that of an authority: make it with basicConstraints=critical,CA:FALSE",
                    );
                }
                match error.is_connect() && !cause.contains("certificate") {
                    true => NoAnswer::Unreachable,
                    false => NoAnswer::Broken(cause),
                }
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), self.bytes_max).collect();
            let body = body.await.map_err(|error| broken(&error))?;
            Ok((status, body.to_bytes()))
        };
        match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::Broken(format!(
                "there was no answer within {} s",
                self.patience.as_secs()
            ))),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to memory cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

/// A value for a query string.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn values_are_written_so_that_they_cannot_be_misread() {
        assert_eq!(encoded("a=b,c d&é"), "a%3Db%2Cc%20d%26%C3%A9");
        assert_eq!(encoded("A-z_0.~"), "A-z_0.~");
    }
}
