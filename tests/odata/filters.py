"""An OData parser of the tests' own: it shares nothing with the driver, so that the two can be held against each other."""

# ruff: noqa: PLR0911 - a value of each type
from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
_TOKEN = re.compile(
    r"\s+|(?P<typed>(?:datetimeoffset|datetime|time|guid|binary|X|duration)'(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<stamp>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<uuid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<date>\d{4}-\d\d-\d\d)|(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[mMdDfFlL]?)|(?P<word>[A-Za-z_][\w/]*)|(?P<mark>[(),=])"
)


class BadFilter(ValueError):
    pass


def tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadFilter(f"at {at}: {text[at : at + 20]!r}")
        at = found.end()
        if found.lastgroup:
            yield found.lastgroup, found.group()


def value_of(kind: str, text: str) -> Any:
    match kind:
        case "text":
            return text[1:-1].replace("''", "'")
        case "typed":
            name, _, rest = text.partition("'")
            return _typed(name, rest[:-1].replace("''", "'"))
        case "stamp":
            return datetime.fromisoformat(text).astimezone(UTC)
        case "uuid":
            return uuid.UUID(text)
        case "date":
            return date.fromisoformat(text)
        case "clock":
            return time.fromisoformat(text)
        case "number":
            return Decimal(text.rstrip("mMdDfFlL"))
    if text in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[text]
    raise BadFilter(text)


def _typed(name: str, text: str) -> Any:
    match name:
        case "datetime":
            found = datetime.fromisoformat(text)
            if found.tzinfo is not None:
                raise BadFilter(text)
            return found
        case "datetimeoffset":
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise BadFilter(text)
            return found.astimezone(UTC)
        case "time":
            found = re.fullmatch(r"PT(\d+)H(\d+)M(\d+)S", text)
            return time(*(int(part) for part in found.groups()))
        case "guid":
            return uuid.UUID(text)
        case _:
            return text


class Parser:
    """`or` over `and` over comparisons, with brackets; substringof, startswith and contains."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self.columns_in_or: list[set[str]] = []

    def parse(self) -> Callable[[Row], bool]:
        found, _ = self._either()
        if self._at != len(self._tokens):
            raise BadFilter(f"left over: {self._tokens[self._at :]}")
        return found

    def _either(self) -> tuple[Callable[[Row], bool], set[str]]:
        terms = [self._both()]
        while self._takes("word", "or"):
            terms.append(self._both())
        names = set().union(*(each for _, each in terms))
        if len(terms) == 1:
            return terms[0]
        self.columns_in_or.append(names)
        return (lambda row: any(term(row) for term, _ in terms)), names

    def _both(self) -> tuple[Callable[[Row], bool], set[str]]:
        terms = [self._one()]
        while self._takes("word", "and"):
            terms.append(self._one())
        return (lambda row: all(term(row) for term, _ in terms)), set().union(*(each for _, each in terms))

    def _one(self) -> tuple[Callable[[Row], bool], set[str]]:
        if self._takes("mark", "("):
            found = self._either()
            self._need("mark", ")")
            return found
        kind, name = self._next()
        if kind != "word":
            raise BadFilter(name)
        _, operator = self._next()
        value = value_of(*self._next())
        return _comparison(name, operator, value), {name}

    def _takes(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _need(self, kind: str, text: str) -> None:
        if not self._takes(kind, text):
            raise BadFilter(f"{text} is missing")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise BadFilter("ends early")
        self._at += 1
        return self._tokens[self._at - 1]


def _comparison(name: str, operator: str, value: Any) -> Callable[[Row], bool]:
    def compare(row: Row) -> bool:
        if name not in row:
            raise BadFilter(f"no property {name}")
        held = row[name]
        if operator in {"eq", "ne"}:
            same = held is None if value is None else held is not None and _same_type(held, value)
            return same if operator == "eq" else not same
        if held is None or value is None:
            return False
        held, wanted = _comparable(held, value)
        match operator:
            case "gt":
                return held > wanted
            case "ge":
                return held >= wanted
            case "lt":
                return held < wanted
            case "le":
                return held <= wanted
        raise BadFilter(operator)

    return compare


def _same_type(held: Any, value: Any) -> bool:
    left, right = _comparable(held, value)
    return left == right


def _comparable(held: Any, value: Any) -> tuple[Any, Any]:
    if isinstance(held, bool) or isinstance(value, bool):
        pair = (held, value) if isinstance(held, bool) and isinstance(value, bool) else None
    elif isinstance(held, int | Decimal) and isinstance(value, Decimal):
        pair = Decimal(held), value
    elif isinstance(held, datetime) and isinstance(value, datetime):
        pair = (held, value) if (held.tzinfo is None) == (value.tzinfo is None) else None
    else:
        pair = (held, value) if type(held) is type(value) else None
    if pair is None:
        raise BadFilter(f"{type(held).__name__} against {value!r}")
    return pair


def parse_key(text: str) -> dict[str, Any]:
    """`'4711'` or `A='1',B=2`; a single value stands under the empty name."""
    found = list(tokens(text))
    if len(found) == 1:
        return {"": value_of(*found[0])}
    parts: dict[str, Any] = {}
    while found:
        (_, name), (_, equals), value, *found = found
        if equals != "=" or name in parts:
            raise BadFilter(text)
        parts[name] = value_of(*value)
        if found:
            (_, comma), *found = found
            if comma != "," or not found:
                raise BadFilter(text)
    return parts
