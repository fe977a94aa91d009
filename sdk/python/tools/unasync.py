"""Writes `hostel/_sync` from `hostel/_async`: the same code without `await`, so that the two clients cannot drift apart.

`python tools/unasync.py` writes, `python tools/unasync.py --check` only says whether there is something to write. The keepers are
written by hand: a thread is not a task.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "hostel"
FILES = ("transport.py", "job.py", "session.py", "sandbox.py")

RULES = [
    (r"from \.opening import Opening\n", ""),
    (r"-> Opening:", "-> Session:"),
    (r"return Opening\((.*)\)", r"return \1"),
    (r"async (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\basyncio\b", "time"),
    (r"httpx\.AsyncClient", "httpx.Client"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAsync(Sandbox|Session|Job|Transport|Keeper)\b", r"\1"),
    (r"__a(enter|exit)__", r"__\1__"),
    (r"\baread\b", "read"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\baclose\b", "close"),
]


def translated(name: str) -> str:
    text = (PACKAGE / "_async" / name).read_text()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    text = f"# Written by tools/unasync.py from _async/{name}.\n{text}"
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        ruff = ["ruff", *command, "--stdin-filename", str(PACKAGE / "_sync" / name), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def written(name: str) -> str:
    path = PACKAGE / "_sync" / name
    return path.read_text() if path.exists() else ""


def main() -> int:
    is_check = sys.argv[1:] == ["--check"]
    stale = [name for name in FILES if written(name) != translated(name)]
    for name in stale:
        if is_check:
            print(f"_sync/{name} is not what tools/unasync.py makes of _async/{name}: run it")
        else:
            (PACKAGE / "_sync" / name).write_text(translated(name))
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
