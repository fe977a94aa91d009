# Written by tools/unasync.py from _async/sandbox.py.
"""A connection to a host: its tools, calls, sessions and jobs, and the care for the sessions that were created through it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from secrets import token_hex
from types import TracebackType
from typing import Any, Literal, overload
from uuid import uuid4

from .. import _asks, _options
from .._asks import BatchCall, Created, Options
from .._rounds import PATIENCE
from .._settings import settings
from ..errors import HostelError, HostUnreachableError, NoAnswerError
from ..models import Answer, Backend, Batch, JobInfo, SessionInfo, Tool, Warmup
from .job import Job
from .keeper import Keeper
from .session import Session
from .transport import Transport

log = logging.getLogger("hostel")

WARMUP_TIMEOUT = 300.0
"""Seconds."""


class Sandbox:
    """A host as a program uses it.

    In a `with` block the sessions that are created through it are kept alive in the background, and the block's end closes
    them: these and no others. Nothing is sent until the first call.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        worker_id: str | None = None,
        token: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """
        `base_url`: where the host is. Default: the environment's `HOSTEL_URL` or `HOSTEL_SERVER`, or http://127.0.0.1:18890.
        `worker_id`: who calls: sessions and jobs are seen by their worker alone. Default: `HOSTEL_WORKER`, or the host's `default`.
        `token`: of a session, allows calls on that session alone. Default: `HOSTEL_KEY`, or none.
        `timeout`: seconds that a call may take, after which the host stops it. Default 120; the host's own limit may be shorter.
        """
        self._settings = settings(base_url, worker_id, token, timeout)
        self._transport = Transport(self._settings)
        self._keeper = Keeper(self._send_keep_alive)
        self._own: dict[str, Session] = {}
        self._is_entered = False

    @property
    def base_url(self) -> str:
        return self._settings.base_url

    @property
    def worker_id(self) -> str | None:
        """None: the host's `default`, or the one that the token says."""
        return self._settings.worker_id

    @property
    def timeout(self) -> float:
        """Seconds."""
        return self._settings.timeout

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    def __enter__(self) -> Sandbox:
        self._is_entered = True
        for session in self._own.values():
            self._keep(session._last_seen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sessions that were created through this sandbox, then its connections. It cannot be used afterwards."""
        try:
            for session in list(self._own.values()):
                if not self._close_quietly(session):
                    break
        finally:
            self._keeper.stop()
            self._transport.close()

    # What there is.

    def ready(self) -> dict[str, Any]:
        """Whether the host takes calls, and how much it has of what. Raises `ShuttingDownError` if it does not."""
        return self._transport.send(_asks.ready())

    def tools(self, backend: str | None = None) -> list[Tool]:
        """All tools, or those of one backend."""
        return self._transport.send(_asks.tools(backend))

    def tool(self, name: str) -> Tool:
        """The tool that a call of this name would reach."""
        return self._transport.send(_asks.tool(name))

    def backends(self) -> list[Backend]:
        return self._transport.send(_asks.backends())

    def backend(self, name: str) -> Backend:
        return self._transport.send(_asks.backend(name))

    def warmup(self, *backends: str, refresh: bool = False, timeout: float = WARMUP_TIMEOUT) -> Warmup:
        """Warms backends up, all if none are named, and waits for them at most `timeout` seconds. What is warm stays so, unless `refresh`.

        A backend that cannot be warmed up raises nothing here: `warm` is false, and its `Warmth` says why.
        """
        return self._transport.send(_asks.warmup(backends, refresh, timeout))

    # Calls.

    @overload
    def execute(self, tool: str, /, **params: Any) -> Answer: ...
    @overload
    def execute(
        self,
        tool: str,
        params: Mapping[str, Any],
        /,
        *,
        session: Session | str | None = None,
        temporary: bool = False,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Answer: ...
    def execute(self, tool: str, params: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Calls `backend:tool` and waits for its answer.

        Params are keywords, or one mapping; with a mapping, the keywords are options:

        `session`: where a stateful tool runs: a session, its id or its name. Default: the worker's session named `default` if there is
        one, or else a temporary one, which lasts for the call.
        `temporary`: in a temporary session in any case.
        `timeout`: seconds after which the host stops the call. Default: the sandbox's.
        `idempotency_key`: makes the call safe to repeat; it is then repeated when its answer was lost.

        Raises `ToolError` if the tool says no, and another `HostelError` if the host does.
        """
        params, options = self._split(params, named)
        return self._transport.send(_asks.execute(tool, params, options))

    @overload
    def start(self, tool: str, /, **params: Any) -> Job: ...
    @overload
    def start(
        self,
        tool: str,
        params: Mapping[str, Any],
        /,
        *,
        session: Session | str | None = None,
        temporary: bool = False,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job: ...
    def start(self, tool: str, params: Mapping[str, Any] | None = None, /, **named: Any) -> Job:
        """The same, but does not wait: the call is a job of the host's, which has events and a result, and can be cancelled.

        Without an `idempotency_key` it is given one, so a start whose answer was lost is repeated and never runs twice.
        """
        params, options = self._split(params, named)
        return self._start(tool, params, options)

    def batch(
        self,
        calls: Iterable[BatchCall],
        *,
        session: Session | str | None = None,
        parallel: bool = False,
        stop_on_error: bool = True,
        transaction: bool = False,
    ) -> Batch:
        """Up to 100 calls in one request, in turn or side by side (`parallel`). Nothing is raised for a call that fails: see `outcomes`.

        `session`: of the calls that name none.
        `stop_on_error`: the first call that fails is the last. Only for calls in turn.
        `transaction`: all of the calls, of one session, count or none: the first that fails takes it back to where it was.
        """
        id = None if session is None else session if isinstance(session, str) else session.id
        ask = _asks.batch(
            _options.calls(calls),
            Options(self.timeout, session=id),
            parallel=parallel,
            stop_on_error=stop_on_error,
            transaction=transaction,
        )
        return self._transport.send(ask)

    # Sessions.

    def session(
        self,
        backend: str,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        idle_timeout: float | None = None,
        max_lifetime: float | None = None,
        limits: Mapping[str, int] | None = None,
        checkpoint: Literal["call", "manual", "off"] | None = None,
        on_idle: Literal["release", "suspend"] | None = None,
        archive_after: float | None = None,
        if_exists: Literal["error", "return"] | None = None,
    ) -> Session:
        """Creates a session of a backend.

        `name`: unique for the worker and the backend. Default: one that nobody has; with `if_exists="return"` the name `default`, which is
        the session that calls without a session use.
        `config`: as the backend's `config_schema` says, over what the operator set.
        `labels`: at most 64, to find sessions by.
        `idle_timeout`, `max_lifetime`, `archive_after`: seconds, 0 for never. Default: the host's (300, 1800, never).
        `limits`: tighter than the backend's: `call_ms`, `cpu_ms`, `memory_bytes`, `result_bytes`,
        `workspace_bytes`, `workspace_files`, `queue`.
        `checkpoint`: `call` saves the state before every call, so that one which traps or takes too long costs nothing. Default `manual`.
        `on_idle`: `suspend` parks it on disk when it is idle, in place of ending it; it is not kept alive then.
        `if_exists`: `return` takes the session of that name if there is one. It is then not closed with the sandbox. Default `error`.
        """
        if name is None and if_exists != "return":
            name = f"py-{token_hex(4)}"
        body = {
            "backend": backend,
            "name": name,
            "config": config,
            "labels": labels,
            "idle_timeout": idle_timeout,
            "max_lifetime": max_lifetime,
            "limits": limits,
            "checkpoint": checkpoint,
            "on_idle": on_idle,
            "archive_after": archive_after,
            "if_exists": if_exists,
        }
        return self._create(body)

    def attach(self, id: str) -> Session:
        """A handle of a session that is there already. It is not closed with the sandbox."""
        return Session(self, (self._transport.send(_asks.session(id)), None, False))

    def sessions(
        self,
        *,
        backend: str | None = None,
        state: str | None = None,
        labels: Mapping[str, str] | None = None,
        worker: str | None = None,
    ) -> Iterator[SessionInfo]:
        """Sessions that are open, the newest first, page by page. `worker`: of another one; `*` for all."""
        query = {"backend": backend, "state": state, "labels": _asks.label_query(labels), "worker": worker}
        cursor: str | None = None
        while True:
            page, cursor = self._transport.send(_asks.sessions({**query, "cursor": cursor}))
            for info in page:
                yield info
            if cursor is None:
                return

    # Jobs.

    def job(self, id: str) -> Job:
        """A handle of a job that was started before, here or elsewhere. Nothing is asked yet."""
        return Job(self._transport, id)

    def jobs(self, *, state: str | None = None, session: Session | str | None = None) -> Iterator[JobInfo]:
        """The worker's jobs, the newest first, without their answers, page by page."""
        id = None if session is None else session if isinstance(session, str) else session.id
        cursor: str | None = None
        while True:
            page, cursor = self._transport.send(_asks.jobs({"state": state, "session": id, "cursor": cursor}))
            for info in page:
                yield info
            if cursor is None:
                return

    # What sessions ask of their sandbox.

    def _split(self, params: Mapping[str, Any] | None, named: Mapping[str, Any]) -> tuple[Mapping[str, Any], Options]:
        allowed = ("session", "temporary", "timeout", "idempotency_key")
        return _options.split(params, named, self.timeout, allowed)

    def _start(self, action: str, params: Mapping[str, Any], options: Options) -> Job:
        keyed = replace(options, idempotency_key=options.idempotency_key or uuid4().hex)
        info = self._transport.send(_asks.start(action, params, keyed))
        return Job(self._transport, info.id)

    def _create(self, body: Mapping[str, Any]) -> Session:
        return self._adopt(self._transport.send(_asks.create(body)))

    def _adopt(self, created: Created) -> Session:
        session = Session(self, created)
        if session.is_own:
            self._own[session.id] = session
        if self._is_entered:
            self._keep(session._last_seen)
        return session

    def _adopt_all(self, created: list[Created | HostelError]) -> list[Session]:
        failures = [each for each in created if isinstance(each, HostelError)]
        sessions = [self._adopt(each) for each in created if not isinstance(each, HostelError)]
        if failures:
            for session in sessions:
                self._close_quietly(session)
            raise failures[0]
        return sessions

    def _keep(self, info: SessionInfo) -> None:
        """In the background, if it would end otherwise. One that is to be parked when it is idle is not disturbed."""
        if info.idle_timeout is not None and info.on_idle == "release":
            self._keeper.add(info.id, info.idle_timeout)

    def _let_go(self, session: Session) -> None:
        self._keeper.remove(session.id)
        self._own.pop(session.id, None)

    def _close_quietly(self, session: Session) -> bool:
        """At the end of a block, where an error must not hide the one that ended it. False: the host is gone."""
        try:
            session.close()
        except (HostUnreachableError, NoAnswerError) as error:
            log.warning("cannot close session %s, it ends by its own timers: %s", session.id, error)
            return False
        except HostelError as error:
            log.warning("cannot close session %s: %s", session.id, error)
        return True

    def _send_keep_alive(self, id: str) -> SessionInfo:
        return self._transport.send(replace(_asks.keep_alive(id), patience=PATIENCE, is_repeatable=False))
