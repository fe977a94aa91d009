"""Keeps sessions alive in the background, in a task, for as long as there are any to keep."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from .._rounds import Rounds
from ..errors import HostelError, HostUnreachableError, NoAnswerError

log = logging.getLogger("hostel")


class AsyncKeeper:
    def __init__(self, keep_alive: Callable[[str], Awaitable[Any]]) -> None:
        self._keep_alive = keep_alive
        self._rounds = Rounds()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, id: str, idle_timeout: float) -> None:
        self._rounds.add(id, idle_timeout, monotonic())
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="hostel keep-alive")

    def remove(self, id: str) -> None:
        self._rounds.remove(id)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._rounds.wait(monotonic()))
            await asyncio.gather(*(self._keep(id) for id in self._rounds.take_due(monotonic())))

    async def _keep(self, id: str) -> None:
        try:
            await self._keep_alive(id)
        except (HostUnreachableError, NoAnswerError) as error:
            log.warning("cannot keep session %s alive: %s", id, error)
            self._rounds.missed(id, monotonic())
        except HostelError as error:
            # It is over, or not ours. The next call on it says so to the one who makes it.
            log.debug("session %s is not kept alive any more: %s", id, error)
            self._rounds.remove(id)
