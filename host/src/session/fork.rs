//! Forks: sessions that begin where another one is now. Each is independent from then on.

use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::capability::log::LogRing;
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{KeyId, SessionId, SessionName, Token};
use crate::label::Labels;

use super::lease::Lease;
use super::open::{Opened, Unborn, exists};
use super::saved::Saved;
use super::slot::Slot;
use super::table::{Refusal, Sessions};
use super::{Capability, Session, SessionKey};

/// At once, by one request.
pub(crate) const FORKS_MAX: usize = 1_000;

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct ForkRequest {
    /// From 1 to 1,000.
    pub count: usize,
    /// Of the only fork; of several, their names begin with it and end with `-1`, `-2`, ... None: the parent's name and part of the new id.
    pub name: Option<SessionName>,
    /// Over those of the parent.
    pub labels: Labels,
}

/// Where a session comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForkedFrom {
    pub session: String,
    /// Calls that the parent had had.
    pub call: u64,
}

impl Sessions {
    /// Makes sessions that begin where this one is, in its turn among the session's calls. No hook runs in them.
    ///
    /// # Errors
    /// `unsupported_snapshot` for a state that cannot be carried; `session_exists`, `overloaded`, `rate_limited` if not all of them may
    /// be: then there is none. One that cannot be made for another reason is an error in its own place.
    pub(crate) async fn fork(
        self: &Arc<Self>,
        parent: &Arc<Session>,
        request: &ForkRequest,
        made_with: Option<&KeyId>,
    ) -> Result<Vec<Result<Opened>>> {
        if request.count == 0 || request.count > FORKS_MAX {
            let message = format!("/count: {} forks; from 1 to {FORKS_MAX}", request.count);
            return Err(Error::new(ErrorCode::InvalidRequest, message).detail("pointer", "/count"));
        }
        let loan = self.turn(parent).await?;
        let children =
            (1..=request.count).map(|place| self.child(parent, request, place, made_with));
        let children = children.collect::<Result<Vec<Child>>>()?;
        let sessions = self.clone();
        let work = async move {
            let mut loan = loan;
            let saved = loan.save().await?;
            // The parent goes on while its children are made.
            drop(loan);
            sessions.bear(&saved, children).await
        };
        let pace = parent.clone();
        self.at_work(&pace, work).await
    }

    async fn bear(
        self: &Arc<Self>,
        saved: &Saved,
        children: Vec<Child>,
    ) -> Result<Vec<Result<Opened>>> {
        let all: Vec<Arc<Session>> = children.iter().map(|child| child.session.clone()).collect();
        match self.enter_all(&all) {
            Ok(()) => {}
            Err(Refusal::Exists(existing)) => return Err(exists(&existing)),
            Err(Refusal::Other(error)) => return Err(error),
        }
        // Dropped before its turn, a child leaves nothing behind.
        let unborn: Vec<(Unborn, Child)> = children
            .into_iter()
            .map(|child| (Unborn::of(self, &child.session), child))
            .collect();
        let mut born = Vec::with_capacity(unborn.len());
        for (mut unborn, child) in unborn {
            let Child { session, token } = child;
            let log = Arc::new(LogRing::new(session.limits.log_bytes));
            match saved.revive(&session, log.clone()).await {
                Ok(instance) => {
                    unborn.live();
                    session.set_log(log);
                    session.lease().leave(Instant::now());
                    Slot::fill(&session, instance);
                    self.keep(session.clone());
                    metrics::counter!("hostel_sessions_started_total").increment(1);
                    session.account.count_sessions(1);
                    born.push(Ok(Opened {
                        session,
                        token: Some(token),
                    }));
                }
                Err(error) => {
                    unborn.give_up(&error);
                    born.push(Err(error));
                }
            }
        }
        Ok(born)
    }

    fn child(
        &self,
        parent: &Session,
        request: &ForkRequest,
        place: usize,
        made_with: Option<&KeyId>,
    ) -> Result<Child> {
        let (id, token) = (SessionId::random(), Token::random());
        let name = match &request.name {
            Some(name) if request.count == 1 => name.clone(),
            Some(name) => SessionName::parse(&format!("{name}-{place}"))?,
            None => name_after(&parent.key.name, &id)?,
        };
        let key = SessionKey {
            name,
            ..parent.key.clone()
        };
        let mut labels = parent.labels().as_map().clone();
        labels.extend(request.labels.as_map().clone());
        let timers = parent.lease().timers();
        let session = Session {
            mode: Mutex::new(parent.mode()),
            forked_from: Some(Box::new(ForkedFrom {
                session: parent.id.to_string(),
                call: parent.calls(),
            })),
            ..Session::new(
                id,
                key,
                parent.account.clone(),
                &parent.backend,
                parent.limits,
                self.next_serial(),
                Capability {
                    hash: token.hash,
                    made_with: made_with.cloned(),
                },
                Labels::parse(labels)?,
                Lease::new(timers, Instant::now()),
                Slot::starting(),
            )
        };
        Ok(Child {
            session: Arc::new(session),
            token: token.secret,
        })
    }
}

/// A session that is about to be.
struct Child {
    session: Arc<Session>,
    token: String,
}

/// A name that nobody has: the parent's, as far as there is room, and part of the id.
fn name_after(parent: &SessionName, id: &SessionId) -> Result<SessionName> {
    const MOST: usize = 48;
    let text = parent.as_str();
    let end = text.floor_char_boundary(MOST);
    let begin = text.get(..end).unwrap_or_default();
    let part = id.as_str().rsplit('_').next().unwrap_or_default();
    let part = part.get(..8).unwrap_or(part);
    SessionName::parse(&format!("{begin}-{part}"))
}
