//! The host's own TLS: its certificate and key, which are read again when the files change. Connections that are open go on with the old ones.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

/// How often it is looked whether the files are others.
const LOOK: Duration = Duration::from_secs(1);

/// A chain of certificates and the key of the first, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// What new connections are greeted with.
pub struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Instant,
    stamps: [Option<Stamp>; 2],
}

/// Inode, length and time of change.
type Stamp = (u64, u64, i64, i64);

impl Certificates {
    /// # Errors
    /// In words for the operator.
    pub fn open(files: TlsFiles) -> Result<Self, String> {
        let stamps = files.stamps();
        let current = files.read()?;
        Ok(Self {
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(Seen {
                at: Instant::now(),
                stamps,
            }),
            files,
        })
    }

    /// For a connection that begins now. A pair of files that cannot be used changes nothing.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        if self.files_have_changed() {
            match self.files.read() {
                Ok(new) => {
                    tracing::info!(cert = %self.files.cert.display(), "the certificate was read again");
                    *self
                        .current
                        .write()
                        .expect("no code panics while it holds the certificate") = Arc::new(new);
                }
                Err(why) => tracing::error!("{why}; until then the certificate before it is used"),
            }
        }
        self.current
            .read()
            .expect("no code panics while it holds the certificate")
            .clone()
    }

    fn files_have_changed(&self) -> bool {
        let mut seen = self
            .seen
            .lock()
            .expect("no code panics while it holds the stamps");
        if seen.at.elapsed() < LOOK {
            return false;
        }
        seen.at = Instant::now();
        let stamps = self.files.stamps();
        let changed = stamps != seen.stamps;
        seen.stamps = stamps;
        changed
    }
}

impl TlsFiles {
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.cert, &self.key].map(|path| {
            let metadata = fs_err::metadata(path).ok()?;
            Some((
                metadata.ino(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            ))
        })
    }

    fn read(&self) -> Result<ServerConfig, String> {
        let bad =
            |path: &Path, why: String| format!("cannot use {} for TLS: {why}", path.display());
        let text = |path: &Path| fs_err::read(path).map_err(|error| error.to_string());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text(&self.cert)?).collect();
        let chain: Vec<CertificateDer<'static>> =
            chain.map_err(|error| bad(&self.cert, error.to_string()))?;
        if chain.is_empty() {
            return Err(bad(&self.cert, "there is no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&text(&self.key)?)
            .map_err(|error| bad(&self.key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| bad(&self.cert, error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
