//! A call of a tool: in a session, or in an instance that is made for it and dropped after it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::engine::instance::ToolCall;
use crate::engine::{Fault, Instance, SessionIdentity};
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{SessionId, SessionName, WorkerId};
use crate::quota::{Account, Place, Quota};
use crate::registry::Backend;
use crate::tool::{Tool, ToolAnswer, ToolKind, Usage};
use crate::watch::{Watch, unless_stopped};

use super::saved::Saved;
use super::slot::Loan;
use super::table::Sessions;
use super::{CheckpointInfo, CheckpointMode, Session, SessionState};

/// Calls before a session has a pace of its own. Until then it has that of its worker's calls outside of sessions: who begins one session
/// after the other, for slow calls, does not have the door's thread for the first of each.
const YOUNG: u64 = 4;

/// What to call, and for how long at most.
#[derive(Debug)]
pub(crate) struct ToolRequest {
    pub(crate) tool: Arc<Tool>,
    /// JSON text of the params, UTF-8.
    pub(crate) params: Bytes,
    /// Wall-clock time from now, waiting included; the session's limit if that is shorter.
    pub(crate) timeout: Option<Duration>,
    /// Who hears of the call while it runs, and may stop it.
    pub(crate) watch: Option<Arc<Watch>>,
    /// Among its worker's calls in flight, until it has run. None: one before it in its transaction has it.
    pub(crate) place: Option<Place>,
}

/// The tool's answer, what it took, and where it ran.
#[derive(Debug)]
pub struct Called {
    pub answer: ToolAnswer,
    pub usage: Usage,
    pub session: Option<CalledIn>,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Executed {
    pub tool: Arc<Tool>,
    pub called: Called,
}

impl Executed {
    /// The session that it was called in, if that is still there.
    pub fn session_id(&self) -> Option<&SessionId> {
        self.called.session.as_ref()?.id.as_ref()
    }
}

/// The session in the answer of a call.
#[derive(Clone, Debug)]
pub struct CalledIn {
    /// None: it was temporary and is gone.
    pub id: Option<SessionId>,
    pub name: SessionName,
    /// Which call of the session this was, from 1.
    pub call: u64,
}

impl Sessions {
    /// Calls a tool in a session, after the calls that came before it.
    ///
    /// # Errors
    /// `session_busy` when too many wait, `session_ended`, `session_failed`, `invalid_params`, `unsupported_snapshot` in mode `call`, and
    /// what ends the guest: `tool_trapped`, `limit_exceeded`, `deadline_exceeded`. After those three the session is where it was before
    /// the call in mode `call`, and has failed in the others.
    ///
    /// # Cancel safety
    /// A caller that leaves while it waits has called nothing; one that leaves later does not stop the call.
    pub(crate) async fn call(
        self: &Arc<Self>,
        session: &Arc<Session>,
        request: ToolRequest,
    ) -> Result<Called> {
        let asked = Instant::now();
        session.check_alive()?;
        let most = request
            .timeout
            .unwrap_or(session.limits.call)
            .min(session.limits.call);
        let deadline = asked + most;
        let turn = self.turn_until(session, deadline, most);
        let loan = unless_stopped(request.watch.as_deref(), turn).await??;
        let queue = asked.elapsed();
        self.at_work(session, call_in(loan, request, deadline, queue))
            .await
    }

    /// Runs work on a session's guest to its end, whoever waits for it.
    pub(super) async fn at_work<T: Send + 'static>(
        &self,
        session: &Session,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let lane = session.account.lane();
        let pace = if session.calls() < YOUNG {
            session.backend.pace(lane)
        } else {
            &session.pace
        };
        let done = self.guests.run(pace, lane, work).await;
        done.map_err(|panic| Error::internal("a call was interrupted by the host", panic.0))?
    }

    /// Calls a tool in an instance of its own. A stateful tool gets a session for this one call.
    ///
    /// # Errors
    /// As [`Sessions::call`], less those of sessions; `rate_limited` when the worker has too many such calls.
    pub(crate) async fn call_alone(
        &self,
        account: &Arc<Account>,
        backend: &Arc<Backend>,
        request: ToolRequest,
    ) -> Result<Called> {
        let asked = Instant::now();
        let temporary = account.take(Quota::Temporary)?;
        let lane = account.lane();
        let limits = backend.limits();
        let most = request.timeout.unwrap_or(limits.call).min(limits.call);
        let (sender, answer) = oneshot::channel();
        let work = call_alone(account.clone(), backend.clone(), request, asked, most);
        let whole_life = async move {
            // The caller has its answer before the farewell, and the guest has its farewell though the caller may have left.
            let done = work.await;
            drop(temporary);
            match done {
                Ok((called, instance)) => {
                    let _ = sender.send(Ok(called));
                    dismiss(instance).await;
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        };
        self.guests
            .begin(backend.pace(lane), lane, whole_life)
            .await;
        answer.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorCode::Internal,
                "a call was interrupted by the host",
            ))
        })
    }
}

async fn call_in(
    mut loan: Loan,
    request: ToolRequest,
    deadline: Instant,
    queue: Duration,
) -> Result<Called> {
    under_present_grants(&mut loan).await?;
    let session = loan.session().clone();
    let before = match session.mode() {
        CheckpointMode::Call => Some(loan.save().await?),
        CheckpointMode::Manual | CheckpointMode::Off => None,
    };
    let calls = session.calls();
    match run_in(&mut loan, &request, deadline, queue).await {
        Ok(called) => Ok(called),
        Err(Failed::Whole(error)) => Err(error),
        Err(Failed::Lost(error)) => Err(after_the_fall(&session, loan, before, calls, error).await),
        Err(Failed::Ended) => {
            drop(loan);
            Err(session.gone_error())
        }
    }
}

/// Some grants an instance has from its start: folders, environment. If those have changed, the guest goes on in a new one.
///
/// # Errors
/// `unsupported_snapshot` for a guest that cannot: it holds what is no longer granted, or what cannot be had twice. Nothing was run.
pub(super) async fn under_present_grants(loan: &mut Loan) -> Result<()> {
    let session = loan.session().clone();
    if loan.instance().has(&session.backend.grants()) {
        return Ok(());
    }
    let moved = async {
        let saved = loan.save().await?;
        saved.revive(&session, session.ring()).await
    };
    let instance = moved.await.map_err(|error| {
        error.hint("the backend's policy has changed, and the session cannot go on under it; nothing was run")
    })?;
    loan.replace(instance);
    Ok(())
}

/// How a call in a session failed.
pub(super) enum Failed {
    /// The guest is whole.
    Whole(Error),
    /// The guest's state is lost; the loan is spoiled.
    Lost(Error),
    /// The session was ended during the call; the loan is spoiled.
    Ended,
}

/// Runs one call on the instance of a loan.
pub(super) async fn run_in(
    loan: &mut Loan,
    request: &ToolRequest,
    deadline: Instant,
    queue: Duration,
) -> Result<Called, Failed> {
    let started = Instant::now();
    let session = loan.session().clone();
    let params = utf8(&request.params).map_err(Failed::Whole)?;
    let call = ToolCall {
        place: request.tool.place,
        on_session: request.tool.on_session,
        params,
        timeout: deadline.saturating_duration_since(started),
    };
    let watch = request.watch.as_ref();
    let instance = loan.enter();
    let telling = watch.map(|watch| {
        watch.start(Some((session.id.clone(), session.key.name.clone())));
        instance.log().tell(watch.clone())
    });
    let outcome = tokio::select! {
        biased; // Its owner's word ends the call before the guest's answer counts.
        () = session.end.stop.cancelled() => None,
        outcome = unless_stopped(watch.map(Arc::as_ref), instance.call(&call)) => Some(outcome),
    };
    drop(telling);
    let number = session.totals.calls.fetch_add(1, Ordering::Relaxed) + 1;
    let duration = started.elapsed();
    let usage = Usage {
        duration,
        queue,
        ..loan.instance().usage()
    };
    session.count(&usage);
    match outcome {
        Some(Ok(Ok(answer))) => {
            loan.keep();
            let called_in = CalledIn {
                id: Some(session.id.clone()),
                name: session.key.name.clone(),
                call: number,
            };
            Ok(Called {
                answer,
                usage,
                session: Some(called_in),
            })
        }
        Some(Err(stopped)) => {
            loan.spoil(stopped.code(), "its call was cancelled");
            Err(Failed::Lost(stopped))
        }
        Some(Ok(Err(fault))) => {
            let whole = fault.leaves_instance_whole();
            let error = fault.into_error(&request.tool.full_name);
            if whole {
                loan.keep();
                return Err(Failed::Whole(error));
            }
            loan.spoil(error.code(), error.message().to_owned());
            Err(Failed::Lost(error))
        }
        None => {
            loan.spoil(ErrorCode::SessionEnded, "it was destroyed during a call");
            Err(Failed::Ended)
        }
    }
}

/// The guest's state is lost. Takes the session back to where it was before the call, if it was saved then, and says in the error what has
/// become of it.
pub(super) async fn after_the_fall(
    session: &Arc<Session>,
    mut loan: Loan,
    before: Option<Saved>,
    calls: u64,
    error: Error,
) -> Error {
    let error = error.detail("session", session.id.as_str());
    if let Some(before) = before {
        match before.revive(session, session.ring()).await {
            Ok(instance) => {
                loan.replace(instance);
                metrics::counter!("hostel_rollbacks_total").increment(1);
                return error
                    .detail("rolled_back_to", json!({"call": calls}))
                    .detail("session_state", SessionState::Idle.as_str())
                    .hint("the session is as it was before this call");
            }
            Err(again) => {
                tracing::warn!(session = %session.id, error = %again, cause = again.cause(), "a session cannot be rolled back");
            }
        }
    }
    drop(loan);
    let error = error.detail("session_state", session.info().state.as_str());
    let there: Vec<String> = session
        .checkpoint_list()
        .iter()
        .map(CheckpointInfo::id)
        .collect();
    if there.is_empty() {
        return error.hint("the session is gone with its state: create a new one; with \"checkpoint\": \"call\" it would have gone back to where it was");
    }
    let hint = format!(
        "the state is lost; go back to a checkpoint ({}) with POST /v1/sessions/{}/restore",
        there.join(", "),
        session.id
    );
    error.detail("checkpoints", there).hint(hint)
}

async fn call_alone(
    account: Arc<Account>,
    backend: Arc<Backend>,
    request: ToolRequest,
    asked: Instant,
    most: Duration,
) -> Result<(Called, Box<Instance>)> {
    // `shutdown` of the backend waits for this call.
    let _in_use = backend.in_use();
    let params = utf8(&request.params)?;
    let late =
        || Fault::Deadline { after: most }.into_error(&format!("warming up {}", backend.name));
    let deadline = asked + most;
    let watch = request.watch.as_deref();
    let mut instance = unless_stopped(
        watch,
        timeout_at(deadline, backend.instance(account.lane())),
    )
    .await?
    .map_err(|_| late())??;
    let temporary = (request.tool.kind == ToolKind::Stateful).then(|| CalledIn {
        id: None,
        name: SessionName::default(),
        call: 1,
    });
    let started = Instant::now();
    let telling = request.watch.as_ref().map(|watch| {
        watch.start(None);
        instance.log().tell(watch.clone())
    });
    let running = run_alone(
        &mut instance,
        account.worker(),
        &backend,
        &request,
        params,
        deadline,
        temporary.is_some(),
    );
    let outcome = unless_stopped(watch, running).await?;
    drop(telling);
    let duration = started.elapsed();
    let usage = Usage {
        duration,
        queue: started - asked,
        ..instance.usage()
    };
    account.count_usage(&usage);
    let answer = outcome.map_err(|fault| fault.into_error(&request.tool.full_name))?;
    Ok((
        Called {
            answer,
            usage,
            session: temporary,
        },
        instance,
    ))
}

async fn run_alone(
    instance: &mut Instance,
    worker: &WorkerId,
    backend: &Backend,
    request: &ToolRequest,
    params: &str,
    deadline: Instant,
    temporary: bool,
) -> Result<ToolAnswer, Fault> {
    if temporary {
        let identity = || SessionIdentity {
            id: SessionId::random().to_string(),
            name: SessionName::DEFAULT.to_owned(),
            worker: worker.to_string(),
            labels: Vec::new(),
            temporary: true,
        };
        let config = backend.default_config_text();
        let mut limits = backend.limits();
        let left = deadline.saturating_duration_since(Instant::now());
        limits.initialize = limits.initialize.min(left);
        instance.open(identity, config, &limits).await?;
    }
    let timeout = deadline.saturating_duration_since(Instant::now());
    instance
        .call(&ToolCall {
            place: request.tool.place,
            on_session: request.tool.on_session,
            params,
            timeout,
        })
        .await
}

/// The caller has its answer; what is left is the guest's farewell.
async fn dismiss(mut instance: Box<Instance>) {
    if instance.has_farewell()
        && let Err(fault) = instance.close().await
    {
        tracing::debug!(?fault, "a temporary session's cleanup failed");
    }
}

fn utf8(params: &Bytes) -> Result<&str> {
    std::str::from_utf8(params).map_err(|error| {
        Error::new(
            ErrorCode::InvalidRequest,
            format!("the params are not UTF-8: {error}"),
        )
    })
}

impl Session {
    fn count(&self, usage: &Usage) {
        self.account.count_usage(usage);
        let duration_us = u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX);
        self.totals
            .duration_us
            .fetch_add(duration_us, Ordering::Relaxed);
        self.totals
            .host_calls
            .fetch_add(usage.host_calls, Ordering::Relaxed);
        self.totals
            .memory_bytes
            .store(usage.memory_bytes, Ordering::Relaxed);
    }
}
