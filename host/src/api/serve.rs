//! Accepts connections. A slow client holds one for a bounded time, and so many are open at once, of all and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::auth::site;

use super::bodies::Held;
use super::doorway::Peer;
use super::tls::Certificates;

mod prompt;

use prompt::Prompt;

/// A client has this long to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// And this long to agree on how to encrypt.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// This long it may take nothing of an answer that is more than the network holds.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes and number of the headers of a request.
const HEADER_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 64;
/// Open connections; more wait to be accepted.
const CONNECTIONS_MAX: usize = 10_000;
/// HTTP/2 requests of one connection at once.
const STREAMS_MAX: u32 = 100;
/// Requests that a client of HTTP/2 takes back before they were looked at, and those that it sends wrong; then its connection is closed.
const RESETS_PENDING_MAX: usize = 20;
const RESETS_MAX: usize = 200;
/// A connection of HTTP/2 on which nobody is any more is noticed so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept (no file descriptors), before the next one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Every connection came to its end.
    Drained,
    /// Some were cut.
    Cut,
}

/// What connections are like.
pub struct Bounds {
    /// Of one address at once; more are closed as they come. Default 1,000.
    pub connections_per_address: usize,
    /// None: they are not encrypted.
    pub certificates: Option<Certificates>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_per_address: Self::CONNECTIONS_PER_ADDRESS,
            certificates: None,
        }
    }
}

impl Bounds {
    pub const CONNECTIONS_PER_ADDRESS: usize = 1_000;
}

/// Serves until `stop`, then lets open connections finish for at most `patience`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
    patience: Duration,
) -> Served {
    let builder = Arc::new(builder());
    let certificates = bounds.certificates.map(Arc::new);
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let crowd = Arc::new(Crowd::new(bounds.connections_per_address));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = open.clone().acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok((stream, from)) => (stream, from.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = crowd.enter(from) else {
            continue;
        };
        // Without it, small answers wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let client = Client {
            builder: builder.clone(),
            router: router.clone(),
            watcher: graceful.watcher(),
            from,
        };
        let certificates = certificates.clone();
        connections.spawn(async move {
            match certificates {
                None => client.serve(stream).await,
                Some(certificates) => client.serve_secure(stream, &certificates).await,
            }
            drop((slot, place));
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    match tokio::time::timeout(patience, graceful.shutdown()).await {
        Ok(()) => Served::Drained,
        Err(_) => Served::Cut,
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX.max(64 << 10));
    let header_list = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(header_list)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// One connection.
struct Client {
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    watcher: Watcher,
    from: IpAddr,
}

impl Client {
    async fn serve_secure(self, stream: TcpStream, certificates: &Certificates) {
        let acceptor = TlsAcceptor::from(certificates.current());
        // Whoever does not speak TLS, or not in time, is no event.
        if let Ok(Ok(stream)) =
            tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await
        {
            self.serve(stream).await;
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self {
            builder,
            router,
            watcher,
            from,
        } = self;
        let held = Arc::new(Held::default());
        let stream = Prompt::new(stream, held.clone(), HEADER_TIMEOUT, STALL_TIMEOUT);
        let peer = Peer { from, held };
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.clone().oneshot(request.map(Body::new))
        });
        let stream = TokioIo::new(stream);
        let connection = builder.serve_connection(stream, service).into_owned();
        // A client that breaks off is no event.
        let _ = watcher.watch(connection).await;
    }
}

/// How many connections each address has.
struct Crowd {
    each_max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; it is free again when this is dropped.
struct Place {
    crowd: Arc<Crowd>,
    from: IpAddr,
}

impl Crowd {
    fn new(each_max: usize) -> Self {
        Self {
            each_max,
            counts: Mutex::default(),
        }
    }

    /// None: the address has as many as it may.
    fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = site(from);
        let mut counts = self.counts();
        let count = counts.entry(from).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Place {
            crowd: self.clone(),
            from,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts
            .lock()
            .expect("no code panics while it holds the counts")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}
