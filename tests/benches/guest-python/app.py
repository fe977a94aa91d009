"""A backend in Python: `warmup` starts the interpreter's work early and fills a table, sessions read it and count."""

from wit_world import exports

WORDS = {}
COUNT = 0


class Warmup(exports.Warmup):
    def warmup(self) -> None:
        for place in range(1, 100_001):
            WORDS[f"word{place}"] = place


class Session(exports.Session):
    def initialize(self, session, config: str) -> None:
        pass

    def cleanup(self) -> None:
        pass


class Words(exports.Words):
    def lookup(self, word: str) -> int:
        global COUNT
        COUNT += 1
        return WORDS.get(word, 0)

    def count(self) -> int:
        return COUNT
