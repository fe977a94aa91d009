use super::*;

fn worker(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

fn accounts(every: WorkerSettings) -> Accounts {
    let workers = Workers {
        every,
        overrides: BTreeMap::new(),
    };
    Accounts::new(&workers, WorkerLimits::default())
}

#[tokio::test]
async fn a_place_is_taken_until_it_is_dropped_and_a_refusal_takes_none() {
    let accounts = accounts(WorkerSettings {
        calls: Some(2),
        ..WorkerSettings::default()
    });
    let ada = accounts.of(&worker("ada"));
    let (first, _second) = (
        ada.take(Quota::Calls).unwrap(),
        ada.take(Quota::Calls).unwrap(),
    );
    for _ in 0..3 {
        let error = ada.take(Quota::Calls).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RateLimited);
        assert_eq!(
            error.details(),
            [
                ("limit", "calls".into()),
                ("max", 2.into()),
                ("used", 2.into()),
                ("key", "workers.calls".into())
            ]
        );
        assert!(error.wait().is_some());
    }
    accounts
        .of(&worker("bob"))
        .take(Quota::Calls)
        .expect("another worker's are its own");
    drop(first);
    ada.take(Quota::Calls).expect("one was given back");
    assert_eq!(ada.used(Quota::Calls), 1);
    assert_eq!(ada.totals().refusals, 3);
}

#[tokio::test]
async fn a_worker_that_is_named_has_its_own_over_those_of_all() {
    let every = WorkerSettings {
        calls: Some(1),
        jobs: Some(7),
        ..WorkerSettings::default()
    };
    let own = WorkerSettings {
        calls: Some(2),
        ..WorkerSettings::default()
    };
    let workers = Workers {
        every,
        overrides: BTreeMap::from([(worker("ada"), own)]),
    };
    let accounts = Accounts::new(&workers, WorkerLimits::default());
    let (ada, bob) = (accounts.of(&worker("ada")), accounts.of(&worker("bob")));
    assert_eq!((ada.limits().calls, ada.limits().jobs), (2, 7));
    assert_eq!((bob.limits().calls, bob.limits().jobs), (1, 7));
    let _places = [
        ada.take(Quota::Calls).unwrap(),
        ada.take(Quota::Calls).unwrap(),
    ];
    let error = ada.take(Quota::Calls).unwrap_err();
    let hint = error.hint_text().unwrap();
    assert!(hint.contains("workers.overrides.\"ada\".calls"), "{hint}");
}

#[tokio::test]
async fn bytes_on_disk_are_given_back_by_the_last_who_refers_to_them() {
    let accounts = accounts(WorkerSettings {
        disk_bytes: Some(100),
        ..WorkerSettings::default()
    });
    let ada = accounts.of(&worker("ada"));
    let most = Arc::new(ada.take_disk(80).unwrap());
    let error = ada.take_disk(21).unwrap_err();
    assert!(error.details().contains(&("used", 80.into())), "{error:?}");
    let again = most.clone();
    drop(most);
    assert_eq!(ada.used(Quota::DiskBytes), 80);
    drop(again);
    assert_eq!(ada.used(Quota::DiskBytes), 0);
    let found = ada.note_disk(1000);
    ada.take_disk(1).expect_err("what was there counts");
    assert_eq!(found.bytes(), 1000);
}

#[tokio::test]
async fn workers_that_come_once_do_not_fill_the_memory_and_those_with_something_are_remembered() {
    let accounts = accounts(WorkerSettings::default());
    let busy = accounts.of(&worker("busy"));
    let _place = busy.take(Quota::Calls).unwrap();
    for number in 0..100_000 {
        accounts
            .of(&worker(&format!("w{number}")))
            .count_call(false);
    }
    let remembered = accounts.table.lock().unwrap().by_worker.len();
    assert!(remembered <= 2 * IDLE_WORKERS_MAX + 1, "{remembered}");
    assert!(Arc::ptr_eq(&busy, &accounts.of(&worker("busy"))));
    let last = accounts.of(&worker("w99999"));
    assert_eq!(last.totals().calls, 1, "the newest are remembered");
}
