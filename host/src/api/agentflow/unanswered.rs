//! Requests whose client left before it had the answer. AgentFlow's client sends a request again when it has lost its patience, and cannot say that
//! it is the same one: so a request that is left behind is carried on here, and the next one of the same words gets its answer instead of
//! being done a second time.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::api::doorway;
use crate::error::Error;
use crate::ids::{RequestId, WorkerId};

use super::control::refused;

/// How long an answer waits for the one who asks again. AgentFlow's client does so after one second, and then after two.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// Requests that are carried on or whose answers wait; the oldest give way.
const KEPT_MAX: usize = 256;

/// A request that is being done.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What makes two requests the same: where they go, who sends them, and every byte of the body.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    uri: Uri,
    worker: Option<HeaderValue>,
    token: Option<HeaderValue>,
    body: Bytes,
}

impl Signature {
    /// Of a request whose body is still to come.
    pub(super) fn of(parts: &Parts) -> Self {
        let header = |name| parts.headers.get(name).cloned();
        Self {
            uri: parts.uri.clone(),
            worker: header(doorway::WORKER_ID),
            token: header(header::AUTHORIZATION),
            body: Bytes::new(),
        }
    }

    pub(super) fn with(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The worker that the body names, or the header.
    fn named(&self) -> WorkerId {
        #[derive(Deserialize)]
        struct Named {
            worker_id: Option<String>,
        }
        let body: Option<Named> = serde_json::from_slice(&self.body).ok();
        let header = || {
            let header = self.worker.as_ref()?.to_str().ok()?;
            Some(header.to_owned())
        };
        let name = body.and_then(|body| body.worker_id).or_else(header);
        name.and_then(|name| WorkerId::parse(&name).ok())
            .unwrap_or_default()
    }

    fn hash(&self) -> blake3::Hash {
        let header = |value: &Option<HeaderValue>| {
            let value = value.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
            blake3::hash(value)
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(header(&self.worker).as_bytes());
        hasher.update(header(&self.token).as_bytes());
        hasher.update(blake3::hash(self.uri.path().as_bytes()).as_bytes());
        hasher.update(&self.body);
        hasher.finalize()
    }
}

#[derive(Default)]
pub(super) struct Unanswered {
    kept: Mutex<HashMap<blake3::Hash, Kept>>,
    /// Of `kept`: while it is empty, no request is hashed.
    count: AtomicUsize,
    serial: AtomicUsize,
}

struct Kept {
    /// Counts up: the oldest has the lowest.
    serial: usize,
    /// Whose request it is: the credential that it came with, and the worker that it named.
    token: Option<HeaderValue>,
    worker: WorkerId,
    answer: oneshot::Receiver<Response>,
}

impl Unanswered {
    /// Does the work and answers; or answers with what the same request came to that was left behind.
    ///
    /// # Cancel safety
    /// The work goes on when the caller leaves.
    pub(super) fn answer(
        self: Arc<Self>,
        signature: Signature,
        work: Answering,
    ) -> impl Future<Output = Response> {
        let work = match self.take(&signature) {
            Some(kept) => Work::Elsewhere(kept),
            None => Work::Here(work),
        };
        Waiting {
            unanswered: self,
            signature,
            work,
        }
    }

    fn take(&self, signature: &Signature) -> Option<Kept> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut all = self.kept();
        let kept = all.remove(&signature.hash());
        self.count.store(all.len(), Ordering::Release);
        kept
    }

    fn keep(&self, hash: blake3::Hash, kept: Kept) {
        let mut all = self.kept();
        if all.len() >= KEPT_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, kept)| kept.serial)
        {
            let oldest = *oldest.0;
            all.remove(&oldest);
        }
        all.insert(hash, kept);
        self.count.store(all.len(), Ordering::Release);
    }

    /// Forgets what a worker has left behind: it ends sessions now, and what it asks for afterwards is meant anew.
    pub(super) fn forget_those_of(&self, worker: &WorkerId, signature: &Signature) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut all = self.kept();
        // Where credentials are shown, one is one worker's, whatever the request calls him.
        let is_its = |kept: &Kept| {
            kept.token == signature.token && (kept.token.is_some() || kept.worker == *worker)
        };
        all.retain(|_, kept| !is_its(kept));
        self.count.store(all.len(), Ordering::Release);
    }

    /// Nobody has asked again.
    fn forget(&self, hash: &blake3::Hash, serial: usize) {
        let mut all = self.kept();
        if all.get(hash).is_some_and(|kept| kept.serial == serial) {
            all.remove(hash);
        }
        self.count.store(all.len(), Ordering::Release);
    }

    /// Carries the work on without anybody who waits. The host counts it among its calls, and its draining waits for them.
    fn carry_on(self: &Arc<Self>, signature: &Signature, work: Answering) {
        // There is none when the doors are torn down: then nobody will ask again.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let hash = signature.hash();
        let kept = Kept {
            serial,
            token: signature.token.clone(),
            worker: signature.named(),
            answer,
        };
        self.keep(hash, kept);
        let unanswered = self.clone();
        drop(runtime.spawn(async move {
            // Whoever asked again may have left as well.
            let _ = sender.send(work.await);
            tokio::time::sleep(KEPT_FOR).await;
            unanswered.forget(&hash, serial);
        }));
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Kept>> {
        self.kept
            .lock()
            .expect("no code panics while it holds what is kept")
    }
}

/// A client that waits for its answer. Dropped before that, it leaves its request behind.
struct Waiting {
    unanswered: Arc<Unanswered>,
    signature: Signature,
    work: Work,
}

enum Work {
    Here(Answering),
    /// It was begun for a client that has left.
    Elsewhere(Kept),
    Done,
}

impl Future for Waiting {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let answer = match &mut self.work {
            Work::Here(work) => ready!(work.as_mut().poll(context)),
            Work::Elsewhere(kept) => {
                let answer = ready!(Pin::new(&mut kept.answer).poll(context));
                answer.unwrap_or_else(|_| interrupted())
            }
            Work::Done => return Poll::Pending,
        };
        self.work = Work::Done;
        Poll::Ready(answer)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.work, Work::Done) {
            Work::Done => {}
            // It panicked in this poll, and must not be polled again.
            Work::Here(_) if std::thread::panicking() => {}
            Work::Here(work) => self.unanswered.carry_on(&self.signature, work),
            Work::Elsewhere(kept) => self.unanswered.keep(self.signature.hash(), kept),
        }
    }
}

fn interrupted() -> Response {
    let error = Error::internal(
        "the request was interrupted by the host",
        "its task panicked",
    );
    refused(&error, None, &RequestId::next())
}
