//! The doors: bytes in, one verb of the host, bytes out. No rule about backends or sessions is decided here.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::host::Host;

mod agentflow;
mod answer;
mod doorway;
mod http;
mod mcp;
mod openapi;
mod serve;

pub use http::problem::status;
pub use http::router;
pub(crate) use mcp::serve_stdio;
pub use serve::{Served, serve};

/// What every door needs.
pub struct Api {
    pub host: Arc<Host>,
    /// None: nothing is counted, and `/metrics` is empty.
    pub metrics: Option<PrometheusHandle>,
    /// Larger bodies are refused before they are read.
    pub body_bytes_max: usize,
    /// Answer only to requests for loopback names: a page in a browser must not reach the host through a name that it rebinds.
    pub loopback_only: bool,
    /// Cancelled when the doors close: streams that would never end by themselves end then.
    pub closing: CancellationToken,
}
