"""Pure: what a statement names, as far as its text shows: tables that it reads or changes, procedures that it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# A name as SQL writes it. While a statement is searched, a name in quotes is its number in braces: what is inside of it
# ("Buy-from Vendor No_") is no SQL.
QUOTED: Final = r"\"(?:[^\"]|\"\")+\"|`(?:[^`]|``)+`|\[(?:[^\]]|\]\])+\]"  # a quote inside is doubled
_PART: Final = r"(?:[\w$#]+|\{\d+\})"
_NAME: Final = rf"{_PART}(?:\s*\.\s*{_PART}){{0,3}}"
_READ: Final = re.compile(rf"\b(?:from|join)\s+(?P<name>{_NAME})(?P<call>\s*\()?", re.IGNORECASE)
_CHANGED: Final = re.compile(
    rf"\b(?P<how>insert)\s+into\s+(?P<into>{_NAME})|\b(?P<delete>delete)\s+from\s+(?P<from>{_NAME})"
    rf"|\b(?P<update>update)\s+(?P<of>{_NAME})\s+set\b",
    re.IGNORECASE,
)
_CALLED: Final = re.compile(rf"\bexec(?:ute)?\s+(?:@\w+\s*=\s*)?(?P<name>{_NAME})", re.IGNORECASE)
_COMMON: Final = re.compile(rf"(?:\bwith|,)\s+(?P<name>{_PART})\s+as\s*\(", re.IGNORECASE)
_NO_CODE: Final = re.compile(rf"(?P<quoted>{QUOTED})|--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mention:
    privilege: str  # what an account needs for it: SELECT, INSERT, UPDATE, DELETE, EXECUTE
    name: str


def tables_in(queries: Sequence[str]) -> tuple[str, ...]:
    """The tables that the queries name; a function or a CTE may be among them."""
    found = (code.name(match["name"]) for code in map(_Code, queries) for match in _READ.finditer(code.text))
    return tuple(dict.fromkeys(found))


def mentions_in(statement: str) -> tuple[Mention, ...]:
    """Each once. A function that is selected without a FROM is not seen."""
    return tuple(dict.fromkeys(_mentions(_Code(statement))))


def called_by(call: str) -> str:
    """The procedure in `place_order(:vendorKey)`; empty where there is none."""
    code = _Code(call)
    found = re.match(rf"\s*({_NAME})", code.text)
    return code.name(found[1]) if found else ""


class _Code:
    """A statement without literals and comments, its quoted names by number."""

    def __init__(self, statement: str) -> None:
        self._quoted: list[str] = []
        self.text = _NO_CODE.sub(self._number, statement)

    def name(self, written: str) -> str:
        tidied = re.sub(r"\s*\.\s*", ".", written.strip())
        return re.sub(r"\{(\d+)\}", lambda found: self._quoted[int(found[1])], tidied)

    def _number(self, found: re.Match[str]) -> str:
        if found["quoted"] is None:
            return " "
        self._quoted.append(found["quoted"])
        return f"{{{len(self._quoted) - 1}}}"


def _mentions(code: _Code) -> Iterator[Mention]:
    text = code.text
    common = {match["name"].lower() for match in _COMMON.finditer(text)}
    for match in _READ.finditer(text):
        if match["name"].lower() not in common and not text[: match.start()].rstrip().lower().endswith(
            "delete"
        ):
            yield Mention("EXECUTE" if match["call"] else "SELECT", code.name(match["name"]))
    for match in _CHANGED.finditer(text):
        how = match["how"] or match["delete"] or match["update"]
        yield Mention(how.upper(), code.name(match["into"] or match["from"] or match["of"]))
    for match in _CALLED.finditer(text):
        yield Mention("EXECUTE", code.name(match["name"]))
