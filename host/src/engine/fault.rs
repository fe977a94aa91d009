//! How a guest's work can go wrong, and what that is to the caller.

use std::time::Duration;

use serde_json::Value;

use crate::capability::Capabilities;
use crate::capability::log::LogRing;
use crate::capability::meter::Refused;
use crate::error::{Error, ErrorCode};
use crate::tool::Denial;

use super::function::{ParamError, Unwritten};

/// Why a call into an instance did not give an answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The params do not fit the tool. The guest was not entered.
    Params(ParamError),
    /// The guest's own hook said no: `warmup`, `initialize` or the session's constructor.
    Refused {
        hook: &'static str,
        message: String,
        denied: Vec<Denial>,
    },
    /// The guest trapped. `message` has the trap and the end of its standard error.
    Trapped {
        message: String,
        denied: Vec<Denial>,
    },
    /// A limit of the backend's ended the call.
    Limit {
        limit: &'static str,
        message: String,
    },
    /// The guest answered, and its answer is too large to hand on. The guest is whole.
    Unwritten(Unwritten),
    /// Wall-clock time was up.
    Deadline { after: Duration },
    /// All guests together have as much memory as they may have: this one could not get more.
    HostMemory { bytes_max: u64 },
    /// The same, before there was an instance.
    NoMemory { bytes_max: u64 },
    /// No slot for another instance.
    Exhausted,
    /// A file or folder that the guest held when its state was saved is not there now.
    Missing(String),
    /// The host's own failure.
    Host { doing: &'static str, cause: String },
}

impl Fault {
    /// Reads what a failed call left behind. An error of wasmtime's alone often says only "unreachable".
    pub(super) fn of(error: &wasmtime::Error, of: &Capabilities) -> Self {
        if error
            .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
            .is_some()
        {
            return Self::Exhausted;
        }
        match of.meter.refused() {
            Some(Refused::Memory { bytes_max }) => {
                return Self::Limit {
                    limit: "memory_bytes",
                    message: format!("the guest needs more than its {bytes_max} bytes of memory"),
                };
            }
            Some(Refused::Table { elements_max }) => {
                return Self::Limit {
                    limit: "table_elements",
                    message: format!("the guest needs tables of more than {elements_max} elements"),
                };
            }
            Some(Refused::HostMemory { bytes_max }) => return Self::HostMemory { bytes_max },
            None => {}
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Self::trapped(format!("the guest exited with status {}", exit.0), of);
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::Interrupt) => Self::Limit {
                limit: "cpu_ms",
                message: "the guest used up its processor time".to_owned(),
            },
            Some(trap) => Self::trapped(format!("the guest trapped: {trap}"), of),
            None => {
                let text = format!("{:#}", error.root_cause());
                if text.contains("fuel allocated for hostcalls") {
                    return Self::Limit {
                        limit: "host_call_bytes",
                        message: "the guest hands more data to the host at once than it may"
                            .to_owned(),
                    };
                }
                Self::trapped(format!("the guest stopped: {text}"), of)
            }
        }
    }

    fn trapped(message: String, of: &Capabilities) -> Self {
        Self::Trapped {
            message: with_stderr(message, &of.log),
            denied: of.denied(true),
        }
    }

    /// What a refusal of memory is to whoever asked for an instance.
    pub(super) fn at_start(self) -> Self {
        match self {
            Self::HostMemory { bytes_max } => Self::NoMemory { bytes_max },
            other => other,
        }
    }

    /// True when the guest was not entered, or came back: its state is known.
    pub(crate) fn leaves_instance_whole(&self) -> bool {
        matches!(self, Self::Params(_) | Self::Unwritten(_))
    }

    /// The fault as the caller sees it. `what` names the tool or the backend.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Params(problem) => {
                let error = Error::new(ErrorCode::InvalidParams, format!("{what}: {problem}"));
                let error = error.detail("pointer", problem.pointer).detail("expected", problem.expected).detail("found", problem.found);
                match problem.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
            Self::Refused { hook, message, denied } => {
                let message = format!("{what}: {hook} said no: {message}");
                denied_error(ErrorCode::InvalidParams, message, &denied).detail("hook", hook)
            }
            Self::Trapped { message, denied } => {
                denied_error(ErrorCode::ToolTrapped, format!("{what}: {message}"), &denied)
                    .hint("the guest's state is unknown after a trap, so its instance was dropped")
            }
            Self::Limit { limit, message } => {
                Error::new(ErrorCode::LimitExceeded, format!("{what}: {message}")).detail("limit", limit).hint(format!("the operator can raise limits.{limit} of the backend"))
            }
            Self::Unwritten(problem) => {
                let limit = match problem {
                    Unwritten::TooLarge { .. } => "result_bytes",
                    Unwritten::TooManyHandles { .. } => "handles",
                };
                Error::new(ErrorCode::LimitExceeded, format!("{what}: {problem}")).detail("limit", limit).hint("the tool has run; ask for less at once")
            }
            Self::Deadline { after } => Error::new(ErrorCode::DeadlineExceeded, format!("{what}: not done after {} ms", after.as_millis()))
                .hint("ask for less at once, or give the call a longer timeout_ms within the backend's limit"),
            Self::HostMemory { bytes_max } => Error::new(ErrorCode::LimitExceeded, format!("{what}: the guest needs more memory, and all guests together have the {bytes_max} bytes that they may have"))
                .detail("limit", "host_memory")
                .detail("max", bytes_max)
                .detail("key", "server.memory_bytes")
                .hint("try again when other guests have given some back, or let the operator raise server.memory_bytes"),
            Self::NoMemory { bytes_max } => Error::new(ErrorCode::Overloaded, format!("{what}: no memory for an instance, all guests together have the {bytes_max} bytes that they may have"))
                .detail("limit", "host_memory")
                .detail("max", bytes_max)
                .detail("key", "server.memory_bytes")
                .hint("destroy or suspend sessions that are not needed, or let the operator raise server.memory_bytes")
                .retry_after(Duration::from_secs(1)),
            Self::Exhausted => Error::new(ErrorCode::Overloaded, "the host has no free instance".to_owned())
                .hint("destroy sessions that are not needed, or let the operator raise server.max_sessions")
                .retry_after(Duration::from_secs(1)),
            Self::Missing(missing) => Error::new(ErrorCode::UnsupportedSnapshot, format!("{what}: {missing}"))
                .hint("bring back what is missing and try again; the saved state is kept"),
            Self::Host { doing, cause } => Error::internal(format!("{what}: {doing}"), cause),
        }
    }
}

/// An error that says what the guest reached for in vain: it rarely says by itself that the policy is the cause.
pub(crate) fn denied_error(code: ErrorCode, message: String, denied: &[Denial]) -> Error {
    if denied.is_empty() {
        return Error::new(code, message);
    }
    let sentences = denied.iter().map(Denial::to_string);
    let message: Vec<String> = std::iter::once(message).chain(sentences).collect();
    let denied: Vec<Value> = denied.iter().map(Denial::to_json).collect();
    Error::new(code, message.join("; ")).detail("denied", denied)
}

fn with_stderr(message: String, log: &LogRing) -> String {
    match log.stderr_tail() {
        Some(tail) => format!("{message}; its standard error ends with: {tail}"),
        None => message,
    }
}
