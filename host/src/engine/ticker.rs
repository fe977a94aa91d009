//! The epoch clock: a thread of its own, so that no guest can hold it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A guest that computes for longer than this gives way to the others.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Stops its thread when dropped.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: wasmtime::Engine) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        #[expect(clippy::disallowed_methods, reason = "it has a thread of its own")]
        let tick = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new()
            .name("hostel-epoch".to_owned())
            .spawn(tick)
            .expect("the host can start a thread at its start");
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the clock would have been seen long before.
            let _ = thread.join();
        }
    }
}
