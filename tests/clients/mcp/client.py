"""The official Python client against a running host: both revisions over HTTP, and over stdio.

Usage: client.py URL COMPONENTS HOSTEL DATA
URL is that of /mcp. COMPONENTS is a folder with code.wasm, vm.wasm and conformance.wasm, HOSTEL the command, DATA a data directory for it.
"""

import asyncio
import re
import sys
import urllib.request
from contextlib import asynccontextmanager

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


def text(result):
    return "".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def over_http(url, mode, worker):
    async with httpx2.AsyncClient(headers={"X-Worker-ID": worker}, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            yield client


async def lists_tools(client):
    listed = (await client.list_tools()).tools
    names = [tool.name for tool in listed]
    assert all(NAME.match(name) for name in names), names
    assert len(set(names)) == len(names), names
    for name in ["session_create", "session_list", "session_destroy", "session_fork", "code_run", "vm_screenshot"]:
        assert name in names, f"{name} is not among {names}"
    for tool in listed:
        assert tool.description, tool.name
        assert tool.input_schema["type"] == "object", tool.name
    tools = {tool.name: tool for tool in listed}
    assert " s (idle_timeout)" in tools["session_create"].description
    assert "session" in tools["code_run"].input_schema["properties"]
    assert "session" not in tools["code_check"].input_schema["properties"]
    assert tools["vm_screenshot"].annotations.read_only_hint is True
    assert tools["code_run"].output_schema["type"] == "object"
    again = [tool.name for tool in (await client.list_tools()).tools]
    assert names == again


async def create(client, backend, **arguments):
    made = await client.call_tool("session_create", {"backend": backend, **arguments})
    assert not made.is_error, text(made)
    return made.structured_content["id"]


async def run(client, session, source):
    result = await client.call_tool("code_run", {"source": source, "session": session})
    assert not result.is_error, text(result)
    return result.structured_content.get("value")


async def keeps_state(client):
    session = await create(client, "code", name="python")
    await run(client, session, "let x = 20")
    assert await run(client, session, "x * 2 + 2") == "42"
    forked = await client.call_tool("session_fork", {"session": session, "count": 2})
    one, other = (fork["id"] for fork in forked.structured_content["forks"])
    await run(client, one, "x = 1")
    assert await run(client, other, "x") == "20"
    listed = await client.call_tool("session_list", {"backend": "code"})
    ids = [known["id"] for known in listed.structured_content["sessions"]]
    assert {session, one, other} <= set(ids), ids
    for known in ids:
        await client.call_tool("session_destroy", {"session": known})
    late = await client.call_tool("code_run", {"source": "1", "session": session})
    assert late.is_error and "session_create" in text(late), text(late)


async def shows_pictures(client):
    session = await create(client, "vm", name="picture", config={"example": "maze", "seed": 3})
    await client.call_tool("vm_run", {"cycles": 100_000, "session": session})
    shot = await client.call_tool("vm_screenshot", {"session": session})
    pictures = [block for block in shot.content if block.type == "image"]
    assert len(pictures) == 1 and pictures[0].mime_type == "image/png", shot.content
    assert pictures[0].data.startswith("iVBORw0KGgo")
    await client.call_tool("session_destroy", {"session": session})


async def says_what_is_wrong(client):
    wrong = await client.call_tool("code_run", {"sauce": "1"})
    assert wrong.is_error and "sauce" in text(wrong), text(wrong)
    thrown = await client.call_tool("code_eval", {"source": "throw new Error('no such luck')"})
    assert thrown.is_error and "no such luck" in text(thrown), text(thrown)
    try:
        await client.call_tool("code_ran", {})
    except MCPError as error:
        assert error.code == -32602 and "code_run" in error.message, error
    else:
        raise AssertionError("a tool that is not there was called")


async def keeps_callers_apart(url, mode):
    async with over_http(url, mode, "ada") as ada, over_http(url, mode, "bob") as bob:
        session = await create(ada, "code", name="mine")
        taken = await bob.call_tool("code_run", {"source": "1", "session": session})
        assert taken.is_error and "session_not_found" in text(taken), text(taken)
        await ada.call_tool("session_destroy", {"session": session})


def load_backend(url, name, component):
    base = url.removesuffix("/mcp")
    put = urllib.request.Request(f"{base}/v1/backends/{name}", data=component, method="PUT")
    urllib.request.urlopen(put).close()


def unload_backend(url, name):
    base = url.removesuffix("/mcp")
    urllib.request.urlopen(urllib.request.Request(f"{base}/v1/backends/{name}", method="DELETE")).close()


async def hears_of_changes(url, component):
    async with over_http(url, "2026-07-28", "listener") as client:
        before = {tool.name for tool in (await client.list_tools()).tools}
        async with client.listen(tools_list_changed=True) as changes:
            await asyncio.to_thread(load_backend, url, "late", component)
            async with asyncio.timeout(10):
                async for _ in changes:
                    break
            after = {tool.name for tool in (await client.list_tools()).tools}
            assert "late_simple_text" in after - before, after - before
        await asyncio.to_thread(unload_backend, url, "late")


async def hears_of_changes_unasked(url, component):
    heard = asyncio.Event()

    async def handler(message):
        if type(message).__name__ == "ToolListChangedNotification":
            heard.set()

    async with Client(streamable_http_client(url), mode="legacy", message_handler=handler) as client:
        await client.list_tools()
        # The client opens its stream for notices on its own time.
        for attempt in range(20):
            await asyncio.to_thread(load_backend, url, "late", component)
            await asyncio.to_thread(unload_backend, url, "late")
            try:
                async with asyncio.timeout(0.5):
                    await heard.wait()
                return
            except TimeoutError:
                pass
        raise AssertionError("no notice of a changed list arrived")


async def tells_how_far_it_is(client):
    seen = []

    async def progress(done, total, message):
        seen.append((done, total, message))

    result = await client.call_tool("test_tool_with_progress", {}, progress_callback=progress)
    assert not result.is_error, text(result)
    assert [done for done, _, _ in seen] == [0, 50, 100], seen
    assert all(total == 100 and message == "working" for _, total, message in seen), seen


async def main(url, components, hostel, data):
    with open(f"{components}/conformance.wasm", "rb") as file:
        component = file.read()
    for mode in ["2026-07-28", "auto", "legacy"]:
        async with over_http(url, mode, f"python-{mode}") as client:
            expected = "2025-11-25" if mode == "legacy" else "2026-07-28"
            assert client.protocol_version == expected, client.protocol_version
            await lists_tools(client)
            await keeps_state(client)
            await shows_pictures(client)
            await says_what_is_wrong(client)
            await tells_how_far_it_is(client)
        await keeps_callers_apart(url, mode)
        print(f"python, HTTP, {mode}: good")
    await hears_of_changes(url, component)
    await hears_of_changes_unasked(url, component)
    print("python, HTTP, changes: good")
    command = StdioServerParameters(
        command=hostel, args=["mcp", "--plugins", components, "--data-dir", data, "--log", "error"]
    )
    for mode in ["auto", "legacy"]:
        async with Client(command, mode=mode) as client:
            await lists_tools(client)
            await keeps_state(client)
            await shows_pictures(client)
            await says_what_is_wrong(client)
        print(f"python, stdio, {mode}: good")


asyncio.run(main(*sys.argv[1:]))
