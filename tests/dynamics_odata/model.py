"""What a service of the tests holds: entity sets, their properties and who may write them; and its $metadata."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Property:
    name: str
    type: str = "Edm.String"  # or the name of an enumeration
    length: int | None = None
    writable: bool = True
    initial: Any = None

    @property
    def text(self) -> bool:
        return self.type == "Edm.String"


@dataclass(frozen=True)
class Entity:
    set_name: str
    type_name: str
    key: tuple[str, ...]
    properties: Mapping[str, Property]
    # Navigation property to many: the set, and pairs of (my property, its property).
    below: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=dict)
    insertable: bool = True
    updatable: bool = True
    deletable: bool = True

    def key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)


def entity(
    set_name: str,
    type_name: str,
    key: str,
    properties: str,
    *,
    enums: Mapping[str, str] | None = None,
    **more: Any,
) -> Entity:
    """`properties`: `name:length` for texts, `name#kind` for others; `!` behind one that nobody writes."""
    found = {}
    for word in properties.split():
        writable = not word.endswith("!")
        name, hash_, kind = word.rstrip("!").partition("#")
        name, _, length = name.partition(":")
        type_ = (enums or {}).get(name) or (_KINDS[kind] if hash_ else "Edm.String")
        found[name] = Property(
            name, type_, int(length) if length else None, writable, _INITIAL.get(type_, "")
        )
    return Entity(set_name, type_name, tuple(key.split()), found, **more)


_KINDS = {
    "guid": "Edm.Guid", "date": "Edm.Date", "moment": "Edm.DateTimeOffset", "decimal": "Edm.Decimal",
    "int": "Edm.Int32", "long": "Edm.Int64", "bool": "Edm.Boolean",
}  # fmt: skip
_INITIAL: dict[str, Any] = {
    "Edm.Guid": uuid.UUID(int=0),
    "Edm.Decimal": Decimal(0),
    "Edm.Int32": 0,
    "Edm.Int64": 0,
    "Edm.Boolean": False,
}


def metadata(
    namespace: str,
    entities: Mapping[str, Entity],
    enums: Mapping[str, tuple[str, ...]],
    actions: Mapping[str, str] | None = None,
) -> bytes:
    """`actions`: by name, the type that they are bound to."""
    types = "".join(_type(namespace, each, entities, enums) for each in entities.values())
    listed = "".join(
        f'<EnumType Name="{name}">'
        + "".join(f'<Member Name="{member}" Value="{at}"/>' for at, member in enumerate(members))
        + "</EnumType>"
        for name, members in enums.items()
    )
    bound = "".join(
        f'<Action Name="{name}" IsBound="true"><Parameter Name="bound" Type="{namespace}.{type_}"/></Action>'
        for name, type_ in (actions or {}).items()
    )
    sets = "".join(
        f'<EntitySet Name="{each.set_name}" EntityType="{namespace}.{each.type_name}"/>'
        for each in entities.values()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{namespace}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}{listed}{bound}'
        f'<EntityContainer Name="Container">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()


def _type(
    namespace: str, each: Entity, entities: Mapping[str, Entity], enums: Mapping[str, tuple[str, ...]]
) -> str:
    refs = "".join(f'<PropertyRef Name="{name}"/>' for name in each.key)
    plain = "".join(
        _property(namespace, one, enums, key=one.name in each.key) for one in each.properties.values()
    )
    ways = "".join(
        f'<NavigationProperty Name="{name}" Type="Collection({namespace}.{entities[target].type_name})"/>'
        for name, (target, _) in each.below.items()
    )
    return f'<EntityType Name="{each.type_name}"><Key>{refs}</Key>{plain}{ways}</EntityType>'


def _property(namespace: str, each: Property, enums: Mapping[str, tuple[str, ...]], *, key: bool) -> str:
    type_ = f"{namespace}.{each.type}" if each.type in enums else each.type
    length = f' MaxLength="{each.length}"' if each.length else ""
    scale = ' Scale="Variable"' if each.type == "Edm.Decimal" else ""
    never = ' Nullable="false"' if key else ""
    return f'<Property Name="{each.name}" Type="{type_}"{length}{scale}{never}/>'


def shown(value: Any, *, exact: bool) -> Any:
    """`exact`: IEEE754Compatible was asked for, so numbers that a reader might round are texts."""
    if isinstance(value, Decimal):
        return format(value, "f") if exact else Number(format(value, "f"))
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def moment(value: datetime) -> str:
    """To the millisecond, without zeros at its end."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{value.microsecond // 1000:03}".rstrip("0").rstrip(".")
    return f"{text}{fraction}Z"


class Number(str):
    """Digits that are printed as a JSON number."""

    __slots__ = ()


def printed(value: Any) -> Iterator[str]:
    """JSON; the standard library's would make fractions of decimals."""

    if isinstance(value, Number):
        yield str(value)
    elif isinstance(value, dict):
        yield (
            "{"
            + ",".join(f"{json.dumps(name)}:{''.join(printed(each))}" for name, each in value.items())
            + "}"
        )
    elif isinstance(value, list):
        yield "[" + ",".join("".join(printed(each)) for each in value) + "]"
    else:
        yield json.dumps(value)


class Refused(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


def taken(each: Property, value: Any, members: tuple[str, ...] = ()) -> Any:
    """A value of a body. Raises ValueError for what is none of the property's type."""
    if value is None:
        return each.initial
    kind = each.type
    if members:
        if value not in members:
            raise ValueError(f"'{value}' is no member of {kind}")
        return value
    if each.text:
        if not isinstance(value, str):
            raise ValueError(f"{each.name} is a text")
        if each.length and len(value) > each.length:
            raise ValueError(
                f"The length of the string is {len(value)}, but it must be less than or equal to {each.length} characters. Value: {value}"
            )
        return value
    if kind == "Edm.Boolean":
        if not isinstance(value, bool):
            raise ValueError(f"{each.name} is true or false")
        return value
    return _READ[kind](value)


_READ: dict[str, Any] = {
    "Edm.Guid": uuid.UUID,
    "Edm.Decimal": lambda value: Decimal(str(value)),
    "Edm.Int32": int,
    "Edm.Int64": int,
    "Edm.Date": date.fromisoformat,
    "Edm.DateTimeOffset": datetime.fromisoformat,
}
