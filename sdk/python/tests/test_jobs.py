"""Jobs: calls that are not waited for."""

from __future__ import annotations

import threading
import time

import pytest

import hostel
from hostel import Sandbox

from .host import Host
from .proxy import CuttingProxy

LOOP = "for (;;) {}"


def wait(seconds: float, value: str) -> str:
    return f"await new Promise(done => setTimeout(done, {seconds * 1000})); {value}"


def test_a_job_tells_what_happens_and_answers_as_a_call_does(box: Sandbox) -> None:
    session = box.session("code")
    job = session.start("run", source=wait(0.3, "6 * 7"))
    assert not job.info().done
    events = list(job.events())
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "result"
    assert isinstance(events[-1].outcome, hostel.Answer)
    answer = job.result()
    assert answer.result["value"] == "42"
    assert answer.session is not None
    assert answer.session.id == session.id
    info = job.info()
    assert (info.state, info.done, info.action) == ("succeeded", True, "code:run")
    assert info.finished_at is not None
    assert list(job.events(after=events[-1].id)) == []


def test_what_a_guest_prints_comes_as_events(box: Sandbox) -> None:
    if "remember" not in {backend.name for backend in box.backends()}:
        pytest.skip("the guest that prints is not built")
    text = "grüezi \u2028 wohl"
    job = box.session("remember").start("say", text=text)
    printed = [(event.type, (event.text or "").rstrip("\n")) for event in job.events() if event.text is not None]
    # What could pass for a line of its own is left out by the host.
    shown = text.replace("\u2028", "")
    assert ("stdout", f"out: {shown}") in printed
    assert ("stderr", f"err: {shown}") in printed


def test_a_tool_that_says_no_is_an_error_of_the_result(box: Sandbox) -> None:
    job = box.start("code:eval", source="throw new Error('nope')")
    with pytest.raises(hostel.ToolError, match="nope"):
        job.result()
    last = list(job.events())[-1]
    assert (last.type, type(last.outcome)) == ("result", hostel.ToolError)


def test_a_job_that_fails_raises_the_error_of_the_host(box: Sandbox) -> None:
    job = box.start("code:run", {"source": LOOP}, timeout=0.3)
    with pytest.raises(hostel.DeadlineExceededError):
        job.result()
    assert job.info().state == "failed"
    assert list(job.events())[-1].type == "error"


def test_a_job_can_be_cancelled_and_its_session_told(box: Sandbox) -> None:
    session = box.session("code", checkpoint="call")
    session.execute("run", source="let x = 1")
    job = session.start("run", source="x = 2; " + LOOP)
    events = job.events()
    for event in events:
        if event.type == "started":
            break
    cancelled = job.cancel()
    assert (cancelled.state, cancelled.done) == ("cancelled", True)
    with pytest.raises(hostel.JobCancelledError) as caught:
        job.result()
    assert caught.value.details["rolled_back_to"] == {"call": 1}
    assert [event.type for event in events][-1] == "cancelled"
    assert session.execute("run", source="x").result["value"] == "1"
    assert job.cancel().state == "cancelled"


def test_a_result_is_waited_for_no_longer_than_asked(box: Sandbox) -> None:
    job = box.session("code").start("run", source=wait(3, "1"))
    began = time.monotonic()
    with pytest.raises(hostel.NoAnswerError):
        job.result(timeout=0.3)
    assert time.monotonic() - began < 2
    job.cancel()


def test_the_events_of_a_connection_that_breaks_go_on_where_it_broke(host: Host, box: Sandbox, worker: str) -> None:
    session = box.session("code")
    job = session.start("run", source=wait(1.5, "'done'"))
    proxy = CuttingProxy(host.url, [1, 1, 0])
    with Sandbox(proxy.url, worker_id=worker) as through:
        events = list(through.job(job.id).events())
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "result"
    assert proxy.connections == 4
    assert [event.type for event in events] == [event.type for event in job.events()]


def test_events_of_a_host_that_is_gone_end_with_an_error(host: Host, box: Sandbox, worker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostel._sync.job.STREAM_PAUSES", (0.05, 0.05))
    job = box.session("code").start("run", source=wait(3, "1"))
    proxy = CuttingProxy(host.url, [1, 0, 0, 0, 0, 0])
    with Sandbox(proxy.url, worker_id=worker) as through:
        events = through.job(job.id).events()
        assert next(events).type == "queued"
        with pytest.raises(hostel.HostUnreachableError):
            list(events)
    job.cancel()


def test_a_start_whose_answer_was_lost_starts_one_job(host: Host, box: Sandbox, worker: str) -> None:
    session = box.session("code")
    session.execute("run", source="let n = 0")
    proxy = CuttingProxy(host.url, [0, 0])
    with Sandbox(proxy.url, worker_id=worker) as through:
        job = through.start("code:run", {"source": "++n"}, session=session)
        assert job.result().result["value"] == "1"
    assert session.execute("run", source="n").result["value"] == "1"
    assert len(list(box.jobs(session=session))) == 1


def test_jobs_are_listed_and_forgotten(box: Sandbox) -> None:
    jobs = [box.start("code:eval", source=str(number)) for number in range(3)]
    for job in jobs:
        job.result()
    assert [info.id for info in box.jobs(state="succeeded")] == [job.id for job in reversed(jobs)]
    jobs[0].forget()
    with pytest.raises(hostel.JobNotFoundError):
        jobs[0].info()
    with pytest.raises(hostel.JobNotFoundError):
        list(jobs[0].events())


def test_a_job_goes_on_while_others_watch(box: Sandbox) -> None:
    job = box.session("code").start("run", source=wait(0.5, "1"))
    seen: list[list[str]] = []
    threads = [threading.Thread(target=lambda: seen.append([e.type for e in job.events()])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]
