"""Turns the host's JSON into the dataclasses of `models`, by their type hints. Knows nothing of HTTP.

Members that a class does not have are passed over, so that a newer host can say more. One that is missing and has no
default is an error that names it.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import UnexpectedAnswerError

T = TypeVar("T")


def decode(kind: type[T], body: Any) -> T:
    """Reads an object of JSON as a `kind`, a dataclass."""
    if not isinstance(body, Mapping):
        raise UnexpectedAnswerError(f"the host's {kind.__name__} is {body!r}, not an object")
    values = {}
    for name, hint, is_needed in _members(kind):  # type: ignore[arg-type]  # classes can be hashed
        if name in body:
            values[name] = _value(hint, body[name])
        elif is_needed:
            raise UnexpectedAnswerError(f"the host's {kind.__name__} has no {name!r}")
    return kind(**values)


def decode_all(kind: type[T], bodies: Any) -> list[T]:
    return [decode(kind, body) for body in bodies]


@cache
def _members(kind: type[Any]) -> list[tuple[str, Any, bool]]:
    hints = get_type_hints(kind)
    nothing = dataclasses.MISSING
    return [
        (field.name, hints[field.name], field.default is nothing and field.default_factory is nothing) for field in dataclasses.fields(kind)
    ]


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _value(next(each for each in get_args(hint) if each is not types.NoneType), value)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], each) for each in value)
    if origin is Mapping and dataclasses.is_dataclass(get_args(hint)[1]):
        return {name: _value(get_args(hint)[1], each) for name, each in value.items()}
    if hint is datetime:
        # Python 3.10 does not know that Z is UTC.
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    if dataclasses.is_dataclass(hint):
        return decode(hint, value)  # type: ignore[arg-type]  # a class, not an object of one
    return value
