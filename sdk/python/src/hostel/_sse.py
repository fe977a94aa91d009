"""Reads server-sent events (WHATWG HTML, server-sent events) from bytes as they come, as far as the host uses them."""

from __future__ import annotations


class EventReader:
    """Takes pieces of a stream and hands out the data of each event that is complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def take(self, piece: bytes) -> list[str]:
        # Not `splitlines`: JSON may hold characters that end a line elsewhere, U+2028 say, and no newline.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        events = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line:
                self._note(line)
            elif self._data:
                events.append(b"\n".join(self._data).decode())
                self._data = []
        return events

    def _note(self, line: bytes) -> None:
        # A line that begins with a colon is a comment. What else an event says, its data say as well.
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
