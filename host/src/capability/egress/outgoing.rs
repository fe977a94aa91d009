//! How guests' requests reach other hosts: names are looked up once, and the address that was judged is connected to.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use crate::capability::denials::Denials;
use crate::policy::http::{HttpAsk, HttpRule, Scheme};

/// A connection to another host, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
type Lookup = dyn Fn(String) -> Addresses + Send + Sync;

/// Shared by all guests of a host.
#[derive(Clone)]
pub struct Outgoing(Arc<Ways>);

struct Ways {
    tls: TlsConnector,
    /// Names that are not looked up.
    known: BTreeMap<String, Vec<IpAddr>>,
    lookup: Box<Lookup>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("known", &self.0.known)
            .finish_non_exhaustive()
    }
}

impl Default for Outgoing {
    /// Trusts the authorities that browsers trust, and asks the system's resolver for every name.
    fn default() -> Self {
        Self::new(Vec::new(), BTreeMap::new())
    }
}

impl Outgoing {
    /// Trusts these authorities, too, and has these names' addresses from here.
    pub fn new(
        authorities: Vec<CertificateDer<'static>>,
        known: BTreeMap<String, Vec<IpAddr>>,
    ) -> Self {
        Self::with(authorities, known, Box::new(|name| Box::pin(system(name))))
    }

    pub(super) fn with(
        authorities: Vec<CertificateDer<'static>>,
        known: BTreeMap<String, Vec<IpAddr>>,
        lookup: Box<Lookup>,
    ) -> Self {
        let mut roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        roots.add_parsable_certificates(authorities);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for every version that is safe")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(Ways {
            tls: TlsConnector::from(Arc::new(config)),
            known,
            lookup,
        }))
    }

    /// Connects to an address that the rule admits.
    pub(super) async fn connect(
        &self,
        ask: &HttpAsk,
        rule: &HttpRule,
        denials: &Denials,
    ) -> Result<Box<dyn Stream>, Error> {
        let found = self.addresses(&ask.host).await?;
        let admitted = rule.admitted(ask, &found).map_err(|denial| {
            denials.add(denial);
            Error::DestinationIpProhibited
        })?;
        let admitted = admitted.into_iter();
        let admitted: Vec<SocketAddr> = admitted
            .map(|address| SocketAddr::new(address, ask.port))
            .collect();
        let stream = TcpStream::connect(&*admitted).await;
        let stream = stream.map_err(Error::Connect)?;
        // Without it, small requests wait for the other side's acknowledgement.
        let _ = stream.set_nodelay(true);
        if ask.scheme == Scheme::Http {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(ask.host.clone())?;
        let stream = self.0.tls.connect(name, stream).await.map_err(Error::Tls)?;
        Ok(Box::new(stream))
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let found = match self.0.known.get(host) {
            Some(addresses) => Ok(addresses.clone()),
            None => (self.0.lookup)(host.to_owned()).await,
        };
        match found {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(Error::DestinationNotFound),
            Err(error) => Err(Error::DnsError {
                rcode: Some(error.to_string()),
                info_code: None,
            }),
        }
    }
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}
