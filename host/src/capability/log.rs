//! What a guest says: standard output, standard error and `hostel:backend/log`, in a ring that is bounded in bytes.
//! Lines are kept as data and never written into the host's own log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::watch::{EventKind, Stream, Watch};

use super::streams::Origin;

/// A longer line is kept in pieces of this size.
const LINE_BYTES_MAX: usize = 4096;
/// What a line costs in the ring besides its text, and each of its fields besides theirs.
const LINE_OVERHEAD: usize = 64;
const FIELD_OVERHEAD: usize = 48;
/// Fields of a line that are kept.
const FIELDS_MAX: usize = 32;
/// How much of standard error explains a trap.
const TAIL_LINES: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts from 0 within the session and never repeats: a cursor for readers.
    pub seq: u64,
    pub at: SystemTime,
    pub source: Source,
    pub text: String,
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    Stdout,
    Stderr,
    Log(Level),
    Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Source {
    /// `stdout`, `stderr`, `progress`, or the level of a log line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Progress => "progress",
            Self::Log(Level::Trace) => "trace",
            Self::Log(Level::Debug) => "debug",
            Self::Log(Level::Info) => "info",
            Self::Log(Level::Warn) => "warn",
            Self::Log(Level::Error) => "error",
        }
    }
}

/// The newest lines of one session; the oldest give way.
pub struct LogRing(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    bytes_max: usize,
    next_seq: u64,
    /// Unfinished lines of standard output and standard error.
    partial: [Vec<u8>; 2],
    /// Hears every line, too.
    watch: Option<Arc<Watch>>,
}

/// While it lives, a watch hears what is written.
pub(crate) struct Telling(Arc<LogRing>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.ring().watch = None;
    }
}

/// A page of lines, and how many older ones the ring has lost.
pub struct LogPage {
    pub lines: Vec<LogLine>,
    pub dropped: u64,
    /// `after` of the next page.
    pub next: u64,
}

impl LogRing {
    pub fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(Ring {
            bytes_max,
            ..Ring::default()
        }))
    }

    /// A ring that goes on after these lines.
    pub(crate) fn resume(bytes_max: usize, lines: Vec<LogLine>) -> Self {
        let ring = Ring {
            bytes_max,
            bytes: lines.iter().map(LogLine::cost).sum(),
            next_seq: lines.last().map_or(0, |line| line.seq + 1),
            lines: lines.into(),
            ..Ring::default()
        };
        Self(Mutex::new(ring))
    }

    /// Tells the watch of a call what the guest writes from now on.
    pub(crate) fn tell(self: &Arc<Self>, watch: Arc<Watch>) -> Telling {
        self.ring().watch = Some(watch);
        Telling(self.clone())
    }

    /// Every line that is there.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.ring().lines.iter().cloned().collect()
    }

    /// Lines from `after` on, at most `limit`.
    pub fn page(&self, after: u64, limit: usize) -> LogPage {
        let ring = self.ring();
        let oldest = ring.lines.front().map_or(ring.next_seq, |line| line.seq);
        let lines: Vec<LogLine> = ring
            .lines
            .iter()
            .filter(|line| line.seq >= after)
            .take(limit)
            .cloned()
            .collect();
        let next = lines.last().map_or(after.max(oldest), |line| line.seq + 1);
        LogPage {
            lines,
            dropped: oldest,
            next,
        }
    }

    /// Ends the lines that are begun: a reader sees all that a call wrote once the call is over.
    pub(crate) fn end_lines(&self) {
        let mut ring = self.ring();
        ring.flush(0, Source::Stdout);
        ring.flush(1, Source::Stderr);
    }

    /// The last lines of standard error, for the message of a trap.
    pub fn stderr_tail(&self) -> Option<String> {
        let mut ring = self.ring();
        ring.flush(1, Source::Stderr);
        let mut tail: Vec<&str> = ring
            .lines
            .iter()
            .rev()
            .filter(|line| line.source == Source::Stderr)
            .take(TAIL_LINES)
            .map(|line| line.text.as_str())
            .collect();
        tail.reverse();
        (!tail.is_empty()).then(|| tail.join("\n"))
    }

    pub(super) fn stream(self: &Arc<Self>, source: Source, origin: Arc<Origin>) -> Output {
        Output {
            ring: self.clone(),
            source,
            _origin: origin,
        }
    }

    pub(super) fn event(&self, level: Level, message: &str, fields: &[(String, String)]) {
        self.ring().push(Source::Log(level), message, fields);
    }

    pub(super) fn progress(&self, done: u64, total: Option<u64>, message: &str) {
        let mut fields = vec![("done".to_owned(), done.to_string())];
        fields.extend(total.map(|total| ("total".to_owned(), total.to_string())));
        let mut ring = self.ring();
        ring.push(Source::Progress, message, &fields);
        if let Some(watch) = &ring.watch {
            let message = printable(message).into();
            watch.events.push(EventKind::Progress {
                done,
                total,
                message,
            });
        }
    }

    /// Only those who watch the call hear of it.
    pub(super) fn partial(&self, value: String) {
        if let Some(watch) = &self.ring().watch {
            let text = value.into();
            watch.events.push(EventKind::Partial { text });
        }
    }

    fn write(&self, source: Source, bytes: &[u8]) {
        self.ring().write(source, bytes);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0
            .lock()
            .expect("no code panics while it holds the ring")
    }
}

impl Ring {
    fn write(&mut self, source: Source, bytes: &[u8]) {
        let slot = usize::from(source == Source::Stderr);
        for chunk in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in chunk.chunks(LINE_BYTES_MAX) {
                let Some(partial) = self.partial.get_mut(slot) else {
                    return;
                };
                partial.extend_from_slice(piece);
                if partial.ends_with(b"\n") || partial.len() >= LINE_BYTES_MAX {
                    self.flush(slot, source);
                }
            }
        }
    }

    fn flush(&mut self, slot: usize, source: Source) {
        let Some(partial) = self.partial.get_mut(slot) else {
            return;
        };
        let line = std::mem::take(partial);
        if !line.is_empty() {
            self.push(
                source,
                String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']),
                &[],
            );
        }
    }

    fn push(&mut self, source: Source, text: &str, fields: &[(String, String)]) {
        let text = printable(text);
        let fields: Vec<(String, String)> = fields
            .iter()
            .take(FIELDS_MAX)
            .map(|(name, value)| (printable(name), printable(value)))
            .collect();
        let line = LogLine {
            seq: self.next_seq,
            at: SystemTime::now(),
            source,
            text,
            fields,
        };
        if let (Some(watch), Some(event)) = (&self.watch, line.event()) {
            watch.events.push(event);
        }
        self.next_seq += 1;
        self.bytes += line.cost();
        self.lines.push_back(line);
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.cost();
        }
    }
}

impl LogLine {
    /// Progress is told apart.
    fn event(&self) -> Option<EventKind> {
        let output = |stream| EventKind::Output {
            stream,
            text: self.text.as_str().into(),
        };
        match self.source {
            Source::Stdout => Some(output(Stream::Stdout)),
            Source::Stderr => Some(output(Stream::Stderr)),
            Source::Log(_) => Some(EventKind::Log {
                level: self.source.as_str(),
                message: self.text.as_str().into(),
                fields: self.fields.as_slice().into(),
            }),
            Source::Progress => None,
        }
    }

    fn cost(&self) -> usize {
        LINE_OVERHEAD
            + self.text.len()
            + self
                .fields
                .iter()
                .map(|(name, value)| FIELD_OVERHEAD + name.len() + value.len())
                .sum::<usize>()
    }
}

/// A reader's terminal must not obey a guest: what steers it is dropped, and a long text is cut.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !steers(*c))
        .take(LINE_BYTES_MAX)
        .collect()
}

/// Control characters but tab and line feed, the separators of lines that only some readers know, and what turns the direction of text.
fn steers(c: char) -> bool {
    let is_layout = matches!(c, '\t' | '\n');
    let is_hidden =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && !is_layout) || is_hidden
}

/// The guest's end of a standard stream. Always ready: the ring gives way, the guest never waits.
pub(super) struct Output {
    ring: Arc<LogRing>,
    source: Source,
    _origin: Arc<Origin>,
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ring.write(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests;
