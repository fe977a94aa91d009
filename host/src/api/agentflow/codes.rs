//! The numbers by which AgentFlow's clients know errors, as its running source has them, and what each error of the host is among them.

use axum::http::StatusCode;

use crate::error::{Error, ErrorCode};

/// Those of AgentFlow's codes that this door gives; the rest belong to tools of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Success = 0,
    InvalidInput = 4000,
    BusinessFailure = 4001,
    InvalidRequestFormat = 4002,
    MissingRequiredField = 4003,
    InvalidParameterType = 4004,
    ResourceNotInitialized = 4007,
    ExecutionError = 5000,
    TimeoutError = 5006,
    AllRequestsFailed = 5009,
    PartialFailure = 5010,
    BackendNotInitialized = 5011,
    DependencyFailure = 5012,
    InternalError = 5013,
}

impl Code {
    pub(super) fn of(error: &Error) -> Self {
        match error.code() {
            ErrorCode::InvalidRequest => of_request(error),
            ErrorCode::InvalidParams => of_params(error),
            ErrorCode::ToolNotFound | ErrorCode::ToolAmbiguous => Self::InvalidRequestFormat,
            ErrorCode::SessionNotFound | ErrorCode::SessionEnded | ErrorCode::SessionFailed => {
                Self::ResourceNotInitialized
            }
            ErrorCode::Unauthenticated
            | ErrorCode::Forbidden
            | ErrorCode::PolicyDenied
            | ErrorCode::BackendNotFound
            | ErrorCode::JobNotFound
            | ErrorCode::ContextNotFound
            | ErrorCode::Conflict
            | ErrorCode::SessionExists
            | ErrorCode::PayloadTooLarge
            | ErrorCode::UnsupportedSnapshot => Self::InvalidInput,
            ErrorCode::ToolTrapped | ErrorCode::LimitExceeded => Self::ExecutionError,
            ErrorCode::DeadlineExceeded => Self::TimeoutError,
            ErrorCode::BackendInvalid => Self::BackendNotInitialized,
            ErrorCode::SessionBusy
            | ErrorCode::RateLimited
            | ErrorCode::Overloaded
            | ErrorCode::ShuttingDown => Self::DependencyFailure,
            ErrorCode::Internal => Self::InternalError,
        }
    }

    pub(super) fn number(self) -> u16 {
        self as u16
    }

    /// As AgentFlow's source spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::InvalidInput => "INVALID_INPUT",
            Self::BusinessFailure => "BUSINESS_FAILURE",
            Self::InvalidRequestFormat => "INVALID_REQUEST_FORMAT",
            Self::MissingRequiredField => "MISSING_REQUIRED_FIELD",
            Self::InvalidParameterType => "INVALID_PARAMETER_TYPE",
            Self::ResourceNotInitialized => "RESOURCE_NOT_INITIALIZED",
            Self::ExecutionError => "EXECUTION_ERROR",
            Self::TimeoutError => "TIMEOUT_ERROR",
            Self::AllRequestsFailed => "ALL_REQUESTS_FAILED",
            Self::PartialFailure => "PARTIAL_FAILURE",
            Self::BackendNotInitialized => "BACKEND_NOT_INITIALIZED",
            Self::DependencyFailure => "DEPENDENCY_FAILURE",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self.number() {
            0 => StatusCode::OK,
            4000..=4999 => StatusCode::BAD_REQUEST,
            5010 => StatusCode::MULTI_STATUS,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The status of an error: that of its code, but a session that is not there is not found, and who may not is told so.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.code() {
        ErrorCode::SessionNotFound | ErrorCode::SessionEnded | ErrorCode::SessionFailed => {
            StatusCode::NOT_FOUND
        }
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::PolicyDenied => StatusCode::FORBIDDEN,
        _ => Code::of(error).status(),
    }
}

/// Reads serde's own words, which stand behind the place.
fn of_request(error: &Error) -> Code {
    let says = |words| error.message().contains(words);
    if says(": missing field") {
        Code::MissingRequiredField
    } else if says(": invalid type") {
        Code::InvalidParameterType
    } else {
        Code::InvalidRequestFormat
    }
}

/// Params that do not fit a tool, or what a guest's own `initialize` would not have.
fn of_params(error: &Error) -> Code {
    let detail = |wanted| {
        let mut details = error.details().iter();
        details.find(|(name, _)| *name == wanted)
    };
    if detail("hook").is_some() {
        return Code::ResourceNotInitialized;
    }
    let found = detail("found").and_then(|(_, found)| found.as_str());
    let is_wrong_name = |found: &str| {
        ["an object without it", "it twice"].contains(&found) || found.starts_with("the unknown")
    };
    if found.is_some_and(is_wrong_name) {
        Code::MissingRequiredField
    } else {
        Code::InvalidParameterType
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_host_has_its_number_and_status() {
        let list: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|code| {
                let error = Error::new(*code, "");
                let (number, status) = (Code::of(&error).number(), status(&error).as_u16());
                format!("{code} {number} {status}")
            })
            .collect();
        assert_eq!(
            list,
            [
                "invalid_request 4002 400",
                "invalid_params 4004 400",
                "unauthenticated 4000 401",
                "forbidden 4000 403",
                "policy_denied 4000 403",
                "backend_not_found 4000 400",
                "tool_not_found 4002 400",
                "session_not_found 4007 404",
                "job_not_found 4000 400",
                "context_not_found 4000 400",
                "conflict 4000 400",
                "tool_ambiguous 4002 400",
                "session_exists 4000 400",
                "session_failed 4007 404",
                "session_ended 4007 404",
                "payload_too_large 4000 400",
                "backend_invalid 5011 500",
                "unsupported_snapshot 4000 400",
                "session_busy 5012 500",
                "rate_limited 5012 500",
                "internal 5013 500",
                "tool_trapped 5000 500",
                "limit_exceeded 5000 500",
                "overloaded 5012 500",
                "shutting_down 5012 500",
                "deadline_exceeded 5006 500",
            ]
        );
    }
}
