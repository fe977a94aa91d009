//! The host's own TLS: what is spoken, and certificates that change while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostel_host::api::TlsFiles;
use hostel_tests::{Guest, TestServer};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A pair of files that changes.
struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    fn new() -> (Self, CertificateDer<'static>) {
        let pair = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let certificate = pair.renew();
        (pair, certificate)
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            cert: self.cert(),
            key: self.folder.path().join("key.pem"),
        }
    }

    fn renew(&self) -> CertificateDer<'static> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        fs_err::write(self.cert(), made.cert.pem()).unwrap();
        fs_err::write(self.files().key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }
}

async fn connect(
    server: &TestServer,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn healthy(stream: &mut TlsStream<TcpStream>) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    answer[..length].starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_it_and_nothing_else() {
    let (pair, certificate) = Pair::new();
    let server = TestServer::serve(|config| config.tls = Some(pair.files())).await;
    for (wanted, spoken) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let stream = connect(&server, &certificate, wanted).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(spoken.as_bytes()));
    }
    assert!(connect(&server, &certificate, &["spdy"]).await.is_err());
    let mut stream = connect(&server, &certificate, &["http/1.1"]).await.unwrap();
    assert!(healthy(&mut stream).await);
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "no plain HTTP at this door");
}

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_a_broken_one_changes_nothing() {
    let (pair, first) = Pair::new();
    let server = TestServer::serve(|config| config.tls = Some(pair.files())).await;
    let mut before = connect(&server, &first, &["http/1.1"]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let second = pair.renew();
    assert!(connect(&server, &second, &["http/1.1"]).await.is_ok());
    assert!(connect(&server, &first, &["http/1.1"]).await.is_err());
    assert!(healthy(&mut before).await, "what was open goes on");
    let broken: [fn(&Path); 3] = [
        |cert| fs_err::write(cert, "no certificate").unwrap(),
        |cert| fs_err::remove_file(cert).unwrap(),
        |cert| {
            // A certificate of another key.
            let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            fs_err::write(cert, other.cert.pem()).unwrap();
        },
    ];
    for break_it in broken {
        break_it(&pair.cert());
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        let mut stream = connect(&server, &second, &["http/1.1"]).await.unwrap();
        assert!(healthy(&mut stream).await);
    }
}

#[tokio::test]
async fn a_host_does_not_start_with_a_broken_pair() {
    let (pair, _) = Pair::new();
    fs_err::write(pair.files().key, "no key").unwrap();
    let refused = hostel_host::api::Certificates::open(pair.files());
    let said = refused.err().unwrap();
    assert!(said.contains("key.pem"), "{said}");
}

#[tokio::test]
async fn the_commands_speak_it_to_a_host_that_they_are_told_to_trust() {
    let (pair, _) = Pair::new();
    let lab = Guest::lab();
    let guests = [("lab", &lab)];
    let server = TestServer::start_with(&guests, |config| config.tls = Some(pair.files()));
    let server = server.await;
    let home = pair.folder.path().to_owned();
    let url = format!("https://localhost:{}", server.address.port());
    let cert = pair.cert().display().to_string();
    let arguments = move |trust: bool| {
        let mut arguments = vec!["tools".to_owned(), "--server".to_owned(), url.clone()];
        if trust {
            arguments.extend(["--ca".to_owned(), cert.clone()]);
        }
        arguments
    };
    for (trust, status) in [(true, Some(0)), (false, Some(1))] {
        let (home, arguments) = (home.clone(), arguments(trust));
        let said = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            crate::cli::run(&home, &arguments)
        });
        let said = said.await.unwrap();
        assert_eq!(said.status, status, "{}", said.complaint);
        assert_eq!(
            said.complaint.contains("certificate"),
            !trust,
            "{}",
            said.complaint
        );
    }
}
