"""Sessions: whose they are, how long they live, and their state in the hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import hostel
from hostel import Sandbox, Session

from .host import Host


def is_open(box: Sandbox, session: Session) -> bool:
    return session.id in [info.id for info in box.sessions()]


def test_a_block_closes_what_it_created_and_nothing_else(host: Host, box: Sandbox, worker: str) -> None:
    earlier = box.session("code", name="earlier")
    with Sandbox(host.url, worker_id=worker) as other:
        own = other.session("code")
        returned = other.session("code", name="earlier", if_exists="return")
        attached = other.attach(earlier.id)
        detached = other.session("code").detach()
        assert returned.id == attached.id == earlier.id
        with other.session("code") as inner:
            pass
        assert not is_open(box, inner)
        with attached:
            pass
        assert is_open(box, attached)
    assert not is_open(box, own)
    assert is_open(box, earlier)
    assert is_open(box, detached)
    with pytest.raises(hostel.SessionEndedError) as caught:
        box.attach(own.id).execute("run", source="1")
    assert caught.value.details["reason"]
    box.attach(detached.id).close()


def test_a_block_that_fails_closes_too_and_raises_its_own_error(host: Host, box: Sandbox, worker: str) -> None:
    with pytest.raises(KeyError, match="mine"), Sandbox(host.url, worker_id=worker) as other:
        session = other.session("code")
        raise KeyError("mine")
    assert not is_open(box, session)


def test_to_close_twice_is_to_close(box: Sandbox) -> None:
    session = box.session("code")
    closed = session.close()
    assert closed is not None
    assert closed.cleanup == "clean"
    assert session.close() is None


def test_sessions_without_a_name_do_not_meet(box: Sandbox) -> None:
    assert box.session("code").name != box.session("code").name
    box.session("code", name="one")
    with pytest.raises(hostel.SessionExistsError) as caught:
        box.session("code", name="one")
    assert caught.value.details["session"].startswith("ses_")


def test_another_worker_does_not_see_them(host: Host, box: Sandbox) -> None:
    session = box.session("code")
    with Sandbox(host.url, worker_id="somebody-else") as other, pytest.raises(hostel.SessionNotFoundError):
        other.attach(session.id)


def test_a_token_opens_its_session_alone(host: Host, box: Sandbox) -> None:
    session, other = box.session("code"), box.session("code")
    assert session.token is not None
    assert session.token not in repr(session)
    with Sandbox(host.url, token=session.token) as guest:
        assert guest.attach(session.id).execute("eval", source="1").result == "1"
        with pytest.raises(hostel.ForbiddenError):
            guest.attach(other.id)
    with Sandbox(host.url, token="hst_" + "0" * 32) as stranger, pytest.raises(hostel.UnauthenticatedError):
        stranger.attach(session.id)


def test_an_idle_session_expires_and_says_so(host: Host, worker: str) -> None:
    box = Sandbox(host.url, worker_id=worker)
    session = box.session("code", idle_timeout=0.3)
    time.sleep(0.8)
    with pytest.raises(hostel.SessionEndedError) as caught:
        session.execute("run", source="1")
    assert "idle" in str(caught.value.details["reason"])
    assert session.close() is None
    box.close()


def test_in_a_block_a_short_lived_session_lives_on(host: Host, worker: str) -> None:
    with Sandbox(host.url, worker_id=worker) as box:
        session = box.session("code", idle_timeout=0.6)
        session.execute("run", source="let x = 1")
        left_alone = box.session("code", idle_timeout=0.6).detach()
        time.sleep(2)
        assert session.execute("run", source="x").result["value"] == "1"
        with pytest.raises(hostel.SessionEndedError):
            left_alone.execute("run", source="1")


def test_a_block_of_its_own_keeps_a_session_alive(host: Host, worker: str) -> None:
    box = Sandbox(host.url, worker_id=worker)
    with box.session("code", idle_timeout=0.6) as session:
        time.sleep(2)
        assert session.execute("eval", source="1").result == "1"
    box.close()


def test_a_session_that_is_to_be_parked_is_not_disturbed(box: Sandbox) -> None:
    session = box.session("code", idle_timeout=0.3, on_idle="suspend")
    session.execute("run", source="let x = 7")
    until = time.monotonic() + 5
    while session.info().state != "suspended":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert session.execute("run", source="x").result["value"] == "7"


def test_checkpoints_forks_and_parking(box: Sandbox) -> None:
    session = box.session("code")
    session.execute("run", source="let x = 1")
    first = session.checkpoint("first")
    session.execute("run", source="x = 2")
    assert [checkpoint.name for checkpoint in session.checkpoints()] == ["first"]
    left, right = session.fork(2, labels={"idea": "fork"})
    left.execute("run", source="x += 10")
    assert [each.execute("eval", source="x").result for each in (session, left, right)] == ["2", "12", "2"]
    assert left.info().forked_from is not None
    session.restore(first)
    assert session.execute("eval", source="x").result == "1"
    assert session.suspend().state == "suspended"
    assert session.resume().state == "idle"
    assert session.execute("eval", source="x").result == "1"
    with pytest.raises(hostel.HostelError, match="nowhere"):
        session.restore("nowhere")


def test_forks_are_closed_with_their_sandbox(host: Host, box: Sandbox, worker: str) -> None:
    with Sandbox(host.url, worker_id=worker) as other:
        (fork,) = other.session("code").fork()
        assert is_open(box, fork)
    assert not is_open(box, fork)


def test_sessions_are_found_by_labels_over_all_pages(box: Sandbox) -> None:
    for number in range(60):
        box.session("vm", labels={"even": str(number % 2 == 0), "n": str(number)})
    assert len(list(box.sessions())) == 60
    even = [info.labels["n"] for info in box.sessions(labels={"even": "True"}, backend="vm")]
    assert even == [str(number) for number in range(58, -1, -2)]
    assert list(box.sessions(state="suspended")) == []
    box.session("vm", labels={"größe": "ü & 1=1"})
    assert len(list(box.sessions(labels={"größe": "ü & 1=1"}))) == 1
    with pytest.raises(ValueError, match="comma"):
        list(box.sessions(labels={"a": "b,c"}))


def test_labels_and_the_life_of_a_session_are_told(box: Sandbox) -> None:
    session = box.session("code", labels={"a": "b"}, idle_timeout=100, max_lifetime=0, limits={"call_ms": 5000})
    info = session.info()
    assert (info.idle_timeout, info.max_lifetime, info.labels) == (100, None, {"a": "b"})
    assert session.change(labels={"c": "d"}, checkpoint="call").labels == {"c": "d"}
    before = info.expires_at
    time.sleep(0.05)
    after = session.keep_alive().expires_at
    assert before is not None
    assert after is not None
    assert after > before


def test_what_a_guest_prints_can_be_read(box: Sandbox) -> None:
    if "remember" not in {backend.name for backend in box.backends()}:
        pytest.skip("the guest that prints is not built")
    session = box.session("remember")
    session.execute("say", text="hällo")
    logs = session.logs()
    assert [(line.source, line.text) for line in logs.lines][-2:] == [
        ("stdout", "out: hällo"),
        ("stderr", "err: hällo"),
    ]
    assert session.logs(after=logs.next).lines == ()


def test_a_host_that_goes_away_ends_no_block_badly(tmp_path: Path, worker: str) -> None:
    host = Host(tmp_path)
    began = 0.0
    with Sandbox(host.url, worker_id=worker) as box:
        session = box.session("code", idle_timeout=0.6)
        box.session("code")
        host.kill()
        with pytest.raises(hostel.HostUnreachableError):
            session.execute("run", source="1")
        time.sleep(0.5)
        began = time.monotonic()
    assert time.monotonic() - began < 3
