//! What every request passes first: its id, in and out; the check of `Host` and `Origin`; who calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::error::{Error, ErrorCode, Result};
use crate::host::{Caller, Host};
use crate::ids::{RequestId, Token, WorkerId};

use super::Api;
use super::http::problem::{Refused, problem};

mod audited;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const WORKER_ID: HeaderName = HeaderName::from_static("x-worker-id");

/// Gives the request its id (the caller's own, if it sent one) and puts it on the answer, whatever the answer is.
pub(super) async fn pass(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Response {
    let sent = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .and_then(RequestId::from_caller);
    let id = sent.unwrap_or_else(RequestId::next);
    let line = audited::Line::of(&api, request.method(), request.uri());
    let work = async {
        match check_names(&api, request.headers()) {
            Ok(()) => {
                request.extensions_mut().insert(id.clone());
                next.run(request).await
            }
            Err(error) => problem(&error, &id),
        }
    };
    let mut response = match line {
        None => work.await,
        Some(line) => line.around(&id, work).await,
    };
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A browser sends `Origin` with what a page asks for, and a rebound name in `Host`. Neither is a client of ours (MCP 2026-07-28, transports, security).
fn check_names(api: &Api, headers: &HeaderMap) -> Result<()> {
    if !api.loopback_only {
        return Ok(());
    }
    let text = |name: HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some(host) = text(header::HOST).filter(|host| !is_loopback(host)) {
        return Err(Error::new(
            ErrorCode::Forbidden,
            format!("the host does not answer to the name {host:?}"),
        )
        .hint("call it as 127.0.0.1 or localhost"));
    }
    if let Some(origin) = text(header::ORIGIN).filter(|origin| {
        !origin
            .split_once("://")
            .is_some_and(|(_, rest)| is_loopback(rest))
    }) {
        return Err(Error::new(
            ErrorCode::Forbidden,
            format!("pages of {origin:?} may not call this host"),
        ));
    }
    Ok(())
}

fn is_loopback(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The request's id and the caller's own words on who it is.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) request_id: RequestId,
    worker: Option<String>,
    token: Option<String>,
}

impl Visitor {
    /// Who calls. `worker_id` is what the body says, where there is one.
    ///
    /// # Errors
    /// `unauthenticated` for a token that opens nothing; `conflict` when header and body name two workers.
    pub(super) fn caller(&self, host: &Host, worker_id: Option<&str>) -> Result<Caller> {
        if let Some(token) = &self.token {
            return host.caller_by_token(token);
        }
        let worker = match (self.worker.as_deref(), worker_id) {
            (Some(header), Some(body)) if header != body => {
                let message = format!("X-Worker-ID says {header:?} and worker_id says {body:?}");
                return Err(Error::new(ErrorCode::Conflict, message).hint("name the worker once"));
            }
            (Some(worker), _) | (None, Some(worker)) => WorkerId::parse(worker)?,
            (None, None) => WorkerId::default(),
        };
        Ok(Caller { worker, only: None })
    }
}

impl Visitor {
    /// For what concerns all sessions: a session's token does not reach that far.
    ///
    /// # Errors
    /// `forbidden`, `unauthenticated`.
    pub(super) fn operator(&self, host: &Host) -> std::result::Result<(), Refused> {
        let refusal = match self.caller(host, None) {
            Ok(caller) if caller.only.is_none() => {
                caller.asks();
                return Ok(());
            }
            Ok(_) => Error::new(
                ErrorCode::Forbidden,
                "a session's token allows calls on that session alone",
            )
            .hint("call without the token"),
            Err(error) => error,
        };
        Err(Refused(refusal, self.request_id.clone()))
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
        let text = |name: &HeaderName| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let worker = parts.headers.get(&WORKER_ID).map(HeaderValue::to_str);
        let Ok(worker) = worker.transpose() else {
            let message = "X-Worker-ID is not visible ASCII";
            let error = Error::new(ErrorCode::InvalidRequest, message);
            return Err(Refused(
                error.hint("send other names in the body, as worker_id"),
                request_id,
            ));
        };
        let token = match text(&header::AUTHORIZATION) {
            None => None,
            Some(value) => match value.split_once(' ') {
                Some((scheme, token))
                    if scheme.eq_ignore_ascii_case("bearer")
                        && token.starts_with(Token::PREFIX) =>
                {
                    Some(token.to_owned())
                }
                _ => {
                    let error = Error::new(
                        ErrorCode::Unauthenticated,
                        "the Authorization header holds no token of this host",
                    );
                    return Err(Refused(error.hint("send `Authorization: Bearer hst_...` with a session's token, or no such header"), request_id));
                }
            },
        };
        Ok(Self {
            request_id,
            worker: worker.map(str::to_owned),
            token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_names_are_answered_to() {
        for good in [
            "localhost",
            "localhost:18890",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:18890",
            "LOCALHOST",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "example.com",
            "localhost.evil.com",
            "10.0.0.1:80",
            "127.0.0.1.evil.com:80",
            "",
            "[::2]",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
