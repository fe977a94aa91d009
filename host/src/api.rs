//! The doors: bytes in, one verb of the host, bytes out. No rule about backends or sessions is decided here.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::host::Host;

mod addresses;
mod agentflow;
mod answer;
mod bodies;
mod challenge;
mod doorway;
mod http;
mod mcp;
mod metadata;
mod openapi;
mod serve;
mod tls;

pub use addresses::Addresses;
pub use bodies::Bodies;
pub(crate) use http::body::COMPONENT_BYTES_MAX;
pub use http::problem::status;
pub use http::router;
pub(crate) use mcp::serve_stdio;
pub use serve::{Bounds, Served, serve};
pub use tls::{Certificates, TlsFiles};

/// What every door needs.
pub struct Api {
    pub host: Arc<Host>,
    /// None: nothing is counted, and `/metrics` is empty.
    pub metrics: Option<PrometheusHandle>,
    /// Larger bodies are refused before they are read.
    pub body_bytes_max: usize,
    /// Room for all of them.
    pub bodies: Arc<Bodies>,
    /// What the host answers to: a page in a browser must not reach it through a name that it rebinds.
    pub addresses: Addresses,
    /// The doors are behind the host's own TLS.
    pub is_secure: bool,
    /// Cancelled when the doors close: streams that would never end by themselves end then.
    pub closing: CancellationToken,
}
