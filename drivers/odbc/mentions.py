"""Pure: what a statement names, as far as its text shows: tables that it reads or changes, procedures that it calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# A table's name as SQL writes it, quoted in any product's way.
_QUOTED: Final = r"\"(?:[^\"]|\"\")+\"|`(?:[^`]|``)+`|\[(?:[^\]]|\]\])+\]"  # a quote inside is doubled
_PART: Final = rf"(?:[\w$#]+|{_QUOTED})"
NAME: Final = rf"{_PART}(?:\s*\.\s*{_PART}){{0,3}}"
_READ: Final = re.compile(rf"\b(?:from|join)\s+(?P<name>{NAME})(?P<call>\s*\()?", re.IGNORECASE)
_CHANGED: Final = re.compile(
    rf"\b(?P<how>insert)\s+into\s+(?P<into>{NAME})|\b(?P<delete>delete)\s+from\s+(?P<from>{NAME})"
    rf"|\b(?P<update>update)\s+(?P<of>{NAME})\s+set\b",
    re.IGNORECASE,
)
_CALLED: Final = re.compile(rf"\bexec(?:ute)?\s+(?:@\w+\s*=\s*)?(?P<name>{NAME})", re.IGNORECASE)
_COMMON: Final = re.compile(rf"(?:\bwith|,)\s+(?P<name>{_PART})\s+as\s*\(", re.IGNORECASE)
_NO_SQL: Final = re.compile(rf"(?P<kept>{_QUOTED})|--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mention:
    privilege: str  # what an account needs for it: SELECT, INSERT, UPDATE, DELETE, EXECUTE
    name: str


def tables_in(queries: Sequence[str]) -> tuple[str, ...]:
    """The tables that the queries name; a function or a CTE may be among them."""
    found = (match["name"] for query in queries for match in _READ.finditer(_code(query)))
    return tuple(dict.fromkeys(_tidied(name) for name in found))


def mentions_in(statement: str) -> tuple[Mention, ...]:
    """Each once. A function that is selected without a FROM is not seen."""
    return tuple(dict.fromkeys(_mentions(_code(statement))))


def called_by(call: str) -> str:
    """The procedure in `place_order(:vendorKey)`; empty where there is none."""
    found = re.match(rf"\s*({NAME})", call)
    return _tidied(found[1]) if found else ""


def _mentions(code: str) -> Iterator[Mention]:
    common = {match["name"].lower() for match in _COMMON.finditer(code)}
    for match in _READ.finditer(code):
        if match["name"].lower() not in common and not code[: match.start()].rstrip().lower().endswith(
            "delete"
        ):
            yield Mention("EXECUTE" if match["call"] else "SELECT", _tidied(match["name"]))
    for match in _CHANGED.finditer(code):
        how = match["how"] or match["delete"] or match["update"]
        yield Mention(how.upper(), _tidied(match["into"] or match["from"] or match["of"]))
    for match in _CALLED.finditer(code):
        yield Mention("EXECUTE", _tidied(match["name"]))


def _code(statement: str) -> str:
    return _NO_SQL.sub(lambda found: found["kept"] or " ", statement)


def _tidied(name: str) -> str:
    return re.sub(r"\s*\.\s*", ".", name.strip())
