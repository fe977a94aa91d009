//! Outgoing HTTP: only to hosts that were granted by name, only so many requests at once, never a redirect followed here.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::policy::HostPattern;

/// Waits longer than this for a connection, a first byte or the next one are errors, whatever the guest asked for.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const READ_MAX: Duration = Duration::from_secs(30);

pub(super) struct Egress {
    hosts: Arc<[HostPattern]>,
    slots: Arc<Semaphore>,
    /// At least one request was let out.
    pub(super) used: bool,
}

impl Egress {
    pub(super) fn new(hosts: &[HostPattern], requests_max: usize) -> Self {
        Self {
            hosts: hosts.into(),
            slots: Arc::new(Semaphore::new(requests_max)),
            used: false,
        }
    }

    fn allows(&self, uri: &http::Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme() == Some(&Scheme::HTTP) {
                80
            } else {
                443
            });
        self.hosts.iter().any(|pattern| pattern.allows(host, port))
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send> {
        let allowed = self.allows(request.uri());
        self.used |= allowed;
        let slots = self.slots.clone();
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let Ok(slot) = slots.try_acquire_owned() else {
                return Err(Error::ConnectionLimitReached);
            };
            let (response, io) =
                wasmtime_wasi_http::default_send_request(request, Some(bounded(options))).await?;
            // The slot is held until the connection is done with, not just until the headers are here.
            let io: Io = Box::new(async move {
                let outcome = Box::into_pin(Box::new(io) as Io).await;
                drop(slot);
                outcome
            });
            Ok((response.map(http_body_util::BodyExt::boxed_unsync), io))
        })
    }
}

fn bounded(options: Option<RequestOptions>) -> RequestOptions {
    let asked = options.unwrap_or_default();
    let bound =
        |wait: Option<Duration>, most: Duration| Some(wait.map_or(most, |wait| wait.min(most)));
    RequestOptions {
        connect_timeout: bound(asked.connect_timeout, CONNECT_MAX),
        first_byte_timeout: bound(asked.first_byte_timeout, READ_MAX),
        between_bytes_timeout: bound(asked.between_bytes_timeout, READ_MAX),
    }
}
