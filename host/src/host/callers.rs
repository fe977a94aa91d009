//! Who calls: from the credential of a request to a caller, and what a caller may do. Every verb asks here, and no door does.

use std::net::IpAddr;

use crate::access::{Credential, Scope, Scopes};
use crate::auth::Identity;
use crate::error::{Error, ErrorCode, Result};
use crate::ids::{SessionId, TokenHash, WorkerId};
use crate::session::Session;
use crate::tool::Tool;

use super::Host;

/// Who calls and what for.
#[derive(Clone, Debug)]
pub struct Caller {
    pub worker: WorkerId,
    /// None: anything of the worker's. A session's token opens that session alone.
    pub only: Option<SessionId>,
    /// What it has shown of itself.
    pub credential: Credential,
    pub scopes: Scopes,
}

/// A credential that was good, before the request says for whom it is.
#[derive(Clone, Debug)]
pub enum Admitted {
    /// Nothing was asked for: the request says who it is.
    Anybody,
    Session(Caller),
    Known(Identity),
}

impl Caller {
    /// Who is let in without being asked, and may do everything.
    pub fn trusted(worker: WorkerId) -> Self {
        Self {
            worker,
            only: None,
            credential: Credential::Nobody,
            scopes: Scopes::everything(),
        }
    }

    /// Whether it may call this tool.
    ///
    /// # Errors
    /// `forbidden`, naming the scope.
    pub fn may_call(&self, tool: &Tool) -> Result<()> {
        if self.scopes.calls(tool) {
            return Ok(());
        }
        Err(self.lacks(&Scope::CallTool(tool.backend.clone(), tool.name.clone())))
    }

    /// Whether it may do anything with the worker's sessions but call in them.
    ///
    /// # Errors
    /// `forbidden`, naming the scope.
    pub fn may_have_sessions(&self) -> Result<()> {
        match self.scopes.has_sessions() {
            true => Ok(()),
            false => Err(self.lacks(&Scope::Sessions)),
        }
    }

    pub(super) fn may_have_jobs(&self) -> Result<()> {
        match self.scopes.has_jobs() {
            true => Ok(()),
            false => Err(self.lacks(&Scope::Jobs)),
        }
    }

    /// Whether it may do what concerns the whole host.
    ///
    /// # Errors
    /// `forbidden`, naming the scope; also for a session's token, which opens that session alone.
    pub fn may_administer(&self) -> Result<()> {
        if self.only.is_some() {
            return Err(Error::new(
                ErrorCode::Forbidden,
                "a session's token allows calls on that session alone",
            )
            .hint("call without the token"));
        }
        match self.scopes.has_admin() {
            true => Ok(()),
            false => Err(self.lacks(&Scope::Admin)),
        }
    }

    /// Whether it has shown that it may look at everything: who was not asked for anything has shown nothing.
    pub fn is_administrator(&self) -> bool {
        self.scopes.has_admin() && self.credential != Credential::Nobody
    }

    fn lacks(&self, scope: &Scope) -> Error {
        let scope = scope.to_string();
        Error::new(
            ErrorCode::Forbidden,
            format!("{} lacks the scope {scope}", self.credential),
        )
        .hint(format!(
            "ask the operator for a key with it: hostel keys new --worker {} --scope {scope}",
            self.worker
        ))
        .detail("scope", scope)
    }
}

impl Admitted {
    /// Whose the credential is, if there was one.
    pub fn worker(&self) -> Option<&WorkerId> {
        match self {
            Self::Anybody => None,
            Self::Session(caller) => Some(&caller.worker),
            Self::Known(identity) => Some(&identity.worker),
        }
    }

    /// Who calls. `header` is what `X-Worker-ID` says, and `body` what `worker_id` says, where there is one.
    ///
    /// # Errors
    /// `conflict` when they name two workers; `forbidden` when a credential is another worker's.
    pub fn caller(&self, header: Option<&str>, body: Option<&str>) -> Result<Caller> {
        if let Self::Session(caller) = self {
            return Ok(caller.clone());
        }
        let named = match (header, body) {
            (Some(header), Some(body)) if header != body => {
                let message = format!("X-Worker-ID says {header:?} and worker_id says {body:?}");
                return Err(Error::new(ErrorCode::Conflict, message).hint("name the worker once"));
            }
            (Some(worker), _) | (None, Some(worker)) => Some(WorkerId::parse(worker)?),
            (None, None) => None,
        };
        let identity = match self {
            Self::Anybody => return Ok(Caller::trusted(named.unwrap_or_default())),
            Self::Session(caller) => return Ok(caller.clone()),
            Self::Known(identity) => identity,
        };
        let worker = match named {
            Some(named) if named != identity.worker => {
                if !identity.scopes.has_admin() {
                    let message = format!(
                        "{} is one of worker {:?}, and not of {:?}",
                        identity.credential,
                        identity.worker.as_str(),
                        named.as_str()
                    );
                    return Err(Error::new(ErrorCode::Forbidden, message).hint(
                        "leave X-Worker-ID and worker_id out; only the scope admin speaks for other workers",
                    ));
                }
                named
            }
            _ => identity.worker.clone(),
        };
        Ok(Caller {
            worker,
            only: None,
            credential: identity.credential.clone(),
            scopes: identity.scopes.clone(),
        })
    }
}

impl Host {
    /// Whether a request without a credential is turned away.
    pub fn asks_for_credentials(&self) -> bool {
        self.config.guard.asks()
    }

    /// The issuer whose tokens are taken, and the name that it knows this host by.
    pub fn issuer(&self) -> Option<(&str, &str)> {
        self.config.guard.issuer()
    }

    /// Lets a request in by the token that it bears, if it bears one.
    ///
    /// # Errors
    /// `unauthenticated` for one that is not good, or for none where one is asked for; `rate_limited` for an address from which too many
    /// wrong ones came.
    pub async fn admit(&self, bearer: Option<&str>, from: Option<IpAddr>) -> Result<Admitted> {
        match bearer {
            None if self.asks_for_credentials() => Err(Error::new(
                ErrorCode::Unauthenticated,
                "the host asks who calls, and the request does not say",
            )
            .hint("send `Authorization: Bearer …` with an API key (`hostel keys new`) or a session's token")),
            None => Ok(Admitted::Anybody),
            Some(token) if token.starts_with(crate::ids::Token::PREFIX) => self
                .caller_by_token(token)
                .map(Admitted::Session)
                .map_err(|error| self.config.guard.failed(error, from)),
            Some(token) => self
                .config
                .guard
                .identify(token, from)
                .await
                .map(Admitted::Known),
        }
    }

    fn is_void(&self, session: &Session) -> bool {
        let made_with = session.made_with();
        made_with.is_some_and(|key| !self.config.guard.knows(key))
    }

    /// Whether the caller would still be let in: a key may have been revoked, or have expired, while something was on its way.
    pub fn is_good(&self, caller: &Caller) -> bool {
        let key = caller.credential.key();
        key.is_none_or(|key| self.config.guard.knows(key))
    }

    /// The caller whom a session's token stands for.
    ///
    /// # Errors
    /// `unauthenticated` for a token that opens nothing, or nothing any more.
    pub fn caller_by_token(&self, token: &str) -> Result<Caller> {
        match self.sessions.find_by_token(&TokenHash::of(token)) {
            Some(session) if self.is_void(&session) => Err(Error::new(
                ErrorCode::Unauthenticated,
                "the key that the session's token was made with is revoked or has expired",
            )
            .hint("the session is there still: call it with a key of its worker")),
            Some(session) => Ok(Caller {
                worker: session.key.worker.clone(),
                only: Some(session.id.clone()),
                credential: Credential::Session(session.id.clone()),
                scopes: Scopes::usual(),
            }),
            None => Err(Error::new(
                ErrorCode::Unauthenticated,
                "the bearer token opens no live session",
            )
            .hint(
                "a session's token is shown once, when the session is created, and ends with it",
            )),
        }
    }
}
