use super::*;

fn new(worker: &str, key: Option<&str>, request: &str) -> NewJob {
    NewJob {
        worker: WorkerId::parse(worker).unwrap(),
        only: None,
        action: "lab:add".to_owned(),
        request_id: RequestId::next(),
        key: key.map(|key| Key {
            key: IdempotencyKey::parse(key).unwrap(),
            request: blake3::hash(request.as_bytes()),
        }),
    }
}

fn begun(jobs: &Jobs, new: NewJob) -> Arc<Job> {
    match jobs.begin(new, || Ok(())).unwrap() {
        Begun::New(job, ()) => job,
        Begun::Known(_) => panic!("it was known"),
    }
}

fn fail(jobs: &Jobs, job: &Arc<Job>) {
    jobs.finish(job, Err(Error::new(ErrorCode::ToolTrapped, "it trapped")));
}

#[tokio::test(start_paused = true)]
async fn answers_are_dropped_in_time_and_jobs_are_forgotten_later() {
    let jobs = Jobs::new(JobLimits::default());
    let job = begun(&jobs, new("w", None, ""));
    let find = || jobs.find(&job.worker, None, &job.id);
    fail(&jobs, &job);
    assert!(find().unwrap().info().outcome.is_some());
    tokio::time::advance(jobs.limits.keep).await;
    let info = find().unwrap().info();
    assert_eq!(info.state, JobState::Failed);
    assert!(info.outcome.is_none(), "it says that it was dropped");
    assert_eq!(info.events, 2, "and how many events there were");
    tokio::time::advance(REMEMBERED).await;
    assert_eq!(find().unwrap_err().code(), ErrorCode::JobNotFound);
}

#[tokio::test]
async fn the_oldest_answers_give_way_to_new_ones() {
    let jobs = Jobs::new(JobLimits {
        kept_bytes: 300,
        ..JobLimits::default()
    });
    let all: Vec<Arc<Job>> = (0..10).map(|_| begun(&jobs, new("w", None, ""))).collect();
    for job in &all {
        fail(&jobs, job);
    }
    let kept = all.iter().map(|job| job.info().outcome.is_some());
    let kept: Vec<bool> = kept.collect();
    assert!(!kept[0] && kept[9], "{kept:?}");
    assert!(jobs.table().kept_bytes <= 300);
}

#[tokio::test]
async fn one_worker_s_answers_do_not_push_out_anothers() {
    let jobs = Jobs::new(JobLimits {
        kept_bytes: 1000,
        ..JobLimits::default()
    });
    let own = begun(&jobs, new("ada", None, ""));
    fail(&jobs, &own);
    let flood: Vec<Arc<Job>> = (0..100)
        .map(|_| begun(&jobs, new("mallory", None, "")))
        .collect();
    for job in &flood {
        fail(&jobs, job);
    }
    assert!(
        own.info().outcome.is_some(),
        "the oldest of all, and of ada's the only one"
    );
    assert!(flood[0].info().outcome.is_none() && flood[99].info().outcome.is_some());
    assert!(jobs.table().kept_bytes <= 1000);
}

#[tokio::test]
async fn a_worker_has_so_many_jobs_and_the_oldest_that_is_done_gives_way() {
    let jobs = Jobs::new(JobLimits {
        per_worker: 2,
        ..JobLimits::default()
    });
    let first = begun(&jobs, new("w", None, ""));
    let second = begun(&jobs, new("w", None, ""));
    let refused = jobs.begin(new("w", None, ""), || Ok(())).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    begun(&jobs, new("another", None, ""));
    fail(&jobs, &second);
    begun(&jobs, new("w", None, ""));
    assert!(jobs.find(&first.worker, None, &first.id).is_ok());
    assert!(jobs.find(&second.worker, None, &second.id).is_err());
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_worker() {
    let jobs = Jobs::new(JobLimits::default());
    let first = begun(&jobs, new("w", Some("k"), "add 1"));
    match jobs.begin(new("w", Some("k"), "add 1"), || Ok(())).unwrap() {
        Begun::Known(same) => assert!(Arc::ptr_eq(&same, &first)),
        Begun::New(..) => panic!("it ran twice"),
    }
    let other = jobs
        .begin(new("w", Some("k"), "add 2"), || Ok(()))
        .err()
        .unwrap();
    assert_eq!(other.code(), ErrorCode::Conflict);
    begun(&jobs, new("another", Some("k"), "add 2"));
    fail(&jobs, &first);
    jobs.forget(&first).unwrap();
    begun(&jobs, new("w", Some("k"), "add 2"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_forgotten_leaves_its_key_to_the_next_for_good() {
    let jobs = Jobs::new(JobLimits::default());
    let first = begun(&jobs, new("w", Some("k"), "add 1"));
    fail(&jobs, &first);
    tokio::time::advance(jobs.limits.keep).await;
    assert!(first.info().outcome.is_some(), "nobody has looked yet");
    jobs.forget(&jobs.find(&first.worker, None, &first.id).unwrap())
        .unwrap();
    let second = begun(&jobs, new("w", Some("k"), "add 2"));
    tokio::time::advance(REMEMBERED).await;
    match jobs.begin(new("w", Some("k"), "add 2"), || Ok(())).unwrap() {
        Begun::Known(same) => assert!(Arc::ptr_eq(&same, &second)),
        Begun::New(..) => panic!("it ran twice"),
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first() {
    let jobs = Jobs::new(JobLimits::default());
    let all: Vec<Arc<Job>> = (0..5).map(|_| begun(&jobs, new("w", None, ""))).collect();
    fail(&jobs, &all[1]);
    let worker = &all[0].worker;
    let mut seen = Vec::new();
    let mut query = JobQuery {
        limit: 2,
        ..JobQuery::default()
    };
    loop {
        let page = jobs.list(worker, None, &query);
        assert_eq!(page.total, 5);
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        query.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let expected: Vec<JobId> = all.iter().rev().map(|job| job.id.clone()).collect();
    assert_eq!(seen, expected);
    let failed = JobQuery {
        state: Some(JobState::Failed),
        limit: 10,
        ..JobQuery::default()
    };
    assert_eq!(jobs.list(worker, None, &failed).jobs.len(), 1);
}
