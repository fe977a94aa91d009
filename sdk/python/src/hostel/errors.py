"""What can go wrong, one class per code of the host, so that a program catches what it can handle.

`HostelError` is above all of them. A tool that says no is a `ToolError`; a host that refuses or fails a request is one
of the classes by code; that a host cannot be reached, or does not answer in time, is the client's own to say. A code
that this version does not know is a plain `HostelError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .models import CallSession, Usage


class HostelError(Exception):
    """Above every error of this package."""

    CODE: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.CODE
        """The host's word for it, out of a closed list; or the client's own: `tool_error`, `unreachable`, `no_answer`."""
        self.message = message
        self.hint = hint
        """What can be done about it, as a sentence for people and models."""
        self.status = status
        """HTTP's number, if the host answered with an error."""
        self.request_id = request_id
        """Under which the host's log has it."""
        self.retry_after = retry_after
        """Seconds after which trying again makes sense."""
        self.details: dict[str, Any] = dict(details or {})
        """What programs read: `pointer`, `candidates`, `session`, `session_state`, `rolled_back_to` and so on."""

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        # So that it survives a trip between processes, which hands over positional arguments only.
        return _revive, (type(self), self.args, dict(self.__dict__))


def _revive(kind: type[HostelError], args: tuple[Any, ...], members: dict[str, Any]) -> HostelError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(members)
    return error


class ToolError(HostelError):
    """The tool ran and answered with its own error. The session goes on."""

    CODE = "tool_error"

    def __init__(
        self,
        value: Any,
        *,
        action: str,
        request_id: str,
        usage: Usage,
        session: CallSession | None = None,
        job: str | None = None,
        replayed: bool = False,
        denied: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        super().__init__(value if isinstance(value, str) else f"{action} said no: {value!r}", request_id=request_id)
        self.value = value
        """The tool's own error, as JSON: a string for most tools."""
        self.action = action
        self.usage = usage
        self.session = session
        self.job = job
        self.replayed = replayed
        self.denied = denied
        """What the guest reached for and the host's policy did not allow: `what`, `why`, and `allow` for the operator."""


class HostUnreachableError(HostelError, ConnectionError):
    """No host could be reached, or the connection broke. If it broke, the call may have run: see the message."""

    CODE = "unreachable"


class NoAnswerError(HostelError, TimeoutError):
    """The host did not answer in time. The call may have run, and may still be running."""

    CODE = "no_answer"


class UnexpectedAnswerError(HostelError):
    """Something answered, and it does not speak as a Hostel host does."""

    CODE = "unexpected_answer"


class AnswerDroppedError(HostelError):
    """The job succeeded, and its answer was too large or too old to be kept."""

    CODE = "answer_dropped"


class JobCancelledError(HostelError):
    """The job was cancelled. `details` say what became of its session."""

    CODE = "cancelled"


class NotFoundError(HostelError):
    """Above the errors for what is not there, or belongs to another worker."""


class TryLaterError(HostelError):
    """Above the errors for what was not begun and may work later: see `retry_after`."""


class InvalidRequestError(HostelError):
    CODE = "invalid_request"


class InvalidParamsError(HostelError):
    """`details` have a JSON `pointer` to the place, what was `expected` and what was `found`."""

    CODE = "invalid_params"


class UnauthenticatedError(HostelError):
    CODE = "unauthenticated"


class ForbiddenError(HostelError):
    CODE = "forbidden"


class PolicyDeniedError(HostelError):
    CODE = "policy_denied"


class BackendNotFoundError(NotFoundError):
    CODE = "backend_not_found"


class ToolNotFoundError(NotFoundError):
    CODE = "tool_not_found"


class SessionNotFoundError(NotFoundError):
    CODE = "session_not_found"


class JobNotFoundError(NotFoundError):
    CODE = "job_not_found"


class ContextNotFoundError(NotFoundError):
    CODE = "context_not_found"


class ConflictError(HostelError):
    CODE = "conflict"


class ToolAmbiguousError(HostelError):
    """More than one backend has the tool; `details` have the `candidates`."""

    CODE = "tool_ambiguous"


class SessionExistsError(HostelError):
    """The worker has a session of this name; `details` have its id as `session`."""

    CODE = "session_exists"


class SessionFailedError(HostelError):
    """The session ended because a call left its guest in an unknown state."""

    CODE = "session_failed"


class SessionEndedError(HostelError):
    """The session expired or was released; `details` have the `reason` and `ended_at`."""

    CODE = "session_ended"


class PayloadTooLargeError(HostelError):
    CODE = "payload_too_large"


class BackendInvalidError(HostelError):
    CODE = "backend_invalid"


class UnsupportedSnapshotError(HostelError):
    """The guest holds what cannot be had twice, an open file or socket. The session goes on."""

    CODE = "unsupported_snapshot"


class SessionBusyError(TryLaterError):
    CODE = "session_busy"


class RateLimitedError(TryLaterError):
    CODE = "rate_limited"


class OverloadedError(TryLaterError):
    CODE = "overloaded"


class ShuttingDownError(TryLaterError):
    CODE = "shutting_down"


class InternalError(HostelError):
    """The host made a mistake; its log has the cause under `request_id`."""

    CODE = "internal"


class ToolTrappedError(HostelError):
    """The guest crashed. `details` say what became of the session: `session_state`, `rolled_back_to`."""

    CODE = "tool_trapped"


class LimitExceededError(HostelError):
    """The guest ran into a limit; `details` name it as `limit`."""

    CODE = "limit_exceeded"


class DeadlineExceededError(HostelError):
    """The call took longer than its deadline and was stopped."""

    CODE = "deadline_exceeded"


def _all_below(kind: type[HostelError]) -> list[type[HostelError]]:
    below = kind.__subclasses__()
    return below + [deeper for each in below for deeper in _all_below(each)]


BY_CODE: dict[str, type[HostelError]] = {
    kind.CODE: kind for kind in _all_below(HostelError) if "CODE" in vars(kind) and kind is not ToolError
}

_OF_THE_DOCUMENT = {"type", "title", "status", "code", "detail", "hint", "request_id"}


def from_problem(document: Mapping[str, Any], *, retry_after: float | None = None, kind: type[HostelError] | None = None) -> HostelError:
    """Reads a problem document (RFC 9457) as the host writes it, alone or in a batch. Its code says its class, unless `kind` does."""
    code = str(document.get("code", "error"))
    return (kind or BY_CODE.get(code, HostelError))(
        str(document.get("detail", "the host gave no reason")),
        code=code,
        hint=document.get("hint"),
        status=document.get("status"),
        request_id=document.get("request_id"),
        retry_after=retry_after,
        details={name: value for name, value in document.items() if name not in _OF_THE_DOCUMENT},
    )
