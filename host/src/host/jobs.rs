//! The verbs on jobs. A job is a call like any other; what is different is who waits for it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::ids::{IdempotencyKey, JobId, RequestId};
use crate::job::{Begun, Job, JobPage, JobQuery, Jobs, Key, NewJob};
use crate::quota::{Place, Quota};
use crate::watch::Watch;

use super::{Caller, Execute, Executed, Host, restricted, target};

/// A stopped guest gives way at its next tick; what takes longer is a host call.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A job that was asked for.
pub struct StartedJob {
    pub job: Arc<Job>,
    /// The same request was made before, and this is its job.
    pub is_replay: bool,
}

/// Ends the job when whatever runs it goes away without a word.
struct Running {
    jobs: Arc<Jobs>,
    job: Arc<Job>,
    /// Among its worker's jobs. None: it is given back.
    place: Option<Place>,
}

impl Running {
    fn finish(mut self, outcome: Result<Executed>) {
        // Whoever sees the end may begin another one.
        drop(self.place.take());
        self.jobs.finish(&self.job, outcome);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.job.is_done() {
            return;
        }
        let lost = Error::internal("the call was interrupted by the host", "its task ended");
        self.jobs.finish(&self.job, Err(lost));
    }
}

impl Host {
    /// Begins a call and does not wait for it. With a key, the same request is made once, however often it is sent.
    ///
    /// # Errors
    /// Those of finding the tool and the session, at once; `conflict` for a key that stands for another request; `rate_limited`.
    /// Whatever comes later is the job's end.
    pub async fn start_job(
        self: &Arc<Self>,
        caller: &Caller,
        request_id: &RequestId,
        execute: Execute,
        key: Option<IdempotencyKey>,
    ) -> Result<StartedJob> {
        let entered = self.enter(caller).await?;
        let action = self.named(caller, &execute)?;
        let place = || entered.account.take(Quota::Jobs);
        let new = NewJob {
            worker: caller.worker.clone(),
            only: caller.only.clone(),
            action,
            request_id: request_id.clone(),
            key: key.map(|key| Key {
                key,
                request: fingerprint(&execute),
            }),
        };
        let (job, place) = match self.jobs.begin(new, place)? {
            Begun::New(job, place) => (job, place),
            Begun::Known(job) => {
                return Ok(StartedJob {
                    job,
                    is_replay: true,
                });
            }
        };
        entered.account.count_job();
        let lane = entered.account.lane();
        let running = Running {
            jobs: self.jobs.clone(),
            job: job.clone(),
            place: Some(place),
        };
        let (host, caller) = (self.clone(), caller.clone());
        self.guests.start(lane, async move {
            let (id, watch): (_, Arc<Watch>) =
                (running.job.request_id().clone(), running.job.watch());
            let call = host.execute_entered(entered, &caller, &id, execute, Some(watch));
            let outcome = call.await;
            running.finish(outcome);
        });
        Ok(StartedJob {
            job,
            is_replay: false,
        })
    }

    /// # Errors
    /// `job_not_found`.
    pub fn job(&self, caller: &Caller, id: &JobId) -> Result<Arc<Job>> {
        caller.may_have_jobs()?;
        self.jobs.find(&caller.worker, caller.only.as_ref(), id)
    }

    /// The caller's jobs, newest first.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn list_jobs(&self, caller: &Caller, query: &JobQuery) -> Result<JobPage> {
        caller.may_have_jobs()?;
        Ok(self.jobs.list(&caller.worker, caller.only.as_ref(), query))
    }

    /// Stops a job's guest and waits until it is done. One that is done stays as it is.
    ///
    /// # Errors
    /// `job_not_found`.
    pub(super) async fn stop_job(&self, caller: &Caller, id: &JobId) -> Result<Arc<Job>> {
        let job = self.job(caller, id)?;
        job.stop();
        // The guest may be in a host call that takes longer; the job then says that it is to stop.
        let _ = tokio::time::timeout(STOP_PATIENCE, job.ended()).await;
        Ok(job)
    }

    /// Forgets a job that is done.
    ///
    /// # Errors
    /// `job_not_found`; `conflict` while it runs.
    pub fn forget_job(&self, caller: &Caller, id: &JobId) -> Result<()> {
        self.jobs.forget(&self.job(caller, id)?)
    }

    /// The tool's full name: what cannot be found is known before there is a job.
    fn named(&self, caller: &Caller, execute: &Execute) -> Result<String> {
        let choice = restricted(caller, execute.session.clone())?;
        let catalogue = self.catalogue(caller);
        let session = self.chosen(caller, &catalogue, &execute.action, choice)?;
        let found = target(&catalogue, &execute.action, session.as_deref())?;
        caller.may_call(&found.tool)?;
        Ok(found.tool.full_name.clone())
    }
}

/// Two requests are the same if their calls are.
fn fingerprint(execute: &Execute) -> blake3::Hash {
    let Execute {
        action,
        params,
        session,
        timeout,
    } = execute;
    let mut hasher = blake3::Hasher::new();
    for part in [
        action.as_bytes(),
        params,
        format!("{session:?} {timeout:?}").as_bytes(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}
