"""Who decides what to do: a model behind a chat completions interface, or, if none is configured, a script that plays its part.

    AGENT_MODEL_URL   where the interface is, up to and without /chat/completions: http://127.0.0.1:11434/v1
    AGENT_MODEL       which model
    AGENT_MODEL_KEY   sent as a bearer token, if it is set

Another kind of model is another class with `name` and `reply`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from toolbox import Described

Message = dict[str, Any]


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    text: str
    calls: list[Call]
    message: Message = field(default_factory=dict)
    """The reply as the model wants to see it again."""


class Model(Protocol):
    name: str

    async def reply(self, messages: list[Message], tools: list[Described]) -> Reply: ...


def configured(*, needs_sessions: bool) -> Model:
    """`needs_sessions`: the model has to create its sessions itself."""
    url, model = os.environ.get("AGENT_MODEL_URL"), os.environ.get("AGENT_MODEL")
    if url and model:
        return ChatModel(url, model, os.environ.get("AGENT_MODEL_KEY"))
    return ScriptedModel(SESSION + STEPS if needs_sessions else STEPS)


class ChatModel:
    """A chat completions interface with tools, as most servers of models have it."""

    def __init__(self, url: str, model: str, key: str | None) -> None:
        self.name = model
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=300)

    async def reply(self, messages: list[Message], tools: list[Described]) -> Reply:
        functions = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
        body = {
            "model": self.name,
            "messages": messages,
            "tools": [{"type": "function", "function": function} for function in functions],
        }
        response = await self._http.post("/chat/completions", json=body)
        response.raise_for_status()
        message = response.json()["choices"][0]["message"]
        calls = [
            Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
            for call in message.get("tool_calls") or []
        ]
        return Reply(message.get("content") or "", calls, message)


class ScriptedModel:
    """No model at all: it asks for the same tools whatever the question, and says so. It shows the loop, and lets it be tested."""

    name = "none is configured (AGENT_MODEL_URL, AGENT_MODEL): a script plays its part, whatever you ask"

    def __init__(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        self._steps = list(steps)

    async def reply(self, messages: list[Message], tools: list[Described]) -> Reply:
        if not self._steps:
            last = messages[-1]["content"]
            return Reply(f"The script ends here. The last tool said: {last}", [])
        name, arguments = self._steps.pop(0)
        return Reply("", [Call(f"call-{len(messages)}", name, arguments)])


SESSION: list[tuple[str, dict[str, Any]]] = [("session_create", {"backend": "code"})]

# The third step has a mistake in it, and the fourth corrects it.
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("rag_search", {"query": "sum of an iterable", "limit": 1}),
    (
        "code_run",
        {"source": "const primes = []; for (let n = 2; n < 100; n++) if (primes.every(p => n % p)) primes.push(n); primes.length"},
    ),
    ("code_eval", {"source": "prime.reduce((sum, p) => sum + p)"}),
    ("code_eval", {"source": "primes.reduce((sum, p) => sum + p)"}),
]
