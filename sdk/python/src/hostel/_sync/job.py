# Written by tools/unasync.py from _async/job.py.
"""A call that is not waited for: its events as they come, its result when it is there, and a way to stop it."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from time import monotonic

from .. import _asks
from .._wire import STREAM_PAUSES
from ..errors import HostUnreachableError, NoAnswerError
from ..models import Answer, Event, JobInfo
from .transport import Transport

LONG_POLL = 20.0
"""Seconds that one request waits for a job to be done."""


class Job:
    """A handle of a job. The job runs on the host, whatever becomes of the handle."""

    def __init__(self, transport: Transport, id: str) -> None:
        self._transport = transport
        self.id = id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def info(self) -> JobInfo:
        """How the job stands now."""
        return self._transport.send(_asks.job(self.id))

    def result(self, *, timeout: float | None = None) -> Answer:
        """Waits until the job is done, at most `timeout` seconds (default: as long as it takes), and answers as `execute` does.

        Raises the job's error if it failed, `JobCancelledError` if it was cancelled, `NoAnswerError` if it is not done in time.
        """
        started = monotonic()
        while True:
            left = LONG_POLL if timeout is None else min(LONG_POLL, max(0.0, started + timeout - monotonic()))
            info = self._transport.send(_asks.job(self.id, wait_ms=ceil(left * 1000)))
            if info.done:
                return _asks.job_result(info)
            if timeout is not None and monotonic() >= started + timeout:
                raise NoAnswerError(f"job {self.id} is not done after {timeout:g} s; it goes on")

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """The job's events after the one with the number `after`, as they come, until the last.

        A connection that breaks is made anew where it broke: no event is missed, and none comes twice. An event `dropped`
        stands for those that the host's own log could not keep.
        """
        pauses = iter(STREAM_PAUSES)
        while True:
            failure: Exception | None = None
            try:
                for data in self._transport.stream(_asks.events(self.id, after)):
                    event = _asks.event(data)
                    after, pauses = event.id, iter(STREAM_PAUSES)
                    yield event
                    if event.is_last:
                        return
            except (HostUnreachableError, NoAnswerError) as error:
                failure = error
            else:
                info = self.info()
                if info.done and after >= info.events:
                    return
            pause = next(pauses, None)
            if pause is None:
                raise failure or HostUnreachableError(f"the events of job {self.id} break off again and again")
            self._transport.pause(pause)

    def cancel(self) -> JobInfo:
        """Stops the job, and answers when its guest has stopped. One that is done stays as it is: see `state`."""
        return self._transport.send(_asks.cancel_job(self.id))

    def forget(self) -> None:
        """Drops a job that is done, its events and its answer before their time."""
        self._transport.send(_asks.forget_job(self.id))
