//! `/mcp`: reads the message, hands it to the SDK's transport, and sees to it that every refusal is one of JSON-RPC. Older revisions have
//! sessions of the protocol, which are the SDK's; 2026-07-28 has none.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body as ResponseBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full};
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonRpcError, NumberOrString};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::access::Credential;
use crate::api::Api;
use crate::api::answer::json_answer;
use crate::api::challenge;
use crate::api::doorway::Visitor;
use crate::api::http::body::collect;
use crate::api::http::problem::{Refused, status};
use crate::error::{Error, ErrorCode as Code, Result};
use crate::host::{Caller, Host};
use crate::ids::WorkerId;

use super::desk::Desk;
use super::plain;
use super::server::Server;

/// Where the door is.
pub(in crate::api) const PATH: &str = "/mcp";
/// The header by which a client of an older revision says its session.
const SESSION_HEADER: &str = "mcp-session-id";
/// Sessions of the protocol at once, and how long one that nobody uses is kept.
const SESSIONS_MAX: usize = 1000;
const SESSION_IDLE: Duration = Duration::from_secs(3600);
/// When somebody may have ended one.
const SESSIONS_RETRY: Duration = Duration::from_secs(60);
/// What older clients know as "no such session".
const SESSION_NOT_FOUND: ErrorCode = ErrorCode(-32001);

struct Door {
    desk: Arc<Desk>,
    /// Cancelled when the doors close.
    closing: CancellationToken,
    /// Ends what the SDK runs when the door is gone.
    _end: DropGuard,
    service: StreamableHttpService<Server, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
    /// Who began each session of the protocol, where callers show who they are. Nobody else may use it.
    owners: Mutex<HashMap<String, (WorkerId, Credential)>>,
}

impl Door {
    /// Streams of notices end when `closing` is cancelled; every other one comes to its own end before.
    fn new(host: Arc<Host>, body_bytes_max: usize, closing: CancellationToken) -> Self {
        let desk = Arc::new(Desk::new(host));
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(SESSION_IDLE);
        let sessions = Arc::new(manager);
        let end = CancellationToken::new();
        // The doorway has checked `Host` and `Origin` by then.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_json_response(true)
            .with_max_request_body_bytes(body_bytes_max)
            .with_cancellation_token(end.clone());
        let served = desk.clone();
        let service = StreamableHttpService::new(
            move || Ok(Server::new(served.clone(), None)),
            sessions.clone(),
            config,
        );
        Self {
            desk,
            closing,
            _end: end.drop_guard(),
            service,
            sessions,
            owners: Mutex::default(),
        }
    }

    /// A session of the protocol that somebody else began is not there.
    fn check_owner(&self, headers: &HeaderMap, caller: &Caller) -> Result<()> {
        let Some(id) = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok()) else {
            return Ok(());
        };
        match self.owners().get(id) {
            Some((worker, credential))
                if *worker != caller.worker || *credential != caller.credential =>
            {
                Err(Error::new(
                    Code::SessionNotFound,
                    "there is no such session of the protocol",
                )
                .hint("begin one with initialize"))
            }
            _ => Ok(()),
        }
    }

    /// Remembers who began a session of the protocol.
    async fn note_owner(&self, id: String, caller: Caller) {
        if caller.credential == Credential::Nobody {
            return;
        }
        let is_full = self.owners().len() >= 2 * SESSIONS_MAX;
        if is_full {
            let open = self.sessions.sessions.read().await;
            let open: HashSet<String> = open.keys().map(ToString::to_string).collect();
            self.owners().retain(|id, _| open.contains(id));
        }
        let owner = (caller.worker, caller.credential);
        self.owners().insert(id, owner);
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<String, (WorkerId, Credential)>> {
        self.owners
            .lock()
            .expect("no code panics while it holds the owners")
    }

    /// Whether the caller may begin no more: nobody has more of them than are free.
    async fn is_full(&self, caller: &Caller) -> bool {
        let open = self.sessions.sessions.read().await;
        let free = SESSIONS_MAX.saturating_sub(open.len());
        let owners = self.owners();
        let own = owners
            .iter()
            .filter(|(id, owner)| owner.0 == caller.worker && open.contains_key(id.as_str()));
        free == 0 || own.count() > free
    }
}

/// `/mcp`, which is no part of the HTTP API: its requests are messages.
pub(in crate::api) fn routes(api: &Api) -> Router<Arc<Api>> {
    let door = Door::new(api.host.clone(), api.body_bytes_max, api.closing.clone());
    Router::new().route(PATH, any(answer).layer(Extension(Arc::new(door))))
}

/// What is looked at before the SDK reads the message.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
}

async fn answer(
    State(api): State<Arc<Api>>,
    Extension(door): Extension<Arc<Door>>,
    visitor: std::result::Result<Visitor, Refused>,
    mut request: Request,
) -> Response {
    let visitor = match visitor {
        Ok(visitor) => visitor,
        Err(Refused(error, _)) => return turned_away(&error),
    };
    // A token is checked even by what it does not matter to: a client learns of a wrong one at once.
    let caller = match visitor.caller(&door.desk.host, None) {
        Ok(caller) => caller,
        Err(error) => return turned_away(&error),
    };
    if let Err(error) = door.check_owner(request.headers(), &caller) {
        return turned_away(&error);
    }
    if request.method() != Method::POST {
        let ends = request.method() == Method::DELETE;
        request.extensions_mut().insert(visitor);
        let mut response = hand_over(&door, request.map(|_| Full::default()), None).await;
        // The session is over when this answers, and clients look at the status.
        if ends && response.status() == StatusCode::ACCEPTED {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        return until(response, door.closing.clone());
    }
    let (mut parts, body) = request.into_parts();
    let body = match collect(&parts, body, &api, api.body_bytes_max).await {
        Ok(body) => body,
        Err(error) => return turned_away(&error),
    };
    // Who may not do everything is told so by the status, so that its client can ask its issuer for more (MCP, authorization).
    if caller.scopes.is_limited()
        && let Err((id, error)) = door.desk.check_scope(&caller, &body)
    {
        return sent_back(&error, id);
    }
    if let Some(call) = plain::PlainCall::read(&parts.headers, &body) {
        return call.run(&door.desk, &caller, &visitor.request_id).await;
    }
    let envelope: Envelope<'_> = match serde_json::from_slice(&body) {
        Ok(envelope) => envelope,
        Err(error) => return unreadable(&body, &error),
    };
    let id = envelope
        .id
        .and_then(|id| serde_json::from_str(id.get()).ok());
    let begins = envelope.method.as_deref() == Some("initialize");
    if begins && !parts.headers.contains_key(SESSION_HEADER) && door.is_full(&caller).await {
        let message =
            "too many sessions of the protocol are open; end some with DELETE, or try again later";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut refused = refusal(status, id, ErrorCode::INTERNAL_ERROR, message);
        let wait = HeaderValue::from(SESSIONS_RETRY.as_secs());
        refused.headers_mut().insert(header::RETRY_AFTER, wait);
        return refused;
    }
    parts.extensions.insert(visitor);
    let response = hand_over(&door, http::Request::from_parts(parts, Full::new(body)), id).await;
    let began = response.headers().get(SESSION_HEADER).filter(|_| begins);
    if let Some(id) = began.and_then(|id| id.to_str().ok()).map(str::to_owned) {
        door.note_owner(id, caller).await;
    }
    response
}

/// A stream that would never end by itself.
fn until(response: Response, closing: CancellationToken) -> Response {
    response.map(|body| {
        let stream = body
            .into_data_stream()
            .take_until(closing.cancelled_owned());
        ResponseBody::from_stream(stream)
    })
}

async fn hand_over(
    door: &Door,
    request: http::Request<Full<Bytes>>,
    id: Option<NumberOrString>,
) -> Response {
    let response = Box::pin(door.service.handle(request)).await;
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !(status.is_client_error() || status.is_server_error()) || is_json {
        return response.map(ResponseBody::new);
    }
    let (parts, body) = response.into_parts();
    let text = match body.collect().await {
        Ok(text) => text.to_bytes(),
        Err(never) => match never {},
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let (status, code) = match status {
        // JSON, but no message: the media type is right.
        StatusCode::UNSUPPORTED_MEDIA_TYPE if text.starts_with("fail to deserialize") => {
            (StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST)
        }
        StatusCode::NOT_FOUND => (status, SESSION_NOT_FOUND),
        _ if status.is_server_error() => (status, ErrorCode::INTERNAL_ERROR),
        _ => (status, ErrorCode::INVALID_REQUEST),
    };
    let mut refused = refusal(status, id, code, &text);
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        refused.headers_mut().insert(header::ALLOW, allow.clone());
    }
    refused
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> Response {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let (code, message) = match (is_json, body.trim_ascii_start().first()) {
        (false, _) => (
            ErrorCode::PARSE_ERROR,
            format!("the body is not JSON: {error}"),
        ),
        (true, Some(b'[')) => (
            ErrorCode::INVALID_REQUEST,
            "the body is a batch; send one message at a time".to_owned(),
        ),
        (true, _) => (
            ErrorCode::INVALID_REQUEST,
            format!("the body is no message of JSON-RPC: {error}"),
        ),
    };
    refusal(StatusCode::BAD_REQUEST, None, code, &message)
}

/// Who cannot be let in, in the words that the other doors have for it.
pub(in crate::api) fn turned_away(error: &Error) -> Response {
    sent_back(error, None)
}

fn sent_back(error: &Error, id: Option<NumberOrString>) -> Response {
    let hint = error.hint_text().map(|hint| format!("; {hint}"));
    let message = format!("{}{}", error.message(), hint.unwrap_or_default());
    let status = status(error.code());
    let mut response = refusal(status, id, ErrorCode::INVALID_REQUEST, &message);
    if let Some(wait) = error.wait() {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    challenge::mark(&mut response, error);
    response
}

fn refusal(
    status: StatusCode,
    id: Option<NumberOrString>,
    code: ErrorCode,
    message: &str,
) -> Response {
    let error = JsonRpcError::new(id, ErrorData::new(code, message.to_owned(), None));
    let body = serde_json::to_vec(&error).unwrap_or_default();
    json_answer(status, body)
}
