"""The options of a connection to AX 2012's document services, and of its streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from drivers.contract import BadConfiguration
from drivers.option_tables import Strict, parse_table
from drivers.soap.options import PAGE, SoapOptions

FIND_KEYS: Final = "findKeys"
GET_KEYS: Final = "getKeys"
GET_CHANGED_KEYS: Final = "getChangedKeys"

Name = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
Path = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(/[A-Za-z_]\w*)*$")]  # entities in one another
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$")]  # FIELD or ENTITY.FIELD
PortName = Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")]
Value = str | int


class DocumentsOptions(SoapOptions):
    """`[options]` of a connection file with `services = "ax-documents"`. `url`: the root of AX's web site on IIS."""

    services: Literal["ax-documents"]
    company: str = Field(min_length=1, max_length=4)  # without one AX takes the user's own, which may change
    partition: str = ""  # without one the user's own; AX 2012 before R2 has none
    language: str = ""  # of the texts and of AX's messages
    # For `groundwire discover` alone: the services of each port. AX publishes no list of them.
    ports: dict[PortName, tuple[Name, ...]] = Field(default_factory=dict)


class Condition(Strict):
    """A criterion of AIF, or several on one field: `{ ge = "2024-01-01", lt = "2025-01-01" }`."""

    eq: Value | None = None
    ne: Value | None = None
    gt: Value | None = None
    ge: Value | None = None
    lt: Value | None = None
    le: Value | None = None


def _condition(value: Any) -> Any:
    return {"eq": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


class LinesOptions(Strict):
    entity: Path  # below the header's entity, such as "SalesLine" or "SalesLine/InventDim"


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    port: PortName  # the inbound port's name
    service: Name  # the service's external name, as the WSDL has it
    key: tuple[Name, ...] = Field(min_length=1)  # the fields of the entity key
    where: dict[FieldName, Annotated[Condition, BeforeValidator(_condition)]] = Field(default_factory=dict)
    keys_by: Literal["findKeys", "getKeys"] | None = None
    changes: Literal["getChangedKeys"] | None = None
    replication_key: Name | None = None
    expand: tuple[Path, ...] = ()  # entities of which a record has one at most
    lines: dict[Name, LinesOptions] = Field(default_factory=dict)

    @property
    def lister(self) -> str:
        """The operation that says which records there are."""
        return self.keys_by or (GET_KEYS if self.changes else FIND_KEYS)


def parse_connection(options: Mapping[str, Any]) -> DocumentsOptions:
    return parse_table(DocumentsOptions, options, where="options", page=PAGE)


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    """Raises BadConfiguration with the place of the first mistake."""
    where = f"streams.{name}.read"
    found = parse_table(StreamOptions, options, where=where, page=PAGE)
    if found.changes and found.replication_key:
        raise BadConfiguration(
            "changes and replication_key exclude each other",
            where=f"{where}.changes",
            hint="getChangedKeys asks SQL Server's change tracking, replication_key a field of the document.",
        )
    if found.replication_key and found.lister != FIND_KEYS:
        raise BadConfiguration(
            "a replication_key is asked for by findKeys alone",
            where=f"{where}.keys_by",
            hint="Leave keys_by out, or take changes instead of replication_key.",
        )
    if found.where and GET_KEYS in {found.lister, GET_KEYS if found.changes else ""}:
        raise BadConfiguration(
            "getKeys and getChangedKeys take no criteria",
            where=f"{where}.where",
            hint="Let the AX administrator put them into the port's document filter.",
        )
    return found


def target_of(port: str) -> str:
    """The place of a port below AX's web site."""
    return port if port.endswith(".svc") else f"{port}/xppservice.svc"
