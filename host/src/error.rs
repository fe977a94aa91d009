//! What can go wrong, as the people outside see it: a closed list of codes and one error type that says what was being done, to what, and the way out.
//! Doors map a code to their own status; nothing here knows of HTTP or MCP.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way in which the host can refuse or fail a request. The list is closed: clients match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    InvalidRequest,
    InvalidParams,
    Unauthenticated,
    Forbidden,
    PolicyDenied,
    BackendNotFound,
    ToolNotFound,
    SessionNotFound,
    JobNotFound,
    ContextNotFound,
    Conflict,
    ToolAmbiguous,
    SessionExists,
    SessionFailed,
    SessionEnded,
    PayloadTooLarge,
    BackendInvalid,
    UnsupportedSnapshot,
    SessionBusy,
    RateLimited,
    Internal,
    ToolTrapped,
    LimitExceeded,
    Overloaded,
    ShuttingDown,
    DeadlineExceeded,
}

impl ErrorCode {
    pub const ALL: [Self; 26] = [
        Self::InvalidRequest,
        Self::InvalidParams,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::PolicyDenied,
        Self::BackendNotFound,
        Self::ToolNotFound,
        Self::SessionNotFound,
        Self::JobNotFound,
        Self::ContextNotFound,
        Self::Conflict,
        Self::ToolAmbiguous,
        Self::SessionExists,
        Self::SessionFailed,
        Self::SessionEnded,
        Self::PayloadTooLarge,
        Self::BackendInvalid,
        Self::UnsupportedSnapshot,
        Self::SessionBusy,
        Self::RateLimited,
        Self::Internal,
        Self::ToolTrapped,
        Self::LimitExceeded,
        Self::Overloaded,
        Self::ShuttingDown,
        Self::DeadlineExceeded,
    ];

    /// The code as it is spelled on every door.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidParams => "invalid_params",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::PolicyDenied => "policy_denied",
            Self::BackendNotFound => "backend_not_found",
            Self::ToolNotFound => "tool_not_found",
            Self::SessionNotFound => "session_not_found",
            Self::JobNotFound => "job_not_found",
            Self::ContextNotFound => "context_not_found",
            Self::Conflict => "conflict",
            Self::ToolAmbiguous => "tool_ambiguous",
            Self::SessionExists => "session_exists",
            Self::SessionFailed => "session_failed",
            Self::SessionEnded => "session_ended",
            Self::PayloadTooLarge => "payload_too_large",
            Self::BackendInvalid => "backend_invalid",
            Self::UnsupportedSnapshot => "unsupported_snapshot",
            Self::SessionBusy => "session_busy",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::ToolTrapped => "tool_trapped",
            Self::LimitExceeded => "limit_exceeded",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal or failure of the host. (A tool that says no is a value, not an `Error`.)
///
/// The message names the thing; `hint` says the way out; `details` carry what programs read (`pointer`, `candidates`, ...).
/// Boxed, so that a `Result` of it stays small on the path of every call.
#[derive(Debug, Clone)]
pub struct Error(Box<Body>);

#[derive(Debug, Clone)]
struct Body {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
    details: Vec<(&'static str, Value)>,
    retry_after: Option<Duration>,
    cause: Option<String>,
}

/// Bytes of a message or a hint, and of a text that programs read.
const MESSAGE_BYTES_MAX: usize = 8 << 10;
const DETAIL_BYTES_MAX: usize = 2 << 10;
/// What is longer is no name that was mistyped. Comparing takes time by the product of the lengths.
const NAME_BYTES_MAX: usize = 256;

impl Error {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            code,
            message: clipped(message.into(), MESSAGE_BYTES_MAX),
            hint: None,
            details: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// A failure that is the host's own fault. The cause goes to the log and never to the caller.
    pub fn internal(doing: impl Into<String>, cause: impl fmt::Display) -> Self {
        let mut error = Self::new(ErrorCode::Internal, doing);
        error.0.cause = Some(format!("{cause:#}"));
        error
    }

    /// What the caller can do about it, as a sentence for people and models.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(clipped(hint.into(), MESSAGE_BYTES_MAX));
        self
    }

    /// A member of the answer that programs read.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(clipped(text, DETAIL_BYTES_MAX)),
            other => other,
        };
        self.0.details.push((name, value));
        self
    }

    /// When trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn details(&self) -> &[(&'static str, Value)] {
        &self.0.details
    }

    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why an internal error happened: for the log only.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

/// In one line: a message can quote a guest, which must not forge lines of the host's log.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.message.split_inclusive(char::is_control) {
            match part.strip_suffix(char::is_control) {
                Some(text) => write!(f, "{text} ")?,
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Of a text that may quote a caller, or a guest, what is kept: an error is not as long as what it is about.
pub fn clipped(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        // The rest of a long text is not kept beside its beginning.
        text.shrink_to_fit();
        text.push('…');
    }
    text
}

/// Picks the known name that the writer most likely meant, if any is near enough: a few letters off, or the beginning of the same word.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let begins_alike = |name: &str| {
        name.len().min(wanted.len()) >= 4 && (name.starts_with(wanted) || wanted.starts_with(name))
    };
    if wanted.len() > NAME_BYTES_MAX {
        return None;
    }
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| {
            *distance <= wanted.len().max(name.len()) / 3 || begins_alike(name)
        })
        .min()
        .map(|(_, name)| name)
}

/// Reads serde's own words, "unknown field `x`, expected one of `a`, `b`", and picks the known one that was probably meant.
pub fn nearest_field(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("unknown field `")?;
    let (wanted, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    nearest(wanted, known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_short_whatever_it_quotes() {
        let long = "\u{e9}".repeat(1 << 20);
        let error = Error::new(
            ErrorCode::ToolNotFound,
            format!("there is no tool {long:?}"),
        )
        .hint(long.clone())
        .detail("pointer", long.clone());
        assert!(error.message().len() < 10_000 && error.message().ends_with('…'));
        assert!(error.hint_text().unwrap().len() < 10_000);
        assert!(error.details()[0].1.as_str().unwrap().len() < 3_000);
        assert_eq!(nearest(&long, ["lab:echo"]), None);
        assert_eq!(nearest("lab:eco", ["lab:echo"]), Some("lab:echo"));
    }

    #[test]
    fn what_a_message_quotes_begins_no_line_of_a_log() {
        let message = "warmup said no: x\r\n{\"level\":\"ERROR\"}\u{1b}[2J";
        let error = Error::new(ErrorCode::InvalidParams, message);
        assert_eq!(
            error.to_string(),
            "warmup said no: x  {\"level\":\"ERROR\"} [2J"
        );
        assert_eq!(error.message(), message);
    }
}
