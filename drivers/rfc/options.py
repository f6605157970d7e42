"""The connection's and the streams' options, typed; an unknown key is refused with the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from drivers.contract import BadConfiguration
from drivers.http.options import HttpOptions
from drivers.option_tables import Strict, parse_table
from drivers.rfc.soap_options import SoapOptions

PAGE: Final = "docs/drivers/rfc.md"

Name = Annotated[str, Field(pattern=r"^[A-Z0-9_/]{1,30}$")]  # of SAP's dictionary
OutName = Annotated[str, Field(pattern=r"^[A-Za-z_/][A-Za-z0-9_/]{0,62}$")]  # of a page's column
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
Scalar = str | int | bool
Way = Literal["sdk", "native", "soap"]


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """A list of columns that keep their names, or a table of new names."""
    return {name: name for name in value} if isinstance(value, list | tuple) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_one_or_more)]
Columns = Annotated[dict[OutName, str], BeforeValidator(_named)]


class Comparison(Strict):
    """As in `{ ge = "2024-01-01", lt = "2025-01-01" }`."""

    ne: Scalar | None = None
    lt: Scalar | None = None
    le: Scalar | None = None
    gt: Scalar | None = None
    ge: Scalar | None = None


Where = dict[Name, Scalar | tuple[Scalar, ...] | Comparison]


class ConnectionOptions(Strict):
    """`[options]` of a connection file."""

    way: Way | None = None  # None: the first that is there
    host: str = ""  # of an application server
    system_number: str = Field(default="00", pattern=r"^\d{2}$")
    message_server: str = ""
    message_server_port: int | None = Field(default=None, ge=1, le=65_535)
    system_id: str = Field(default="", pattern=r"^([A-Z][A-Z0-9]{2})?$")
    logon_group: str = ""
    router: str = ""  # SAProuter string
    client: str = Field(pattern=r"^\d{3}$")
    user: str = Field(default="", max_length=40)
    language: str = Field(default="EN", pattern=r"^[A-Z]{2}$")
    snc: dict[str, str] = Field(default_factory=dict)  # snc_partnername, snc_lib ... as SAP names them
    http: HttpOptions | None = None
    soap: SoapOptions = SoapOptions()
    reader: str = Field(default="", pattern=r"^([A-Z0-9_/]{1,30})?$")  # a table reader instead of the best
    rows_per_call: int = Field(default=5_000, ge=10, le=200_000)  # what ABAP holds in memory at once
    time_zone: str = ""  # of the SAP system: for its time in UTC, and for moments as its dates and times
    connect_seconds: int = Field(default=30, ge=1, le=600)
    call_seconds: int = Field(
        default=600, ge=1, le=86_400
    )  # the longest call; what it changes appears within

    @property
    def settling(self) -> timedelta:
        """How long after a call its effect may still appear: SAP works on when a line broke."""
        return timedelta(seconds=self.call_seconds)


class LookupOptions(Strict):
    """`[streams.NAME.read.lookups.LOOKUP]`: columns of another table, one row for each of ours."""

    table: Name
    on: dict[Name, OutName] = Field(min_length=1)  # its column = ours
    columns: Columns = Field(min_length=1)
    where: Where = Field(default_factory=dict)


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    table: Name
    parent: Names = Field(min_length=1)
    of: tuple[OutName, ...] = ()  # the header's columns that `parent` holds; without it the key
    columns: Columns = Field(default_factory=dict)
    order_by: Names = ()
    where: Where = Field(default_factory=dict)
    lookups: dict[SetName, LookupOptions] = Field(default_factory=dict)
    currencies: dict[OutName, str] = Field(default_factory=dict)


class DocumentsOptions(Strict):
    """Change documents, of the table CDHDR."""

    object_class: str = Field(min_length=1, max_length=15)
    object: Names = ()  # the key's columns that OBJECTID is made of; without it the key
    prefix: str = ""


class ViaOptions(Strict):
    """The table between the one that tells the time and the stream's key."""

    table: Name
    on: dict[Name, Name] = Field(min_length=1)  # its column = the first table's


class ChangedTableOptions(Strict):
    """Another table whose rows tell that a record changed."""

    table: Name
    parent: Names = Field(min_length=1)
    replication_key: Names = Field(min_length=1)
    via: ViaOptions | None = None
    where: Where = Field(default_factory=dict)


class ChangesOptions(Strict):
    documents: DocumentsOptions | None = None
    tables: dict[SetName, ChangedTableOptions] = Field(default_factory=dict)


class DetailLineOptions(Strict):
    parameter: Name
    columns: Columns = Field(default_factory=dict)


class DetailOptions(Strict):
    """A function module that is called for each record."""

    function: Name
    parameters: dict[Name, OutName] = Field(min_length=1)  # parameter = our column
    constants: dict[Name, Scalar] = Field(default_factory=dict)
    columns: dict[OutName, str] = Field(default_factory=dict)  # name = "PARAMETER" or "PARAMETER.FIELD"
    lines: dict[SetName, DetailLineOptions] = Field(default_factory=dict)
    # A record that the function gives an error for ends the read, or goes without these columns.
    on_error: Literal["stop", "empty"] = "stop"


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    table: Name
    columns: Columns = Field(default_factory=dict)
    key: Names = ()  # without it the table's own
    where: Where = Field(default_factory=dict)
    replication_key: Names = ()
    changes: ChangesOptions = ChangesOptions()
    lookups: dict[SetName, LookupOptions] = Field(default_factory=dict)
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)
    details: dict[SetName, DetailOptions] = Field(default_factory=dict)
    currencies: dict[OutName, str] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    found = parse_table(ConnectionOptions, options, where="options", page=PAGE)
    if found.time_zone:
        try:
            ZoneInfo(found.time_zone)
        except (KeyError, ValueError, OSError):
            raise BadConfiguration(
                f"{found.time_zone!r} is not a time zone",
                where="options.time_zone",
                hint='Write a name such as "Europe/Berlin".',
            ) from None
    return found


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    return parse_table(StreamOptions, options, where=f"streams.{name}.read", page=PAGE)
