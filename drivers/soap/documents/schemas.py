"""Pure: XML schemas as AX 2012 prints them for its documents, read into the little that reading and writing need.

Types lie in several schemas that import one another; `sharedtypes` alone has a megabyte, so a type is looked at only when
a document uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
_DEEPEST: Final = 16  # entities in one another; documents of AX have three or four


class Kind(StrEnum):
    TEXT = "text"
    DECIMAL = "decimal"
    INTEGER = "integer"
    LONG = "long"  # ids of 64 bits
    DATE = "date"
    MOMENT = "moment"  # UTC, to the second
    TIME = "time"
    BOOLEAN = "boolean"


_KINDS: Final[Mapping[str, Kind]] = {
    "decimal": Kind.DECIMAL,
    "double": Kind.DECIMAL,
    "float": Kind.DECIMAL,
    "int": Kind.INTEGER,
    "short": Kind.INTEGER,
    "byte": Kind.INTEGER,
    "unsignedByte": Kind.INTEGER,
    "unsignedShort": Kind.INTEGER,
    "integer": Kind.LONG,
    "long": Kind.LONG,
    "unsignedInt": Kind.LONG,
    "unsignedLong": Kind.LONG,
    "date": Kind.DATE,
    "dateTime": Kind.MOMENT,
    "time": Kind.TIME,
    "boolean": Kind.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    type: str  # the schema's own name of its type
    length: int | None = None
    values: tuple[str, ...] = ()  # of an enumeration


@dataclass(frozen=True, slots=True)
class Entity:
    """A record of a document. Its members are written in the order of the schema."""

    name: str
    fields: Mapping[str, Field]
    below: Mapping[str, Entity]
    order: tuple[str, ...]

    def at(self, path: str) -> Entity | None:
        """The entity at `A/B` below."""
        found: Entity | None = self
        for name in path.split("/"):
            found = found.below.get(name) if found is not None else None
        return found


class Unreadable(ValueError):
    """The schemas are not those of a document service."""


class Schemas:
    def __init__(self, roots: list[Any]) -> None:
        """`roots`: the `schema` elements of lxml."""
        self._types: dict[tuple[str, str], Any] = {}
        self._elements: dict[tuple[str, str], Any] = {}
        for root in roots:
            namespace = root.get("targetNamespace", "")
            for each in root:
                name = each.get("name") if isinstance(each.tag, str) else None
                if name is None:
                    continue
                if each.tag == f"{XSD}element":
                    self._elements[namespace, name] = each
                elif each.tag in {f"{XSD}complexType", f"{XSD}simpleType"}:
                    self._types[namespace, name] = each

    def wrapped(self, name: tuple[str, str]) -> list[tuple[str, str]]:
        """The elements that lie in the wrapper of a message, by namespace and name."""
        element = self._elements.get(name)
        if element is None:
            raise Unreadable(f"the schemas have no element {name[1]}")
        namespace = name[0]
        found = []
        for each in element.iter(f"{XSD}element"):
            if each is element:
                continue
            reference = each.get("ref")
            found.append(_qualified(each, reference) if reference else (namespace, each.get("name", "")))
        return found

    def document(self, name: tuple[str, str]) -> tuple[tuple[str, ...], tuple[Entity, ...]]:
        """The names of a document's own members in their order, and its entities; of most documents there is one."""
        type_ = self._type_of(self._elements.get(name))
        if type_ is None:
            raise Unreadable(f"the schemas have no document {name[1]}")
        members = list(self._members(type_))
        entities = [self._entity(each, 0) for each in members if self._is_entity(each)]
        return tuple(each.get("name", "") for each in members), tuple(entities)

    def _entity(self, element: Any, depth: int) -> Entity:
        if depth > _DEEPEST:
            raise Unreadable(f"entities lie deeper than {_DEEPEST} in one another")
        fields: dict[str, Field] = {}
        below: dict[str, Entity] = {}
        order: list[str] = []
        for each in self._members(self._type_of(element)):
            name = each.get("name", "")
            order.append(name)
            if self._is_entity(each):
                below[name] = self._entity(each, depth + 1)
            else:
                found = self._field(each, name)
                if found is not None:
                    fields[name] = found
        return Entity(element.get("name", ""), fields, below, tuple(order))

    def _field(self, element: Any, name: str) -> Field | None:
        """None for what is no single value, such as the values of financial dimensions."""
        written = element.get("type", "")
        if not written:
            return None
        kind, length, values = self._simple(_qualified(element, written), 0)
        if kind is None:
            return None
        return Field(name, kind, written.rpartition(":")[2], length, values)

    def _simple(
        self, name: tuple[str, str], depth: int
    ) -> tuple[Kind | None, int | None, tuple[str, ...]]:
        if name[0] == XSD[1:-1]:
            return _KINDS.get(name[1], Kind.TEXT), None, ()
        type_ = self._types.get(name)
        if type_ is None or depth > _DEEPEST:
            return None, None, ()
        if type_.find(f"{XSD}union") is not None:
            return Kind.TEXT, self._widest(type_.find(f"{XSD}union"), depth), ()
        inner = type_.find(f"{XSD}restriction")
        if inner is None:
            inner = type_.find(f"{XSD}simpleContent/{XSD}extension")
        if inner is None or not inner.get("base"):
            return None, None, ()
        kind, length, values = self._simple(_qualified(inner, inner.get("base")), depth + 1)
        own = tuple(each.get("value", "") for each in inner.iterfind(f"{XSD}enumeration"))
        limit = inner.find(f"{XSD}maxLength")
        if limit is not None and limit.get("value", "").isdigit() and kind is Kind.TEXT:
            length = int(limit.get("value"))
        return kind, length, own or values

    def _widest(self, union: Any, depth: int) -> int | None:
        """What the widest member takes; None where one has no limit."""
        lengths: list[int] = []
        for each in union.get("memberTypes", "").split():
            _, length, _ = self._simple(_qualified(union, each), depth + 1)
            if length is None:
                return None
            lengths.append(length)
        return max(lengths, default=None)

    def _is_entity(self, element: Any) -> bool:
        type_ = self._type_of(element)
        return type_ is not None and any(
            each.get("name") == "class" and each.get("fixed") == "entity"
            for each in type_.iterfind(f"{XSD}attribute")
        )

    def _type_of(self, element: Any) -> Any:
        if element is None:
            return None
        written = element.get("type")
        if written:
            return self._types.get(_qualified(element, written))
        return element.find(f"{XSD}complexType")

    def _members(self, type_: Any) -> Iterator[Any]:
        extended = type_.find(f"{XSD}complexContent/{XSD}extension") if type_ is not None else None
        if extended is not None:
            yield from self._members(self._types.get(_qualified(extended, extended.get("base", ""))))
            type_ = extended
        if type_ is not None:
            yield from type_.iterfind(f"{XSD}sequence/{XSD}element")


def _qualified(element: Any, written: str) -> tuple[str, str]:
    """`st:AxdType` by the namespaces that are known at this place of the document."""
    prefix, _, name = written.rpartition(":")
    return element.nsmap.get(prefix or None, ""), name
