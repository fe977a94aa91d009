//! The load: connections that stay open and send the next request when the answer to the last is there. Each answer is checked. Runs in
//! this process on threads of its own; its processor time is in nobody's figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::Head;

/// What one connection sends again and again, and what must come back.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    /// Stands somewhere in the answer's body.
    pub(crate) contains: Vec<u8>,
}

/// When a connection has done enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Duration),
    /// Requests of each connection.
    Count(u64),
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    nanoseconds: Histogram<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The time within which this part of all answers came, in microseconds.
    pub(crate) fn quantile_us(&self, part: f64) -> f64 {
        self.nanoseconds.value_at_quantile(part) as f64 / 1000.0
    }
}

/// A load that waits between an answer and the next request, if `pause` says so. One connection for each piece of work.
///
/// # Errors
/// A wrong answer, or none.
pub(crate) fn run(
    address: SocketAddr,
    works: &[Arc<Work>],
    until: Until,
    pause: Option<Duration>,
) -> Result<Load, String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let shares = works.chunks(works.len().div_ceil(threads).max(1));
    let start = Instant::now();
    let parts: Vec<Result<Histogram<u64>, String>> = std::thread::scope(|scope| {
        let running: Vec<_> = shares
            .map(|share| scope.spawn(move || run_share(address, share, until, pause)))
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a thread of the load panicked".to_owned()))
            })
            .collect()
    });
    let elapsed = start.elapsed();
    let mut nanoseconds = histogram();
    for part in parts {
        nanoseconds
            .add(part?)
            .expect("all histograms have the same bounds");
    }
    Ok(Load {
        requests: nanoseconds.len(),
        elapsed,
        nanoseconds,
    })
}

fn run_share(
    address: SocketAddr,
    share: &[Arc<Work>],
    until: Until,
    pause: Option<Duration>,
) -> Result<Histogram<u64>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for work in share {
            connections.spawn(connection(address, work.clone(), until, pause));
        }
        let mut nanoseconds = histogram();
        while let Some(ended) = connections.join_next().await {
            let own = ended.map_err(|error| error.to_string())??;
            nanoseconds
                .add(own)
                .expect("all histograms have the same bounds");
        }
        Ok(nanoseconds)
    })
}

async fn connection(
    address: SocketAddr,
    work: Arc<Work>,
    until: Until,
    pause: Option<Duration>,
) -> Result<Histogram<u64>, String> {
    let failed = |error: std::io::Error| format!("a connection of the load failed: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut nanoseconds = histogram();
    let mut buffer = Vec::with_capacity(16 << 10);
    let first = Instant::now();
    let mut sent = first;
    loop {
        let enough = match until {
            Until::Time(time) => sent.duration_since(first) >= time,
            Until::Count(count) => nanoseconds.len() >= count,
        };
        if enough {
            return Ok(nanoseconds);
        }
        stream.write_all(&work.request).await.map_err(failed)?;
        let head = answer(&mut stream, &mut buffer).await?;
        let answered = Instant::now();
        nanoseconds.saturating_record(elapsed(sent, answered));
        work.check(head, &buffer)?;
        sent = match pause {
            None => answered,
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Instant::now()
            }
        };
    }
}

/// Reads one whole answer into the buffer.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Head, String> {
    buffer.clear();
    let mut head = None;
    loop {
        let read = stream.read_buf(buffer).await;
        if read.map_err(|error| format!("no answer: {error}"))? == 0 {
            return Err("the server closed a connection without an answer".to_owned());
        }
        if head.is_none() {
            head = Head::read(buffer)?;
        }
        if let Some(head) = head.filter(|head| buffer.len() >= head.ends) {
            return Ok(head);
        }
    }
}

impl Work {
    fn check(&self, head: Head, answer: &[u8]) -> Result<(), String> {
        let body = answer.get(head.body_starts..).unwrap_or_default();
        let contains = &self.contains;
        if head.status == self.status && body.windows(contains.len()).any(|part| part == contains) {
            return Ok(());
        }
        let (status, expected) = (self.status, String::from_utf8_lossy(contains));
        let text = String::from_utf8_lossy(body);
        Err(format!(
            "expected {status} with {expected}, and the answer is {}: {text}",
            head.status
        ))
    }
}

/// A microsecond to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1000, 60_000_000_000, 3).expect("the bounds are in order")
}

fn elapsed(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}
