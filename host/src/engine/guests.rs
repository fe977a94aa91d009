//! Where guests run. The first slice of a call runs on the caller's own thread, which saves two thread switches on the calls that
//! are short; what does not finish in its first slice moves to a runtime that only guests use and never comes back.
//! So a guest that spins or waits holds up no door and no timer. There, workers take turns (`gate.rs`). A `lane` says whose work it is.

mod gate;
mod pace;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use gate::Gate;
pub(super) use gate::GiveWay;
pub(crate) use pace::{Pace, Paces};

/// The lane of what the host does for itself and for everybody.
pub(crate) const HOSTS_OWN: u64 = 0;

/// The guests' runtime.
#[derive(Clone)]
pub(crate) struct Guests {
    runtime: Handle,
    gate: Arc<Gate>,
    running: TaskTracker,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The host panicked while it served a guest: a bug, contained in one call.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

impl Guests {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            gate: Gate::new(runtime.metrics().num_workers()),
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
        pace: &Pace,
        lane: u64,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        let mut work: Work<std::thread::Result<T>> =
            Box::pin(AssertUnwindSafe(work).catch_unwind());
        if let Poll::Ready(outcome) = first_slice(pace, &mut work).await {
            return outcome.map_err(|panic| Panicked::from(&*panic));
        }
        let work = self.gate.pass(lane, work);
        match self.running.spawn_on(work, &self.runtime).await {
            Ok(outcome) => outcome.map_err(|panic| Panicked::from(&*panic)),
            Err(_) => Err(Panicked("the guests' runtime stopped".to_owned())),
        }
    }

    /// Runs the first slice of `work` and leaves the rest, if any, to the guests' runtime.
    pub(crate) async fn begin(
        &self,
        pace: &Pace,
        lane: u64,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut work: Work<()> = Box::pin(work);
        if first_slice(pace, &mut work).await.is_pending() {
            let work = self.gate.pass(lane, work);
            self.running.spawn_on(work, &self.runtime);
        }
    }

    /// Starts `work` on the guests' runtime and does not wait for it.
    pub(crate) fn start(&self, lane: u64, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.gate.pass(lane, Box::pin(work));
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

/// Polls the work once on this thread, unless its pace forbids it, and learns how long that kept the thread busy.
async fn first_slice<T>(pace: &Pace, work: &mut Work<T>) -> Poll<T> {
    if pace.is_slow() {
        return Poll::Pending;
    }
    let start = pace.start();
    let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    pace.stop(&start);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_the_call_that_it_happened_in_and_nothing_else() {
        let guests = Guests::new(Handle::current());
        for is_long in [false, true] {
            let work = async move {
                if is_long {
                    tokio::task::yield_now().await;
                }
                panic!("a bug of the host's");
            };
            let outcome = guests.run::<()>(&Pace::default(), HOSTS_OWN, work).await;
            let Err(Panicked(why)) = outcome else {
                panic!("it went well")
            };
            assert_eq!(why, "a bug of the host's");
            let next = guests.run(&Pace::default(), HOSTS_OWN, async { 7 }).await;
            assert_eq!(next.expect("it does not panic"), 7);
        }
        assert!(guests.drained(Duration::from_secs(5)).await);
    }
}
