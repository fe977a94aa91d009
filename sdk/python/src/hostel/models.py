"""What a host says: plain values, read-only, with the host's own names. They do nothing.

Times are aware `datetime`s in UTC; durations say their unit in the name or are seconds; None is "does not apply".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from .errors import HostelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a call, or all calls of a session, took."""

    duration_us: int
    memory_bytes: int
    host_calls: int
    queue_us: int = 0
    """Microseconds that the call waited for its session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSession:
    """The session in which a call ran."""

    name: str
    temporary: bool
    call: int
    """Counts the calls of the session, from 1."""
    id: str | None = None
    """None for a temporary one, which is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a tool answered. (A tool's own error is a `ToolError`.)"""

    result: Any
    """The tool's result as JSON; its shape is the tool's `output_schema`."""
    action: str
    request_id: str
    usage: Usage
    session: CallSession | None = None
    """None for a stateless tool."""
    job: str | None = None
    """The id of the job that the call was, if it was one."""
    replayed: bool = False
    """The host had this answer already, from an earlier request with the same idempotency key."""


Outcome: TypeAlias = Answer | HostelError
"""How a call of a batch, or a job, ended: with an answer, with the tool's own error, or with the host's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The outcomes of several calls, in the order in which they were given."""

    outcomes: tuple[Outcome, ...]
    """One for each call that was executed: fewer than `total` if one of them failed and the rest was not begun."""
    total: int
    executed: int
    succeeded: int
    request_id: str
    rolled_back_to: Mapping[str, Any] | None = None
    """Of a transaction that failed: the `call` after which the session stands again."""

    def answers(self) -> list[Answer]:
        """All answers, or the first error as an exception."""
        answers = []
        for outcome in self.outcomes:
            if isinstance(outcome, HostelError):
                raise outcome
            answers.append(outcome)
        return answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """What a tool's author says of it. None: nothing."""

    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None
    open_world: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    name: str
    """`backend:tool`"""
    backend: str
    tool: str
    stateful: bool
    input_schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the params."""
    output_schema: Mapping[str, Any] | None = None
    title: str | None = None
    description: str | None = None
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, kw_only=True, slots=True)
class Warmth:
    """How far a backend is with its warmup."""

    state: str
    """`cold`, `warming`, `warm` or `failed`."""
    at: datetime | None = None
    took_ms: int | None = None
    start: Mapping[str, Any] | None = None
    """How sessions start: `from` an `image`, a `cached_image`, `plain`, or `without_image` and the `reason`."""
    message: str | None = None
    """What went wrong, if the warmup failed."""
    error: Mapping[str, Any] | None = None
    """The same as the host's problem document, in the answer to a warmup."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Warmup:
    warm: bool
    """Every backend that was asked for is warm."""
    backends: Mapping[str, Warmth]
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    name: str
    digest: str
    bytes: int
    origin: str
    """The component's file, or `uploaded`."""
    loaded_at: datetime
    stateful: bool
    tools: tuple[str, ...]
    warmth: Warmth
    sessions: int
    """Those of all workers that are open."""
    description: str | None = None
    config_schema: Mapping[str, Any] | None = None
    """JSON Schema of what `config` of a session can say."""
    imports: tuple[str, ...] = ()
    grants: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointUsage:
    count: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionInfo:
    id: str
    backend: str
    name: str
    worker_id: str
    state: str
    """`starting`, `active`, `idle`, `suspended`, `archived`, `released` or `failed`."""
    created_at: datetime
    last_transition_at: datetime
    on_idle: str
    """`release` or `suspend`."""
    calls: int
    waiting: int
    """Calls that wait for their turn."""
    usage: Usage
    labels: Mapping[str, str]
    checkpoint: str
    """When its state is saved: before every `call`, `manual`ly, or it is `off`."""
    checkpoints: CheckpointUsage
    backend_digest: str
    idle_timeout: float | None = None
    """Seconds without a call or a keep-alive after which it ends, or is suspended. None: never."""
    max_lifetime: float | None = None
    """Seconds. None: no limit."""
    expires_at: datetime | None = None
    reason: str | None = None
    """Why it ended."""
    message: str | None = None
    forked_from: Mapping[str, Any] | None = None
    cleanup: str | None = None
    """Of one that was closed: `clean`, or what went wrong in its cleanup."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    id: str
    """`c1`, `c2` and so on within the session."""
    created_at: datetime
    call: int
    """Calls that the session had had."""
    bytes: int
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    seq: int
    at: datetime
    source: str
    """`stdout`, `stderr`, `progress`, or the level of a log line."""
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Logs:
    lines: tuple[LogLine, ...]
    dropped: int
    """Older lines that the session's ring has lost."""
    next: int
    """`after` of the next page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    done: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSession:
    name: str
    id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobInfo:
    id: str
    action: str
    state: str
    """`queued`, `running`, `succeeded`, `failed` or `cancelled`. A tool's own error is a success of the host."""
    worker: str
    created_at: datetime
    events: int
    """The number of the last event."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    session: JobSession | None = None
    progress: Progress | None = None
    cancel_requested: bool = False
    answer_dropped: bool = False
    """It succeeded, and its answer was too large or too old to be kept."""
    outcome: Outcome | None = None
    """How it ended. None while it runs, in lists, and when its answer was dropped."""

    @property
    def done(self) -> bool:
        return self.state not in ("queued", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to a job. Which members there are depends on `type`."""

    id: int
    """Counts from 1 within the job."""
    type: str
    """`queued`, `started`, `progress`, `partial`, `stdout`, `stderr`, `log`, `dropped`; and the last: `result`, `error`, `cancelled`."""
    at: datetime | None = None
    """None for `dropped`: nobody knows when."""
    done: float | None = None
    """Of `progress`, as the next two are."""
    total: float | None = None
    message: str | None = None
    """Of `log` as well."""
    text: str | None = None
    """Of `stdout`, `stderr`, and `partial`: a part of the result."""
    level: str | None = None
    """Of `log`, as the next one is."""
    fields: Mapping[str, Any] | None = None
    count: int | None = None
    """Of `dropped`: the events that the host's log could not keep."""
    outcome: Outcome | None = None
    """Of the last event: how the job ended."""

    @property
    def is_last(self) -> bool:
        return self.type in ("result", "error", "cancelled")
