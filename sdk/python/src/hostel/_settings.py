"""Where the host is and who calls: a sandbox's arguments over the environment over the defaults. Nothing else reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:18890"
DEFAULT_TIMEOUT = 120.0


@dataclass(frozen=True)
class Settings:
    base_url: str
    timeout: float
    headers: dict[str, str]
    worker_id: str | None

    @property
    def is_local(self) -> bool:
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")


def settings(base_url: str | None, worker_id: str | None, token: str | None, timeout: float | None) -> Settings:
    url = base_url or os.environ.get("HOSTEL_URL") or os.environ.get("HOSTEL_SERVER") or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the address of a host; it looks like {DEFAULT_URL}")
    worker = worker_id or os.environ.get("HOSTEL_WORKER") or None
    if worker is not None and not (worker.isascii() and worker.isprintable() and len(worker) <= 128):
        raise ValueError(f"{worker!r} is not a worker id: 1 to 128 printable ASCII characters")
    key = token or os.environ.get("HOSTEL_KEY") or None
    headers = {}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    elif worker is not None:
        headers["x-worker-id"] = worker
    patience = DEFAULT_TIMEOUT if timeout is None else timeout
    if not patience > 0:
        raise ValueError(f"timeout is {patience} s; it has to be more than 0")
    return Settings(url.rstrip("/"), patience, headers, worker)
