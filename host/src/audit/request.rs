//! The request that a verb is part of, as far as its line tells of it. The doors say so once, as they do with a span, and no verb has to
//! hand it on. Without a log there is none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::ids::RequestId;

use super::Actor;

tokio::task_local! {
    static ASKED: Arc<Asked>;
}

/// One request at a door.
pub(crate) struct Asked {
    request_id: RequestId,
    actor: OnceLock<Actor>,
    written: AtomicBool,
}

/// Runs what answers a request.
pub(crate) async fn in_request<T>(asked: Arc<Asked>, work: impl Future<Output = T>) -> T {
    ASKED.scope(asked, work).await
}

impl Asked {
    pub(crate) fn new(request_id: RequestId) -> Arc<Self> {
        Arc::new(Self {
            request_id,
            actor: OnceLock::new(),
            written: AtomicBool::new(false),
        })
    }

    pub(super) fn current() -> Option<Arc<Self>> {
        ASKED.try_with(Clone::clone).ok()
    }

    /// Who asks, for verbs that are not told.
    pub(crate) fn by(actor: impl FnOnce() -> Actor) {
        // Outside of a request nobody asks; the first answer holds.
        let _ = ASKED.try_with(|asked| asked.actor.set(actor()));
    }

    pub(super) fn actor(&self) -> Option<Actor> {
        self.actor.get().cloned()
    }

    pub(super) fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub(super) fn is_written(&self) {
        self.written.store(true, Ordering::Relaxed);
    }

    /// Whether some line tells of the request that is being answered.
    pub(crate) fn has_line() -> bool {
        ASKED
            .try_with(|asked| asked.written.load(Ordering::Relaxed))
            .unwrap_or(false)
    }
}
