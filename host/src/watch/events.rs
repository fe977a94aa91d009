//! The event log of one call: append-only, numbered from 1, bounded in bytes. Every reader has its own place in it and is owed nothing, so
//! readers that do not read cost nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use tokio::sync::Notify;

/// What an event costs in the log besides its text.
const EVENT_OVERHEAD: usize = 64;
/// What each field of a log line costs besides its text.
const FIELD_OVERHEAD: usize = 48;

#[derive(Clone, Debug)]
pub struct Event {
    /// From 1, without gaps.
    pub id: u64,
    pub at: SystemTime,
    pub kind: EventKind,
}

#[derive(Clone, Debug)]
pub enum EventKind {
    /// The call stands in line.
    Queued,
    /// The guest was entered.
    Started,
    Progress {
        done: u64,
        total: Option<u64>,
        message: Box<str>,
    },
    /// A part of the result, as the guest gave it.
    Partial { text: Box<str> },
    /// A line that the guest wrote.
    Output { stream: Stream, text: Box<str> },
    Log {
        level: &'static str,
        message: Box<str>,
        fields: Box<[(String, String)]>,
    },
    /// The call is over; nothing comes after it.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Events between the reader's place and the first of these that the log has lost.
    pub dropped: u64,
    /// Where the next page begins: the number of the last event of this one.
    pub next: u64,
    /// The last of these is the call's end, or the reader has seen it before.
    pub is_done: bool,
}

#[derive(Debug)]
pub(crate) struct EventLog {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug)]
struct Inner {
    events: VecDeque<(SystemTime, EventKind)>,
    /// Events that were there before the oldest one that is left.
    dropped: u64,
    bytes: usize,
    bytes_max: usize,
    is_done: bool,
}

impl EventLog {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                events: VecDeque::new(),
                dropped: 0,
                bytes: 0,
                bytes_max,
                is_done: false,
            }),
            news: Notify::new(),
        }
    }

    /// Adds an event. After the end there are none.
    pub(crate) fn push(&self, kind: EventKind) {
        {
            let mut inner = self.inner();
            if inner.is_done {
                return;
            }
            inner.is_done = matches!(kind, EventKind::End);
            inner.bytes += kind.cost();
            inner.events.push_back((SystemTime::now(), kind));
            inner.make_room();
            if inner.is_done {
                inner.events.shrink_to_fit();
            }
        }
        self.news.notify_waiters();
    }

    /// Events after number `after`, at most `limit`.
    pub(crate) fn page(&self, after: u64, limit: usize) -> EventPage {
        let inner = self.inner();
        let from = after.max(inner.dropped);
        let skip = usize::try_from(from - inner.dropped).unwrap_or(usize::MAX);
        let left = inner.events.iter().skip(skip).take(limit);
        let events: Vec<Event> = (from + 1..)
            .zip(left)
            .map(|(id, (at, kind))| Event {
                id,
                at: *at,
                kind: kind.clone(),
            })
            .collect();
        let next = events
            .last()
            .map_or(from.min(inner.last()), |event| event.id);
        EventPage {
            dropped: from - after.min(from),
            is_done: inner.is_done && next >= inner.last(),
            next,
            events,
        }
    }

    /// Waits until there is an event after number `after`, or there will be none.
    pub(crate) async fn grown(&self, after: u64) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Before the look, so that nothing is missed between the two.
            news.as_mut().enable();
            {
                let inner = self.inner();
                if inner.is_done || inner.last() > after {
                    return;
                }
            }
            news.await;
        }
    }

    /// Waits until the call is over.
    pub(crate) async fn ended(&self) {
        while !self.is_done() {
            self.grown(self.last()).await;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.inner().is_done
    }

    /// The number of the newest event.
    pub(crate) fn last(&self) -> u64 {
        self.inner().last()
    }

    /// The newest progress.
    pub(crate) fn progress(&self) -> Option<EventKind> {
        let inner = self.inner();
        let mut newest = inner.events.iter().rev().map(|(_, kind)| kind);
        newest
            .find(|kind| matches!(kind, EventKind::Progress { .. }))
            .cloned()
    }

    /// What the events take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.inner().bytes
    }

    /// Drops everything but the last event.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.bytes_max = 0;
        inner.make_room();
        inner.events.shrink_to_fit();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no code panics while it holds the log")
    }
}

impl Inner {
    fn last(&self) -> u64 {
        self.dropped + self.events.len() as u64
    }

    fn make_room(&mut self) {
        while self.bytes > self.bytes_max && self.events.len() > 1 {
            if let Some((_, oldest)) = self.events.pop_front() {
                self.bytes -= oldest.cost();
                self.dropped += 1;
            }
        }
    }
}

impl EventKind {
    fn cost(&self) -> usize {
        let text = match self {
            Self::Queued | Self::Started | Self::End => 0,
            Self::Progress { message, .. } => message.len(),
            Self::Output { text, .. } | Self::Partial { text } => text.len(),
            Self::Log {
                message, fields, ..
            } => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| FIELD_OVERHEAD + name.len() + value.len());
                message.len() + fields.sum::<usize>()
            }
        };
        EVENT_OVERHEAD + text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> EventKind {
        EventKind::Output {
            stream: Stream::Stdout,
            text: text.into(),
        }
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let log = EventLog::new(10_000);
        log.push(EventKind::Queued);
        log.push(EventKind::Started);
        let first = log.page(0, 1);
        assert_eq!(
            (first.events.len(), first.next, first.is_done),
            (1, 1, false)
        );
        log.push(line("hello"));
        log.push(EventKind::End);
        log.push(line("too late"));
        let rest = log.page(first.next, 100);
        let ids: Vec<u64> = rest.events.iter().map(|event| event.id).collect();
        assert_eq!((ids, rest.is_done, rest.dropped), (vec![2, 3, 4], true, 0));
        let none = log.page(rest.next, 100);
        assert_eq!((none.events.len(), none.next, none.is_done), (0, 4, true));
    }

    #[test]
    fn a_reader_is_told_of_what_it_missed() {
        let log = EventLog::new(3 * EVENT_OVERHEAD + 10);
        for _ in 0..100 {
            log.push(line("x"));
        }
        log.push(EventKind::End);
        let page = log.page(0, 100);
        assert_eq!(page.dropped + page.events.len() as u64, 101);
        assert_eq!(page.events.first().unwrap().id, page.dropped + 1);
        assert!(page.is_done);
        log.forget();
        let page = log.page(0, 100);
        assert_eq!((page.dropped, page.events.len(), page.next), (100, 1, 101));
        let beyond = log.page(1_000, 100);
        assert_eq!((beyond.events.len(), beyond.is_done), (0, true));
    }
}
