"""Sends requests over httpx, repeats those that may be repeated, and reads streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import httpx

from .. import _wire
from .._asks import Ask
from .._settings import Settings
from .._sse import EventReader

T = TypeVar("T")


class AsyncTransport:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client = httpx.AsyncClient(**_wire.client_settings(settings))

    async def send(self, ask: Ask[T]) -> T:
        request = _wire.request(ask, self.settings)
        pauses = _wire.pauses(ask)
        while True:
            try:
                response = await self._client.request(**request)
                break
            except httpx.HTTPError as error:
                pause = None if isinstance(error, httpx.TimeoutException) else next(pauses)
                if pause is None:
                    raise _wire.failure(error, ask, self.settings) from error
                await self.pause(pause)
        return ask.read(_wire.reply(response.status_code, response.headers, response.content, self.settings))

    async def stream(self, ask: Ask[None]) -> AsyncIterator[str]:
        """The data of each event of one stream, until it ends or breaks."""
        reader = EventReader()
        try:
            async with self._client.stream(**_wire.stream_request(ask, self.settings)) as response:
                if response.status_code != 200:
                    content = await response.aread()
                    _wire.reply(response.status_code, response.headers, content, self.settings)
                async for piece in response.aiter_bytes():
                    for data in reader.take(piece):
                        yield data
        except httpx.HTTPError as error:
            raise _wire.failure(error, ask, self.settings) from error

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._client.aclose()
