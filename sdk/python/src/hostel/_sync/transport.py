# Written by tools/unasync.py from _async/transport.py.
"""Sends requests over httpx, repeats those that may be repeated, and reads streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

import httpx

from .. import _wire
from .._asks import Ask
from .._settings import Settings
from .._sse import EventReader

T = TypeVar("T")


class Transport:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client = httpx.Client(**_wire.client_settings(settings))

    def send(self, ask: Ask[T]) -> T:
        request = _wire.request(ask, self.settings)
        pauses = _wire.pauses(ask)
        while True:
            try:
                response = self._client.request(**request)
                break
            except httpx.HTTPError as error:
                pause = None if isinstance(error, httpx.TimeoutException) else next(pauses)
                if pause is None:
                    raise _wire.failure(error, ask, self.settings) from error
                self.pause(pause)
        return ask.read(_wire.reply(response.status_code, response.headers, response.content, self.settings))

    def stream(self, ask: Ask[None]) -> Iterator[str]:
        """The data of each event of one stream, until it ends or breaks."""
        reader = EventReader()
        try:
            with self._client.stream(**_wire.stream_request(ask, self.settings)) as response:
                if response.status_code != 200:
                    content = response.read()
                    _wire.reply(response.status_code, response.headers, content, self.settings)
                for piece in response.iter_bytes():
                    for data in reader.take(piece):
                        yield data
        except httpx.HTTPError as error:
            raise _wire.failure(error, ask, self.settings) from error

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self._client.close()
