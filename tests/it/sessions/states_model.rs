//! The states of sessions against a model of them: calls, traps, checkpoints, forks, suspensions, transactions and kills of the host, in
//! whatever order.

use hostel_host::error::ErrorCode;
use hostel_host::host::{Execute, SessionChoice};
use hostel_host::ids::RequestId;
use hostel_host::label::Labels;
use hostel_host::session::{CheckpointMode, ForkRequest};
use hostel_tests::{Guest, TestHost, TestSession};
use proptest::prelude::*;
use serde_json::json;

const SESSIONS_MAX: usize = 6;
/// Checkpoints that a session keeps.
const KEPT: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Begin {
        protected: bool,
    },
    Add {
        n: u64,
    },
    /// Fills pages and adds.
    Grow {
        pages: u64,
    },
    Trap,
    Checkpoint,
    Restore {
        back: usize,
    },
    Fork,
    Suspend,
    Resume,
    Transaction {
        n: u64,
        fails: bool,
    },
    Destroy,
    Kill,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        2 => any::<bool>().prop_map(|protected| Step::Begin { protected }),
        6 => (1..10_u64).prop_map(|n| Step::Add { n }),
        1 => (1..4_u64).prop_map(|pages| Step::Grow { pages }),
        2 => Just(Step::Trap),
        3 => Just(Step::Checkpoint),
        2 => (0..KEPT + 1).prop_map(|back| Step::Restore { back }),
        2 => Just(Step::Fork),
        3 => Just(Step::Suspend),
        1 => Just(Step::Resume),
        2 => (1..10_u64, any::<bool>()).prop_map(|(n, fails)| Step::Transaction { n, fails }),
        1 => Just(Step::Destroy),
        1 => Just(Step::Kill),
    ];
    (0..SESSIONS_MAX, step)
}

/// A session as it must be.
struct Expected {
    session: TestSession,
    protected: bool,
    sum: u64,
    /// A guest that is lost can only go back.
    is_broken: bool,
    /// Number and sum of each, oldest first.
    checkpoints: Vec<(u64, u64)>,
    /// The sum in the newest state on disk.
    on_disk: Option<u64>,
}

async fn fresh(host: &TestHost) {
    let guest = Guest::stateful_lab();
    host.load_with("lab", &guest, |settings| {
        settings.limits.checkpoints.count = KEPT;
        settings.grants.workspace = true;
    })
    .await;
}

async fn perform(host: &mut TestHost, all: &mut Vec<Expected>, place: usize, step: Step) {
    match step {
        Step::Begin { protected } if all.len() < SESSIONS_MAX => {
            begin(host, all, protected).await;
        }
        Step::Kill => kill(host, all).await,
        Step::Begin { .. } => {}
        _ if all.is_empty() => {}
        Step::Fork => fork(all, place).await,
        Step::Destroy => {
            let gone = all.remove(place % all.len());
            gone.session.destroy().await.unwrap();
        }
        step => {
            let place = place % all.len();
            let is_gone = one(&mut all[place], step).await;
            if is_gone {
                all.remove(place);
            }
        }
    }
}

async fn begin(host: &TestHost, all: &mut Vec<Expected>, protected: bool) {
    let name = uuid();
    let ada = host.worker("ada");
    let session = ada.begin_with("lab", |new| {
        new.name = name;
        if protected {
            new.checkpoint = CheckpointMode::Call;
        }
    });
    all.push(Expected {
        session: session.await,
        protected,
        sum: 0,
        is_broken: false,
        checkpoints: Vec::new(),
        on_disk: None,
    });
}

fn uuid() -> hostel_host::ids::SessionName {
    let id = hostel_host::ids::SessionId::random();
    hostel_host::ids::SessionName::parse(id.as_str()).unwrap()
}

/// Another host finds the disk as it is, and nothing else.
async fn kill(host: &mut TestHost, all: &mut Vec<Expected>) {
    *host = host.after_a_kill(|_| {});
    fresh(host).await;
    let ada = host.worker("ada");
    let before = std::mem::take(all);
    for expected in before {
        let session = ada.known("lab", &expected.session);
        match expected.on_disk {
            None => assert_eq!(session.gone(), Some(ErrorCode::SessionNotFound)),
            Some(sum) => all.push(Expected {
                session,
                sum,
                is_broken: false,
                ..expected
            }),
        }
    }
}

async fn fork(all: &mut Vec<Expected>, place: usize) {
    let parent = &all[place % all.len()];
    let request = ForkRequest {
        count: 1,
        name: None,
        labels: Labels::default(),
    };
    let forked = parent.session.fork(&request).await;
    if parent.is_broken {
        let code = forked.err().map(|error| error.code());
        assert_eq!(code, Some(ErrorCode::SessionFailed));
        return;
    }
    let child = forked.unwrap().remove(0);
    let (protected, sum) = (parent.protected, parent.sum);
    if all.len() == SESSIONS_MAX {
        child.destroy().await.unwrap();
        return;
    }
    all.push(Expected {
        session: child,
        protected,
        sum,
        is_broken: false,
        checkpoints: Vec::new(),
        on_disk: None,
    });
}

/// True if the session is gone after it.
async fn one(expected: &mut Expected, step: Step) -> bool {
    let session = &expected.session;
    match step {
        Step::Add { n } => {
            let answer = session.call("add", json!({"n": n})).await;
            if !broken(expected, answer.as_ref().err().map(|error| error.code())) {
                expected.sum += n;
                assert_eq!(answer.unwrap(), expected.sum);
            }
        }
        Step::Grow { pages } => {
            let answer = session.call("dirty", json!({"pages": pages})).await;
            broken(expected, answer.err().map(|error| error.code()));
        }
        Step::Trap => {
            let error = session.call("trap", json!({})).await.unwrap_err();
            if !broken(expected, Some(error.code())) {
                assert_eq!(error.code(), ErrorCode::ToolTrapped);
                expected.is_broken = !expected.protected;
                return expected.is_broken && expected.checkpoints.is_empty();
            }
        }
        Step::Checkpoint => {
            let made = session.checkpoint(None).await;
            if !broken(expected, made.as_ref().err().map(|error| error.code())) {
                expected
                    .checkpoints
                    .push((made.unwrap().number, expected.sum));
                if expected.checkpoints.len() > KEPT {
                    expected.checkpoints.remove(0);
                }
                expected.on_disk = Some(expected.sum);
            }
        }
        Step::Restore { back } => {
            let found = expected.checkpoints.iter().rev().nth(back).copied();
            let number = found.map_or(999, |(number, _)| number);
            let restored = session.restore(&format!("c{number}")).await;
            match found {
                None => assert_eq!(restored.unwrap_err().code(), ErrorCode::Conflict),
                Some((_, sum)) => {
                    restored.unwrap();
                    expected.sum = sum;
                    expected.is_broken = false;
                }
            }
        }
        Step::Suspend => {
            let suspended = session.suspend().await;
            if !broken(expected, suspended.as_ref().err().map(|error| error.code())) {
                suspended.unwrap();
                expected.on_disk = Some(expected.sum);
            }
        }
        Step::Resume => {
            let resumed = session.resume().await;
            broken(expected, resumed.err().map(|error| error.code()));
        }
        Step::Transaction { n, fails } => {
            let last = if fails { "trap" } else { "add" };
            let outcome = transact(session, n, last).await;
            if !broken(expected, outcome) && !fails {
                expected.sum += 2 * n;
            }
        }
        Step::Begin { .. } | Step::Fork | Step::Destroy | Step::Kill => {}
    }
    false
}

/// Two calls that count together. The code if none of them could be tried.
async fn transact(session: &TestSession, n: u64, last: &str) -> Option<ErrorCode> {
    let call = |tool: &str, n: u64| Execute {
        action: format!("lab:{tool}"),
        params: match tool {
            "add" => json!({"n": n}).to_string().into(),
            _ => "{}".into(),
        },
        session: SessionChoice::Id(session.id.clone()),
        timeout: None,
    };
    let calls = vec![call("add", n), call(last, n)];
    let (host, caller) = (&session.worker.host, &session.worker.caller);
    let transacted = host.transact(caller, &RequestId::next(), calls).await;
    match transacted {
        Ok(transaction) => {
            assert_eq!(transaction.outcomes.len(), 2);
            assert_eq!(transaction.rolled_back_to.is_some(), last == "trap");
            None
        }
        Err(error) => Some(error.code()),
    }
}

/// True if the guest is lost, and the answer was that.
fn broken(expected: &Expected, code: Option<ErrorCode>) -> bool {
    if expected.is_broken {
        assert_eq!(code, Some(ErrorCode::SessionFailed));
    } else {
        assert!(
            !matches!(code, Some(code) if code != ErrorCode::ToolTrapped),
            "{code:?}"
        );
    }
    expected.is_broken
}

async fn play(steps: Vec<(usize, Step)>) {
    let mut host = TestHost::with(|_| {});
    fresh(&host).await;
    let mut all = Vec::new();
    for (place, step) in steps {
        perform(&mut host, &mut all, place, step).await;
    }
    for expected in &mut all {
        one(expected, Step::Add { n: 1 }).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn host_and_model_agree_on_every_state(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(steps));
    }
}
