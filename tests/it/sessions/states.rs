//! A session's state, held apart from its instance: checkpoints, rollback, forks, suspension.

use std::time::Duration;

use hostel_host::error::ErrorCode;
use hostel_host::label::Labels;
use hostel_host::session::{CheckpointMode, ForkRequest, NewSession, OnIdle, SessionState, Timers};
use hostel_tests::{Behaviour, Guest, Hook, TestHost, TestSession};
use serde_json::{Value, json};
use tokio::time::Instant;

fn protected(new: &mut NewSession) {
    new.checkpoint = CheckpointMode::Call;
}

async fn add(session: &TestSession, n: u32) -> Value {
    session.call("add", json!({"n": n})).await.unwrap()
}

fn forks(count: usize) -> ForkRequest {
    ForkRequest {
        count,
        name: None,
        labels: Labels::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_badly_takes_a_protected_session_back_to_where_it_was() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.cpu = Duration::from_millis(50);
    })
    .await;
    let session = host.worker("ada").begin_with("lab", protected).await;
    let mut sum = 0;
    for (tool, params, expected) in [
        ("trap", json!({}), ErrorCode::ToolTrapped),
        (
            "complain",
            json!({"text": "alas\n"}),
            ErrorCode::ToolTrapped,
        ),
        ("hoard", json!({}), ErrorCode::LimitExceeded),
        ("spin", json!({}), ErrorCode::LimitExceeded),
        ("sleep", json!({"ms": 100_000}), ErrorCode::DeadlineExceeded),
    ] {
        sum += 1;
        assert_eq!(add(&session, 1).await, sum, "before {tool}");
        let calls = session.info().unwrap().calls;
        let error = session.call(tool, params).await.unwrap_err();
        assert_eq!(error.code(), expected, "{tool}: {error}");
        let told = error.details().iter();
        let told = told.filter(|(name, _)| *name == "rolled_back_to");
        let told: Vec<&Value> = told.map(|(_, value)| value).collect();
        assert_eq!(told, [&json!({"call": calls})], "{tool}");
        assert_eq!(session.info().unwrap().state, SessionState::Idle, "{tool}");
    }
    assert_eq!(add(&session, 1).await, sum + 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_back_to_any_of_its_checkpoints() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 1).await;
    let one = session.checkpoint(Some("one")).await.unwrap();
    assert_eq!((one.id().as_str(), one.call), ("c1", 1));
    session.call("dirty", json!({"pages": 3})).await.unwrap();
    add(&session, 10).await;
    let two = session.checkpoint(None).await.unwrap();
    assert!(two.bytes > 3 << 16, "the pages that were filled are in it");
    add(&session, 100).await;
    session.restore("c2").await.unwrap();
    assert_eq!(add(&session, 0).await, 11);
    session.restore("one").await.unwrap();
    assert_eq!(add(&session, 0).await, 1);
    assert_eq!(
        session.call("residue", json!({"pages": 3})).await.unwrap(),
        0,
        "memory that was not there then is empty"
    );
    session.restore("c2").await.unwrap();
    assert_eq!(add(&session, 0).await, 11, "forward, too");
    let error = session.restore("c3").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_lost_its_guest_can_go_back_to_a_checkpoint_and_nowhere_else() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 5).await;
    session.checkpoint(None).await.unwrap();
    add(&session, 1).await;
    session.call("trap", json!({})).await.unwrap_err();
    assert_eq!(session.info().unwrap().state, SessionState::Failed);
    let error = session.call("add", json!({"n": 1})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionFailed);
    assert!(error.hint_text().unwrap().contains("c1"), "{error:?}");
    session.restore("c1").await.unwrap();
    assert_eq!(add(&session, 0).await, 5);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_checkpoints_give_way() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.limits.checkpoints.count = 2;
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    for _ in 0..3 {
        add(&session, 1).await;
        session.checkpoint(None).await.unwrap();
    }
    assert_eq!(session.info().unwrap().checkpoints.count, 2);
    let error = session.restore("c1").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    assert!(
        error.hint_text().unwrap().contains("pushed out"),
        "{error:?}"
    );
    session.restore("c2").await.unwrap();
    assert_eq!(add(&session, 0).await, 2);
}

#[tokio::test(start_paused = true)]
async fn forks_begin_where_their_parent_is_and_go_their_own_ways() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let parent = host.worker("ada").begin("lab").await;
    add(&parent, 7).await;
    let children = parent.fork(&forks(3)).await.unwrap();
    let [one, two, three] = children.as_slice() else {
        panic!("three were asked for");
    };
    assert_eq!(add(one, 1).await, 8);
    assert_eq!(add(two, 2).await, 9);
    assert_eq!(add(&parent, 0).await, 7);
    let [grandchild] = &one.fork(&forks(1)).await.unwrap()[..] else {
        panic!("one was asked for");
    };
    assert_eq!(add(grandchild, 1).await, 9);
    let info = grandchild.info().unwrap();
    let from = info.forked_from.unwrap();
    assert_eq!((from.session.as_str(), from.call), (one.id.as_str(), 1));
    parent.destroy().await.unwrap();
    assert_eq!(add(three, 0).await, 7, "it outlives its parent");
}

#[tokio::test(start_paused = true)]
async fn forks_beyond_the_quota_are_none_at_all() {
    let host = TestHost::with(|config| config.sessions_per_worker = 4);
    host.load("lab", &Guest::stateful_lab()).await;
    let parent = host.worker("ada").begin("lab").await;
    let error = parent.fork(&forks(4)).await.err().expect("too many");
    assert_eq!(error.code(), ErrorCode::RateLimited);
    assert_eq!(host.host.session_count(), 1);
    assert_eq!(parent.fork(&forks(3)).await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_session_wakes_up_as_it_was_and_only_once() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 7).await;
    session
        .call("print", json!({"text": "before\n", "times": 1}))
        .await
        .unwrap();
    session.suspend().await.unwrap();
    assert_eq!(session.info().unwrap().state, SessionState::Suspended);
    let calls = (0..8).map(|_| session.call("add", json!({"n": 1})));
    let mut sums: Vec<u64> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|sum| sum.unwrap().as_u64().unwrap())
        .collect();
    sums.sort_unstable();
    assert_eq!(sums, (8..16).collect::<Vec<u64>>());
    let page = session
        .worker
        .host
        .session_logs(&session.worker.caller, &session.id, 0, 10)
        .await
        .unwrap();
    let text: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(text, ["before"], "what it wrote is still there");
}

#[tokio::test(start_paused = true)]
async fn suspended_sessions_leave_their_room_to_others() {
    let host = TestHost::with(|config| config.sessions_max = 1);
    host.load("lab", &Guest::stateful_lab()).await;
    let ada = host.worker("ada");
    let one = ada.begin_named("lab", "one").await;
    one.suspend().await.unwrap();
    let two = ada.begin_named("lab", "two").await;
    let error = one.call("add", json!({"n": 1})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    two.destroy().await.unwrap();
    assert_eq!(add(&one, 1).await, 1, "it slept on");
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_suspended_where_that_is_asked_for_and_grows_old_asleep() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let timers = Timers {
        idle_timeout: Some(Duration::from_secs(10)),
        max_lifetime: Some(Duration::from_secs(100)),
        on_idle: OnIdle::Suspend,
        archive_after: Some(Duration::from_secs(20)),
    };
    let ada = host.worker("ada");
    let session = ada.begin_with("lab", |new| new.timers = Some(timers)).await;
    add(&session, 3).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    while session.info().unwrap().state != SessionState::Suspended {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(session.info().unwrap().state, SessionState::Archived);
    let files = |folder: &str| {
        fs_err::read_dir(host.folder().join(folder))
            .unwrap()
            .count()
    };
    assert_eq!(files("sessions/snapshots"), 0);
    assert_eq!(files("sessions/archive"), 1);
    assert_eq!(add(&session, 0).await, 3);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = session.call("add", json!({"n": 0})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionEnded);
}

/// Flips a bit in the files whose names end so.
fn damage(host: &TestHost, end: &str) {
    for file in fs_err::read_dir(host.folder().join("sessions/snapshots")).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().ends_with(end) {
            let mut bytes = fs_err::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs_err::write(&path, bytes).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_damaged_on_disk_is_an_error_that_says_so() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 7).await;
    session.suspend().await.unwrap();
    damage(&host, "-s1");
    let error = session.call("add", json!({"n": 0})).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SessionFailed, "{error}");
    assert!(error.message().contains("damaged"), "{error}");
    assert_eq!(session.gone(), Some(ErrorCode::SessionFailed));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_state_is_damaged_goes_back_to_a_checkpoint() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 7).await;
    session.checkpoint(None).await.unwrap();
    add(&session, 1).await;
    session.suspend().await.unwrap();
    damage(&host, "-s1");
    let error = session.call("add", json!({"n": 0})).await.unwrap_err();
    assert!(error.message().contains("damaged"), "{error}");
    damage(&host, "-c1");
    let error = session.restore("c1").await.unwrap_err();
    assert!(error.message().contains("damaged"), "{error}");
    damage(&host, "-c1");
    session.restore("c1").await.unwrap();
    assert_eq!(add(&session, 0).await, 7, "the bit was flipped back");
}

#[tokio::test(start_paused = true)]
async fn a_host_waits_for_no_sleeping_session_when_it_stops() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 5).await;
    session.suspend().await.unwrap();
    let host = host.after_a_kill(|_| {});
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").known("lab", &session);
    assert_eq!(session.info().unwrap().state, SessionState::Suspended);
    let asked = Instant::now();
    host.host.drain(Duration::from_secs(100)).await;
    assert!(
        asked.elapsed() < Duration::from_secs(100),
        "nothing ran into its bound"
    );
    let host = host.after_a_kill(|_| {});
    host.load("lab", &Guest::stateful_lab()).await;
    assert_eq!(add(&host.worker("ada").known("lab", &session), 1).await, 6);
}

#[tokio::test]
async fn a_session_that_cannot_be_written_goes_on() {
    let host = TestHost::new();
    host.load("lab", &Guest::stateful_lab()).await;
    let session = host.worker("ada").begin("lab").await;
    add(&session, 5).await;
    // No file can be made where a file is: as good as a disk that is full.
    let snapshots = host.folder().join("sessions/snapshots");
    let away = host.folder().join("away");
    fs_err::rename(&snapshots, &away).unwrap();
    fs_err::write(&snapshots, "in the way").unwrap();
    for error in [
        session.suspend().await.unwrap_err(),
        session.checkpoint(None).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::Internal, "{error}");
    }
    assert_eq!(session.info().unwrap().state, SessionState::Idle);
    assert_eq!(add(&session, 1).await, 6);
    assert_eq!(session.info().unwrap().checkpoints.count, 0);
    fs_err::remove_file(&snapshots).unwrap();
    fs_err::rename(&away, &snapshots).unwrap();
    session.suspend().await.unwrap();
    assert_eq!(add(&session, 1).await, 7);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_an_ended_session_stays_on_disk() {
    let host = TestHost::new();
    host.load_with("lab", &Guest::stateful_lab(), |settings| {
        settings.grants.workspace = true;
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    session.checkpoint(None).await.unwrap();
    session.suspend().await.unwrap();
    session.destroy().await.unwrap();
    for folder in ["sessions/snapshots", "sessions/workspaces"] {
        let path = host.folder().join(folder);
        let left = || fs_err::read_dir(&path).unwrap().count();
        for _ in 0..100 {
            if left() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(left(), 0, "{folder}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_hook_runs_in_a_copy() {
    let host = TestHost::new();
    let guest = Guest::stateful_lab().hook(Hook::Initialize, Behaviour::LeaveMark);
    let grant = host.marks_grant();
    host.load_with("lab", &guest, |settings| {
        settings.grants.folders.push(grant)
    })
    .await;
    let session = host.worker("ada").begin("lab").await;
    session.fork(&forks(2)).await.unwrap();
    session.suspend().await.unwrap();
    session.resume().await.unwrap();
    assert_eq!(host.marks('i'), 1);
}
