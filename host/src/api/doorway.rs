//! What every request passes first: its id, in and out; the check of `Host` and `Origin`; who calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::auth::site;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{Admitted, Caller, Host};
use crate::ids::{RequestId, Token};

use super::bodies::{Held, Outgoing};
use super::challenge::Challenge;
use super::http::problem::{Refused, problem};
use super::{Api, addresses, agentflow, mcp, metadata};

mod audited;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const WORKER_ID: HeaderName = HeaderName::from_static("x-worker-id");

/// Paths that answer everybody. All others ask for a credential where the host asks for one, also those that will be added.
pub(super) const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// The connection that a request came over. Not there for those that came over none.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) from: IpAddr,
    /// What of answers its client has not taken.
    pub(super) held: Arc<Held>,
}

/// Who the doorway has found to be calling.
#[derive(Clone)]
enum Bearer {
    Admitted(Admitted),
    /// A session's, where nothing is asked for: looked at by whom it concerns.
    Token(String),
}

/// Gives the request its id (the caller's own, if it sent one) and puts it on the answer, whatever the answer is.
pub(super) async fn pass(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let sent = parts
        .headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .and_then(RequestId::from_caller);
    let id = sent.unwrap_or_else(RequestId::next);
    let page = api.addresses.listed(&parts.headers);
    let line = audited::Line::of(&api, &parts.method, &parts.uri);
    let answer = answer(&api, parts, body, &id, page.is_some(), next);
    let mut response = match line {
        None => answer.await,
        Some(line) => line.around(&id, answer).await,
    };
    if let Some(page) = page {
        addresses::expose(&mut response, page);
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Answers whoever knows the host by a right name and is let in.
async fn answer(
    api: &Api,
    mut parts: Parts,
    body: Body,
    id: &RequestId,
    of_page: bool,
    next: Next,
) -> Response {
    if let Err(error) = api.addresses.check(&parts.uri, &parts.headers) {
        return problem(&error, id);
    }
    if of_page && let Some(preflight) = addresses::preflight(&parts) {
        return preflight;
    }
    let challenge = Challenge::of(&parts);
    let mut response = match let_in(api, &mut parts).await {
        Err(error) => refusal(parts.uri.path(), &error, id),
        Ok(()) => {
            parts.extensions.insert(id.clone());
            let lane = lane(api, &parts);
            let held = parts.extensions.get::<Peer>().map(|peer| peer.held.clone());
            let response = next.run(Request::from_parts(parts, body)).await;
            let held = held.unwrap_or_default();
            response.map(|body| Outgoing::of(body, &api.bodies, lane, &held))
        }
    };
    challenge.complete(api, &mut response);
    response
}

/// Finds out who calls, once and for every door, waits for its turn, and turns away who leaves too much unread.
async fn let_in(api: &Api, parts: &mut Parts) -> Result<()> {
    let path = parts.uri.path();
    if OPEN.contains(&path) || path.starts_with(metadata::PATH) {
        return Ok(());
    }
    identify(api, parts).await?;
    api.bodies.check(lane(api, parts))
}

async fn identify(api: &Api, parts: &mut Parts) -> Result<()> {
    let from = parts.extensions.get::<Peer>().map(|peer| peer.from);
    if parts.headers.get_all(&header::AUTHORIZATION).iter().count() > 1 {
        let message = "the request has two Authorization headers";
        return Err(Error::new(ErrorCode::InvalidRequest, message)
            .hint("send one: a proxy on the way may have added its own"));
    }
    let bearer = match parts.headers.get(&header::AUTHORIZATION) {
        None if !api.host.asks_for_credentials() => return Ok(()),
        None => return api.host.admit(None, from).await.map(drop),
        Some(value) => bearer(value)?,
    };
    let found = if bearer.starts_with(Token::PREFIX) && !api.host.asks_for_credentials() {
        Bearer::Token(bearer.to_owned())
    } else {
        Bearer::Admitted(api.host.admit(Some(bearer), from).await?)
    };
    if let Bearer::Admitted(admitted) = &found
        && let Some(worker) = admitted.worker()
    {
        if api.host.audit().is_on()
            && let Ok(caller) = admitted.caller(None, None)
        {
            caller.asks();
        }
        api.host.turn(worker).await;
    }
    parts.extensions.insert(found);
    Ok(())
}

fn bearer(value: &HeaderValue) -> Result<&str> {
    let words = value.to_str().ok().and_then(|text| text.split_once(' '));
    match words {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::new(
            ErrorCode::Unauthenticated,
            "the Authorization header holds no token of this host",
        )
        .hint("send `Authorization: Bearer …` with an API key or a session's token (hst_...), or no such header")),
    }
}

/// Stands for who sends a request, as far as it is known before its body is read: the worker of a credential, or an address.
pub(super) fn lane(api: &Api, parts: &Parts) -> u64 {
    let worker = match parts.extensions.get::<Bearer>() {
        Some(Bearer::Admitted(admitted)) => admitted.worker(),
        Some(Bearer::Token(_)) | None => None,
    };
    let from = parts.extensions.get::<Peer>().map(|peer| site(peer.from));
    api.bodies.lane((worker, from.filter(|_| worker.is_none())))
}

/// In the words of the door that was knocked at.
fn refusal(path: &str, error: &Error, id: &RequestId) -> Response {
    if path == mcp::PATH {
        mcp::turned_away(error)
    } else if agentflow::is_its(path) {
        agentflow::refused(error, None, id)
    } else {
        problem(error, id)
    }
}

/// The request's id and the caller's own words on who it is.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) request_id: RequestId,
    worker: Option<String>,
    bearer: Bearer,
}

impl Visitor {
    /// Who calls. `worker_id` is what the body says, where there is one.
    ///
    /// # Errors
    /// `unauthenticated` for a token that opens nothing; `conflict` when header and body name two workers; `forbidden` when a credential is
    /// another worker's.
    pub(super) fn caller(&self, host: &Host, worker_id: Option<&str>) -> Result<Caller> {
        match &self.bearer {
            Bearer::Token(token) => host.caller_by_token(token),
            Bearer::Admitted(admitted) => admitted.caller(self.worker.as_deref(), worker_id),
        }
    }

    /// The same, for who answers with a problem.
    pub(super) fn known(&self, host: &Host) -> std::result::Result<Caller, Refused> {
        self.caller(host, None)
            .map_err(|error| Refused(error, self.request_id.clone()))
    }

    /// For what concerns the whole host.
    ///
    /// # Errors
    /// `forbidden`, `unauthenticated`.
    pub(super) fn operator(&self, host: &Host) -> std::result::Result<Caller, Refused> {
        let caller = self.known(host)?;
        match caller.may_administer() {
            Ok(()) => {
                caller.asks();
                Ok(caller)
            }
            Err(error) => Err(Refused(error, self.request_id.clone())),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &Arc<Api>,
    ) -> std::result::Result<Self, Refused> {
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .cloned()
            .unwrap_or_else(RequestId::next);
        let worker = parts.headers.get(&WORKER_ID).map(HeaderValue::to_str);
        let Ok(worker) = worker.transpose() else {
            let message = "X-Worker-ID is not visible ASCII";
            let error = Error::new(ErrorCode::InvalidRequest, message);
            return Err(Refused(
                error.hint("send other names in the body, as worker_id"),
                request_id,
            ));
        };
        let bearer = parts.extensions.get::<Bearer>().cloned();
        Ok(Self {
            request_id,
            worker: worker.map(str::to_owned),
            bearer: bearer.unwrap_or(Bearer::Admitted(Admitted::Anybody)),
        })
    }
}
