//! A thread that looks at the workers of the runtimes. One that does a single thing for a second is blocked: something in the host waits where
//! it must not, and neither a deadline nor the epoch clock can end that, for both need a worker that comes back. It can only be told.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::RuntimeMetrics;
use tokio::time::Instant;

/// A worker that was not seen to do anything new for so long is blocked. A guest gives way every few milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// Stops its thread when dropped.
pub(super) struct Watchdog {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches the workers of these runtimes, each by its name.
    pub(super) fn start(runtimes: Vec<(&'static str, RuntimeMetrics)>) -> Self {
        let (stop, stopped) = sync_channel(0);
        let watch = move || {
            let mut watched: Vec<Watched> = runtimes.into_iter().map(Watched::new).collect();
            while stopped.recv_timeout(LOOKS_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                for news in watched.iter_mut().flat_map(|runtime| runtime.look(now)) {
                    news.tell();
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("hostel-watchdog".to_owned())
            .spawn(watch)
            .expect("the host can start a thread at its start");
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the watchdog harms nobody.
            let _ = thread.join();
        }
    }
}

/// A runtime, and what its workers were last seen to do.
struct Watched {
    name: &'static str,
    metrics: RuntimeMetrics,
    workers: Vec<Seen>,
}

struct Seen {
    /// Grows with everything that the worker ends or begins: how often it fell asleep and woke up, and how long it was busy between.
    progress: (u64, Duration),
    since: Instant,
    is_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct News {
    runtime: &'static str,
    worker: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Blocked,
    GoesOn { after: Duration },
}

impl Watched {
    fn new((name, metrics): (&'static str, RuntimeMetrics)) -> Self {
        let since = Instant::now();
        let unseen = || Seen {
            progress: (0, Duration::ZERO),
            since,
            is_told: false,
        };
        let workers = (0..metrics.num_workers()).map(|_| unseen()).collect();
        Self {
            name,
            metrics,
            workers,
        }
    }

    fn look(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for (worker, seen) in self.workers.iter_mut().enumerate() {
            let progress = (
                self.metrics.worker_park_unpark_count(worker),
                self.metrics.worker_total_busy_duration(worker),
            );
            // Odd while the worker sleeps because there is nothing to do.
            let is_asleep = progress.0 % 2 == 1;
            let what = seen.note(progress, is_asleep, now);
            news.extend(what.map(|what| News {
                runtime: self.name,
                worker,
                what,
            }));
        }
        news
    }
}

impl Seen {
    fn note(&mut self, progress: (u64, Duration), is_asleep: bool, now: Instant) -> Option<What> {
        if is_asleep || progress != self.progress {
            let after = now - self.since;
            let was_told = std::mem::take(&mut self.is_told);
            self.progress = progress;
            self.since = now;
            return was_told.then_some(What::GoesOn { after });
        }
        if self.is_told || now - self.since < PATIENCE {
            return None;
        }
        self.is_told = true;
        Some(What::Blocked)
    }
}

impl News {
    fn tell(self) {
        let Self {
            runtime, worker, ..
        } = self;
        match self.what {
            What::Blocked => {
                metrics::counter!("hostel_blocked_workers_total", "runtime" => runtime)
                    .increment(1);
                tracing::error!(
                    runtime,
                    worker,
                    "a worker is blocked: something in the host keeps its thread"
                );
            }
            What::GoesOn { after } => {
                let blocked_ms = after.as_millis();
                tracing::warn!(runtime, worker, blocked_ms, "a worker goes on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    fn all_news(work: impl Future<Output = ()> + Send + 'static, looks: usize) -> Vec<What> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut watched = Watched::new(("guests", runtime.metrics()));
        runtime.handle().spawn(work);
        let mut news = Vec::new();
        for _ in 0..looks {
            pause(LOOKS_EVERY);
            news.extend(watched.look(Instant::now()));
        }
        runtime.shutdown_background();
        news.into_iter().map(|news| news.what).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "this is what is looked for")]
    fn pause(time: Duration) {
        std::thread::sleep(time);
    }

    #[test]
    fn work_that_blocks_its_worker_is_told_once_and_when_it_is_over() {
        let news = all_news(async { pause(PATIENCE * 2) }, 15);
        assert!(
            matches!(news[..], [What::Blocked, What::GoesOn { after }] if after >= PATIENCE),
            "{news:?}"
        );
    }

    #[test]
    fn a_worker_that_has_much_to_do_or_nothing_is_not_blocked() {
        let busy = async {
            let end = Instant::now() + PATIENCE * 2;
            while Instant::now() < end {
                pause(Duration::from_millis(5));
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(all_news(busy, 12), []);
        assert_eq!(all_news(std::future::pending(), 12), []);
    }
}
