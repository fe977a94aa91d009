//! The life of sessions against a model of it: whatever callers do in whatever order, host and model agree on every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::host::{SessionChoice, SessionQuery};
use hostel_host::ids::{SessionId, SessionName};
use hostel_host::session::{NewSession, Timers};
use hostel_tests::{Guest, TestHost, Worker};
use proptest::prelude::*;
use serde_json::{Value, json};

const WORKERS: [&str; 2] = ["ada", "bob"];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const SESSIONS_PER_WORKER: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Begin { idle: u64, life: u64 },
    Add { n: u64 },
    Trap,
    KeepAlive,
    Destroy,
}

/// Whose session of what name, what is done to it, and how many seconds pass before that.
type Act = (usize, usize, Step, u64);

fn act() -> impl Strategy<Value = Act> {
    let step = prop_oneof![
        3 => (2..20_u64, 5..60_u64).prop_map(|(idle, life)| Step::Begin { idle, life }),
        4 => (1..10_u64).prop_map(|n| Step::Add { n }),
        1 => Just(Step::Trap),
        2 => Just(Step::KeepAlive),
        1 => Just(Step::Destroy),
    ];
    (0..WORKERS.len(), 0..NAMES.len(), step, 0..6_u64)
}

type Key = (usize, usize);

#[derive(Default)]
struct Model {
    now: Duration,
    live: BTreeMap<Key, Live>,
    /// How the last session of a name ended, and its id.
    ended: BTreeMap<Key, (ErrorCode, SessionId)>,
}

struct Live {
    id: SessionId,
    count: u64,
    idle: Duration,
    touched: Duration,
    last: Duration,
}

impl Live {
    fn ends(&self) -> Duration {
        self.last.min(self.touched + self.idle)
    }
}

impl Model {
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let over: Vec<Key> = self
            .live
            .iter()
            .filter(|(_, live)| live.ends() <= self.now)
            .map(|(key, _)| *key)
            .collect();
        for key in over {
            self.end(key, ErrorCode::SessionEnded);
        }
    }

    fn end(&mut self, key: Key, code: ErrorCode) {
        if let Some(live) = self.live.remove(&key) {
            self.ended.insert(key, (code, live.id));
        }
    }

    fn begin(&mut self, key: Key) -> Option<ErrorCode> {
        if self.live.contains_key(&key) {
            return Some(ErrorCode::SessionExists);
        }
        let own = self.live.keys().filter(|(worker, _)| *worker == key.0);
        (own.count() >= SESSIONS_PER_WORKER).then_some(ErrorCode::RateLimited)
    }

    /// What a call of a session of this name answers if there is none.
    fn missing(&self, key: Key) -> ErrorCode {
        let ended = self.ended.get(&key);
        ended.map_or(ErrorCode::SessionNotFound, |(code, _)| *code)
    }
}

/// Waits end on whole seconds and timers a fraction later, so that none of them meet.
fn timers(idle: u64, life: u64) -> Timers {
    Timers {
        idle_timeout: Some(Duration::from_millis(idle * 1000 + 500)),
        max_lifetime: Some(Duration::from_millis(life * 1000 + 250)),
        ..Timers::default()
    }
}

async fn perform(host: &TestHost, model: &mut Model, (worker, name, step, wait): Act) {
    let wait = Duration::from_secs(wait);
    tokio::time::sleep(wait).await;
    model.pass(wait);
    let key = (worker, name);
    let worker = host.worker(WORKERS[worker]);
    let name = SessionName::parse(NAMES[name]).unwrap();
    if let Step::Begin { idle, life } = step {
        return begin(&worker, model, key, name, timers(idle, life)).await;
    }
    let Some(live) = model.live.get_mut(&key) else {
        let called = worker.call_in(SessionChoice::Name(name), "lab:add", json!({"n": 1}));
        assert_eq!(called.await.unwrap_err().code(), model.missing(key));
        if let Some((code, id)) = model.ended.get(&key) {
            let kept = worker.host.keep_alive(&worker.caller, id);
            assert_eq!(kept.unwrap_err().code(), *code);
        }
        return;
    };
    live.touched = model.now;
    match step {
        Step::Begin { .. } => {}
        Step::Add { n } => {
            live.count += n;
            let choice = SessionChoice::Id(live.id.clone());
            let answer = worker.call_in(choice, "lab:add", json!({"n": n})).await;
            assert_eq!(answer.unwrap(), Value::from(live.count));
        }
        Step::KeepAlive => {
            worker.host.keep_alive(&worker.caller, &live.id).unwrap();
        }
        Step::Trap => {
            let called = worker.call_in(SessionChoice::Name(name), "lab:trap", json!({}));
            assert_eq!(called.await.unwrap_err().code(), ErrorCode::ToolTrapped);
            model.end(key, ErrorCode::SessionFailed);
        }
        Step::Destroy => {
            let destroyed = worker.host.destroy_session(&worker.caller, &live.id);
            destroyed.await.unwrap();
            model.end(key, ErrorCode::SessionEnded);
        }
    }
}

async fn begin(worker: &Worker, model: &mut Model, key: Key, name: SessionName, timers: Timers) {
    let new = NewSession {
        name,
        timers: Some(timers),
        ..NewSession::default()
    };
    let outcome = worker.create("lab", new).await;
    let expected = model.begin(key);
    assert_eq!(outcome.as_ref().err().map(|error| error.code()), expected);
    if let Ok(started) = outcome {
        let live = Live {
            id: started.info.id,
            count: 0,
            idle: timers.idle_timeout.unwrap(),
            touched: model.now,
            last: model.now + timers.max_lifetime.unwrap(),
        };
        model.live.insert(key, live);
    }
}

fn compare(host: &TestHost, model: &Model) {
    for (place, worker) in WORKERS.iter().enumerate() {
        let worker = host.worker(worker);
        let query = SessionQuery {
            worker: Some(worker.caller.worker.clone()),
            limit: 100,
            ..SessionQuery::default()
        };
        let page = host.host.list_sessions(&worker.caller, &query).unwrap();
        let listed: BTreeSet<&str> = page
            .sessions
            .iter()
            .map(|info| info.key.name.as_str())
            .collect();
        let own = model.live.keys().filter(|(worker, _)| *worker == place);
        let expected: BTreeSet<&str> = own.map(|(_, name)| NAMES[*name]).collect();
        assert_eq!(listed, expected);
        assert_eq!(page.total, expected.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn host_and_model_agree(acts in proptest::collection::vec(act(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let host = TestHost::with(|config| config.sessions_per_worker = SESSIONS_PER_WORKER);
            host.load("lab", &Guest::stateful_lab()).await;
            let mut model = Model::default();
            for act in acts {
                perform(&host, &mut model, act).await;
                compare(&host, &model);
            }
        });
    }
}
