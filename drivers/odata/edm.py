"""The entity data model of one OData service, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a property holds, whatever OData's version calls it."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp_tz"
    TIME = "time"
    GUID = "guid"
    BINARY = "binary"
    DURATION = "duration"
    ENUM = "enum"
    OTHER = "other"


KINDS: Final[Mapping[str, Kind]] = {
    "Edm.String": Kind.TEXT,
    "Edm.Boolean": Kind.BOOLEAN,
    "Edm.Byte": Kind.INTEGER,
    "Edm.SByte": Kind.INTEGER,
    "Edm.Int16": Kind.INTEGER,
    "Edm.Int32": Kind.INTEGER,
    "Edm.Int64": Kind.INTEGER,
    "Edm.Decimal": Kind.DECIMAL,
    "Edm.Double": Kind.FLOAT,
    "Edm.Single": Kind.FLOAT,
    "Edm.Date": Kind.DATE,
    "Edm.DateTime": Kind.TIMESTAMP,
    "Edm.DateTimeOffset": Kind.TIMESTAMP_TZ,
    "Edm.Time": Kind.TIME,
    "Edm.TimeOfDay": Kind.TIME,
    "Edm.Guid": Kind.GUID,
    "Edm.Binary": Kind.BINARY,
    "Edm.Duration": Kind.DURATION,
}


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    type: str  # the service's own word, such as Edm.String or NS.CT_Address; without Collection()
    kind: Kind
    nullable: bool = True
    collection: bool = False
    complex: bool = False  # `type` names a complex type
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    date_only: bool = False  # a V2 Edm.DateTime that the service says is a date
    creatable: bool = True
    updatable: bool = True
    filterable: bool = True
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Navigation:
    name: str
    target: str  # the entity type, qualified
    many: bool


@dataclass(frozen=True, slots=True)
class StructuredType:
    """An entity type or a complex type, with what it inherits."""

    name: str  # qualified
    key: tuple[str, ...] = ()
    properties: Mapping[str, Property] = field(default_factory=dict)
    navigations: Mapping[str, Navigation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntitySet:
    name: str
    type: str  # qualified
    creatable: bool = True
    updatable: bool = True
    deletable: bool = True
    addressable: bool = True


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    kind: Kind
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Routine:
    """A function import of V2; a function or an action of V4."""

    name: str
    method: str  # GET or POST
    parameters: tuple[Parameter, ...] = ()
    bound_to: str | None = None  # the entity type that a V4 action is called on


@dataclass(frozen=True, slots=True)
class Model:
    version: int  # 2 or 4
    types: Mapping[str, StructuredType]
    sets: Mapping[str, EntitySet]
    routines: Mapping[str, Routine]  # by name; a bound one by TYPE/name
    enums: frozenset[str] = frozenset()

    def type_of(self, entity_set: str) -> StructuredType:
        return self.types[self.sets[entity_set].type]
