# Written by tools/unasync.py from _async/session.py.
"""A session: an instance of a backend of one's own, its calls, and its state in the hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from .. import _asks, _options
from .._asks import BatchCall, Created, Options
from ..errors import NotFoundError, SessionEndedError, SessionFailedError
from ..models import Answer, Batch, Checkpoint, Logs, SessionInfo
from .job import Job

if TYPE_CHECKING:
    from .sandbox import Sandbox


class Session:
    """A handle of a session. Calls of one session run one at a time, in order; sessions run side by side.

    In a `with` block it is kept alive in the background, and the block's end closes it if this program created it.
    """

    def __init__(self, box: Sandbox, created: Created) -> None:
        self._box = box
        self._last_seen, self.token, self.is_own = created
        self.id = self._last_seen.id
        self.name = self._last_seen.name
        self.backend = self._last_seen.backend

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.backend} {self.name!r} {self.id}>"

    def __enter__(self) -> Session:
        self._box._keep(self._last_seen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.is_own:
            self._box._close_quietly(self)
        else:
            self._box._let_go(self)

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
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Answer: ...
    def execute(self, tool: str, params: Mapping[str, Any] | None = None, /, **named: Any) -> Answer:
        """Calls a tool of the session's backend and waits for its answer.

        Params are keywords, or one mapping; with a mapping, the keywords are options:

        `timeout`: seconds after which the host stops the call. Default: the sandbox's.
        `idempotency_key`: makes the call safe to repeat; it is then repeated when its answer was lost.

        Raises `ToolError` if the tool says no, and another `HostelError` if the host does.
        """
        params, options = self._split(params, named)
        return self._box._transport.send(_asks.execute(self._action(tool), params, options))

    @overload
    def start(self, tool: str, /, **params: Any) -> Job: ...
    @overload
    def start(
        self,
        tool: str,
        params: Mapping[str, Any],
        /,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job: ...
    def start(self, tool: str, params: Mapping[str, Any] | None = None, /, **named: Any) -> Job:
        """The same, but does not wait: the call is a job of the host's."""
        params, options = self._split(params, named)
        return self._box._start(self._action(tool), params, options)

    def batch(
        self,
        calls: Iterable[BatchCall],
        *,
        stop_on_error: bool = True,
        transaction: bool = False,
    ) -> Batch:
        """Several calls in turn, in one request. With `transaction` all count or none: the first that fails takes the session back."""
        default = Options(self._box.timeout, session=self.id)
        ask = _asks.batch(
            _options.calls(calls, self.backend),
            default,
            parallel=False,
            stop_on_error=stop_on_error,
            transaction=transaction,
        )
        return self._box._transport.send(ask)

    # State.

    def checkpoint(self, name: str | None = None) -> Checkpoint:
        """Saves the session's state as it is now. It is on disk when this answers."""
        return self._box._transport.send(_asks.checkpoint(self.id, name))

    def checkpoints(self) -> list[Checkpoint]:
        """Oldest first."""
        return self._box._transport.send(_asks.checkpoints(self.id))

    def restore(self, checkpoint: Checkpoint | str) -> SessionInfo:
        """Takes the session back to a checkpoint, which may be named by its id or its name."""
        id = checkpoint.id if isinstance(checkpoint, Checkpoint) else checkpoint
        return self._box._transport.send(_asks.restore(self.id, id))

    def fork(self, count: int = 1, *, name: str | None = None, labels: Mapping[str, str] | None = None) -> list[Session]:
        """`count` new sessions that begin where this one is and go their own ways.

        They are the sandbox's as if it had created each: closed with it. If one of them cannot be made, those that were are closed,
        and the error is raised.
        """
        return self._box._adopt_all(self._box._transport.send(_asks.fork(self.id, count, name, labels)))

    def suspend(self) -> SessionInfo:
        """Parks the session on disk, where it takes no memory. A call wakes it up.

        To find it there after the `with` block, `detach` it as well.
        """
        return self._box._transport.send(_asks.suspend(self.id))

    def resume(self) -> SessionInfo:
        """Wakes the session up without calling it."""
        return self._box._transport.send(_asks.resume(self.id))

    # Life.

    def info(self) -> SessionInfo:
        """How the session stands now."""
        return self._box._transport.send(_asks.session(self.id))

    def change(self, *, labels: Mapping[str, str] | None = None, checkpoint: str | None = None) -> SessionInfo:
        """Puts other `labels` in place of all that it has, or saves its state at other times: `call`, `manual` or `off`."""
        return self._box._transport.send(_asks.change_session(self.id, labels, checkpoint))

    def logs(self, *, after: int = 0, limit: int | None = None) -> Logs:
        """What the session's guest has written: at most `limit` lines (default 200, at most 2000) after the number `after`."""
        return self._box._transport.send(_asks.logs(self.id, after, limit))

    def keep_alive(self) -> SessionInfo:
        """Starts the idle time anew, once. In a `with` block this goes on by itself in the background."""
        return self._box._transport.send(_asks.keep_alive(self.id))

    def detach(self) -> Session:
        """Leaves the session to itself: it is neither kept alive nor closed with the sandbox, and lives by its own timers."""
        self.is_own = False
        self._box._let_go(self)
        return self

    def close(self) -> SessionInfo | None:
        """Ends the session, whoever created it, and cleans up. None: it was over already."""
        self.detach()
        try:
            return self._box._transport.send(_asks.close_session(self.id))
        except (NotFoundError, SessionEndedError, SessionFailedError):
            return None

    def _action(self, tool: str) -> str:
        return _options.action(tool, self.backend)

    def _split(self, params: Mapping[str, Any] | None, named: Mapping[str, Any]) -> tuple[Mapping[str, Any], Options]:
        return _options.split(params, named, self._box.timeout, ("timeout", "idempotency_key"), session=self.id)
