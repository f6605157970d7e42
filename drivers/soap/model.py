"""What a WSDL says, as values: operations, and the types of what is sent and answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    TEXT = "text"
    DECIMAL = "decimal"
    FLOAT = "float"  # binary in the source itself
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Member:
    """An element inside a structure."""

    name: str
    namespace: str  # empty: the element is unqualified
    type: str  # key into `Definitions.types`
    required: bool = False
    many: bool = False
    nillable: bool = False

    @property
    def tag(self) -> str:
        return f"{{{self.namespace}}}{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Type:
    """A plain type has a `kind`, a structure has `members`, in the order in which they have to be sent."""

    name: str  # as the WSDL has it
    kind: Kind | None = None
    members: tuple[Member, ...] = ()
    values: tuple[str, ...] = ()  # of an enumeration, as they are sent
    max_length: int | None = None
    attributes: tuple[str, ...] = ()

    def member(self, name: str) -> Member | None:
        return next((each for each in self.members if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    action: str  # SOAPAction
    request: Member | None  # the element in the body; None: an empty body
    reply: Member | None
    headers: tuple[Member, ...] = ()  # elements that may stand in the header


@dataclass(frozen=True, slots=True)
class Definitions:
    """One service: its first port that speaks SOAP over HTTP."""

    service: str
    address: str  # as the document says; machines often write a name of their own there
    operations: Mapping[str, Operation]
    types: Mapping[str, Type] = field(default_factory=dict)

    def type_of(self, member: Member) -> Type:
        return self.types[member.type]
