"""When which session is due for its next keep-alive. The keepers, which wait and send, differ in nothing but how they wait."""

from __future__ import annotations

ROUND_MIN = 0.05
ROUND_MAX = 60.0
RETRY = 1.0
"""Seconds after which a keep-alive that did not reach the host is tried again."""

PATIENCE = 10.0
"""Seconds that a keep-alive may take."""


class Rounds:
    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._every: dict[str, float] = {}

    def add(self, id: str, idle_timeout: float, now: float) -> None:
        """Three times within the idle time, so that one may get lost."""
        self._every[id] = min(max(idle_timeout / 3, ROUND_MIN), ROUND_MAX)
        self._due[id] = now + self._every[id]

    def remove(self, id: str) -> None:
        self._due.pop(id, None)
        self._every.pop(id, None)

    def take_due(self, now: float) -> list[str]:
        """Those whose time has come. Their next one is a round later."""
        due = [id for id, at in self._due.items() if at <= now]
        for id in due:
            self._due[id] = now + self._every[id]
        return due

    def missed(self, id: str, now: float) -> None:
        if id in self._due:
            self._due[id] = now + min(RETRY, self._every[id])

    def wait(self, now: float) -> float | None:
        """Seconds until the next one is due. None: there is none."""
        return max(0.0, min(self._due.values()) - now) if self._due else None
