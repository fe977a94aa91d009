//! Several calls of one session that all count, or none of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};

use super::Session;
use super::call::{Called, Failed, ToolRequest, after_the_fall, run_in, under_present_grants};
use super::saved::Saved;
use super::slot::Loan;
use super::table::Sessions;

/// What became of a transaction.
pub(crate) struct Transacted {
    /// Of the calls that ran, in their order; the last one may be what ended it.
    pub(crate) outcomes: Vec<Result<Called>>,
    /// Calls that the session had had where it is again. None: every call counts.
    pub(crate) rolled_back_to: Option<u64>,
}

impl Sessions {
    /// Makes calls one after the other, with nobody else's between them. The first that fails, or whose tool answers with an error, takes
    /// the session back to where it was before them all.
    ///
    /// # Errors
    /// `unsupported_snapshot` for a state that cannot be saved; those of waiting for the session. Nothing was run.
    pub(crate) async fn transact(
        self: &Arc<Self>,
        session: &Arc<Session>,
        requests: Vec<ToolRequest>,
    ) -> Result<Transacted> {
        let loan = self.turn(session).await?;
        self.at_work(session, all_or_none(loan, requests)).await
    }
}

async fn all_or_none(mut loan: Loan, requests: Vec<ToolRequest>) -> Result<Transacted> {
    under_present_grants(&mut loan).await?;
    let session = loan.session().clone();
    let before = loan.save().await?;
    let calls = session.calls();
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in &requests {
        let most = request.timeout.unwrap_or(session.limits.call);
        let deadline = Instant::now() + most.min(session.limits.call);
        match run_in(&mut loan, request, deadline, Duration::ZERO).await {
            Ok(called) if !called.answer.is_error => outcomes.push(Ok(called)),
            Ok(refused) => {
                outcomes.push(Ok(refused));
                return Ok(undone(loan, before, calls, outcomes).await);
            }
            Err(Failed::Whole(error)) => {
                outcomes.push(Err(error));
                return Ok(undone(loan, before, calls, outcomes).await);
            }
            Err(Failed::Lost(error)) => {
                let error = after_the_fall(&session, loan, Some(before), calls, error).await;
                let is_back = error
                    .details()
                    .iter()
                    .any(|(name, _)| *name == "rolled_back_to");
                outcomes.push(Err(error));
                return Ok(Transacted {
                    outcomes,
                    rolled_back_to: is_back.then_some(calls),
                });
            }
            Err(Failed::Ended) => {
                drop(loan);
                return Err(session.gone_error());
            }
        }
    }
    Ok(Transacted {
        outcomes,
        rolled_back_to: None,
    })
}

/// Takes the session back although its guest is whole. If that fails, the guest is not: what it did half must not stay.
async fn undone(
    mut loan: Loan,
    before: Saved,
    calls: u64,
    mut outcomes: Vec<Result<Called>>,
) -> Transacted {
    let session = loan.session().clone();
    match before.revive(&session, session.ring()).await {
        Ok(instance) => {
            loan.replace(instance);
            Transacted {
                outcomes,
                rolled_back_to: Some(calls),
            }
        }
        Err(error) => {
            let message = format!("it could not be taken back: {}", error.message());
            loan.spoil(error.code(), message);
            drop(loan);
            outcomes.push(Err(
                Error::clone(&error).detail("session", session.id.as_str())
            ));
            Transacted {
                outcomes,
                rolled_back_to: None,
            }
        }
    }
}
