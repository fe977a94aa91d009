"""The client with `await`, where it is more than the other one without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import hostel
from hostel import AsyncSandbox

from .host import Host
from .proxy import CuttingProxy


def run(test: Callable[[AsyncSandbox], Awaitable[None]], url: str, worker: str) -> None:
    async def main() -> None:
        async with AsyncSandbox(url, worker_id=worker) as box:
            await asyncio.wait_for(test(box), 60)

    asyncio.run(main())


def test_the_same_example_with_await(host: Host, worker: str) -> None:
    async def test(box: AsyncSandbox) -> None:
        await box.warmup()
        async with box.session("code") as session:
            answer = await session.execute("run", source="1 + 1")
            assert answer.result["value"] == "2"
            assert [info.id async for info in box.sessions()] == [session.id]
        assert [info.id async for info in box.sessions()] == []
        kept = await box.session("code")
        assert (await kept.execute("eval", source="2")).result == "2"

    run(test, host.url, worker)


def test_a_short_lived_session_lives_on_in_a_block(host: Host, worker: str) -> None:
    async def test(box: AsyncSandbox) -> None:
        kept = await box.session("code", idle_timeout=0.6)
        alone = (await box.session("code", idle_timeout=0.6)).detach()
        await asyncio.sleep(2)
        assert (await kept.execute("eval", source="1")).result == "1"
        with pytest.raises(hostel.SessionEndedError):
            await alone.execute("eval", source="1")

    run(test, host.url, worker)


def test_sessions_run_side_by_side(host: Host, worker: str) -> None:
    async def test(box: AsyncSandbox) -> None:
        sessions = [await box.session("code") for _ in range(8)]
        source = "await new Promise(done => setTimeout(done, 500)); 1"
        answers = await asyncio.gather(*(session.execute("eval", source=source) for session in sessions))
        assert [answer.result for answer in answers] == ["1"] * 8

    run(test, host.url, worker)


def test_who_stops_waiting_does_not_stop_the_call(host: Host, worker: str) -> None:
    async def test(box: AsyncSandbox) -> None:
        session = await box.session("code")
        slow = session.execute("run", source="await new Promise(done => setTimeout(done, 600)); globalThis.x = 1")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(slow, 0.2)
        assert (await session.execute("eval", source="x")).result == "1"

    run(test, host.url, worker)


def test_events_go_on_where_a_connection_broke(host: Host, worker: str) -> None:
    async def test(box: AsyncSandbox) -> None:
        session = await box.session("code")
        job = await session.start("run", source="await new Promise(done => setTimeout(done, 1200)); 1")
        proxy = CuttingProxy(host.url, [1, 1])
        async with AsyncSandbox(proxy.url, worker_id=worker) as through:
            events = [event async for event in through.job(job.id).events()]
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert events[-1].type == "result"
        assert proxy.connections == 3
        assert (await job.result()).result["value"] == "1"

    run(test, host.url, worker)


def test_a_host_that_goes_away_ends_no_block_badly(tmp_path: Path, worker: str) -> None:
    host = Host(tmp_path)

    async def test(box: AsyncSandbox) -> None:
        session = await box.session("code", idle_timeout=0.6)
        host.kill()
        with pytest.raises(hostel.HostUnreachableError):
            await session.execute("eval", source="1")
        await asyncio.sleep(0.5)

    run(test, host.url, worker)
