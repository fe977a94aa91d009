//! What a door tells the audit log: which request the verbs are part of, and that it turned one away before it came to a verb.

use std::sync::Arc;

use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;

use crate::api::Api;
use crate::audit::{Asked, Audit, in_request};
use crate::ids::RequestId;

/// Of a request that nobody has answered yet.
pub(super) struct Line {
    audit: Audit,
    method: Method,
    uri: Uri,
}

impl Line {
    /// None without a log.
    pub(super) fn of(api: &Api, method: &Method, uri: &Uri) -> Option<Self> {
        let audit = api.host.audit();
        audit.is_on().then(|| Self {
            audit: audit.clone(),
            method: method.clone(),
            uri: uri.clone(),
        })
    }

    /// Answers the request. A refusal that no verb has written down is written down here.
    pub(super) async fn around(
        self,
        id: &RequestId,
        work: impl Future<Output = Response>,
    ) -> Response {
        let asked = Asked::new(id.clone());
        let written = async {
            let response = work.await;
            let outcome = match response.status() {
                StatusCode::UNAUTHORIZED => "unauthenticated",
                StatusCode::FORBIDDEN => "forbidden",
                _ => return response,
            };
            if !Asked::has_line() {
                // The query may hold what is nobody's business.
                let what = format!("{} {}", self.method, self.uri.path());
                self.audit.denied(&what, None, outcome);
            }
            response
        };
        in_request(Arc::clone(&asked), written).await
    }
}
