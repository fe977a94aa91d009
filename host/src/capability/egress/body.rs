//! Bodies that end at their limits: of bytes, of silence, of time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::Error;

use super::Waits;
use super::mask::Mask;
use super::record::Record;

/// The body of a request: what goes over its limit is an error, and the connection is given up.
pub(super) struct Counted<B> {
    inner: B,
    bytes_max: u64,
    sent: Arc<AtomicU64>,
}

impl<B> Counted<B> {
    pub(super) fn new(inner: B, bytes_max: u64, sent: Arc<AtomicU64>) -> Self {
        Self {
            inner,
            bytes_max,
            sent,
        }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let before = self.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
            if before + data.len() as u64 > self.bytes_max {
                let error = Error::HttpRequestBodySize(Some(self.bytes_max));
                return Poll::Ready(Some(Err(error)));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer, with secrets masked.
pub(super) struct Answer {
    incoming: Incoming,
    mask: Option<Mask>,
    /// Trailers that wait until the masked rest is out.
    trailers: Option<Frame<Bytes>>,
    is_over: bool,
    between_bytes: Duration,
    silence: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    bytes_max: u64,
    record: Record,
}

impl Answer {
    pub(super) fn new(
        incoming: Incoming,
        mask: Option<Mask>,
        waits: Waits,
        bytes_max: u64,
        record: Record,
    ) -> Self {
        Self {
            incoming,
            mask,
            trailers: None,
            is_over: false,
            between_bytes: waits.between_bytes,
            silence: Box::pin(sleep_until(Instant::now() + waits.between_bytes)),
            end: Box::pin(sleep_until(waits.end)),
            bytes_max,
            record,
        }
    }

    fn received(&mut self, data: Bytes) -> Result<Bytes, Error> {
        self.record.received += data.len() as u64;
        if self.record.received > self.bytes_max {
            return Err(Error::HttpResponseBodySize(Some(self.bytes_max)));
        }
        Ok(match &mut self.mask {
            None => data,
            Some(mask) => mask.cover(&data),
        })
    }

    /// What is left when nothing more comes: the bytes that the mask held back, then the trailers.
    fn rest(&mut self) -> Option<Frame<Bytes>> {
        let held = self.mask.as_mut().map(Mask::rest).unwrap_or_default();
        if held.is_empty() {
            self.trailers.take()
        } else {
            Some(Frame::data(held))
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if self.is_over {
                return Poll::Ready(self.rest().map(Ok));
            }
            if self.end.as_mut().poll(context).is_ready() {
                return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
            }
            let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(self.silence.as_mut().poll(context));
                    return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
                }
            };
            let next = Instant::now() + self.between_bytes;
            self.silence.as_mut().reset(next);
            match frame {
                None => self.is_over = true,
                Some(Err(error)) => return Poll::Ready(Some(Err(Error::from(error)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let data = self.received(data)?;
                        if !data.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                    Err(mut trailers) => {
                        if let (Some(mask), Some(trailers)) = (&self.mask, trailers.trailers_mut())
                        {
                            mask.cover_headers(trailers);
                        }
                        self.trailers = Some(trailers);
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.mask.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
