"""Calls and their answers: results, the tool's own errors, the host's refusals, deadlines, and what is never sent twice."""

from __future__ import annotations

import base64
import pickle
import re
import socket
import time
from typing import Any
from uuid import uuid4

import pytest

import hostel
from hostel import Sandbox, _asks, _wire

from .host import Host
from .proxy import CuttingProxy

LOOP = "for (;;) {}"

CODES = """
    invalid_request invalid_params unauthenticated forbidden policy_denied backend_not_found tool_not_found session_not_found job_not_found
    context_not_found conflict tool_ambiguous session_exists session_failed session_ended payload_too_large backend_invalid
    unsupported_snapshot session_busy rate_limited internal tool_trapped limit_exceeded overloaded shutting_down deadline_exceeded
"""


def test_the_first_example_of_the_readme(host: Host) -> None:
    with Sandbox(host.url) as box:
        assert box.warmup().warm
        session = box.session("code")
        assert session.execute("run", source="1 + 1").result["value"] == "2"


def test_an_answer_says_what_it_took_and_where_it_ran(box: Sandbox) -> None:
    session = box.session("code")
    session.execute("run", source="let x = 20")
    answer = session.execute("run", {"source": "x * 2 + 2"})
    assert answer.result["value"] == "42"
    assert answer.action == "code:run"
    assert answer.request_id
    assert answer.usage.duration_us > 0
    assert answer.usage.memory_bytes > 0
    assert answer.session is not None
    assert (answer.session.id, answer.session.call, answer.session.temporary) == (session.id, 2, False)


def test_a_stateless_tool_needs_no_session(box: Sandbox) -> None:
    answer = box.execute("rag:search", query="context manager", limit=2)
    assert len(answer.result) == 2
    assert answer.session is None


def test_a_stateful_tool_runs_in_a_temporary_session_or_in_the_default_one(box: Sandbox) -> None:
    temporary = box.execute("code:run", source="let x = 1").session
    assert temporary is not None
    assert temporary.temporary
    assert temporary.id is None
    default = box.session("code", name="default")
    box.execute("code:run", source="let x = 1")
    assert default.execute("run", source="x").result["value"] == "1"
    by_name = box.execute("code:run", {"source": "x"}, session="default")
    assert by_name.result["value"] == "1"
    apart = box.execute("code:run", {"source": "typeof x"}, temporary=True)
    assert apart.result["value"] == '"undefined"'


def test_params_may_be_called_as_options_are(box: Sandbox) -> None:
    with pytest.raises(hostel.InvalidParamsError, match="timeout"):
        box.execute("code:check", source="1", timeout=3)
    with pytest.raises(TypeError, match="no option 'patience'"):
        box.execute("code:check", {"source": "1"}, patience=3)  # type: ignore[call-overload]


def test_a_tool_that_says_no_raises_with_its_value(box: Sandbox) -> None:
    session = box.session("code")
    with pytest.raises(hostel.ToolError, match="nope") as caught:
        session.execute("eval", source="throw new Error('nope')")
    error = caught.value
    assert "nope" in error.value
    assert error.action == "code:eval"
    assert error.usage.duration_us > 0
    assert error.session is not None
    assert error.session.id == session.id
    assert session.execute("eval", source="1").result == "1"


def test_text_of_every_kind_arrives_as_it_was_sent(box: Sandbox) -> None:
    session = box.session("files")
    for text in ["Grüße, 世界 🦀", "\u2028\u2029\u0001\u0085\x1f", 'quotes " and \\', "\U0010ffff", ""]:
        session.execute("write", path="ünï/☃.txt", text=text)
        assert session.execute("read", path="ünï/☃.txt").result["text"] == text


def test_bytes_are_sent_as_base64(box: Sandbox) -> None:
    session = box.session("files")
    data = bytes(range(256))
    session.execute("write_bytes", path="a.bin", bytes=data)
    assert base64.b64decode(session.execute("read_bytes", path="a.bin").result["bytes"]) == data


def test_what_has_no_form_in_json_is_not_sent(box: Sandbox) -> None:
    with pytest.raises(TypeError, match="a set has no form in JSON"):
        box.execute("code:check", source={1, 2})
    with pytest.raises(ValueError, match="JSON"):
        box.execute("code:check", source=float("nan"))


def test_large_params_arrive_whole_and_too_large_ones_are_refused(box: Sandbox) -> None:
    session = box.session("files")
    text = "0123456789abcdef" * (3 << 16)
    assert session.execute("write", path="big.txt", text=text).result["bytes"] == len(text)
    assert session.execute("stat", path="big.txt").result["bytes"] == len(text)
    with pytest.raises(hostel.PayloadTooLargeError) as caught:
        session.execute("write", path="big.txt", text=text * 2)
    assert caught.value.details["limit"] == 4 << 20
    assert session.execute("stat", path="big.txt").result["bytes"] == len(text)


REFUSALS: list[tuple[str, dict[str, Any], type[hostel.HostelError], int]] = [
    ("code:run", {"sauce": "1"}, hostel.InvalidParamsError, 400),
    ("code:rnu", {}, hostel.ToolNotFoundError, 404),
    ("nobody:run", {}, hostel.NotFoundError, 404),
]


@pytest.mark.parametrize(("action", "params", "kind", "status"), REFUSALS)
def test_refusals_come_as_classes_by_code(
    box: Sandbox, action: str, params: dict[str, Any], kind: type[hostel.HostelError], status: int
) -> None:
    with pytest.raises(kind) as caught:
        box.execute(action, params)
    error = caught.value
    assert error.status == status
    assert error.request_id
    assert error.message
    assert error.code == type(error).CODE


def test_a_refusal_says_where_and_what_to_do(box: Sandbox) -> None:
    with pytest.raises(hostel.InvalidParamsError) as caught:
        box.execute("code:run", source=7)
    assert caught.value.details["pointer"] == "/source"
    assert caught.value.details["found"]
    with pytest.raises(hostel.ToolNotFoundError) as missing:
        box.execute("code:rum")
    assert "code:run" in str(missing.value)


def test_every_code_of_the_host_has_a_class() -> None:
    codes = re.findall(r"\w+", CODES)
    assert len(codes) == 26
    assert set(codes) <= set(hostel.errors.BY_CODE)
    unknown = hostel.errors.from_problem({"code": "moon_phase", "detail": "it wanes", "sign": "pisces"})
    assert type(unknown) is hostel.HostelError
    assert (unknown.code, unknown.details) == ("moon_phase", {"sign": "pisces"})


def test_errors_survive_a_trip_between_processes(box: Sandbox) -> None:
    with pytest.raises(hostel.HostelError) as caught:
        box.execute("code:rum")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is type(caught.value)
    assert (str(copy), copy.status, copy.details) == (str(caught.value), caught.value.status, caught.value.details)


def test_a_call_that_takes_too_long_is_stopped_by_the_host(box: Sandbox) -> None:
    session = box.session("code")
    with pytest.raises(hostel.DeadlineExceededError) as caught:
        session.execute("run", {"source": LOOP}, timeout=0.3)
    assert caught.value.details["session_state"] == "failed"
    with pytest.raises(hostel.SessionFailedError):
        session.execute("run", source="1")


def test_the_timeout_of_the_sandbox_is_that_of_every_call(host: Host, worker: str) -> None:
    with Sandbox(host.url, worker_id=worker, timeout=0.3) as box, pytest.raises(hostel.DeadlineExceededError):
        box.execute("code:run", source=LOOP)


def test_with_a_checkpoint_before_every_call_a_stopped_one_costs_nothing(box: Sandbox) -> None:
    session = box.session("code", checkpoint="call")
    session.execute("run", source="let x = 5")
    with pytest.raises(hostel.DeadlineExceededError) as caught:
        session.execute("run", {"source": "x = 6; " + LOOP}, timeout=0.3)
    assert caught.value.details["rolled_back_to"] == {"call": 1}
    assert session.execute("run", source="x").result["value"] == "5"


def test_a_host_that_is_not_there_is_said_at_once_and_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    with Sandbox(f"http://127.0.0.1:{port}") as box, pytest.raises(hostel.HostUnreachableError) as caught:
        box.execute("code:run", source="1")
    assert "hostel up" in str(caught.value)
    assert isinstance(caught.value, ConnectionError)
    assert time.monotonic() - began < 2


def test_a_host_that_does_not_answer_is_waited_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_asks, "GRACE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Sandbox(url, timeout=0.1) as box,
            pytest.raises(hostel.NoAnswerError, match="may have been done") as caught,
        ):
            box.execute("code:run", source="1")
    assert isinstance(caught.value, TimeoutError)


def test_what_is_no_hostel_host_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _asks.Reply(200, {}, None)
    assert settings.body is None
    with pytest.raises(hostel.UnexpectedAnswerError, match="no Hostel host"):
        _wire.reply(200, {}, b"<html>", Sandbox("http://127.0.0.1:1")._settings)
    monkeypatch.setenv("HOSTEL_URL", "127.0.0.1:18890")
    with pytest.raises(ValueError, match="not the address of a host"):
        Sandbox()


def test_a_call_whose_answer_was_lost_is_not_repeated(host: Host, box: Sandbox, worker: str) -> None:
    session = box.session("code")
    session.execute("run", source="let n = 0")
    proxy = CuttingProxy(host.url, [0])
    with Sandbox(proxy.url, worker_id=worker) as through:
        with pytest.raises(hostel.HostUnreachableError, match="may have been done"):
            through.execute("code:run", {"source": "++n"}, session=session)
        assert proxy.connections == 1
    assert session.execute("run", source="n").result["value"] == "1"


def test_reading_is_repeated(host: Host, worker: str) -> None:
    proxy = CuttingProxy(host.url, [0, 0])
    with Sandbox(proxy.url, worker_id=worker) as through:
        assert through.tools("code")
    assert proxy.connections == 3


def test_with_a_key_a_call_whose_answer_was_lost_is_repeated_and_runs_once(host: Host, box: Sandbox, worker: str) -> None:
    session = box.session("code")
    session.execute("run", source="let n = 0")
    proxy = CuttingProxy(host.url, [0, 0])
    key = str(uuid4())
    with Sandbox(proxy.url, worker_id=worker) as through:
        answer = through.execute("code:run", {"source": "++n"}, session=session, idempotency_key=key)
    assert proxy.connections == 3
    assert answer.result["value"] == "1"
    assert answer.replayed
    assert session.execute("run", source="n").result["value"] == "1"
    with pytest.raises(hostel.ConflictError):
        session.execute("run", {"source": "n += 10"}, idempotency_key=key)


def test_a_batch_tells_of_each_call(box: Sandbox) -> None:
    session = box.session("code")
    batch = session.batch([("eval", {"source": "let a = 1"}), ("eval", {"source": "a + 1"})])
    assert [answer.result for answer in batch.answers()][1] == "2"
    calls: list[hostel.BatchCall] = [hostel.Call("rag:search", {"query": "json"}), "vm:examples", ("code:nothing", {})]
    mixed = box.batch(calls, parallel=True)
    assert (mixed.total, mixed.executed, mixed.succeeded) == (3, 3, 2)
    assert isinstance(mixed.outcomes[2], hostel.ToolNotFoundError)
    with pytest.raises(hostel.ToolNotFoundError):
        mixed.answers()


def test_a_transaction_counts_whole_or_not_at_all(box: Sandbox) -> None:
    session = box.session("code")
    session.execute("eval", source="let a = 1")
    failing = [("eval", {"source": "a = 2"}), ("eval", {"source": "throw 'no'"})]
    batch = session.batch(failing, transaction=True)
    assert batch.rolled_back_to == {"call": 1}
    assert isinstance(batch.outcomes[1], hostel.ToolError)
    assert session.execute("eval", source="a").result == "1"


def test_tools_and_backends_are_described(box: Sandbox) -> None:
    tools = {tool.name: tool for tool in box.tools()}
    assert tools["code:run"].stateful
    assert tools["code:run"].input_schema["properties"]["source"]["type"] == "string"
    assert [tool.backend for tool in box.tools("vm")] == ["vm"] * len(box.tools("vm"))
    assert box.tool("code_run").name == "code:run"
    assert {backend.name for backend in box.backends()} >= {"code", "files", "rag", "vm"}
    code = box.backend("code")
    assert "code:run" in code.tools
    assert code.loaded_at.tzinfo is not None
    box.warmup("code")
    assert box.backend("code").warmth.state == "warm"
    with pytest.raises(hostel.BackendNotFoundError):
        box.warmup("nobody")
    assert box.ready()["status"] == "ready"
