//! Where guests run. The first slice of a call runs on the caller's own thread, which saves two thread switches on the calls that
//! are short; what does not finish in its first slice moves to a runtime that only guests use and never comes back.
//! So a guest that spins or waits holds up no door and no timer.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Where the first slice runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// On the caller's thread: at most two epoch ticks.
    Here,
    /// On the guests' runtime from the start: for backends known to overstay.
    There,
}

/// The guests' runtime.
#[derive(Clone)]
pub(crate) struct Guests {
    runtime: Handle,
    running: TaskTracker,
}

/// The host panicked while it served a guest: a bug, contained in one call.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

impl Guests {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            running: TaskTracker::new(),
        }
    }

    /// Runs `work` to its end, whoever waits for it.
    ///
    /// # Cancel safety
    /// A caller that goes away stops nothing: the work is either done within one poll or has a task of its own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        slice: Slice,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        let mut work: Pin<Box<dyn Future<Output = std::thread::Result<T>> + Send>> =
            Box::pin(AssertUnwindSafe(work).catch_unwind());
        if slice == Slice::Here {
            let first =
                std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            if let Poll::Ready(outcome) = first {
                return outcome.map_err(|panic| Panicked::from(&*panic));
            }
        }
        match self.running.spawn_on(work, &self.runtime).await {
            Ok(outcome) => outcome.map_err(|panic| Panicked::from(&*panic)),
            Err(_) => Err(Panicked("the guests' runtime stopped".to_owned())),
        }
    }

    /// Starts `work` on the guests' runtime and does not wait for it.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn_on(work, &self.runtime);
    }

    /// Runs the first slice of `work` and leaves the rest, if any, to the guests' runtime.
    pub(crate) async fn begin(
        &self,
        slice: Slice,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
        if slice == Slice::Here {
            let first =
                std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            if first.is_ready() {
                return;
            }
        }
        self.running.spawn_on(work, &self.runtime);
    }

    /// Waits until nothing runs any more, at most `patience`.
    pub(crate) async fn drained(&self, patience: Duration) -> bool {
        self.running.close();
        tokio::time::timeout(patience, self.running.wait())
            .await
            .is_ok()
    }
}

impl From<&(dyn std::any::Any + Send)> for Panicked {
    fn from(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}
