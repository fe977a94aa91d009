//! The one thread that writes: takes what waits, puts it into the chain, and tries again while the disk refuses.

#![expect(
    clippy::disallowed_methods,
    reason = "it has a thread of its own, which serves nobody else"
)]

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use super::file::Opened;
use super::queue::{Batch, Queue};
use super::row::{Row, Verb};
use super::{Fsync, OnFailure};

/// Lines that come so close together are written at once, and the verbs need not wake the thread for each.
const LINGER: Duration = Duration::from_millis(5);
const SYNC_EVERY: Duration = Duration::from_secs(1);
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// A host that stops does not wait longer for a disk that refuses.
const LAST_TRIES: u32 = 8;

struct Writer {
    file: Opened,
    queue: Arc<Queue>,
    fsync: Fsync,
    on_failure: OnFailure,
    synced_at: Instant,
    is_dirty: bool,
    /// Lines that `continue` went on without.
    lost: u64,
    buffer: Vec<u8>,
}

/// Why lines are not on disk.
enum Failure {
    /// It may work again.
    Write(io::Error),
    /// What was written before may be lost, and the kernel does not say so twice.
    Sync(io::Error),
}

pub(super) fn start(
    file: Opened,
    queue: Arc<Queue>,
    fsync: Fsync,
    on_failure: OnFailure,
) -> io::Result<JoinHandle<()>> {
    let writer = Writer {
        file,
        queue,
        fsync,
        on_failure,
        synced_at: Instant::now(),
        is_dirty: false,
        lost: 0,
        buffer: Vec::new(),
    };
    thread::Builder::new()
        .name("hostel-audit".to_owned())
        .spawn(move || writer.run())
}

impl Writer {
    fn run(mut self) {
        loop {
            let until_sync = (self.is_dirty && self.fsync == Fsync::Second)
                .then(|| SYNC_EVERY.saturating_sub(self.synced_at.elapsed()));
            self.queue.wait(until_sync);
            if self.fsync != Fsync::Always {
                self.queue.linger(LINGER);
            }
            let batch = self.queue.take();
            let is_over = self.keep(&batch).is_err() || batch.closing;
            if is_over {
                return;
            }
        }
    }

    /// Brings a batch to disk, however long it takes.
    ///
    /// # Errors
    /// It never will be.
    fn keep(&mut self, batch: &Batch) -> Result<(), ()> {
        let mut tries = 0;
        loop {
            let failure = match self.write(batch) {
                Ok(()) => {
                    if tries > 0 {
                        tracing::warn!("the audit log is written again");
                    }
                    self.lost = 0;
                    self.queue.is_written(batch.upto);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let (text, is_final) = match &failure {
                Failure::Write(error) => (error.to_string(), false),
                Failure::Sync(error) => (error.to_string(), true),
            };
            if tries == 0 {
                tracing::error!(error = text, on_failure = ?self.on_failure, "the audit log cannot be written");
            }
            self.queue.is_in_trouble(&text);
            tries += 1;
            let gives_up = self.queue.is_closing() && tries >= LAST_TRIES;
            if is_final || gives_up {
                tracing::error!(
                    lines = batch.rows.len(),
                    "the audit log is not written any more: start the host again when the disk is sound"
                );
                return Err(());
            }
            if self.on_failure == OnFailure::Continue {
                self.lost += batch.rows.len() as u64 + batch.lost;
                thread::sleep(AGAIN_AFTER);
                return Ok(());
            }
            thread::sleep(AGAIN_AFTER);
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Failure> {
        if !batch.rows.is_empty() && self.file.is_full() {
            let name = self.file.put_aside().map_err(Failure::Write)?;
            self.append(&[], &[Row::of_log(Verb::ContinueLog, "after", name)])
                .map_err(Failure::Write)?;
        }
        let lost = self.lost + batch.lost;
        let mut own = Vec::new();
        if lost > 0 {
            own.push(Row::of_log(Verb::LoseLines, "lines", lost));
        }
        if batch.denied > 0 {
            own.push(Row::of_log(Verb::Denied, "more_requests", batch.denied));
        }
        self.append(&batch.rows, &own).map_err(Failure::Write)?;
        let is_due = match self.fsync {
            Fsync::Never => false,
            Fsync::Second => batch.closing || self.synced_at.elapsed() >= SYNC_EVERY,
            Fsync::Always => true,
        };
        if is_due && self.is_dirty {
            self.file.sync().map_err(Failure::Sync)?;
            self.is_dirty = false;
            self.synced_at = Instant::now();
        }
        Ok(())
    }

    /// All of the lines, or none.
    fn append(&mut self, rows: &[Row], own: &[Row]) -> io::Result<()> {
        self.buffer.clear();
        let mut end = self.file.end.clone();
        for row in rows.iter().chain(own) {
            end = row.write(&end, &mut self.buffer);
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file.write(&self.buffer)?;
        self.file.end = end;
        if !self.is_dirty {
            self.synced_at = Instant::now();
        }
        self.is_dirty = true;
        Ok(())
    }
}
