"""$filter of both versions, as strictly as a gateway takes it: each version's own literals, compared with their like."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from tests.sap_odata.metadata import EntityType, Metadata, Property
from tests.sap_odata.values import BadValue, duration

Row = dict[str, Any]
Value = Callable[[Row], Any]
_TOKENS = re.compile(
    r"\s+|(?P<typed>(?:datetimeoffset|datetime|time|guid)'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<stamp>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<clock>\d\d:\d\d:\d\d(?:\.\d+)?)|(?P<number>-?\d+(?:\.\d+)?[mMdDfFlL]?)"
    r"|(?P<name>[A-Za-z_][\w/]*)|(?P<mark>[(),])"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and b is not None and a > b,
    "ge": lambda a, b: a is not None and b is not None and a >= b,
    "lt": lambda a, b: a is not None and b is not None and a < b,
    "le": lambda a, b: a is not None and b is not None and a <= b,
}
_KINDS = {
    "Edm.String": "text",
    "Edm.Boolean": "boolean",
    "Edm.DateTime": "datetime",
    "Edm.DateTimeOffset": "datetimeoffset",
    "Edm.Date": "day",
    "Edm.Time": "time",
    "Edm.TimeOfDay": "clock",
    "Edm.Guid": "guid",
}
_FUNCTIONS: dict[str, tuple[int, str, Callable[..., Any]]] = {
    "substringof": (2, "boolean", lambda a, b: a in (b or "")),
    "contains": (2, "boolean", lambda a, b: b in (a or "")),
    "startswith": (2, "boolean", lambda a, b: (a or "").startswith(b)),
    "endswith": (2, "boolean", lambda a, b: (a or "").endswith(b)),
    "tolower": (1, "text", lambda a: (a or "").lower()),
    "toupper": (1, "text", lambda a: (a or "").upper()),
    "length": (1, "number", lambda a: Decimal(len(a or ""))),
}


class BadFilter(ValueError):
    pass


class Operand(NamedTuple):
    kind: str
    value: Value


def compiled(text: str, metadata: Metadata, type_: EntityType, reach: Reach) -> Callable[[Row], bool]:
    parser = _Parser(text, metadata, type_, reach)
    return parser.whole()


Reach = Callable[[EntityType, Row, str], Row | None]


def literals(text: str, version: int) -> dict[str, Any]:
    """The inside of a key's brackets: its values by name; '' for a single one without a name."""
    found = {}
    names: list[str] = []
    for kind, token in _tokens(re.sub(r"(\w+)=", r"\1 eq ", text) if _named(text) else text):
        if kind == "name" and token == "eq":
            continue
        if kind == "name" and token not in {"true", "false"}:
            names.append(token)
        elif kind != "mark":
            found[names.pop() if names else ""] = _literal(kind, token, version)[1]
    return found


def _named(text: str) -> bool:
    return re.match(r"\s*[A-Za-z_]\w*=", text) is not None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise BadFilter(f"Invalid token detected at position {at + 1}")
        at = found.end()
        if found.lastgroup:
            yield found.lastgroup, found.group()


def _literal(kind: str, token: str, version: int) -> tuple[str, Any]:
    if kind == "text":
        return "text", token[1:-1].replace("''", "'")
    if kind == "number":
        if version == 4 and token[-1].isalpha():
            raise BadFilter(f"The literal {token} is not of this version")
        return "number", Decimal(token.rstrip("mMdDfFlL"))
    if kind == "typed" and version == 2:
        word, _, inside = token[:-1].partition("'")
        return word, _typed(word, inside)
    if kind in _PLAIN and version == 4:
        word, read = _PLAIN[kind]
        return word, read(token)
    if token in {"true", "false"}:
        return "boolean", token == "true"
    if token == "null":
        return "null", None
    raise BadFilter(f"The literal {token} is not of this version")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_PLAIN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "stamp": ("datetimeoffset", _moment),
    "day": ("day", date.fromisoformat),
    "clock": ("clock", time.fromisoformat),
    "guid": ("guid", uuid.UUID),
}


def _typed(word: str, inside: str) -> Any:
    try:
        if word == "datetime":
            return datetime.fromisoformat(inside)
        if word == "datetimeoffset":
            moment = datetime.fromisoformat(inside)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        return duration(inside) if word == "time" else uuid.UUID(inside)
    except (ValueError, BadValue) as error:
        raise BadFilter(f"Invalid parametertype used at function '{word}'") from error


class _Parser:
    def __init__(self, text: str, metadata: Metadata, type_: EntityType, reach: Reach) -> None:
        self._tokens = [*_tokens(text), ("end", "")]
        self._at = 0
        self._metadata = metadata
        self._type = type_
        self._reach = reach

    def whole(self) -> Callable[[Row], bool]:
        found = self._or()
        if self._peek()[0] != "end":
            raise BadFilter(f"Invalid token {self._peek()[1]!r}")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, wanted: str = "") -> tuple[str, str]:
        found = self._tokens[self._at]
        if wanted and found[1] != wanted:
            raise BadFilter(f"{wanted!r} expected, not {found[1]!r}")
        self._at += 1
        return found

    def _or(self) -> Callable[[Row], bool]:
        parts = [self._and()]
        while self._peek()[1] == "or":
            self._take()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda row: any(each(row) for each in parts)

    def _and(self) -> Callable[[Row], bool]:
        parts = [self._not()]
        while self._peek()[1] == "and":
            self._take()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda row: all(each(row) for each in parts)

    def _not(self) -> Callable[[Row], bool]:
        if self._peek()[1] == "not":
            self._take()
            inner = self._not()
            return lambda row: not inner(row)
        if self._peek()[1] == "(":
            self._take()
            inner = self._or()
            self._take(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Callable[[Row], bool]:
        left = self._operand()
        word = self._peek()[1]
        if word == "in" and self._metadata.version == 4:
            self._take()
            return self._in(left)
        if word not in _COMPARE:
            if left.kind == "boolean":
                return lambda row: bool(left.value(row))
            raise BadFilter(f"A comparison expected, not {word!r}")
        self._take()
        right = self._operand()
        if self._metadata.quoted_dates and {left.kind, right.kind} == {"datetimeoffset", "text"}:
            left, right = _as_moment(left), _as_moment(right)
        if "null" not in {left.kind, right.kind} and left.kind != right.kind:
            raise BadFilter(f"The types {left.kind} and {right.kind} are not compatible")
        compare = _COMPARE[word]
        return lambda row: compare(left.value(row), right.value(row))

    def _in(self, left: Operand) -> Callable[[Row], bool]:
        self._take("(")
        values = [self._operand()]
        while self._peek()[1] == ",":
            self._take()
            values.append(self._operand())
        self._take(")")
        return lambda row: left.value(row) in [each.value(row) for each in values]

    def _operand(self) -> Operand:
        kind, token = self._take()
        if kind == "name" and self._peek()[1] == "(":
            return self._function(token)
        if kind == "name" and token not in {"true", "false", "null"}:
            return self._path(token)
        found, value = _literal(kind, token, self._metadata.version)
        return Operand(found, lambda _: value)

    def _function(self, name: str) -> Operand:
        if name not in _FUNCTIONS or (name == "substringof") > (self._metadata.version == 2):
            raise BadFilter(f"Function {name} is not supported")
        count, kind, work = _FUNCTIONS[name]
        self._take("(")
        arguments = [self._operand()]
        while self._peek()[1] == ",":
            self._take()
            arguments.append(self._operand())
        self._take(")")
        if len(arguments) != count:
            raise BadFilter(f"Function {name} takes {count} arguments")
        return Operand(kind, lambda row: work(*(each.value(row) for each in arguments)))

    def _path(self, text: str) -> Operand:
        *steps, last = text.split("/")
        type_ = self._type
        for step in steps:
            navigation = type_.navigations.get(step)
            if navigation is None or navigation.many:
                raise BadFilter(f"Property {step} not found in type {type_.name}")
            type_ = self._metadata.types[navigation.target]
        if last not in type_.properties:
            raise BadFilter(f"Property {last} not found in type {type_.name}")
        property_ = type_.properties[last]
        if not property_.filterable:
            raise BadFilter(f"Property {last} cannot be used in a filter")
        return Operand(_KINDS.get(property_.type, "number"), self._value(steps, property_))

    def _value(self, steps: list[str], property_: Property) -> Value:
        if not steps:
            name = property_.name
            return lambda row: _comparable(row[name])

        def reached(row: Row) -> Any:
            type_, found = self._type, row
            for step in steps:
                below = self._reach(type_, found, step)
                if below is None:
                    return None
                type_, found = self._metadata.types[type_.navigations[step].target], below
            return _comparable(found[property_.name])

        return reached


def _as_moment(operand: Operand) -> Operand:
    if operand.kind != "text":
        return operand
    try:
        moment = datetime.fromisoformat(operand.value({}))
    except ValueError as error:
        raise BadFilter("a date is written 2026-01-05") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Operand("datetimeoffset", lambda _: aware)


def _comparable(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
