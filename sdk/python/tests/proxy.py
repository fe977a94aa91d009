"""A proxy between client and host that breaks connections where a test wants it."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class CuttingProxy:
    """Cuts one connection after the other: before the answer's first byte (0), or in the middle of the event after so many.

    When there is nothing left in `cuts`, connections live.
    """

    def __init__(self, url: str, cuts: list[int]) -> None:
        self._host = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
        self.cuts = cuts
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            cut = self.cuts.pop(0) if self.cuts else None
            host = socket.create_connection(self._host)
            threading.Thread(target=self._up, args=(client, host), daemon=True).start()
            threading.Thread(target=self._down, args=(client, host, cut), daemon=True).start()

    def _up(self, client: socket.socket, host: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(65536):
                host.sendall(piece)
        # The host is told that nobody reads any more. What it runs, it runs to the end.
        with suppress(OSError):
            host.shutdown(socket.SHUT_WR)

    def _down(self, client: socket.socket, host: socket.socket, cut: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while piece := host.recv(65536):
                begins = [found.end() for found in re.finditer(rb"(?:^|\n)id:", piece)]
                if cut == 0:
                    break
                if cut is not None and passed + len(begins) > cut:
                    client.sendall(piece[: begins[cut - passed]])
                    break
                client.sendall(piece)
                passed += len(begins)
        for end in (client, host):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
