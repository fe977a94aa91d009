//! Outgoing HTTP. The backend's rules decide by name, then by address: a name is looked up once, and the address that was judged is the one
//! that is connected to. The host adds bound secrets, masks them in what comes back, follows no redirect (the guest's next request is judged
//! anew), unpacks nothing, and writes one line per request: never a body, a query or a header.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use crate::policy::http::{HttpAsk, HttpRule, decide};
use crate::policy::secret::{SecretBinding, carried};
use crate::policy::{Grants, Limits, LiveGrants};
use crate::tool::Denial;

use super::denials::Denials;

mod body;
mod mask;
mod outgoing;
mod record;

use body::{Answer, Counted};
use mask::Mask;
pub use outgoing::Outgoing;
use record::Record;

/// Waits longer than this for a connection, a first byte or the next one are errors, whatever the guest asked for.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const READ_MAX: Duration = Duration::from_secs(30);

pub(super) struct Egress {
    grants: LiveGrants,
    outgoing: Outgoing,
    slots: Arc<Semaphore>,
    denials: Arc<Denials>,
    bytes_max: u64,
    time_max: Duration,
    /// At least one request was let out.
    pub(super) used: bool,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

/// A request that a rule allows, on its way.
struct Going {
    ask: HttpAsk,
    rule: HttpRule,
    grants: Arc<Grants>,
    outgoing: Outgoing,
    denials: Arc<Denials>,
    waits: Waits,
    bytes_max: u64,
    record: Record,
}

#[derive(Clone, Copy)]
struct Waits {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
    end: Instant,
}

impl Egress {
    pub(super) fn new(
        grants: &LiveGrants,
        outgoing: &Outgoing,
        limits: &Limits,
        denials: Arc<Denials>,
    ) -> Self {
        Self {
            grants: grants.clone(),
            outgoing: outgoing.clone(),
            slots: Arc::new(Semaphore::new(
                limits.http_requests.min(Semaphore::MAX_PERMITS),
            )),
            denials,
            bytes_max: limits.http_bytes,
            time_max: limits.http,
            used: false,
        }
    }

    fn judge(
        &self,
        request: &http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Going, Denial> {
        let grants = self.grants.now();
        let method = request.method().as_str();
        let ask = HttpAsk::of(method, request.uri()).map_err(|why| Denial {
            what: format!("an outgoing {method} request"),
            why: why.to_owned(),
            allow: None,
        })?;
        let (_, rule) = decide(&grants.http, &ask)?;
        Ok(Going {
            rule: rule.clone(),
            grants,
            outgoing: self.outgoing.clone(),
            denials: self.denials.clone(),
            waits: Waits::of(options.unwrap_or_default(), self.time_max),
            bytes_max: self.bytes_max,
            record: Record::begin(&ask),
            ask,
        })
    }
}

impl WasiHttpHooks for Egress {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let going = match self.judge(&request, options) {
            Ok(going) => going,
            Err(denial) => {
                self.denials.add(denial);
                return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
            }
        };
        self.used = true;
        let slot = self.slots.clone().try_acquire_owned();
        Box::new(async move {
            let Ok(slot) = slot else {
                return Err(Error::ConnectionLimitReached);
            };
            let (response, io) = going.go(request).await?;
            // The slot is held until the connection is done with, not just until the headers are here.
            let io: Io = Box::new(async move {
                let outcome = Box::into_pin(io).await;
                drop(slot);
                outcome
            });
            Ok((response, io))
        })
    }
}

/// What belongs to the connection is the host's business (RFC 9110, 7.6.1), `Proxy-*` included.
fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || matches!(name.as_str(), "expect" | "te" | "trailer")
        || name.as_str().starts_with("proxy-")
}

impl Going {
    async fn go(self, request: http::Request<WasiBody>) -> Sent {
        let Self {
            ask,
            rule,
            grants,
            outgoing,
            denials,
            waits,
            bytes_max,
            mut record,
        } = self;
        let connecting = outgoing.connect(&ask, &rule, &denials);
        let stream = within(waits.connect, connecting)
            .await
            .ok_or(Error::ConnectionTimeout)??;
        let shake = http1::Builder::new().handshake(TokioIo::new(stream));
        let (mut sender, connection) = within(waits.connect, shake)
            .await
            .ok_or(Error::ConnectionTimeout)??;
        let is_bound = carried(&grants.secrets, &ask).next().is_some();
        let request = outbound(request, &ask, &grants.secrets, bytes_max, record.sent())?;
        let connection = async move { connection.await.map_err(Error::from) };
        let mut connection = Box::pin(connection);
        let first_byte = waits.end.min(Instant::now() + waits.first_byte);
        let answer = timeout_at(first_byte, async {
            let sending = sender.send_request(request);
            tokio::pin!(sending);
            let mut is_over = false;
            loop {
                tokio::select! {
                    biased;
                    answer = &mut sending => break answer.map_err(Error::from),
                    // A connection that ends in order may have left an answer.
                    over = &mut connection, if !is_over => { over?; is_over = true; }
                }
            }
            .map(|answer| (answer, is_over))
        });
        let (answer, is_over) = answer.await.map_err(|_| Error::ConnectionReadTimeout)??;
        record.answered(answer.status());
        let (mut head, incoming) = answer.into_parts();
        if is_bound && is_packed(&head.headers) {
            // What is packed cannot be searched for the secret.
            return Err(Error::HttpResponseContentCoding(None));
        }
        let mask = Mask::of(&grants.secrets);
        if let Some(mask) = &mask {
            mask.cover_headers(&mut head.headers);
        }
        let answer = Answer::new(incoming, mask, waits, bytes_max, record);
        let io: Io = Box::new(async move { if is_over { Ok(()) } else { connection.await } });
        let response = http::Response::from_parts(head, answer.boxed_unsync());
        Ok((response, io))
    }
}

/// Whether a body is anything but the bytes that it stands for.
fn is_packed(headers: &HeaderMap) -> bool {
    let others = |name, plain: &'static str| {
        headers.get_all(name).iter().any(move |value| {
            let codings = value.as_bytes().split(|byte| *byte == b',');
            codings
                .map(<[u8]>::trim_ascii)
                .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(plain.as_bytes()))
        })
    };
    others(CONTENT_ENCODING, "identity") || others(TRANSFER_ENCODING, "chunked")
}

/// The request as it goes out: its own path, the bound secrets, and a body that ends at its limit.
fn outbound(
    request: http::Request<WasiBody>,
    ask: &HttpAsk,
    bindings: &[SecretBinding],
    bytes_max: u64,
    sent: Arc<AtomicU64>,
) -> Result<http::Request<Counted<WasiBody>>, Error> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    // What was judged goes out, and not another spelling of it.
    head.method = ask
        .method
        .parse()
        .map_err(|_| Error::HttpRequestMethodInvalid)?;
    let host = ask
        .authority()
        .parse()
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    head.headers.insert(HOST, host);
    for binding in carried(bindings, ask) {
        let value = binding.header_value().ok_or(Error::ConfigurationError)?;
        head.headers.insert(binding.header.clone(), value);
        head.headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let body = Counted::new(body, bytes_max, sent);
    Ok(http::Request::from_parts(head, body))
}

async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    timeout(time, work).await.ok()
}

impl Waits {
    fn of(asked: RequestOptions, time_max: Duration) -> Self {
        let bound =
            |wait: Option<Duration>, most: Duration| wait.map_or(most, |wait| wait.min(most));
        Self {
            connect: bound(asked.connect_timeout, CONNECT_MAX),
            first_byte: bound(asked.first_byte_timeout, READ_MAX),
            between_bytes: bound(asked.between_bytes_timeout, READ_MAX),
            end: Instant::now() + time_max,
        }
    }
}

#[cfg(test)]
mod tests;
