//! The line that each outgoing request leaves in the host's log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use tokio::time::Instant;
use tracing::Span;

use crate::policy::http::HttpAsk;

/// Written when it is dropped: after the last byte, or when the request came to nothing.
pub(super) struct Record {
    request: String,
    /// The call on whose behalf it goes out.
    call: Span,
    begun: Instant,
    status: Option<StatusCode>,
    sent: Arc<AtomicU64>,
    pub(super) received: u64,
}

impl Record {
    pub(super) fn begin(ask: &HttpAsk) -> Self {
        Self {
            request: ask.to_string(),
            call: Span::current(),
            begun: Instant::now(),
            status: None,
            sent: Arc::default(),
            received: 0,
        }
    }

    /// Counts the bytes of the request's body.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        self.sent.clone()
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        metrics::counter!("hostel_outgoing_requests_total").increment(1);
        tracing::info!(
            parent: &self.call,
            request = self.request,
            status = self.status.map(|status| status.as_u16()),
            sent = self.sent.load(Ordering::Relaxed),
            received = self.received,
            duration_ms = self.begun.elapsed().as_millis(),
            "outgoing request"
        );
    }
}
