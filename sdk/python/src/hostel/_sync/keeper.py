"""Keeps sessions alive in the background, in a thread, for as long as there are any to keep."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from .._rounds import Rounds
from ..errors import HostelError, HostUnreachableError, NoAnswerError

log = logging.getLogger("hostel")


class Keeper:
    def __init__(self, keep_alive: Callable[[str], Any]) -> None:
        self._keep_alive = keep_alive
        self._rounds = Rounds()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, id: str, idle_timeout: float) -> None:
        with self._changed:
            self._rounds.add(id, idle_timeout, monotonic())
            self._changed.notify()
            if self._thread is None:
                # A daemon, so that a program that forgets to close can end.
                self._thread = threading.Thread(target=self._run, name="hostel keep-alive", daemon=True)
                self._thread.start()

    def remove(self, id: str) -> None:
        with self._changed:
            self._rounds.remove(id)

    def stop(self) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            # One that waits for a host which does not answer ends by itself.
            thread.join(timeout=1.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._thread is not threading.current_thread():
                    return
                due = self._rounds.take_due(monotonic())
                if not due:
                    self._changed.wait(self._rounds.wait(monotonic()))
            for id in due:
                self._keep(id)

    def _keep(self, id: str) -> None:
        try:
            self._keep_alive(id)
        except (HostUnreachableError, NoAnswerError) as error:
            log.warning("cannot keep session %s alive: %s", id, error)
            with self._changed:
                self._rounds.missed(id, monotonic())
        except HostelError as error:
            # It is over, or not ours. The next call on it says so to the one who makes it.
            log.debug("session %s is not kept alive any more: %s", id, error)
            self.remove(id)
