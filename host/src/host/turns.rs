//! Whose request is next. A door's thread serves requests in the order in which they come, so a worker with many connections would have all
//! of its own served before another's one. While several workers ask, each has one request served at once, and its others stand in a line in
//! which workers take turns. The next of the line is served only when all that has come in the meantime has been looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use crate::engine::Slots;
use crate::ids::WorkerId;
use crate::quota::Groups;

/// For so long after another worker's request there is a line. Somebody who asks less often meets no line with the first request.
const SHARED_FOR: Duration = Duration::from_secs(60);
const NEVER: u64 = 0;

pub(super) struct Turns {
    line: Arc<Slots>,
    /// Whose request was the last.
    last: AtomicU64,
    /// Milliseconds from the start; until then there is a line.
    shared_until: AtomicU64,
    started: Instant,
    /// Counts how often the runtime has looked at all who were ready.
    round: AtomicU64,
    /// The round in which one of each worker was served at once. Who shares a group with a busy one stands in the line.
    served: Groups<AtomicU64>,
}

impl Turns {
    /// `at_once`: threads that serve.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            line: Slots::endless(u32::try_from(at_once.max(1)).unwrap_or(u32::MAX)),
            last: AtomicU64::new(NEVER),
            shared_until: AtomicU64::new(NEVER),
            started: Instant::now(),
            round: AtomicU64::new(1),
            served: Groups::default(),
        }
    }

    /// Waits until it is this worker's turn: not at all while it is the only one that asks.
    ///
    /// # Cancel safety
    /// Who leaves the line costs nobody a turn.
    pub(super) async fn wait(&self, worker: &WorkerId) {
        let lane = self.served.lane(worker);
        if !self.is_shared(lane) || self.is_first(lane) {
            return;
        }
        let turn = self.line.wait(lane).await;
        // Until the runtime has looked at all who are ready: only then is it known who else is there.
        yield_now().await;
        self.round.fetch_add(1, Ordering::Relaxed);
        drop(turn);
    }

    /// Whether this is the worker's first one in this round.
    fn is_first(&self, lane: u64) -> bool {
        let round = self.round.load(Ordering::Relaxed);
        self.served.of(lane).swap(round, Ordering::Relaxed) != round
    }

    fn is_shared(&self, lane: u64) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        if last == lane {
            // Alone for long: nothing is written, and no clock is read.
            let until = self.shared_until.load(Ordering::Relaxed);
            if until == NEVER {
                return false;
            }
            let is_over = self.now() >= until;
            if is_over {
                self.shared_until.store(NEVER, Ordering::Relaxed);
            }
            return !is_over;
        }
        self.last.store(lane, Ordering::Relaxed);
        if last == NEVER {
            return false;
        }
        let until = self.now() + u64::try_from(SHARED_FOR.as_millis()).unwrap_or(u64::MAX);
        self.shared_until.store(until, Ordering::Relaxed);
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::task::JoinSet;

    use super::*;

    fn worker(name: &str) -> WorkerId {
        WorkerId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn one_request_waits_for_a_few_of_a_flood_and_not_for_all() {
        let (turns, served) = (Arc::new(Turns::new(2)), Arc::new(Mutex::new(Vec::new())));
        turns.wait(&worker("ada")).await;
        let mut tasks = JoinSet::new();
        let others = ["ada", "ada", "bob", "bob", "eve"];
        for name in std::iter::repeat_n("mallory", 100).chain(others) {
            let (turns, served) = (turns.clone(), served.clone());
            tasks.spawn(async move {
                turns.wait(&worker(name)).await;
                served.lock().unwrap().push(name);
            });
        }
        while tasks.join_next().await.is_some() {}
        let served = served.lock().unwrap();
        assert_eq!(served.len(), 105);
        let last = served.iter().rposition(|name| *name != "mallory").unwrap();
        assert!(last < 12, "{:?}", &served[..=last]);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_line_only_while_several_ask() {
        let turns = Turns::new(1);
        let (ada, bob) = (worker("ada"), worker("bob"));
        let lane = |worker: &WorkerId| turns.served.lane(worker);
        assert!(!turns.is_shared(lane(&ada)));
        assert!(!turns.is_shared(lane(&ada)));
        assert!(turns.is_shared(lane(&bob)));
        assert!(turns.is_shared(lane(&bob)), "the other may come back");
        tokio::time::advance(SHARED_FOR).await;
        assert!(!turns.is_shared(lane(&bob)));
        assert!(turns.is_shared(lane(&ada)));
    }

    #[tokio::test]
    async fn who_leaves_the_line_takes_no_turn_along() {
        let turns = Turns::new(1);
        let (ada, bob) = (worker("ada"), worker("bob"));
        turns.wait(&ada).await;
        turns.wait(&bob).await;
        for _ in 0..10 {
            let mut waits = Box::pin(turns.wait(&bob));
            assert!(futures_util::poll!(&mut waits).is_pending());
        }
        turns.wait(&bob).await;
    }
}
