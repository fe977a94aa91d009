"""What the client sends and reads, against what the host says of itself at /openapi.json."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any

import httpx
import pytest

from hostel import Sandbox, _asks, errors, models

from .host import Host

OPTIONS = _asks.Options(1.0, idempotency_key="k", session="s")

ASKS: list[_asks.Ask[Any]] = [
    _asks.tools("b"),
    _asks.tool("t"),
    _asks.backends(),
    _asks.backend("b"),
    _asks.warmup(["b"], True, 1.0),
    _asks.ready(),
    _asks.execute("a", {}, OPTIONS),
    _asks.start("a", {}, OPTIONS),
    _asks.batch([_asks.Call("a", {}, "s", 1.0)], OPTIONS, parallel=True, stop_on_error=True, transaction=True),
    _asks.sessions({"backend": "b", "state": "s", "labels": "l", "worker": "w", "cursor": "c"}),
    _asks.session("i"),
    _asks.change_session("i", {"a": "b"}, "call"),
    _asks.keep_alive("i"),
    _asks.close_session("i"),
    _asks.checkpoint("i", "n"),
    _asks.checkpoints("i"),
    _asks.restore("i", "c"),
    _asks.fork("i", 2, "n", {"a": "b"}),
    _asks.suspend("i"),
    _asks.resume("i"),
    _asks.logs("i", 1, 2),
    _asks.job("i", 1),
    _asks.jobs({"state": "s", "session": "s", "cursor": "c"}),
    _asks.cancel_job("i"),
    _asks.forget_job("i"),
    _asks.events("i", 1),
]

MODELS = {
    "Backend": models.Backend,
    "CalledIn": models.CallSession,
    "Checkpoint": models.Checkpoint,
    "CheckpointUsage": models.CheckpointUsage,
    "Hints": models.Hints,
    "Job": models.JobInfo,
    "JobSession": models.JobSession,
    "Log": models.Logs,
    "LogLine": models.LogLine,
    "Progress": models.Progress,
    "Session": models.SessionInfo,
    "Tool": models.Tool,
    "Usage": models.Usage,
}

# What the client makes of other members.
MADE = {"outcome"}


@pytest.fixture(scope="module")
def document(host: Host) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{host.url}/openapi.json", trust_env=False).raise_for_status().json()
    return document


def schema(document: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in given:
        given = document["components"]["schemas"][given["$ref"].rsplit("/", 1)[1]]
    return given


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: f"{ask.method} {ask.path}")
def test_what_is_sent_is_described(document: dict[str, Any], ask: _asks.Ask[Any]) -> None:
    templates = {re.sub(r"\{\w+\}", "[^/]+", path): path for path in sorted(document["paths"])}
    path = next(path for pattern, path in templates.items() if re.fullmatch(pattern, ask.path))
    operation = document["paths"][path][ask.method.lower()]
    named = {parameter["name"].lower() for parameter in operation.get("parameters", [])}
    assert set(ask.query) | set(ask.headers) - {"accept"} <= named
    if ask.body not in (None, b"{}"):
        body = schema(document, operation["requestBody"]["content"]["application/json"]["schema"])
        sent = json.loads(ask.body or b"{}")
        assert set(sent) <= set(body["properties"])
        for call in sent.get("calls", []):
            assert set(call) <= set(schema(document, body["properties"]["calls"]["items"])["properties"])


def test_a_new_session_is_described(document: dict[str, Any]) -> None:
    names = set(inspect.signature(Sandbox.session).parameters) - {"self"}
    assert names <= set(document["components"]["schemas"]["NewSession"]["properties"])


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_is_described(document: dict[str, Any], name: str) -> None:
    described = document["components"]["schemas"][name]
    nothing = dataclasses.MISSING
    fields = [field for field in dataclasses.fields(MODELS[name]) if field.name not in MADE]
    needed = {field.name for field in fields if field.default is nothing and field.default_factory is nothing}
    assert {field.name for field in fields} <= set(described["properties"])
    assert needed <= set(described.get("required", []))


def test_every_code_has_a_class_and_every_class_a_code(document: dict[str, Any]) -> None:
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    own = {"unreachable", "no_answer", "unexpected_answer", "answer_dropped", "cancelled"}
    assert set(codes) == set(errors.BY_CODE) - own
