"""Choices made of an input's bytes, so that a change of one byte changes one choice. An exhausted input chooses firsts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def exhausted(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        if self.exhausted:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def below(self, limit: int) -> int:
        """0 up to `limit` - 1, for limits to 65,536."""
        return (self.byte() if limit <= 256 else self.byte() << 8 | self.byte()) % limit

    def flag(self) -> bool:
        return bool(self.byte() & 1)

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def raw(self, most: int = 255) -> bytes:
        """As many bytes as the next byte (or two) says."""
        length = self.below(most + 1)
        found = self._data[self._at : self._at + length]
        self._at += len(found)
        return found

    def text(self, most: int = 255) -> str:
        return self.raw(most).decode("utf-8", "replace")

    def rest(self) -> bytes:
        found = self._data[self._at :]
        self._at = len(self._data)
        return found
