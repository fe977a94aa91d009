//! `GET /openapi.json`: what the HTTP door takes and answers, made from the types that its handlers read and write.
//! `openapi/paths.rs` has an entry for every route; a test holds it against the router.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};
use serde_json::{Value, json};

use super::Api;
use super::doorway::Visitor;
use super::http::problem::Refused;

#[expect(dead_code, reason = "read by derive(JsonSchema), never by us")]
mod answers;
mod operation;
mod page;
mod paths;

use operation::Document;

/// Made when it is first asked for.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| Document::new(paths::all()).finish());

/// The document itself.
pub(super) async fn document() -> impl IntoResponse {
    let text = DOCUMENT.to_string();
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// What the page may load: its own style, and nothing else, whatever a tool's description says.
const PAGE_POLICY: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The same for people. It loads nothing from elsewhere.
pub(super) async fn page(
    State(api): State<Arc<Api>>,
    visitor: Visitor,
) -> Result<impl IntoResponse, Refused> {
    let tools = api.host.tools_for(&visitor.known(&api.host)?);
    Ok((PAGE_POLICY, Html(page::render(&DOCUMENT, &tools))))
}

/// What the document says of itself.
fn info() -> Value {
    json!({
        "title": "Hostel",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "A WebAssembly tool host for AI agents",
        "description": "Sessions are component instances of their own: call their tools, checkpoint, fork and suspend them. \
            A tool that says no is an answer (`is_error`, status 200); a host that cannot run a call answers with a problem (RFC 9457) whose `code` is out of a closed list.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}
