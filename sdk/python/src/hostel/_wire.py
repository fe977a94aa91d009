"""HTTP without the sending: how a client is set up, what an answer means, what a failure means, when to try again.

The two transports, which send, differ in nothing but `await`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from ._asks import GRACE, Ask, Reply
from ._settings import Settings
from .errors import HostelError, HostUnreachableError, NoAnswerError, UnexpectedAnswerError, from_problem

CONNECT_TIMEOUT = 5.0
"""Seconds."""

PAUSES = (0.1, 0.5)
"""Seconds before what may be repeated is sent a second and a third time."""

STREAM_SILENCE = 45.0
"""Seconds after which a stream without a line is given up for a new one: the host writes a comment every 15 s."""

STREAM_PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)
"""The same for streams, counted from the last event that came."""


def client_settings(settings: Settings) -> dict[str, Any]:
    return {
        "headers": settings.headers,
        # A proxy of the environment is for other machines.
        "trust_env": not settings.is_local,
        # Reading the certificates takes longer than a call.
        "verify": settings.base_url.startswith("https:"),
        # The host closes a connection that rests for 10 s. A call must not go out on one that is about to be closed.
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=5.0),
    }


def request(ask: Ask[Any], settings: Settings) -> dict[str, Any]:
    """The arguments of httpx for what is asked."""
    headers = dict(ask.headers)
    if ask.body is not None:
        headers["content-type"] = "application/json"
    return {
        "method": ask.method,
        "url": settings.base_url + ask.path,
        "params": dict(ask.query) or None,
        "content": ask.body,
        "headers": headers,
        "timeout": httpx.Timeout(_patience(ask, settings), connect=CONNECT_TIMEOUT, pool=None),
    }


def stream_request(ask: Ask[Any], settings: Settings) -> dict[str, Any]:
    timeout = httpx.Timeout(STREAM_SILENCE, connect=CONNECT_TIMEOUT, pool=None)
    return {**request(ask, settings), "timeout": timeout}


def _patience(ask: Ask[Any], settings: Settings) -> float:
    return settings.timeout + GRACE if ask.patience is None else ask.patience


def pauses(ask: Ask[Any]) -> Iterator[float | None]:
    """Before each attempt that may follow a failed one; None: there is none."""
    if ask.is_repeatable:
        yield from PAUSES
    yield None


def reply(status: int, headers: Mapping[str, str], content: bytes, settings: Settings) -> Reply:
    """What the host answered, or the error that it answered with as an exception."""
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = content
    if 200 <= status < 300 and not isinstance(body, bytes):
        return Reply(status, headers, body)
    if isinstance(body, dict) and "code" in body:
        raise from_problem(body, retry_after=_seconds(headers.get("retry-after")))
    raise UnexpectedAnswerError(
        f"{settings.base_url} answered {status} with something that no Hostel host says",
        hint="is it the address of a Hostel host?",
        status=status,
    )


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None


def failure(error: httpx.HTTPError, ask: Ask[Any], settings: Settings) -> HostelError:
    """What a failure of httpx means for the one who asked."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return HostUnreachableError(
            f"no host answers at {settings.base_url}",
            hint="start one with `hostel up` or `hostel serve`, or name another with base_url or HOSTEL_URL",
        )
    if isinstance(error, httpx.TimeoutException):
        patience = f"{_patience(ask, settings):g} s"
        return NoAnswerError(f"{settings.base_url} did not answer {ask.method} {ask.path} within {patience}{_doubt(ask)}")
    return HostUnreachableError(
        f"the connection to {settings.base_url} broke during {ask.method} {ask.path}{_doubt(ask)}: {error or type(error).__name__}"
    )


def _doubt(ask: Ask[Any]) -> str:
    """What its failure leaves open, where that matters."""
    if not ask.is_repeatable:
        return "; it may have been done, and is not repeated"
    return "; it may have been done" if "idempotency-key" in ask.headers else ""
