//! An answer on its way out: it takes its room until the network has it, part by part. A client that takes no part of it for long loses its
//! connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use super::{Bodies, Charge, Of, SMALL};

/// The parts of answers are so long: whoever takes one in time is not stuck.
const PART: usize = 64 << 10;

/// What one connection has of answers that its client has not taken.
#[derive(Debug)]
pub(in crate::api) struct Held {
    bytes: AtomicU64,
    opened: Instant,
    /// Milliseconds from then, when it last took a part, or began to have some.
    moved: AtomicU64,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            opened: Instant::now(),
            moved: AtomicU64::new(0),
        }
    }
}

impl Held {
    /// Whether its client has taken nothing for so long, and something is there.
    pub(in crate::api) fn is_stuck(&self, patience: Duration) -> bool {
        let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
        self.bytes.load(Ordering::Relaxed) > 0 && self.opened.elapsed() > moved + patience
    }

    fn take(&self, bytes: u64) {
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) == 0 {
            self.note();
        }
    }

    fn give(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.note();
    }

    fn note(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }
}

/// The body of an answer, with the room that is not given back yet.
pub(in crate::api) struct Outgoing {
    body: Body,
    /// Of the body's last piece, what has not been handed out.
    rest: Bytes,
    room: Room,
}

/// A part that the network does not have yet.
struct Part {
    bytes: Bytes,
    _room: Room,
}

struct Room {
    charge: Charge,
    held: Arc<Held>,
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.charge.bytes > 0 {
            self.held.give(self.charge.bytes);
        }
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Outgoing {
    /// Charges it to `lane`, whether there is room or not: what it says is done. What is small, or has no length yet, stays as it is.
    pub(in crate::api) fn of(
        body: Body,
        bodies: &Arc<Bodies>,
        lane: u64,
        held: &Arc<Held>,
    ) -> Body {
        let bytes = body.size_hint().exact().unwrap_or_default();
        if bytes <= SMALL as u64 {
            return body;
        }
        let mut charge = Charge::new(bodies, lane, Of::Answer);
        charge.take(bytes);
        held.take(bytes);
        Body::new(Self {
            body,
            rest: Bytes::new(),
            room: Room {
                charge,
                held: held.clone(),
            },
        })
    }
}

impl Room {
    fn split(&mut self, bytes: usize) -> Self {
        Self {
            charge: self.charge.split(bytes as u64),
            held: self.held.clone(),
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, rest, room } = &mut *self;
        if rest.is_empty() {
            match std::task::ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let bytes = rest.split_to(rest.len().min(PART));
        let room = room.split(bytes.len());
        let part = Bytes::from_owner(Part { bytes, _room: room });
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        hint.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    const LONG: usize = 5 * PART / 2;

    fn long() -> Body {
        Body::from(vec![b'a'; LONG])
    }

    #[tokio::test]
    async fn an_answer_takes_room_until_its_last_part_is_gone() {
        let bodies = Bodies::new(4 * PART as u64);
        let held = Arc::new(Held::default());
        let (ada, bob) = (bodies.lane("ada"), bodies.lane("bob"));
        let body = Outgoing::of(long(), &bodies, ada, &held);
        assert_eq!(body.size_hint().exact(), Some(LONG as u64));
        let used = || bodies.used.load(Ordering::Relaxed);
        assert_eq!(used(), LONG as u64);
        bodies.check(ada).unwrap_err();
        bodies.check(bob).unwrap();
        let parts: Vec<Bytes> = body.into_data_stream().map(Result::unwrap).collect().await;
        assert_eq!(parts.concat(), vec![b'a'; LONG]);
        assert_eq!(used(), LONG as u64);
        let last = parts.last().cloned();
        drop(parts);
        assert_eq!(used(), (LONG % PART) as u64);
        bodies.check(ada).unwrap();
        drop(last);
        assert_eq!(used(), 0);

        drop(Outgoing::of(long(), &bodies, ada, &held));
        assert_eq!(used(), 0, "nobody has read it");
        let small = Outgoing::of(Body::from("hi"), &bodies, ada, &held);
        assert_eq!((used(), small.size_hint().exact()), (0, Some(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_stuck_when_it_takes_no_part_in_time() {
        let bodies = Bodies::new(u64::MAX);
        let held = Arc::new(Held::default());
        let patience = Duration::from_secs(60);
        tokio::time::advance(patience * 2).await;
        assert!(!held.is_stuck(patience), "nothing is there");
        let mut body = Outgoing::of(long(), &bodies, 0, &held).into_data_stream();
        assert!(!held.is_stuck(patience));
        tokio::time::advance(patience * 2).await;
        assert!(held.is_stuck(patience));
        drop(body.next().await);
        assert!(!held.is_stuck(patience));
        tokio::time::advance(patience * 2).await;
        assert!(held.is_stuck(patience));
        drop(body);
        assert!(!held.is_stuck(patience));
    }
}
