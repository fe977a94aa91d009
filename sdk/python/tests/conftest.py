"""One host for all tests; a sandbox with a worker of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from hostel import Sandbox

from .host import Host

WORKERS = count(1)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"))
    yield host
    host.stop()


@pytest.fixture
def worker() -> str:
    return f"test-{next(WORKERS)}"


@pytest.fixture
def box(host: Host, worker: str) -> Iterator[Sandbox]:
    with Sandbox(host.url, worker_id=worker) as box:
        yield box
