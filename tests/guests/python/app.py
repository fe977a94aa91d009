"""A guest of componentize-py that prints, reads a file, reads the environment and starts a clock in its warmup, and goes on using all of them."""

import os
import sys
import time

from componentize_py_types import Err
from wit_world import exports

PLACES = {}
COUNTS = {}
RECALLED = ("", "")
STARTED = 0.0
OPEN = None


class Warmup(exports.Warmup):
    def warmup(self) -> None:
        global RECALLED, STARTED
        print("warming up")
        for place in range(1, 100_001):
            PLACES[f"word{place}"] = place
        with open("/data/words.txt") as file:
            RECALLED = (file.read(), os.environ.get("GREETING", ""))
        STARTED = time.monotonic()


class Session(exports.Session):
    def initialize(self, session, config: str) -> None:
        pass

    def cleanup(self) -> None:
        pass


class Words(exports.Words):
    def lookup(self, word: str) -> int:
        return PLACES.get(word, 0)

    def count(self, word: str) -> int:
        COUNTS[word] = COUNTS.get(word, 0) + 1
        return COUNTS[word]

    def say(self, text: str) -> None:
        print(text)
        print(text, file=sys.stderr)

    def recall(self) -> tuple[str, str]:
        return RECALLED

    def elapsed(self) -> float:
        return time.monotonic() - STARTED

    def draw(self) -> int:
        return int.from_bytes(os.urandom(6), "little")

    def read(self, path: str) -> str:
        try:
            with open(path) as file:
                return file.read()
        except OSError as error:
            raise Err(str(error))

    def open(self, path: str, mode: str) -> None:
        global OPEN
        try:
            OPEN = open(path, mode + "b", buffering=0)
        except OSError as error:
            raise Err(str(error))

    def next(self, bytes: int) -> str:
        try:
            return OPEN.read(bytes).decode()
        except OSError as error:
            raise Err(str(error))

    def put(self, text: str) -> None:
        try:
            OPEN.write(text.encode())
        except OSError as error:
            raise Err(str(error))

    def peek(self, path: str) -> str:
        return self.read(path)
