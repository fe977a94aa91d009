"""Where tools come from: Hostel's client, or MCP. Both offer a list of tools and a way to call one, which answers with text for a model.

A tool that says no, and a host that does, are answers as well: a model can correct itself when it is told what went wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from hostel import AsyncSandbox, AsyncSession, HostelError, Tool

if TYPE_CHECKING:
    from mcp import Client

URL = os.environ.get("HOSTEL_URL", "http://127.0.0.1:18890")


@dataclass(frozen=True)
class Described:
    """A tool as models want it. Their names have no colon."""

    name: str
    description: str
    parameters: dict[str, Any]


class Toolbox(Protocol):
    tools: list[Described]

    async def call(self, name: str, arguments: dict[str, Any]) -> str: ...


@asynccontextmanager
async def through_hostel() -> AsyncIterator[Toolbox]:
    """The program holds the sessions, one for each backend that needs one; the model need not know of them."""
    async with AsyncSandbox(URL) as box:
        yield HostelToolbox(box, await box.tools())


class HostelToolbox:
    def __init__(self, box: AsyncSandbox, tools: list[Tool]) -> None:
        self._box = box
        self._known = {tool.name.replace(":", "_"): tool for tool in tools}
        self._sessions: dict[str, AsyncSession] = {}
        self.tools = [Described(name, tool.description or "", dict(tool.input_schema)) for name, tool in self._known.items()]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        if name not in self._known:
            return f"There is no tool {name}."
        tool = self._known[name]
        try:
            if tool.stateful:
                session = await self._session(tool.backend)
                answer = await session.execute(tool.tool, arguments)
            else:
                answer = await self._box.execute(tool.name, arguments)
        except HostelError as error:
            return f"Error: {error}"
        return json.dumps(answer.result, ensure_ascii=False)

    async def _session(self, backend: str) -> AsyncSession:
        # A call that takes too long takes the session back to where it was, so the model can go on.
        if backend not in self._sessions:
            self._sessions[backend] = await self._box.session(backend, checkpoint="call")
        return self._sessions[backend]


@asynccontextmanager
async def through_mcp() -> AsyncIterator[Toolbox]:
    """The model holds the sessions: it finds tools with which to create and destroy them. What it leaves behind is tidied up."""
    # Here, so that who does not use MCP need not have it.
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    # A worker of this run alone, so that "all sessions" are the model's.
    headers = {"X-Worker-ID": f"agent-{uuid4().hex[:8]}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=150) as http,
        Client(streamable_http_client(f"{URL}/mcp", http_client=http)) as client,
    ):
        listed = (await client.list_tools()).tools
        box = McpToolbox(client, [Described(tool.name, tool.description or "", tool.input_schema) for tool in listed])
        try:
            yield box
        finally:
            await box.tidy_up()


class McpToolbox:
    def __init__(self, client: Client, tools: list[Described]) -> None:
        self._client = client
        self.tools = tools

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        result = await self._client.call_tool(name, arguments)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        return f"Error: {text}" if result.is_error else text

    async def tidy_up(self) -> None:
        listed = await self._client.call_tool("session_list", {})
        for session in listed.structured_content["sessions"]:
            await self._client.call_tool("session_destroy", {"session": session["id"]})
