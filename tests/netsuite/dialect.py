"""SuiteQL on SQLite: what the dialect has is there, what it has not is refused in NetSuite's manner.

Dates lie in the tables as `D:2026-01-02`, moments as `T:2026-01-02 03:04:05` in UTC. Selected as they are they are
printed as the user's preferences say (`1/2/2026`), as NetSuite does; TO_CHAR prints them as it is told.
"""

# ruff: noqa: DTZ007 - moments of a database without time zones
from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

FUNCTIONS = frozenset(
    [
        "to_char",
        "to_date",
        "to_timestamp",
        "sys_extract_utc",
        "nvl",
        "coalesce",
        "count",
        "sum",
        "min",
        "max",
        "abs",
        "upper",
        "lower",
        "substr",
        "trim",
    ]
)
KEYWORDS = frozenset(
    [
        "in",
        "and",
        "or",
        "not",
        "exists",
        "over",
        "on",
        "from",
        "where",
        "when",
        "then",
        "else",
        "values",
        "as",
        "by",
        "union",
        "all",
        "select",
    ]
)
REFUSED = frozenset(
    [
        "limit",
        "offset",
        "with",
        "insert",
        "update",
        "delete",
        "pragma",
        "top",
        "strftime",
        "datetime",
        "julianday",
        "rowid",
    ]
)
TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|[A-Za-z_][\w$#]*|\s+|.", re.DOTALL)
FORMATS = {"YYYY-MM-DD": "%Y-%m-%d", "YYYY-MM-DD HH24:MI:SS": "%Y-%m-%d %H:%M:%S"}


class BadQuery(Exception):
    pass


def rewritten(query: str) -> str:
    """The query as SQLite takes it. Raises BadQuery."""
    tokens = [token for token in TOKEN.findall(query) if not token.startswith(("--", "/*"))]
    words = [token.lower() for token in tokens if not token.isspace()]
    if not words or words[0] != "select":
        raise BadQuery("Invalid or unsupported search")
    if ";" in words:
        raise BadQuery("Invalid or unsupported search")
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in REFUSED:
            raise BadQuery(f"Unexpected token {word.upper()}")
        if following == "(" and word[:1].isalpha() and word not in FUNCTIONS | KEYWORDS | {"df"}:
            raise BadQuery(f"Unknown function {word.upper()}")
    for items in re.findall(r"\bIN \(([^()]*)\)", query, re.IGNORECASE):
        if items.count(",") >= 1000:
            raise BadQuery("maximum number of expressions in a list is 1000")
    text = "".join('"transaction"' if token.lower() == "transaction" else token for token in tokens)
    return _nulls_last(re.sub(r"\bBUILTIN\.DF\(", "builtin_df(", text, flags=re.IGNORECASE))


def _nulls_last(query: str) -> str:
    """In Oracle what is null comes last; in SQLite it comes first."""
    head, words, order = query.rpartition("ORDER BY")
    if not words or order.count(")") != order.count("("):
        return query
    depth, items = 0, [""]
    for character in order:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            items.append("")
        else:
            items[-1] += character
    return f"{head}{words}{', '.join(f'{item} nulls last' for item in items)}"


def install(database: sqlite3.Connection, zone: ZoneInfo) -> None:
    """`zone`: that of the user's preferences."""

    @lru_cache(100_000)
    def to_char(value: Any, form: str) -> str | None:
        if value is None:
            return None
        moment = _moment(value, zone)
        return moment.strftime(FORMATS[form])

    @lru_cache(10_000)
    def to_date(text: str, form: str) -> str:
        found = datetime.strptime(text, FORMATS[form])
        if form == "YYYY-MM-DD":
            return f"D:{text}"
        # Of an hour that comes twice the second one: nobody says which of them NetSuite means.
        return f"T:{found.replace(tzinfo=zone, fold=1).astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @lru_cache(10_000)
    def to_timestamp(text: str, form: str) -> str:
        return f"U:{datetime.strptime(text, FORMATS[form]):%Y-%m-%d %H:%M:%S}"

    def sys_extract_utc(value: str | None) -> str | None:
        return None if value is None else "U:" + value.removeprefix("T:")

    def nvl(value: Any, other: Any) -> Any:
        return other if value is None else value

    functions: list[tuple[Callable[..., Any], int]] = [
        (to_char, 2),
        (to_date, 2),
        (to_timestamp, 2),
        (sys_extract_utc, 1),
        (nvl, 2),
    ]
    for function, count in functions:
        database.create_function(function.__name__, count, function, deterministic=True)
    database.create_function("builtin_df", 1, lambda value: None if value is None else f"name of {value}")


def shown(value: Any, zone: ZoneInfo) -> str:
    """As an answer prints it: always a text."""
    if isinstance(value, str) and value[:2] in {"D:", "T:", "U:"}:
        moment = _moment(value, zone)
        return f"{moment.month}/{moment.day}/{moment.year}"
    return str(value)


def _moment(value: str, zone: ZoneInfo) -> datetime:
    kind, _, text = value.partition(":")
    if kind == "D":
        return datetime.strptime(text, "%Y-%m-%d")
    found = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return found if kind == "U" else found.astimezone(zone)
