"""$filter as the two services take it: a tree first, so that what each of them refuses can be seen in it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.dynamics_odata.model import Entity, Property, Row

_TOKENS = re.compile(
    r"\s+|(?P<enum>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[(),])"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and a > b,
    "ge": lambda a, b: a is not None and a >= b,
    "lt": lambda a, b: a is not None and a < b,
    "le": lambda a, b: a is not None and a <= b,
}


class BadFilter(ValueError):
    pass


@dataclass(frozen=True)
class Comparison:
    property: Property
    operator: str
    kind: str  # of the literal
    value: Any
    type: str = ""  # in front of an enumeration's member

    def holds(self, row: Row) -> bool:
        held = row[self.property.name]
        value = self.value
        if isinstance(held, int) and not isinstance(held, bool):
            held = Decimal(held)
        if isinstance(held, str) and isinstance(value, str):
            held, value = held.upper(), value.upper()  # as their databases compare
        return _COMPARE[self.operator](held, value)


@dataclass(frozen=True)
class Joined:
    word: str
    parts: tuple[Node, ...]

    def holds(self, row: Row) -> bool:
        return (any if self.word == "or" else all)(part.holds(row) for part in self.parts)


Node = Comparison | Joined


def parsed(text: str, entity: Entity) -> Node:
    parser = _Parser(text, entity)
    found = parser.joined("or")
    if parser.kind != "end":
        raise BadFilter(f"Syntax error at {parser.token!r}")
    return found


def comparisons(node: Node) -> Iterator[Comparison]:
    if isinstance(node, Comparison):
        yield node
    else:
        for part in node.parts:
            yield from comparisons(part)


def alternatives(node: Node) -> Iterator[Joined]:
    if isinstance(node, Joined):
        if node.word == "or":
            yield node
        for part in node.parts:
            yield from alternatives(part)


class _Parser:
    def __init__(self, text: str, entity: Entity) -> None:
        self._tokens = [*_tokens(text), ("end", "")]
        self._entity = entity

    @property
    def kind(self) -> str:
        return self._tokens[0][0]

    @property
    def token(self) -> str:
        return self._tokens[0][1]

    def _take(self) -> tuple[str, str]:
        return self._tokens.pop(0)

    def joined(self, word: str) -> Node:
        below = self._one if word == "and" else lambda: self.joined("and")
        parts = [below()]
        while self.token == word:
            self._take()
            parts.append(below())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _one(self) -> Node:
        if self.token == "(":
            self._take()
            inner = self.joined("or")
            if self._take()[1] != ")":
                raise BadFilter("')' expected")
            return inner
        _, name = self._take()
        if name not in self._entity.properties:
            raise BadFilter(f"Could not find a property named '{name}' on type '{self._entity.type_name}'.")
        _, operator = self._take()
        if operator not in _COMPARE:
            raise BadFilter(f"The operator '{operator}' is not supported.")
        kind, token = self._take()
        type_, value = _literal(kind, token)
        return Comparison(self._entity.properties[name], operator, kind, value, type_)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise BadFilter(f"Syntax error at position {at}")
        at = found.end()
        if found.lastgroup:
            yield found.lastgroup, found.group()


def _literal(kind: str, token: str) -> tuple[str, Any]:
    if kind == "enum":
        type_, _, member = token[:-1].partition("'")
        return type_, member.replace("''", "'")
    if token in {"true", "false"}:
        return "", token == "true"
    if kind not in _READ:
        raise BadFilter(f"A value expected, not {token!r}")
    return "", _READ[kind](token)


_READ: dict[str, Callable[[str], Any]] = {
    "text": lambda token: token[1:-1].replace("''", "'"),
    "guid": uuid.UUID,
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
    "number": Decimal,
}
KIND_OF = {
    "Edm.String": "text", "Edm.Guid": "guid", "Edm.DateTimeOffset": "moment", "Edm.Date": "day",
    "Edm.Decimal": "number", "Edm.Int32": "number", "Edm.Int64": "number", "Edm.Boolean": "name",
}  # fmt: skip


def key_values(text: str, entity: Entity) -> tuple[Any, ...]:
    """The inside of a key's brackets: one literal, or `name=literal` for each part. Raises BadFilter."""
    found: dict[str, Any] = {}
    tokens = [each for each in _tokens(text.replace("=", " ")) if each[1] != ","]
    if len(tokens) == 1:
        found[entity.key[0]] = _literal(*tokens[0])[1]
    else:
        for (_, name), value in zip(tokens[::2], tokens[1::2], strict=True):
            found[name] = _literal(*value)[1]
    if set(found) != set(entity.key):
        raise BadFilter(f"The key of {entity.type_name} is {', '.join(entity.key)}")
    return tuple(
        int(found[name])
        if isinstance(found[name], Decimal) and "Int" in entity.properties[name].type
        else found[name]
        for name in entity.key
    )
