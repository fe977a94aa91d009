"""Tells the params of a call from its options, and checks the options.

Params come as keywords, `execute("run", source="1+1")`, or as one mapping; with a mapping the keywords are options. So no
option can ever hide a param of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._asks import BatchCall, Call, Options


def split(
    params: Mapping[str, Any] | None,
    named: Mapping[str, Any],
    timeout: float,
    allowed: tuple[str, ...],
    session: str | None = None,
) -> tuple[Mapping[str, Any], Options]:
    if params is None:
        return named, Options(timeout, session=session)
    if not isinstance(params, Mapping):
        raise TypeError(f"the params of a call are a mapping or keywords, not {params!r}")
    for name in named:
        if name not in allowed:
            raise TypeError(f"there is no option {name!r}, only {', '.join(allowed)}; a param goes into the mapping")
    given = {name: value for name, value in named.items() if value is not None}
    chosen = given.get("session", session)
    return params, Options(
        timeout=checked_timeout(given.get("timeout", timeout)),
        idempotency_key=checked_key(given.get("idempotency_key")),
        session=None if chosen is None else str(getattr(chosen, "id", chosen)),
        temporary=bool(given.get("temporary", False)),
    )


def checked_timeout(timeout: float) -> float:
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout} s; it has to be more than 0")
    return timeout


def checked_key(key: str | None) -> str | None:
    if key is not None and not (key.isascii() and key.isprintable() and 0 < len(key) <= 255):
        raise ValueError(f"{key!r} is not an idempotency key: 1 to 255 printable ASCII characters")
    return key


def calls(given: Iterable[BatchCall], backend: str | None = None) -> list[Call]:
    """Calls of a batch as they may be written: a `Call`, a tool and its params, or a tool alone."""
    read = []
    for each in given:
        call = each if isinstance(each, Call) else Call(each) if isinstance(each, str) else Call(*each)
        read.append(Call(action(call.action, backend), call.params, call.session, call.timeout))
    return read


def action(tool: str, backend: str | None) -> str:
    """`backend:tool`, where the backend goes without saying."""
    return tool if backend is None or ":" in tool else f"{backend}:{tool}"
