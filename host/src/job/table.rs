//! Finds jobs, and forgets them in time: first the answers, by age and by size, later the jobs themselves.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::error::{Error, ErrorCode, Result};
use crate::ids::{IdempotencyKey, JobId, RequestId, SessionId, WorkerId};
use crate::session::Executed;
use crate::watch::{EventKind, Watch};

use super::{Job, JobInfo, JobLimits, JobState, Key};

/// How long a job is known after its answer was dropped.
const REMEMBERED: Duration = Duration::from_secs(3600);

pub(crate) struct Jobs {
    limits: JobLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next_serial: u64,
    by_id: HashMap<JobId, Arc<Job>>,
    by_worker: HashMap<WorkerId, BTreeMap<u64, Arc<Job>>>,
    by_key: HashMap<(WorkerId, IdempotencyKey), Arc<Job>>,
    /// With their answers, the oldest first.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// The same by worker; none of them 0.
    kept_by_worker: HashMap<WorkerId, usize>,
    /// Without their answers, by when that was dropped.
    remembered: VecDeque<(Instant, Arc<Job>)>,
}

struct Kept {
    finished: Instant,
    bytes: usize,
    job: Arc<Job>,
}

/// What a job begins with.
pub(crate) struct NewJob {
    pub(crate) worker: WorkerId,
    pub(crate) only: Option<SessionId>,
    pub(crate) action: String,
    pub(crate) request_id: RequestId,
    pub(crate) key: Option<Key>,
}

/// Which jobs to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct JobQuery {
    pub state: Option<JobState>,
    pub session: Option<SessionId>,
    pub limit: usize,
    /// `next` of the page before.
    pub before: Option<u64>,
}

pub struct JobPage {
    pub jobs: Vec<JobInfo>,
    /// All that fit, on whatever page.
    pub total: usize,
    /// `before` of the next page, if there is one.
    pub next: Option<u64>,
}

/// A job that was asked for.
pub(crate) enum Begun<P> {
    /// With the place that it takes.
    New(Arc<Job>, P),
    /// The same request was made before.
    Known(Arc<Job>),
}

impl Jobs {
    pub(crate) fn new(limits: JobLimits) -> Self {
        Self {
            limits,
            table: Mutex::default(),
        }
    }

    /// # Errors
    /// `conflict` for a key that stands for another request; `rate_limited` when all of the worker's jobs are still running; those of `place`,
    /// which is asked for by a job that is new.
    pub(crate) fn begin<P>(
        &self,
        new: NewJob,
        place: impl FnOnce() -> Result<P>,
    ) -> Result<Begun<P>> {
        let mut table = self.table();
        if let Some(key) = &new.key
            && let Some(known) = table.by_key.get(&(new.worker.clone(), key.key.clone()))
        {
            let same = known
                .key
                .as_ref()
                .is_some_and(|own| own.request == key.request);
            if same && known.only == new.only {
                return Ok(Begun::Known(known.clone()));
            }
            let message = format!("the key {:?} stands for another request", key.key.as_str());
            return Err(Error::new(ErrorCode::Conflict, message)
                .detail("job", known.id.as_str())
                .hint("nothing was run; give each request a key of its own"));
        }
        let place = place()?;
        table.make_room(&new.worker, self.limits.per_worker)?;
        let serial = table.next_serial;
        table.next_serial += 1;
        let job = Arc::new(Job {
            id: JobId::random(),
            serial,
            worker: new.worker,
            only: new.only,
            action: new.action,
            request_id: new.request_id,
            key: new.key,
            created_at: SystemTime::now(),
            watch: Arc::new(Watch::new(self.limits.event_bytes)),
            end: Mutex::new(None),
        });
        job.watch.events.push(EventKind::Queued);
        table.insert(&job);
        Ok(Begun::New(job, place))
    }

    /// The job's end. Only the first one counts.
    pub(crate) fn finish(&self, job: &Arc<Job>, outcome: Result<Executed>) {
        if !job.finish(outcome) {
            return;
        }
        let bytes = job.bytes();
        let mut table = self.table();
        // It may have been forgotten by then.
        if table.by_id.contains_key(&job.id) {
            table.keep(Kept {
                finished: Instant::now(),
                bytes,
                job: job.clone(),
            });
            while table.kept_bytes > self.limits.kept_bytes
                && let Some(place) = table.greediest()
            {
                table.drop_answer(place);
            }
        }
    }

    /// # Errors
    /// `job_not_found`, also for another worker's.
    pub(crate) fn find(
        &self,
        worker: &WorkerId,
        only: Option<&SessionId>,
        id: &JobId,
    ) -> Result<Arc<Job>> {
        let table = self.table();
        let found = table
            .by_id
            .get(id)
            .filter(|job| job.worker == *worker && sees(only, job));
        found.cloned().ok_or_else(|| {
            Error::new(ErrorCode::JobNotFound, format!("there is no job {id:?}"))
                .hint("jobs are forgotten some time after their end, and when the host stops")
        })
    }

    pub(crate) fn list(
        &self,
        worker: &WorkerId,
        only: Option<&SessionId>,
        query: &JobQuery,
    ) -> JobPage {
        let table = self.table();
        let own = table.by_worker.get(worker);
        let newest_first = own.into_iter().flat_map(|own| own.values().rev());
        let is_of = |job: &Job, session: &SessionId| {
            let started = job
                .watch
                .started()
                .and_then(|started| started.session.as_ref());
            started.is_some_and(|(id, _)| id == session)
        };
        let fits = newest_first.filter(|job| {
            sees(only, job)
                && query.state.is_none_or(|state| job.state() == state)
                && query
                    .session
                    .as_ref()
                    .is_none_or(|session| is_of(job, session))
        });
        let all: Vec<&Arc<Job>> = fits.collect();
        let before = query.before.unwrap_or(u64::MAX);
        let mut rest = all.iter().filter(|job| job.serial < before);
        let page: Vec<&&Arc<Job>> = rest.by_ref().take(query.limit).collect();
        let next = page
            .last()
            .map(|job| job.serial)
            .filter(|_| rest.next().is_some());
        JobPage {
            total: all.len(),
            next,
            jobs: page.into_iter().map(|job| job.info()).collect(),
        }
    }

    /// # Errors
    /// `conflict` while it runs.
    pub(crate) fn forget(&self, job: &Arc<Job>) -> Result<()> {
        if !job.is_done() {
            let message = format!("job {} is not done", job.id);
            return Err(Error::new(ErrorCode::Conflict, message).hint("cancel it first"));
        }
        self.table().remove(job);
        Ok(())
    }

    /// Asks all of them to stop.
    pub(crate) fn stop_all(&self) {
        for job in self.table().by_id.values() {
            job.stop();
        }
    }

    /// The table, without what is too old.
    fn table(&self) -> MutexGuard<'_, Table> {
        let mut table = self
            .table
            .lock()
            .expect("no code panics while it holds the jobs");
        let now = Instant::now();
        let keep = self.limits.keep;
        while table
            .kept
            .front()
            .is_some_and(|oldest| now.duration_since(oldest.finished) >= keep)
        {
            table.drop_answer(0);
        }
        table.drop_jobs(now);
        table
    }
}

/// A session's token opens the jobs that were begun with it.
fn sees(only: Option<&SessionId>, job: &Job) -> bool {
    only.is_none_or(|session| job.only.as_ref() == Some(session))
}

impl Table {
    fn insert(&mut self, job: &Arc<Job>) {
        self.by_id.insert(job.id.clone(), job.clone());
        let own = self.by_worker.entry(job.worker.clone()).or_default();
        own.insert(job.serial, job.clone());
        if let Some(key) = &job.key {
            let name = (job.worker.clone(), key.key.clone());
            self.by_key.insert(name, job.clone());
        }
    }

    fn remove(&mut self, job: &Arc<Job>) {
        self.by_id.remove(&job.id);
        if let Some(own) = self.by_worker.get_mut(&job.worker) {
            own.remove(&job.serial);
            if own.is_empty() {
                self.by_worker.remove(&job.worker);
            }
        }
        if let Some(key) = &job.key {
            self.by_key.remove(&(job.worker.clone(), key.key.clone()));
        }
        if let Some(place) = self
            .kept
            .iter()
            .position(|kept| Arc::ptr_eq(&kept.job, job))
        {
            self.take_kept(place);
        }
    }

    /// Makes room for one more job of the worker.
    fn make_room(&mut self, worker: &WorkerId, most: usize) -> Result<()> {
        let Some(own) = self.by_worker.get(worker) else {
            return Ok(());
        };
        if own.len() < most {
            return Ok(());
        }
        match own.values().find(|job| job.is_done()).cloned() {
            Some(oldest) => {
                self.remove(&oldest);
                Ok(())
            }
            None => Err(Error::new(
                ErrorCode::RateLimited,
                format!("{} jobs of this worker are running", own.len()),
            )
            .detail("limit", "jobs")
            .detail("max", most)
            .detail("used", own.len())
            .detail("key", "jobs.per_worker")
            .hint("nothing was run; wait for some of them, or cancel them")
            .retry_after(Duration::from_secs(1))),
        }
    }

    fn keep(&mut self, kept: Kept) {
        self.kept_bytes += kept.bytes;
        *self
            .kept_by_worker
            .entry(kept.job.worker.clone())
            .or_default() += kept.bytes;
        self.kept.push_back(kept);
    }

    /// The oldest answer of a worker that has more than its share: one that has many does not push out another's.
    fn greediest(&self) -> Option<usize> {
        let share = self.kept_bytes / self.kept_by_worker.len().max(1);
        let has_more = |kept: &Kept| {
            let own = self.kept_by_worker.get(&kept.job.worker);
            own.is_some_and(|own| *own >= share)
        };
        self.kept.iter().position(has_more)
    }

    fn drop_answer(&mut self, place: usize) {
        if let Some(dropped) = self.take_kept(place) {
            dropped.job.forget_answer();
            self.remembered.push_back((Instant::now(), dropped.job));
        }
    }

    fn take_kept(&mut self, place: usize) -> Option<Kept> {
        let kept = self.kept.remove(place)?;
        self.kept_bytes -= kept.bytes;
        if let Some(own) = self.kept_by_worker.get_mut(&kept.job.worker) {
            *own -= kept.bytes;
            if *own == 0 {
                self.kept_by_worker.remove(&kept.job.worker);
            }
        }
        Some(kept)
    }

    fn drop_jobs(&mut self, now: Instant) {
        while let Some((since, _)) = self.remembered.front()
            && now.duration_since(*since) >= REMEMBERED
            && let Some((_, job)) = self.remembered.pop_front()
        {
            // One that was forgotten before left its key to others.
            if self.by_id.contains_key(&job.id) {
                self.remove(&job);
            }
        }
    }
}

#[cfg(test)]
mod tests;
