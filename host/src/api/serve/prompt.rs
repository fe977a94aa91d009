//! A connection whose client has to begin in time, and to take what it asked for. Until it is clear which version of HTTP is spoken, nothing
//! else watches over it: a client that says nothing, or the first letters of HTTP/2 one by one, would stay for ever. So would one that reads
//! no answer, and the answer with it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::api::bodies::Held;

/// How HTTP/2 begins. What begins otherwise is HTTP/1, and that has a timer of its own.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct Prompt<S> {
    stream: S,
    /// What it has of answers that its client has not taken.
    held: Arc<Held>,
    /// None: it has begun.
    waiting: Option<Waiting>,
    /// None: it takes what is written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// How long it may take nothing.
    taking: Duration,
}

struct Waiting {
    deadline: Pin<Box<Sleep>>,
    /// Bytes of the preface that have come.
    seen: usize,
}

impl<S> Prompt<S> {
    /// How long its client may take to begin, and how long it may take nothing.
    pub(super) fn new(stream: S, held: Arc<Held>, patience: Duration, taking: Duration) -> Self {
        Self {
            stream,
            held,
            waiting: Some(Waiting {
                deadline: Box::pin(tokio::time::sleep(patience)),
                seen: 0,
            }),
            stalled: None,
            taking,
        }
    }

    /// Gives up on a client that has taken nothing for too long.
    fn taken<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let taking = self.taking;
        self.stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(taking)))
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Waiting {
    /// Whether it is clear now what is spoken.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let rest = PREFACE.get(self.seen..).unwrap_or_default();
        self.seen += bytes.len();
        !rest.starts_with(bytes) || self.seen >= PREFACE.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            stream,
            held,
            waiting,
            taking,
            ..
        } = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(context, buffer);
        // Of HTTP/2, a client may let nothing be written; the host's own pings see to it that this is looked at.
        if held.is_stuck(*taking) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let Some(begun) = waiting else {
            return read;
        };
        match read {
            Poll::Ready(Ok(())) => {
                let came = buffer.filled().get(before..).unwrap_or_default();
                if begun.takes(came) {
                    *waiting = None;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => begun
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.taken(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.taken(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::api::bodies::{Bodies, Outgoing};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_speaks_but_takes_no_answer_is_cut_off() {
        let (mut client, stream) = tokio::io::duplex(64);
        let held = Arc::new(Held::default());
        let patience = Duration::from_secs(60);
        let mut stream = Prompt::new(stream, held.clone(), patience, patience);
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut some = [0; 4];
        stream.read_exact(&mut some).await.unwrap();
        let answer = Body::from(vec![b'a'; 1 << 20]);
        let answer = Outgoing::of(answer, &Bodies::new(u64::MAX), 0, &held);
        stream.read_exact(&mut some).await.unwrap();
        tokio::time::advance(patience * 2).await;
        let error = stream.read_exact(&mut some).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(answer);
        stream.read_exact(&mut some).await.unwrap();
    }
}
