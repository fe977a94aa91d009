"""The pieces that need no host: the reader of streams, the rounds of keep-alives, the settings."""

from __future__ import annotations

import pytest

from hostel import AnswerDroppedError, Sandbox, _asks
from hostel._rounds import Rounds
from hostel._sse import EventReader

STREAM = 'id: 1\nevent: log\ndata: {"a": "\u2028é"}\n\n: still there\n\nid: 2\r\ndata:first\r\ndata: second\r\n\r\ndata: unfinished'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_reads_the_same_however_it_is_cut_up(size: int) -> None:
    reader, data = EventReader(), STREAM.encode()
    events = [event for at in range(0, len(data), size) for event in reader.take(data[at : at + size])]
    assert events == ['{"a": "\u2028é"}', "first\nsecond"]


def test_keep_alives_come_three_times_within_the_idle_time() -> None:
    rounds = Rounds()
    assert rounds.wait(0.0) is None
    rounds.add("a", 30.0, now=0.0)
    rounds.add("b", 3000.0, now=0.0)
    assert rounds.wait(0.0) == 10.0
    assert rounds.take_due(10.0) == ["a"]
    assert rounds.wait(10.0) == 10.0
    rounds.missed("a", 10.0)
    assert rounds.wait(10.0) == 1.0
    rounds.remove("a")
    assert rounds.wait(10.0) == 50.0


def test_arguments_go_over_the_environment_and_that_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOSTEL_URL", "HOSTEL_SERVER", "HOSTEL_WORKER", "HOSTEL_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert (Sandbox().base_url, Sandbox().worker_id, Sandbox().timeout) == ("http://127.0.0.1:18890", None, 120)
    monkeypatch.setenv("HOSTEL_SERVER", "http://server:1")
    assert Sandbox().base_url == "http://server:1"
    monkeypatch.setenv("HOSTEL_URL", "https://url:2/below/")
    monkeypatch.setenv("HOSTEL_WORKER", "w")
    assert (Sandbox().base_url, Sandbox().worker_id) == ("https://url:2/below", "w")
    assert Sandbox("http://argument:3").base_url == "http://argument:3"
    for bad in ("wörker", "a\nb", "x" * 129):
        with pytest.raises(ValueError, match="not a worker id"):
            Sandbox(worker_id=bad)
    with pytest.raises(ValueError, match="more than 0"):
        Sandbox(timeout=0)


def test_what_the_host_does_not_keep_is_said() -> None:
    dropped = _asks.event('{"id": 7, "type": "dropped", "count": 7, "new": "member"}')
    assert (dropped.id, dropped.count, dropped.at, dropped.is_last) == (7, 7, None, False)
    job = {
        "id": "job_1",
        "action": "code:run",
        "state": "succeeded",
        "worker": "w",
        "created_at": "2026-01-31T12:00:00.123Z",
        "events": 3,
        "answer_dropped": True,
    }
    ask = _asks.execute("code:run", {}, _asks.Options(1.0, idempotency_key="k"))
    with pytest.raises(AnswerDroppedError, match="job_1"):
        ask.read(_asks.Reply(202, {}, {"request_id": "r", "job": job}))
