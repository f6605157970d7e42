"""Pure: the JSON of an answer -> records with only what is wanted, their numbers as texts, digit for digit.

For each tree of properties a decoder is made once. It skips what nobody asked for while it parses, so a property that
is not read costs next to nothing; no number on the way is ever a binary fraction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from drivers.contract import SourceChanged
from drivers.odata.edm import Kind, Property
from drivers.odata.literals import V4
from drivers.odata.shape import Node

_TEXTS: Final = frozenset({Kind.TEXT, Kind.GUID, Kind.BINARY, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_NEXT_OF_A_LIST: Final = ("@odata.nextLink", "@nextLink")
_NEXT: Final = ("@odata.nextLink", "odata.nextLink", "@nextLink", "__next")


@dataclass(frozen=True, slots=True)
class Records:
    rows: list[Any]
    next: str | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A list inside a record that the server cut."""

    lines: list[Any]  # what came of it, to be added to
    next: str
    node: Node


class AnswerReader:
    """Reads the answers of one kind of request."""

    def __init__(self, node: Node, version: int) -> None:
        self._node = node
        self._version = version
        self._strict: msgspec.json.Decoder[Any] | None = None
        self._lenient: msgspec.json.Decoder[Any] | None = None

    def read(self, body: bytes, *, where: str) -> Records:
        """Raises SourceChanged for an answer that is no list of records."""
        try:
            return self._records(self._decoder(lenient=False).decode(body), where)
        except msgspec.ValidationError:
            pass  # one value is not of its property's type: take them as they are
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _unreadable(error, where) from error
        try:
            return self._records(self._decoder(lenient=True).decode(body), where)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _unreadable(error, where) from error

    def _decoder(self, *, lenient: bool) -> msgspec.json.Decoder[Any]:
        kept = self._lenient if lenient else self._strict
        if kept is None:
            row = _struct(self._node, self._version, lenient=lenient)
            kept = msgspec.json.Decoder(_envelope(row, self._version), float_hook=str)
            if lenient:
                self._lenient = kept
            else:
                self._strict = kept
        return kept

    def _records(self, answer: Any, where: str) -> Records:
        if self._version == V4:
            rows, links = answer.rows, answer
        elif isinstance(answer.d, list):
            return Records(answer.d, None)
        else:
            rows = answer.d.rows if answer.d is not None else None
            links = answer.d
        if rows is None:
            raise SourceChanged(
                "the answer holds no list of records",
                where=where,
                hint="See that entity_set names a collection, and that the server speaks JSON.",
            )
        _refuse_unexpanded(rows, self._node, where=where)
        return Records(rows, next((link for name in _LINKS if (link := getattr(links, name))), None))


_LINKS: Final = tuple(f"link{number}" for number in range(len(_NEXT)))


def _envelope(row: Any, version: int) -> Any:
    links: list[Any] = [
        (name, str | None, msgspec.field(name=word, default=None))
        for name, word in zip(_LINKS, _NEXT, strict=True)
    ]
    name = "value" if version == V4 else "results"
    collection = msgspec.defstruct(
        "Collection", [("rows", _list_of(row), msgspec.field(name=name, default=None)), *links], gc=False
    )
    if version == V4:
        return collection
    return msgspec.defstruct("Verbose", [("d", collection | _list_of(row), None)], gc=False)


def _struct(node: Node, version: int, *, lenient: bool) -> Any:
    fields: list[Any] = []
    for number, each in enumerate(node.properties):
        kind = Any if lenient else _type(each)
        fields.append((f"p{number}", kind, msgspec.field(name=each.name, default=None)))
    for number, (name, inner) in enumerate(node.inner.items()):
        below = _struct(inner, version, lenient=lenient)
        fields.append((f"i{number}", below | None, msgspec.field(name=name, default=None)))
    for number, (name, inner) in enumerate(node.lists.items()):
        line: Any = _struct(inner, version, lenient=lenient)
        results = msgspec.defstruct(
            "Results",
            [
                ("rows", _list_of(line), msgspec.field(name="results", default=None)),
                ("next", str | None, msgspec.field(name="__next", default=None)),
            ],
            gc=False,
        )
        absent = msgspec.field(name=name, default=msgspec.UNSET)
        fields.append((f"l{number}", results | _list_of(line) | msgspec.UnsetType, absent))
        for order, word in enumerate(_NEXT_OF_A_LIST):
            link = msgspec.field(name=f"{name}{word}", default=None)
            fields.append((f"n{number}_{order}", str | None, link))
    return msgspec.defstruct("Record", fields, gc=False)


def _names(node: Node) -> list[str]:
    """The attributes of a record, in the order in which `_struct` makes them."""
    names = [f"p{number}" for number, _ in enumerate(node.properties)]
    names += [f"i{number}" for number, _ in enumerate(node.inner)]
    for number, _ in enumerate(node.lists):
        names += [f"l{number}", *(f"n{number}_{order}" for order, _ in enumerate(_NEXT_OF_A_LIST))]
    return names


def columns_of(rows: Sequence[Any], node: Node) -> Mapping[str, Sequence[Any]]:
    """The values of many records by attribute. For a record that is None every value is null."""
    names = _names(node)
    if not rows:
        return dict.fromkeys(names, ())
    nothing = (None,) * len(names)
    # One tuple per record and one turn of them all is what costs least per value.
    values = [nothing if row is None else astuple(row) for row in rows]
    return dict(zip(names, zip(*values, strict=True), strict=True))


def _list_of(struct: Any) -> Any:
    return list[struct] | None


def _type(each: Property) -> Any:
    if each.collection or each.complex:
        return Any
    if each.kind in _TEXTS:
        return str | None
    return bool | None if each.kind is Kind.BOOLEAN else Any


def lines_in(held: Any, *, name: str, where: str) -> list[Any]:
    """The lines of one record, of what it has in the place of the list."""
    if isinstance(held, list):
        return held
    if held is None or held is msgspec.UNSET:
        return []
    if held.rows is None:
        raise _unexpanded(name, where)
    found: list[Any] = held.rows
    return found


def _refuse_unexpanded(rows: Sequence[Any], node: Node, *, where: str) -> None:
    """Lists that no record has were not expanded: an expanded one is there, if only empty."""
    for number, (name, below) in enumerate(node.lists.items()):
        held = [getattr(row, f"l{number}") for row in rows]
        if below.navigation and held and all(each is msgspec.UNSET for each in held):
            raise _unexpanded(name, where)
        if below.lists:
            lines = [line for each in held for line in lines_in(each, name=name, where=where)]
            _refuse_unexpanded(lines, below, where=where)


def _unexpanded(name: str, where: str) -> SourceChanged:
    return SourceChanged(
        f"the server did not expand {name!r}",
        where=where,
        hint="Read the lines from a set of their own: entity_set and parent.",
    )


def unfinished(rows: Sequence[Any], node: Node, *, where: str) -> Iterator[Unfinished]:
    """Every list in the records that the server cut, however deep."""
    for number, (name, below) in enumerate(node.lists.items()):
        links = [f"n{number}_{order}" for order, _ in enumerate(_NEXT_OF_A_LIST)]
        for row in rows:
            held = getattr(row, f"l{number}")
            lines = lines_in(held, name=name, where=where)
            link = next((found for each in links if (found := getattr(row, each))), None)
            if held and held is not msgspec.UNSET and not isinstance(held, list):
                link = held.next or link
            if link:
                yield Unfinished(lines, link, below)
            if below.lists:
                yield from unfinished(lines, below, where=where)


def _unreadable(error: Exception, where: str) -> SourceChanged:
    return SourceChanged(
        f"the answer is not the JSON that OData asks for: {type(error).__name__}",
        where=where,
        hint="A logon page or a proxy may have answered in the system's place; `groundwire check` tells more.",
    )
