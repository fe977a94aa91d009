//! `/.well-known/oauth-protected-resource` (RFC 9728): which issuer's tokens are taken here, for clients that come without one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use crate::access::Scope;
use crate::error::{Error, ErrorCode};
use crate::ids::RequestId;

use super::http::problem::problem_with;
use super::{Api, mcp};

pub(super) const PATH: &str = "/.well-known/oauth-protected-resource";

/// This host as its callers and their issuers know it.
pub(super) struct Resource {
    /// `https://tools.example.com`
    base: String,
    /// What tokens are to be made for.
    audience: String,
    is_mcp: bool,
}

impl Resource {
    /// As a request names it by its address and its `Host`. None: tokens are not taken here.
    pub(super) fn named(api: &Api, uri: &Uri, host: Option<&HeaderValue>) -> Option<Self> {
        let (_, audience) = api.host.issuer()?;
        let audience_url = audience.split_once("://").map(|(scheme, rest)| {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            format!("{scheme}://{authority}")
        });
        let base = audience_url.clone().unwrap_or_else(|| {
            let host = host.and_then(|host| host.to_str().ok());
            let host = host.or(uri.authority().map(|authority| authority.as_str()));
            let scheme = if api.is_secure { "https" } else { "http" };
            format!("{scheme}://{}", host.unwrap_or("localhost"))
        });
        let is_mcp = uri.path().ends_with(mcp::PATH);
        let audience = match audience_url {
            Some(_) => audience.to_owned(),
            None if is_mcp => format!("{base}{}", mcp::PATH),
            None => base.clone(),
        };
        Some(Self {
            base,
            audience,
            is_mcp,
        })
    }

    /// Where the document is.
    pub(super) fn metadata(&self) -> String {
        let rest = if self.is_mcp { mcp::PATH } else { "" };
        format!("{}{PATH}{rest}", self.base)
    }
}

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route(PATH, get(document))
        .route(&format!("{PATH}{}", mcp::PATH), get(document))
}

async fn document(
    State(api): State<Arc<Api>>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    let resource = Resource::named(&api, &uri, headers.get(header::HOST));
    let Some((resource, (issuer, _))) = resource.zip(api.host.issuer()) else {
        let error = Error::new(
            ErrorCode::InvalidRequest,
            "this host takes no tokens of an issuer",
        )
        .hint("call it with an API key; the operator makes them with `hostel keys new`");
        return Err(problem_with(StatusCode::NOT_FOUND, &error, &id));
    };
    Ok(Json(json!({
        "resource": resource.audience,
        "authorization_servers": [issuer],
        "scopes_supported": Scope::PLAIN,
        "bearer_methods_supported": ["header"],
        "resource_name": "Hostel",
    })))
}
