//! The memory of all requests' bodies together. Nobody has more of it than is free, so whoever comes finds room, but everybody may send one.
//! What is small is not counted: there are only so many connections.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorCode, Result};
use crate::quota::Groups;

/// A body that is not longer costs nothing and is never refused for want of room.
const SMALL: usize = 64 << 10;

/// So many bytes for all bodies that are at the host: on their way in, and until the call that they are for has begun.
#[derive(Debug)]
pub struct Bodies {
    bytes_max: u64,
    used: AtomicU64,
    /// Of it, what each of those who send has.
    used_by: Groups<AtomicU64>,
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

    /// `from`: who sends it.
    pub(super) fn incoming(self: &Arc<Self>, from: impl Hash) -> Incoming<'_> {
        Incoming {
            bodies: self,
            lane: self.used_by.lane(from),
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
            let charge = self.charge.get_or_insert_with(|| Charge {
                bodies: self.bodies.clone(),
                lane: self.lane,
                bytes: 0,
            });
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

impl Charge {
    fn own(&self) -> &AtomicU64 {
        self.bodies.used_by.of(self.lane)
    }

    fn grow_to(&mut self, bytes: u64) -> Result<()> {
        let most = self.bodies.bytes_max;
        let more = bytes - self.bytes;
        self.bytes = bytes;
        let used = self.bodies.used.fetch_add(more, Ordering::Relaxed) + more;
        let own = self.own().fetch_add(more, Ordering::Relaxed) + more;
        let free = most.checked_sub(used);
        if free.is_some_and(|free| own == bytes || own <= free) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Overloaded,
            format!("the bodies of requests take too much of the {most} bytes that are for them"),
        )
        .detail("limit", "bodies")
        .detail("key", "server.memory_bytes")
        .hint("nothing was done; send it again later, or let the operator give the host more with server.memory_bytes")
        .retry_after(Duration::from_secs(1)))
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
        let from = |name: &str| bodies.incoming(name);
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
            let mut body = bodies.incoming(name);
            body.push(part.clone()).map(|()| body.whole())
        };
        let flood: Vec<Bytes> = std::iter::from_fn(|| one("mallory").ok()).collect();
        assert_eq!(flood.len(), 5);
        let other = one("ada").unwrap();
        assert!(one("ada").is_ok(), "there is room for more");
        drop((flood, other));
        let mut large = bodies.incoming("ada");
        for _ in 0..10 {
            large.push(part.clone()).unwrap();
        }
        large.push(part.clone()).unwrap_err();
    }

    #[test]
    fn small_bodies_are_let_in_however_full_it_is() {
        let bodies = Bodies::new(0);
        let mut small = bodies.incoming("ada");
        small.push(Bytes::from_static(b"{\"a\":")).unwrap();
        small.push(Bytes::from_static(b"1}")).unwrap();
        assert_eq!(small.length(), 7);
        assert_eq!(small.whole(), "{\"a\":1}");
        assert_eq!(bodies.incoming("ada").whole(), "");
    }
}
