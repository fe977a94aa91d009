//! The memory of all bodies together, those of requests on their way in and those of answers on their way out. Nobody has more of it than is
//! free, so whoever comes finds room, but everybody may send one. What is small is not counted: there are only so many connections.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorCode, Result};
use crate::quota::Groups;

mod outgoing;

pub(super) use outgoing::{Held, Outgoing};

/// A body that is not longer costs nothing and is never refused for want of room.
const SMALL: usize = 64 << 10;

/// So many bytes for all bodies that are at the host: of a request until the call that it is for has begun, of an answer until the client has it.
#[derive(Debug)]
pub struct Bodies {
    bytes_max: u64,
    used: AtomicU64,
    /// Of it, what each of those who ask has.
    used_by: Groups<Shares>,
}

#[derive(Debug, Default)]
struct Shares {
    requests: AtomicU64,
    answers: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Request,
    Answer,
}

/// A body that comes in.
pub(super) struct Incoming<'a> {
    bodies: &'a Arc<Bodies>,
    lane: u64,
    read: Read,
    length: usize,
    /// None: it is small so far.
    charge: Option<Charge>,
}

/// What has come of a body.
enum Read {
    /// The first part, which is nearly always the only one.
    Part(Bytes),
    /// All parts, copied: each of them would keep all that came with it over the network, however short it is.
    Parts(BytesMut),
}

/// What is taken, given back when it is dropped.
struct Charge {
    bodies: Arc<Bodies>,
    lane: u64,
    of: Of,
    bytes: u64,
}

/// A body and what it takes: every slice of it keeps both.
struct Charged {
    body: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Bodies {
    #[must_use]
    pub fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            used: AtomicU64::new(0),
            used_by: Groups::default(),
        })
    }

    /// Stands for who asks.
    pub(super) fn lane(&self, from: impl Hash) -> u64 {
        self.used_by.lane(from)
    }

    /// Whether somebody may ask for more answers.
    ///
    /// # Errors
    /// `overloaded`: more is unread than would be free without what is being sent.
    pub(super) fn check(&self, lane: u64) -> Result<()> {
        let own = self.used_by.of(lane);
        let unread = own.answers.load(Ordering::Relaxed);
        let sent = own.requests.load(Ordering::Relaxed);
        if unread == 0 || self.free().is_some_and(|free| unread <= free + sent) {
            return Ok(());
        }
        Err(self.full("answers that you have not read")
            .hint("nothing was done; read what you have asked for before you ask for more, or let the operator give the host more with server.memory_bytes"))
    }

    /// None: there is more than there may be.
    fn free(&self) -> Option<u64> {
        self.bytes_max
            .checked_sub(self.used.load(Ordering::Relaxed))
    }

    fn full(&self, what: &str) -> Error {
        let most = self.bytes_max;
        Error::new(
            ErrorCode::Overloaded,
            format!("{what} take too much of the {most} bytes that are for bodies"),
        )
        .detail("limit", "bodies")
        .detail("key", "server.memory_bytes")
        .retry_after(Duration::from_secs(1))
    }

    /// `lane`: who sends it.
    pub(super) fn incoming(self: &Arc<Self>, lane: u64) -> Incoming<'_> {
        Incoming {
            bodies: self,
            lane,
            read: Read::Part(Bytes::new()),
            length: 0,
            charge: None,
        }
    }
}

impl Incoming<'_> {
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Takes room for the next part as well.
    ///
    /// # Errors
    /// `overloaded`: there is none.
    pub(super) fn push(&mut self, part: Bytes) -> Result<()> {
        self.length += part.len();
        if self.length > SMALL {
            let charge = self
                .charge
                .get_or_insert_with(|| Charge::new(self.bodies, self.lane, Of::Request));
            charge.grow_to(self.length as u64)?;
        }
        match &mut self.read {
            Read::Part(first) if first.is_empty() => *first = part,
            Read::Part(first) => {
                let mut parts = BytesMut::from(&first[..]);
                parts.extend_from_slice(&part);
                self.read = Read::Parts(parts);
            }
            Read::Parts(parts) => parts.extend_from_slice(&part),
        }
        Ok(())
    }

    pub(super) fn whole(self) -> Bytes {
        let body = match self.read {
            Read::Part(only) => only,
            Read::Parts(parts) => parts.freeze(),
        };
        match self.charge {
            None => body,
            Some(charge) => Bytes::from_owner(Charged {
                body,
                _charge: charge,
            }),
        }
    }
}

impl Shares {
    fn all(&self) -> u64 {
        self.requests.load(Ordering::Relaxed) + self.answers.load(Ordering::Relaxed)
    }
}

impl Charge {
    fn new(bodies: &Arc<Bodies>, lane: u64, of: Of) -> Self {
        Self {
            bodies: bodies.clone(),
            lane,
            of,
            bytes: 0,
        }
    }

    fn own(&self) -> &AtomicU64 {
        let shares = self.bodies.used_by.of(self.lane);
        match self.of {
            Of::Request => &shares.requests,
            Of::Answer => &shares.answers,
        }
    }

    /// Whether it is there or not.
    fn take(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.bodies.used.fetch_add(bytes, Ordering::Relaxed);
        self.own().fetch_add(bytes, Ordering::Relaxed);
    }

    /// So much of it, to be given back by itself.
    fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let mut part = Self::new(&self.bodies, self.lane, self.of);
        part.bytes = bytes;
        part
    }

    fn grow_to(&mut self, bytes: u64) -> Result<()> {
        self.take(bytes - self.bytes);
        let own = self.bodies.used_by.of(self.lane).all();
        let free = self.bodies.free();
        if free.is_some_and(|free| own == bytes || own <= free) {
            return Ok(());
        }
        Err(self.bodies.full("the bodies of requests")
            .hint("nothing was done; send it again later, or let the operator give the host more with server.memory_bytes"))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.own().fetch_sub(self.bytes, Ordering::Relaxed);
        self.bodies.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(bodies: &Bodies) -> u64 {
        bodies.used.load(Ordering::Relaxed)
    }

    #[test]
    fn a_body_takes_room_from_its_first_large_part_to_its_last_slice() {
        let bodies = Bodies::new(200 << 10);
        let from = |name: &str| bodies.incoming(bodies.lane(name));
        let part = Bytes::from(vec![b'a'; 50 << 10]);
        let mut first = from("ada");
        first.push(part.clone()).unwrap();
        assert_eq!(used(&bodies), 0);
        first.push(part.clone()).unwrap();
        first.push(part.clone()).unwrap();
        assert_eq!(used(&bodies), 150 << 10);
        let whole = first.whole();
        assert_eq!(whole.len(), 150 << 10);
        let slice = whole.slice(7..9);
        drop(whole);

        let mut second = from("bob");
        second.push(part.clone()).unwrap();
        let error = second.push(part.clone()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Overloaded);
        drop(second);
        assert_eq!(used(&bodies), 150 << 10, "who was refused took nothing");
        drop(slice);
        assert_eq!(used(&bodies), 0);
    }

    #[test]
    fn nobody_has_more_than_is_free_but_everybody_may_send_one() {
        let bodies = Bodies::new(1 << 20);
        let part = Bytes::from(vec![b'a'; 100 << 10]);
        let one = |name: &str| {
            let mut body = bodies.incoming(bodies.lane(name));
            body.push(part.clone()).map(|()| body.whole())
        };
        let flood: Vec<Bytes> = std::iter::from_fn(|| one("mallory").ok()).collect();
        assert_eq!(flood.len(), 5);
        let other = one("ada").unwrap();
        assert!(one("ada").is_ok(), "there is room for more");
        drop((flood, other));
        let mut large = bodies.incoming(bodies.lane("ada"));
        for _ in 0..10 {
            large.push(part.clone()).unwrap();
        }
        large.push(part.clone()).unwrap_err();
    }

    #[test]
    fn small_bodies_are_let_in_however_full_it_is() {
        let bodies = Bodies::new(0);
        let mut small = bodies.incoming(0);
        small.push(Bytes::from_static(b"{\"a\":")).unwrap();
        small.push(Bytes::from_static(b"1}")).unwrap();
        assert_eq!(small.length(), 7);
        assert_eq!(small.whole(), "{\"a\":1}");
        assert_eq!(bodies.incoming(0).whole(), "");
    }
}
