//! `WWW-Authenticate` (RFC 6750, RFC 9728): tells a client that was turned away what would let it in.

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use crate::error::{Error, ErrorCode};

use super::Api;
use super::metadata::Resource;

/// What the answer to one request says of credentials, if it has to: few do, so only what it takes is kept.
pub(super) struct Challenge {
    uri: Uri,
    host: Option<HeaderValue>,
    has_credential: bool,
}

impl Challenge {
    pub(super) fn of(parts: &Parts) -> Self {
        Self {
            uri: parts.uri.clone(),
            host: parts.headers.get(header::HOST).cloned(),
            has_credential: parts.headers.contains_key(header::AUTHORIZATION),
        }
    }

    /// Puts the header on an answer that refuses for want of a credential or of a scope.
    pub(super) fn complete(&self, api: &Api, response: &mut Response) {
        let scope = response.extensions_mut().remove::<Missing>();
        let mut said = match (response.status(), scope) {
            (StatusCode::UNAUTHORIZED, _) if self.has_credential => {
                vec![r#"error="invalid_token""#.to_owned()]
            }
            (StatusCode::UNAUTHORIZED, _) => Vec::new(),
            (StatusCode::FORBIDDEN, Some(Missing(scope))) => vec![
                r#"error="insufficient_scope""#.to_owned(),
                format!(r#"scope="{scope}""#),
            ],
            _ => return,
        };
        // The page that says which issuer to ask.
        let resource = Resource::named(api, &self.uri, self.host.as_ref());
        let page = resource.map(|resource| resource.metadata());
        said.extend(page.map(|url| format!(r#"resource_metadata="{url}""#)));
        let text = match said.is_empty() {
            true => "Bearer".to_owned(),
            false => format!("Bearer {}", said.join(", ")),
        };
        if let Ok(value) = HeaderValue::from_str(&text) {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
    }
}

/// The scope that would have let a request in; travels with its answer.
#[derive(Clone)]
struct Missing(String);

/// Marks an answer as one for want of a scope, if the error is that.
pub(super) fn mark(response: &mut Response, error: &Error) {
    if error.code() != ErrorCode::Forbidden {
        return;
    }
    let scope = error.details().iter().find(|(name, _)| *name == "scope");
    if let Some(scope) = scope.and_then(|(_, scope)| scope.as_str()) {
        response.extensions_mut().insert(Missing(scope.to_owned()));
    }
}
