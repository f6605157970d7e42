"""Where each key of a TOML document stands, so that an error can name its line.

Only for text that `tomllib` has accepted: it finds places and checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE_BLANK: Final = re.compile(r"[ \t]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL
)
_PLAIN_VALUE: Final = re.compile(r"[^,\]}\n#]*")


def key_lines(text: str) -> Mapping[Path, int]:
    """Line (from 1) of every table header and key; a table of an array of tables has its number in the path."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._line = 1
        self._counted = 0
        self._tables_seen: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        path = self._inside_arrays(self._key())
        if is_array:
            count = self._tables_seen.get(path, 0)
            self._tables_seen[path] = count + 1
            path = (*path, count)
        self._note_all(path, 1)
        self.at += 2 if is_array else 1
        return path

    def _inside_arrays(self, key: Path) -> Path:
        """Add the number of the newest table where a part of `key` names an array of tables."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._tables_seen:
                path = (*path, self._tables_seen[path] - 1)
        return (*path, key[-1])

    def _pair(self, table: Path) -> None:
        path = (*table, *self._key())
        self._note_all(path, len(table) + 1)
        self.at += 1  # the equals sign
        self._skip(_INLINE_BLANK)
        self._value(path)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_INLINE_BLANK)
            parts.append(self._key_part())
            self._skip(_INLINE_BLANK)
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _key_part(self) -> str:
        if self.text[self.at] in "\"'":
            literal = self._take(_STRING)
            return next(iter(tomllib.loads(f"{literal} = 0")))
        return self._take(_BARE_KEY)

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._take(_STRING)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._take(_PLAIN_VALUE)

    def _array(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        count = 0
        while self.text[self.at] != "]":
            self._note((*path, count))
            self._value((*path, count))
            count += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _note_all(self, path: Path, shortest: int) -> None:
        for length in range(shortest, len(path) + 1):
            self._note(path[:length])

    def _note(self, path: Path) -> None:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        self.lines.setdefault(path, self._line)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:  # text that tomllib would have refused
            raise ValueError(f"cannot read the document at character {self.at}")
        self.at = found.end()
        return found[0]
