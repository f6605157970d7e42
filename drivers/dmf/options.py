"""The connection's and the streams' options, typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from drivers.cache_folder import cache_folder
from drivers.contract import BadConfiguration
from drivers.http.client import origin
from drivers.http.options import MIB, HttpOptions, Url
from drivers.option_tables import Strict, parse_table

PAGE: Final = "docs/drivers/dmf.md"
GIB: Final = 1024 * MIB


def _small(name: str) -> str:
    return name.lower()


def _capitals(name: str) -> str:
    return name.upper()


# Data management writes the fields of an entity in capitals, whatever they are called elsewhere.
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"), AfterValidator(_capitals)]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
# In small letters, as OData prints them: a connection over either has the same keys.
Company = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,20}$"), AfterValidator(_small)]
Label = Annotated[str, Field(min_length=1, max_length=250)]
TypeName = Literal["text", "integer", "decimal", "boolean", "date", "timestamp", "timestamp_utc"]


class ConnectionOptions(HttpOptions):
    """`[options]` of a connection file. `url` ends with `/data`."""

    legal_entities: tuple[Company, ...] = Field(min_length=1)
    package_hosts: tuple[
        Url, ...
    ] = ()  # besides the host of `url`; what stands behind the host counts for nothing
    folder: str | None = None  # where exports are kept while they are read
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"  # of CSV files without a byte order mark
    poll_seconds: float = Field(default=10, ge=0, le=600)
    call_seconds: float = Field(default=240, gt=0, le=86_400)  # that one read or write waits for executions
    appear_seconds: float = Field(default=120, ge=0, le=3_600)  # until an execution that was begun is known
    keep_seconds: float = Field(default=21_600, gt=0, le=604_800)  # of an export that is read, or still runs
    max_package_bytes: int = Field(default=GIB, ge=1, le=64 * GIB)
    max_unpacked_bytes: int = Field(default=16 * GIB, ge=1, le=1024 * GIB)
    max_file_bytes: int = Field(default=16 * GIB, ge=MIB, le=1024 * GIB)  # of the sorted copy
    max_rows: int = Field(default=10_000_000, ge=1)


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    entity: Label
    parent: tuple[FieldName, ...] = Field(min_length=1)
    order_by: tuple[FieldName, ...] = Field(min_length=1)
    types: dict[FieldName, TypeName] = Field(default_factory=dict)


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    project: Label
    entity: Label
    key: tuple[FieldName, ...] = Field(min_length=1)
    shared: bool = False  # the entity has no company: one export has the records of all
    legal_entities: tuple[Company, ...] = ()
    types: dict[FieldName, TypeName] = Field(default_factory=dict)
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    """Raises BadConfiguration with the place of the first mistake."""
    parsed = parse_table(ConnectionOptions, options, where="options", page=PAGE)
    try:
        b"".decode(parsed.encoding)
    except LookupError:
        raise BadConfiguration(
            f"{parsed.encoding!r} is no encoding that is known",
            where="options.encoding",
            hint='Write "utf-8" or "cp1252", or let the data project export as CSV-Unicode or XML.',
        ) from None
    return parsed


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    where = f"streams.{name}.read"
    stream = parse_table(StreamOptions, options, where=where, page=PAGE)
    for set_name, lines in stream.lines.items():
        if len(lines.parent) != len(stream.key):
            raise BadConfiguration(
                f"parent names {len(lines.parent)} fields, the key has {len(stream.key)}",
                where=f"{where}.lines.{set_name}.parent",
                hint="Name one field of the lines for each field of the key, in the key's order.",
            )
    return stream


def folder_of(options: ConnectionOptions, connection: str) -> Path:
    if options.folder is not None:
        return Path(options.folder) / connection
    return cache_folder("dmf", connection, option="folder")


def package_origins(options: ConnectionOptions) -> dict[tuple[str, str, int], str]:
    """Where packages may come from and go to: scheme, host and port, with the URL that stands for them."""
    return {origin(url): url for url in (options.url, *options.package_hosts)}
