//! What a script leaves to be done later: the reactions of promises, and timers. Runs them in the order of the language.
//!
//! Time is real: waiting for a timer sleeps, which costs wall-clock time but no CPU. Knows nothing of scripts or outcomes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::thread;
use std::time::Duration;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::job::{Job, JobExecutor};
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::{Context, JsError, JsResult, JsValue};

/// The queues of one interpreter.
#[derive(Default)]
pub(crate) struct EventLoop {
    reactions: RefCell<VecDeque<Job>>,
    /// By the time they are due, in milliseconds of the interpreter's clock, then by age.
    timers: RefCell<BTreeMap<(u64, u32), Timer>>,
    last_timer: Cell<u32>,
}

/// A function to call later, once or again and again.
#[derive(Clone)]
pub(crate) struct Timer {
    pub(crate) callback: JsFunction,
    pub(crate) arguments: Vec<JsValue>,
    pub(crate) repeats: bool,
    pub(crate) delay_ms: u64,
}

/// How the pending work of a script came to its end.
#[derive(Default)]
pub(crate) struct Settled {
    /// What reactions and timers threw.
    pub(crate) uncaught: Vec<JsError>,
    /// Why waiting was given up, if it was.
    pub(crate) timeout: Option<String>,
}

impl EventLoop {
    /// The event loop of `context`.
    pub(crate) fn of(context: &Context) -> Rc<Self> {
        context
            .downcast_job_executor()
            .expect("every context is built with this event loop")
    }

    /// Starts a timer and returns its number.
    pub(crate) fn start(&self, timer: Timer, context: &Context) -> u32 {
        let id = self.last_timer.get() + 1;
        self.last_timer.set(id);
        self.schedule(id, timer, context);
        id
    }

    pub(crate) fn cancel(&self, id: u32) {
        self.timers
            .borrow_mut()
            .retain(|(_, timer), _| *timer != id);
    }

    /// Runs reactions and timers until nothing is left, or only repeating timers that `main` does not need. Those end here:
    /// between calls nobody is there to run them. Waits `wait_ms` in all at most.
    #[expect(
        clippy::disallowed_methods,
        reason = "a guest has one thread, and the host waits for nobody on it"
    )]
    pub(crate) fn settle(
        &self,
        main: Option<&JsPromise>,
        wait_ms: u64,
        context: &mut Context,
    ) -> Settled {
        let mut settled = Settled::default();
        let mut wait_left = wait_ms;
        self.react(&mut settled.uncaught, context);
        while let Some(due) = self.next_due(main) {
            let wait = due.saturating_sub(now_ms(context));
            if wait > wait_left {
                settled.timeout = Some(format!(
                    "the timers want {wait} ms more, and a call may wait {wait_ms} ms in all"
                ));
                break;
            }
            wait_left -= wait;
            thread::sleep(Duration::from_millis(wait));
            self.fire(due, &mut settled.uncaught, context);
        }
        self.timers.borrow_mut().clear();
        settled
    }

    fn schedule(&self, id: u32, timer: Timer, context: &Context) {
        // At least a millisecond, as browsers do: a timer that repeats without a pause would never let go.
        let due = now_ms(context).saturating_add(timer.delay_ms.max(1));
        self.timers.borrow_mut().insert((due, id), timer);
    }

    fn next_due(&self, main: Option<&JsPromise>) -> Option<u64> {
        let is_pending =
            main.is_some_and(|promise| matches!(promise.state(), PromiseState::Pending));
        let timers = self.timers.borrow();
        let is_needed = is_pending || timers.values().any(|timer| !timer.repeats);
        timers
            .keys()
            .next()
            .map(|(due, _)| *due)
            .filter(|_| is_needed)
    }

    /// Calls the timers that are due by `until`, each followed by the reactions that it causes.
    fn fire(&self, until: u64, uncaught: &mut Vec<JsError>, context: &mut Context) {
        let due: Vec<(u64, u32)> = self
            .timers
            .borrow()
            .range(..=(until, u32::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            // A timer before it may have cancelled this one.
            let Some(timer) = self.timers.borrow_mut().remove(&key) else {
                continue;
            };
            if timer.repeats {
                self.schedule(key.1, timer.clone(), context);
            }
            uncaught.extend(
                timer
                    .callback
                    .call(&JsValue::undefined(), &timer.arguments, context)
                    .err(),
            );
            self.react(uncaught, context);
        }
    }

    fn react(&self, uncaught: &mut Vec<JsError>, context: &mut Context) {
        while let Some(reaction) = self.next_reaction() {
            uncaught.extend(run(reaction, context).err());
        }
        context.clear_kept_objects();
    }

    fn next_reaction(&self) -> Option<Job> {
        self.reactions.borrow_mut().pop_front()
    }
}

impl JobExecutor for EventLoop {
    fn enqueue_job(self: Rc<Self>, job: Job, _context: &mut Context) {
        self.reactions.borrow_mut().push_back(job);
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        let mut uncaught = Vec::new();
        self.react(&mut uncaught, context);
        uncaught.into_iter().next().map_or(Ok(()), Err)
    }
}

fn run(job: Job, context: &mut Context) -> JsResult<JsValue> {
    match job {
        Job::PromiseJob(job) => job.call(context),
        Job::GenericJob(job) => job.call(context),
        Job::AsyncJob(job) => {
            let context = RefCell::new(context);
            // All that is asynchronous here is the refusal to load a module, which has its answer at once.
            let mut task = task::Context::from_waker(Waker::noop());
            match pin!(job.call(&context)).poll(&mut task) {
                Poll::Ready(answer) => answer,
                Poll::Pending => Ok(JsValue::undefined()),
            }
        }
        // Timers are our own, and the language allows finalizers to be left out.
        _ => Ok(JsValue::undefined()),
    }
}

fn now_ms(context: &Context) -> u64 {
    context.clock().now().millis_since_epoch()
}
