"""Every request that the client makes, as a value: what is sent, how the answer is read, and whether it may be sent twice.

This is the host's HTTP contract as the client knows it, in one place and without I/O, for `Sandbox` and `AsyncSandbox` alike.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from ._decode import decode, decode_all
from .errors import AnswerDroppedError, HostelError, JobCancelledError, ToolError, from_problem
from .models import (
    Answer,
    Backend,
    Batch,
    CallSession,
    Checkpoint,
    Event,
    JobInfo,
    Logs,
    Outcome,
    SessionInfo,
    Tool,
    Usage,
    Warmup,
)

T = TypeVar("T")

GRACE = 10.0
"""Seconds that the client waits longer than the host may take: it is the host who stops a call, and knows the session's state then."""

CLOSE_PATIENCE = 15.0
"""Seconds that closing a session may take: the host gives its cleanup less."""


@dataclass(frozen=True)
class Reply:
    """What came back, with its JSON read."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, kw_only=True)
class Ask(Generic[T]):
    method: str
    path: str
    read: Callable[[Reply], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float | None = None
    """Seconds that the answer may take. None: the sandbox's timeout."""
    is_repeatable: bool = False
    """To send it twice is as good as once, so it is sent again when its answer was lost."""


@dataclass(frozen=True)
class Options:
    """What a call says besides its params."""

    timeout: float
    idempotency_key: str | None = None
    session: str | None = None
    temporary: bool = False


@dataclass(frozen=True)
class Call:
    """A call of a batch."""

    action: str
    """`backend:tool`; `tool` alone within the batch of a session."""
    params: Mapping[str, Any] = field(default_factory=dict)
    session: str | None = None
    """An id or a name."""
    timeout: float | None = None
    """Seconds; None: the sandbox's."""


BatchCall: TypeAlias = Call | tuple[str, Mapping[str, Any]] | str
"""A call of a batch as it may be written: with everything, a tool and its params, or a tool alone."""

Created: TypeAlias = tuple[SessionInfo, str | None, bool]
"""A session, its token if it is new, and whether it is new."""


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON as the host reads it: bytes become base64, as `list<u8>` wants it."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_encoded).encode()


def _encoded(value: object) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _said(**members: Any) -> dict[str, Any]:
    """Those members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


# Tools and backends.


def tools(backend: str | None) -> Ask[list[Tool]]:
    return _get("/v1/tools", lambda reply: decode_all(Tool, reply.body["tools"]), _said(backend=backend))


def tool(name: str) -> Ask[Tool]:
    return _get(f"/v1/tools/{_segment(name)}", lambda reply: decode(Tool, reply.body))


def backends() -> Ask[list[Backend]]:
    return _get("/v1/backends", lambda reply: decode_all(Backend, reply.body["backends"]))


def backend(name: str) -> Ask[Backend]:
    return _get(f"/v1/backends/{_segment(name)}", lambda reply: decode(Backend, reply.body))


def warmup(names: Sequence[str], refresh: bool, patience: float) -> Ask[Warmup]:
    body = _said(backends=list(names) or None, refresh=refresh or None)
    # To warm up what is warm does nothing.
    return _post("/v1/warmup", body, _read(Warmup), patience=patience, is_repeatable=not refresh)


def ready() -> Ask[dict[str, Any]]:
    return _get("/readyz", lambda reply: dict(reply.body))


# Calls.


def execute(action: str, params: Mapping[str, Any], options: Options) -> Ask[Answer]:
    return _call(_written(action, params, options), options, _answer)


def _answer(reply: Reply) -> Answer:
    if reply.status == 202:
        # A call of an idempotency key that is done, and whose answer is no longer kept.
        return job_result(job_info(reply.body["job"]))
    return answered(outcome(reply.body, reply))


def start(action: str, params: Mapping[str, Any], options: Options) -> Ask[JobInfo]:
    body = {**_written(action, params, options), "wait": False}
    return _call(body, options, lambda reply: job_info(reply.body["job"]))


def _call(body: Mapping[str, Any], options: Options, read: Callable[[Reply], T]) -> Ask[T]:
    key = options.idempotency_key
    return Ask(
        method="POST",
        path="/v1/execute",
        read=read,
        body=encode(body),
        headers={} if key is None else {"idempotency-key": key},
        patience=options.timeout + GRACE,
        # With a key the host knows the second one for the first. Without it, the call may have run.
        is_repeatable=key is not None,
    )


def _written(action: str, params: Mapping[str, Any], options: Options) -> dict[str, Any]:
    session: Any = {"temporary": True} if options.temporary else options.session
    return {
        **_said(action=action, params=params, session=session),
        "timeout_ms": max(1, math.ceil(options.timeout * 1000)),
    }


def batch(calls: Iterable[Call], default: Options, *, parallel: bool, stop_on_error: bool, transaction: bool) -> Ask[Batch]:
    written = []
    patience = 0.0
    for call in calls:
        timeout = call.timeout or default.timeout
        patience = max(patience, timeout) if parallel else patience + timeout
        options = Options(timeout, session=call.session or default.session)
        written.append(_written(call.action, call.params, options))
    body = _said(calls=written, parallel=parallel or None, transaction=transaction or None, stop_on_error=stop_on_error)
    return _post("/v1/execute/batch", body, _batch, patience=patience + GRACE)


def _batch(reply: Reply) -> Batch:
    body = dict(reply.body)
    results = body.pop("results")
    return dataclasses.replace(decode(Batch, {**body, "outcomes": ()}), outcomes=tuple(outcome(result, reply) for result in results))


def outcome(body: Mapping[str, Any], reply: Reply | None = None) -> Outcome:
    """Reads an envelope, or the problem document that stands in its place."""
    if "is_error" not in body:
        return from_problem(body)
    session = body.get("session")
    members: dict[str, Any] = {
        "action": str(body.get("action")),
        "request_id": str(body.get("request_id")),
        "usage": decode(Usage, body["usage"]),
        "session": None if session is None else decode(CallSession, session),
        "job": body.get("job"),
        "replayed": reply is not None and reply.headers.get("idempotency-replayed") == "true",
    }
    if body["is_error"]:
        return ToolError(body.get("error"), denied=tuple(body.get("denied", ())), **members)
    return Answer(result=body.get("result"), **members)


def answered(ended: Outcome) -> Answer:
    """The answer, or the error as an exception."""
    if isinstance(ended, HostelError):
        raise ended
    return ended


# Sessions.


def create(body: Mapping[str, Any]) -> Ask[Created]:
    def read(reply: Reply) -> Created:
        return decode(SessionInfo, reply.body), reply.body.get("token"), reply.status == 201

    return _post("/v1/sessions", _said(**body), read)


def sessions(query: Mapping[str, str | None]) -> Ask[tuple[list[SessionInfo], str | None]]:
    def read(reply: Reply) -> tuple[list[SessionInfo], str | None]:
        return decode_all(SessionInfo, reply.body["sessions"]), reply.body.get("next_cursor")

    return _get("/v1/sessions", read, _said(**query))


def label_query(labels: Mapping[str, str] | None) -> str | None:
    """`key=value,key=value`, which not every label can be written as."""
    for key, value in (labels or {}).items():
        if "," in key + value or "=" in key:
            raise ValueError(f"sessions cannot be found by the label {key!r} = {value!r}: it has a comma, or its key has a =")
    return ",".join(f"{key}={value}" for key, value in labels.items()) if labels else None


def session(id: str) -> Ask[SessionInfo]:
    return _get(_of(id), _read(SessionInfo))


def change_session(id: str, labels: Mapping[str, str] | None, checkpoint: str | None) -> Ask[SessionInfo]:
    body = encode(_said(labels=labels, checkpoint=checkpoint))
    return Ask(method="PATCH", path=_of(id), read=_read(SessionInfo), body=body, is_repeatable=True)


def keep_alive(id: str) -> Ask[SessionInfo]:
    return _post(_of(id, "keep-alive"), {}, _read(SessionInfo), is_repeatable=True)


def close_session(id: str) -> Ask[SessionInfo]:
    return Ask(method="DELETE", path=_of(id), read=_read(SessionInfo), patience=CLOSE_PATIENCE)


def checkpoint(id: str, name: str | None) -> Ask[Checkpoint]:
    return _post(_of(id, "checkpoints"), _said(name=name), _read(Checkpoint))


def checkpoints(id: str) -> Ask[list[Checkpoint]]:
    return _get(_of(id, "checkpoints"), lambda reply: decode_all(Checkpoint, reply.body["checkpoints"]))


def restore(id: str, checkpoint: str) -> Ask[SessionInfo]:
    return _post(_of(id, "restore"), {"checkpoint": checkpoint}, _read(SessionInfo))


def fork(id: str, count: int, name: str | None, labels: Mapping[str, str] | None) -> Ask[list[Created | HostelError]]:
    def read(reply: Reply) -> list[Created | HostelError]:
        return [
            (decode(SessionInfo, fork), fork.get("token"), True) if "id" in fork else from_problem(fork) for fork in reply.body["forks"]
        ]

    return _post(_of(id, "fork"), _said(count=count, name=name, labels=labels), read)


def suspend(id: str) -> Ask[SessionInfo]:
    return _post(_of(id, "suspend"), {}, _read(SessionInfo), is_repeatable=True)


def resume(id: str) -> Ask[SessionInfo]:
    return _post(_of(id, "resume"), {}, _read(SessionInfo), is_repeatable=True)


def logs(id: str, after: int, limit: int | None) -> Ask[Logs]:
    return _get(_of(id, "logs"), _read(Logs), _said(after=str(after), limit=None if limit is None else str(limit)))


# Jobs.


def job(id: str, wait_ms: int = 0) -> Ask[JobInfo]:
    query = {"wait_ms": str(wait_ms)} if wait_ms else {}
    path = f"/v1/jobs/{_segment(id)}"
    return _get(path, lambda reply: job_info(reply.body), query, patience=wait_ms / 1000 + GRACE if wait_ms else None)


def jobs(query: Mapping[str, str | None]) -> Ask[tuple[list[JobInfo], str | None]]:
    def read(reply: Reply) -> tuple[list[JobInfo], str | None]:
        return [job_info(each) for each in reply.body["jobs"]], reply.body.get("next_cursor")

    return _get("/v1/jobs", read, _said(**query))


def cancel_job(id: str) -> Ask[JobInfo]:
    return _post(f"/v1/jobs/{_segment(id)}/cancel", {}, lambda reply: job_info(reply.body), is_repeatable=True)


def forget_job(id: str) -> Ask[None]:
    return Ask(method="DELETE", path=f"/v1/jobs/{_segment(id)}", read=lambda _: None)


def events(id: str, after: int) -> Ask[None]:
    """A stream: its events are read one by one."""
    headers = {"accept": "text/event-stream", **({"last-event-id": str(after)} if after else {})}
    path = f"/v1/jobs/{_segment(id)}/events"
    return Ask(method="GET", path=path, read=lambda _: None, headers=headers, is_repeatable=True)


def event(data: str) -> Event:
    """One event of a stream."""
    body = json.loads(data)
    return dataclasses.replace(decode(Event, body), outcome=_ended(body, str(body.get("type"))))


def job_info(body: Mapping[str, Any]) -> JobInfo:
    return dataclasses.replace(decode(JobInfo, body), outcome=_ended(body, str(body.get("state"))))


def _ended(body: Mapping[str, Any], how: str) -> Outcome | None:
    if body.get("answer") is not None:
        return outcome(body["answer"])
    if isinstance(body.get("error"), Mapping):
        return from_problem(body["error"], kind=JobCancelledError if how == "cancelled" else None)
    return None


def job_result(info: JobInfo) -> Answer:
    """The answer of a job that is done, or its error as an exception."""
    if info.outcome is None:
        raise AnswerDroppedError(
            f"the answer of job {info.id} is not kept any more", hint="read it sooner, or ask the tool for less at once"
        )
    return answered(info.outcome)


# The pieces.


def _get(path: str, read: Callable[[Reply], T], query: Mapping[str, str] | None = None, patience: float | None = None) -> Ask[T]:
    return Ask(method="GET", path=path, read=read, query=query or {}, patience=patience, is_repeatable=True)


def _post(
    path: str,
    body: Mapping[str, Any],
    read: Callable[[Reply], T],
    *,
    patience: float | None = None,
    is_repeatable: bool = False,
) -> Ask[T]:
    return Ask(method="POST", path=path, read=read, body=encode(body), patience=patience, is_repeatable=is_repeatable)


def _read(kind: type[T]) -> Callable[[Reply], T]:
    return lambda reply: decode(kind, reply.body)


def _of(id: str, verb: str | None = None) -> str:
    path = f"/v1/sessions/{_segment(id)}"
    return path if verb is None else f"{path}/{verb}"


def _segment(text: str) -> str:
    return quote(text, safe=":")
