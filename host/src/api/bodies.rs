//! The memory of all requests' bodies together. What is small is not counted: there are only so many connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorCode, Result};

/// A body that is not longer costs nothing and is never refused for want of room.
const SMALL: usize = 64 << 10;

/// So many bytes for all bodies that are at the host: on their way in, and until the call that they are for has begun.
#[derive(Debug)]
pub struct Bodies {
    bytes_max: u64,
    used: AtomicU64,
}

/// A body that comes in.
pub(super) struct Incoming {
    /// Nearly always one.
    parts: Vec<Bytes>,
    length: usize,
    charge: Charge,
}

/// What is taken, given back when it is dropped.
struct Charge {
    bodies: Arc<Bodies>,
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
        })
    }

    pub(super) fn incoming(self: &Arc<Self>) -> Incoming {
        Incoming {
            parts: Vec::new(),
            length: 0,
            charge: Charge {
                bodies: self.clone(),
                bytes: 0,
            },
        }
    }
}

impl Incoming {
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
            self.charge.grow_to(self.length as u64)?;
        }
        self.parts.push(part);
        Ok(())
    }

    pub(super) fn whole(mut self) -> Bytes {
        let body = match self.parts.pop() {
            None => Bytes::new(),
            Some(only) if self.parts.is_empty() => only,
            Some(last) => {
                let mut body = BytesMut::with_capacity(self.length);
                for part in self.parts.iter().chain([&last]) {
                    body.extend_from_slice(part);
                }
                body.freeze()
            }
        };
        if self.charge.bytes == 0 {
            return body;
        }
        Bytes::from_owner(Charged {
            body,
            _charge: self.charge,
        })
    }
}

impl Charge {
    fn grow_to(&mut self, bytes: u64) -> Result<()> {
        let more = bytes - self.bytes;
        let most = self.bodies.bytes_max;
        let taken = self
            .bodies
            .used
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more).filter(|used| *used <= most)
            });
        if taken.is_ok() {
            self.bytes = bytes;
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Overloaded,
            format!("the bodies of requests take all of the {most} bytes that are for them"),
        )
        .detail("limit", "bodies")
        .detail("key", "server.memory_bytes")
        .hint("nothing was done; send it again later, or let the operator give the host more with server.memory_bytes")
        .retry_after(Duration::from_secs(1)))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
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
        let part = Bytes::from(vec![b'a'; 50 << 10]);
        let mut first = bodies.incoming();
        first.push(part.clone()).unwrap();
        assert_eq!(used(&bodies), 0);
        first.push(part.clone()).unwrap();
        first.push(part.clone()).unwrap();
        assert_eq!(used(&bodies), 150 << 10);
        let whole = first.whole();
        assert_eq!(whole.len(), 150 << 10);
        let slice = whole.slice(7..9);
        drop(whole);

        let mut second = bodies.incoming();
        second.push(part.clone()).unwrap();
        let error = second.push(part.clone()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Overloaded);
        drop(second);
        assert_eq!(used(&bodies), 150 << 10, "who was refused took nothing");
        drop(slice);
        assert_eq!(used(&bodies), 0);
    }

    #[test]
    fn small_bodies_are_let_in_however_full_it_is() {
        let bodies = Bodies::new(0);
        let mut small = bodies.incoming();
        small.push(Bytes::from_static(b"{\"a\":")).unwrap();
        small.push(Bytes::from_static(b"1}")).unwrap();
        assert_eq!(small.length(), 7);
        assert_eq!(small.whole(), "{\"a\":1}");
        assert_eq!(bodies.incoming().whole(), "");
    }
}
