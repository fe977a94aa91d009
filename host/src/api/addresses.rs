//! The names that the host answers to and the pages that may call it: what keeps a page in a browser from reaching it under a name that
//! its author has rebound (MCP 2026-07-28, transports, security).

use std::net::IpAddr;

use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;

use crate::error::{Error, ErrorCode, Result};

const MAX_AGE: &str = "600";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// What pages may read of an answer beside its body.
const EXPOSED: &str =
    "location, mcp-session-id, retry-after, www-authenticate, x-request-id, idempotency-replayed";

/// Loopback names are always good.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    names: Vec<String>,
    origins: Vec<String>,
    /// The address that the host listens at, if it is one.
    own: Option<IpAddr>,
}

impl Addresses {
    /// `names` without a port, as `tools.example.com`; `origins` as browsers say them, `https://app.example.com`.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn new(names: Vec<String>, origins: Vec<String>) -> Result<Self, String> {
        for name in &names {
            let is_address = name.parse::<IpAddr>().is_ok();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if name.is_empty() || !(is_address || name.chars().all(fits)) {
                return Err(format!(
                    "names: {name:?} is no name of a host; write tools.example.com, without scheme or port"
                ));
            }
        }
        for origin in &origins {
            let is_origin = origin.split_once("://").is_some_and(|(scheme, rest)| {
                matches!(scheme, "http" | "https")
                    && !rest.contains(['/', '@', '*'])
                    && rest.parse::<Authority>().is_ok()
            });
            if !is_origin {
                return Err(format!(
                    "origins: {origin:?} is no origin; write https://app.example.com, without a path"
                ));
            }
        }
        let lower =
            |texts: Vec<String>| texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        Ok(Self {
            names: lower(names),
            origins: lower(origins),
            own: None,
        })
    }

    /// Answers also to the address itself: nobody can rebind that.
    #[must_use]
    pub fn listening_at(self, address: IpAddr) -> Self {
        let own = (!address.is_unspecified()).then_some(address);
        Self { own, ..self }
    }

    /// # Errors
    /// `forbidden`, naming what is not answered to.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        let texts = |name: HeaderName| {
            let values = headers.get_all(name).into_iter();
            values.map(|value| value.to_str().unwrap_or_default())
        };
        // HTTP/2 says it in the address.
        let authority = uri.authority().map(Authority::as_str);
        for host in texts(header::HOST).chain(authority) {
            if !self.answers_to(host) {
                return Err(Error::new(
                    ErrorCode::Forbidden,
                    format!("the host does not answer to the name {host:?}"),
                )
                .hint(
                    "call it as 127.0.0.1 or localhost, or add the name to `names` of [server]",
                ));
            }
        }
        if let Some(origin) = texts(header::ORIGIN).find(|origin| !self.may_call(origin)) {
            return Err(Error::new(
                ErrorCode::Forbidden,
                format!("pages of {origin:?} may not call this host"),
            )
            .hint("the operator can add the page's origin to `origins` of [server]"));
        }
        Ok(())
    }

    fn answers_to(&self, authority: &str) -> bool {
        let Some(name) = name_of(authority) else {
            return false;
        };
        is_loopback(name)
            || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
            || self
                .own
                .is_some_and(|own| name.parse::<IpAddr>().is_ok_and(|ip| ip == own))
    }

    fn may_call(&self, origin: &str) -> bool {
        self.is_listed(origin)
            || origin.split_once("://").is_some_and(|(scheme, authority)| {
                matches!(scheme, "http" | "https") && self.answers_to(authority)
            })
    }

    fn is_listed(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|own| own.eq_ignore_ascii_case(origin))
    }

    /// The origin of the request's page, if it is one of those that the operator has listed.
    pub(super) fn listed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        self.is_listed(origin.to_str().ok()?)
            .then(|| origin.clone())
    }
}

/// Answers a browser that asks whether a page may send a request, before it has any credential to send.
pub(super) fn preflight(parts: &Parts) -> Option<Response> {
    let headers = &parts.headers;
    let asks = parts.method == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks {
        return None;
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allowed = response.headers_mut();
    let fixed = HeaderValue::from_static;
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS));
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, fixed(MAX_AGE));
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}

/// Lets a listed page read the answer.
pub(super) fn expose(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let exposed = HeaderValue::from_static(EXPOSED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

/// The host in `host:port`. None: it is nothing of the kind.
fn name_of(authority: &str) -> Option<&str> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    fits.then_some(name)
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let names = vec!["Tools.example.com".to_owned(), "10.0.0.9".to_owned()];
        let origins = vec!["https://App.example.com".to_owned()];
        Addresses::new(names, origins)
            .unwrap()
            .listening_at(IpAddr::from([192, 0, 2, 7]))
    }

    #[test]
    fn only_loopback_names_and_those_of_the_operator_are_answered_to() {
        for good in [
            "localhost",
            "localhost:18890",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:18890",
            "LOCALHOST",
            "tools.example.com:8443",
            "TOOLS.example.com",
            "10.0.0.9",
            "192.0.2.7:18890",
        ] {
            assert!(addresses().answers_to(good), "{good}");
        }
        for bad in [
            "example.com",
            "localhost.evil.com",
            "10.0.0.1:80",
            "127.0.0.1.evil.com:80",
            "",
            "[::2]",
            "tools.example.com.evil.com",
            "evil-tools.example.com",
            "user@tools.example.com",
            "[127.0.0.1].evil.com",
            "[::1]evil.com",
            "[::1",
            "localhost:evil.com",
            "127.0.0.1:x.evil.com",
            "127.0.0.1:1:2",
        ] {
            assert!(!addresses().answers_to(bad), "{bad}");
        }
        assert!(!Addresses::default().answers_to("tools.example.com"));
    }

    #[test]
    fn pages_call_from_where_the_operator_says() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "https://tools.example.com",
        ] {
            assert!(addresses().may_call(good), "{good}");
        }
        for bad in [
            "http://app.example.com",
            "https://app.example.com:444",
            "https://app.example.com.evil.com",
            "file://localhost",
            "chrome-extension://localhost",
            "http://localhost:evil.com",
            "null",
            "",
        ] {
            assert!(!addresses().may_call(bad), "{bad}");
        }
    }

    #[test]
    fn a_name_is_a_name_and_an_origin_an_origin() {
        for bad in ["", "https://a.com", "a.com:80", "a.com/x", "*"] {
            let refused = Addresses::new(vec![bad.to_owned()], Vec::new());
            assert!(refused.is_err(), "{bad}");
        }
        for bad in [
            "",
            "a.com",
            "*",
            "https://*.a.com",
            "https://a.com/",
            "null",
        ] {
            let refused = Addresses::new(Vec::new(), vec![bad.to_owned()]);
            assert!(refused.is_err(), "{bad}");
        }
    }
}
