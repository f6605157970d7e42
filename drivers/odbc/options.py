"""The connection's and the streams' options, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from drivers.contract import BadConfiguration
from drivers.option_tables import Strict, parse_table
from drivers.recipes.tables import duration, time_zone

KIB: Final = 1024
MIB: Final = 1024 * KIB
PAGE: Final = "docs/drivers/odbc.md"

ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
InstalledName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
DialectName = Literal[
    "postgresql", "mariadb", "mysql", "sqlite", "sqlserver", "oracle", "db2", "hana", "suiteql", "ansi"
]


class ConnectionOptions(Strict):
    """`[options]` of a connection file."""

    connection: dict[str, str | int | bool]
    dialect: DialectName | None = None  # only where the product's own name does not tell
    tls: Literal["verify", "encrypt", "off"] | None = (
        None  # None: as `connection` says, or as the ODBC driver likes
    )
    # Parts of the names of tables that differ from one installation to the next; queries have them as "{company}".
    names: dict[InstalledName, Annotated[str, Field(max_length=128, pattern=r"^[^\x00\r\n]*$")]] = Field(
        default_factory=dict
    )
    names_convert: str = ""  # characters of those that the system replaces by `_`
    snapshot: bool = False  # header and lines from one state also where the source pays for that
    connect_seconds: int = Field(default=15, ge=1, le=600)
    # below the agent's `driver_seconds_without_page`, or the driver is ended before the statement
    query_seconds: int = Field(default=240, ge=1, le=86_400)
    pages_at_once: int = Field(default=2, ge=1, le=2)  # of one read, each on a connection of its own
    lock_seconds: int = Field(default=10, ge=1, le=3_600)  # how long a write waits for what others hold
    max_text_bytes: int = Field(default=16 * MIB, ge=KIB, le=256 * MIB)  # one value; a longer one is an error
    buffer_bytes: int = Field(default=16 * MIB, ge=MIB, le=512 * MIB)  # what one fetch may hold in transit


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    query: str = Field(min_length=1)
    parent: tuple[ColumnName, ...] = Field(min_length=1)
    order_by: tuple[ColumnName, ...] = Field(min_length=1)


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    query: str = Field(min_length=1)
    key: tuple[ColumnName, ...] = Field(min_length=1)
    replication_key: ColumnName | None = None
    replication_kind: Literal["timestamp", "date", "integer", "binary"] | None = None
    replication_clock: Literal["local", "utc"] = "local"  # what a time stamp without zone is kept in
    replication_step: str = ""  # how finely its time stamps are kept, where the column does not tell
    time_zone: str = ""  # of that clock: in the hour that comes twice a year it stands still for us
    # The tables whose tracked changes are changes of the records, each with its columns that hold the stream's key.
    change_tracking: dict[Annotated[str, Field(min_length=1)], tuple[ColumnName, ...]] = Field(
        default_factory=dict
    )
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    return parse_table(ConnectionOptions, options, where="options", page=PAGE)


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    where = f"streams.{name}.read"
    stream = parse_table(StreamOptions, options, where=where, page=PAGE)
    if stream.replication_kind is not None and stream.replication_key is None:
        raise BadConfiguration(
            "replication_kind is set, but no replication_key",
            where=f"{where}.replication_kind",
            hint="Name the column in replication_key, or remove replication_kind.",
        )
    if stream.replication_step:
        duration(stream.replication_step, where=f"{where}.replication_step")
    if stream.time_zone:
        time_zone(stream.time_zone, where=f"{where}.time_zone")
    if stream.change_tracking and stream.replication_key is not None:
        raise BadConfiguration(
            "changes come by replication_key or by change_tracking, and both are set",
            where=f"{where}.change_tracking",
            hint="Remove replication_key: change tracking needs no column.",
        )
    for table, columns in stream.change_tracking.items():
        if len(columns) != len(stream.key):
            raise BadConfiguration(
                f"{table} has {len(columns)} columns, the key has {len(stream.key)}",
                where=f"{where}.change_tracking.{table}",
                hint="Name one column of the table's own key per key column, in the key's order.",
            )
    for set_name, lines in stream.lines.items():
        if len(lines.parent) != len(stream.key):
            raise BadConfiguration(
                f"parent names {len(lines.parent)} columns, the key has {len(stream.key)}",
                where=f"{where}.lines.{set_name}.parent",
                hint="Name one column of the line query per key column, in the key's order.",
            )
    return stream
