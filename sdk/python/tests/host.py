"""Starts real hosts for tests, and stops exactly those.

`HOSTEL_BIN` names the binary (default: target/debug/hostel of the repository), `HOSTEL_COMPONENTS` the folder of components
(default: target/components).
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
PLUGINS = ("vm", "files", "rag", "code")


class Host:
    """A host of the plugins that ship with Hostel, and of one that prints, on a port of its own."""

    def __init__(self, folder: Path, *, server: str = "") -> None:
        self._log: list[str] = []
        command = [str(binary()), "serve", "--config", str(configuration(folder, server)), "--log", "warn"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOSTEL_")}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        self.url = self._address()
        # Its pipe must not fill up.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _address(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)
            if found := re.search(r"serves \d+ tools at (http://\S+)", line):
                return found[1]
        raise AssertionError(f"the host did not start: {''.join(self._log)}")

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)

    def stop(self) -> None:
        """As an operator does."""
        self._process.terminate()
        self._end()

    def kill(self) -> None:
        """As a power cut does."""
        self._process.kill()
        self._end()

    def _end(self) -> None:
        self._process.wait(timeout=30)
        self._reader.join(timeout=5)
        assert self._process.stderr is not None
        self._process.stderr.close()


def binary() -> Path:
    path = Path(os.environ.get("HOSTEL_BIN", REPOSITORY / "target/debug/hostel")).resolve()
    assert path.exists(), f"there is no {path}: build it with `cargo build`, or name another with HOSTEL_BIN"
    return path


def configuration(folder: Path, server: str) -> Path:
    components = Path(os.environ.get("HOSTEL_COMPONENTS", REPOSITORY / "target/components")).resolve()
    # Compiled code stays from run to run; sessions are of one host alone.
    lines = [
        "[server]",
        'listen = "127.0.0.1:0"',
        f'data_dir = "{REPOSITORY / "target/sdk/data"}"',
        f'sessions_dir = "{folder / "sessions"}"',
        "drain_seconds = 2",
        server,
    ]
    for name in PLUGINS:
        component = components / f"{name}.wasm"
        assert component.exists(), f"there is no {component}: `hostel build plugins --out {components}` makes it"
        lines += [
            f"[backends.{name}]",
            f'path = "{component}"',
            f"workspace = {str(name in ('code', 'files')).lower()}",
        ]
        if name == "rag":
            lines += [f'folders = [{{ host = "{REPOSITORY / "plugins/rag/corpus"}", guest = "/corpus" }}]']
    if (components / "remember.wasm").exists():
        words = folder / "words"
        words.mkdir(parents=True)
        (words / "words.txt").write_text("one two two\n")
        lines += [
            "[backends.remember]",
            f'path = "{components / "remember.wasm"}"',
            f'folders = [{{ host = "{words}", guest = "/data" }}]',
        ]
    path = folder / "hostel.toml"
    path.write_text("\n".join(lines))
    return path
