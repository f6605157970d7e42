"""The connection's and the streams' options, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from drivers.contract import BadConfiguration
from drivers.http.options import HeaderName, HttpOptions
from drivers.option_tables import Strict, parse_table

PAGE: Final = "docs/drivers/odata.md"

_MAX_STEPS: Final = 4  # of a path


def _checked_name(name: str) -> str:
    if not name.isidentifier() or len(name) > 128:  # noqa: PLR2004 - OData's own limit
        raise ValueError("should be the name of a property or an entity set, as $metadata has it")
    return name


def _checked_path(path: str) -> str:
    steps = path.split("/")
    if len(steps) > _MAX_STEPS or not all(step.isidentifier() for step in steps):
        raise ValueError("should be names of navigation properties with / between them")
    return path


Name = Annotated[str, AfterValidator(_checked_name)]
Path = Annotated[str, AfterValidator(_checked_path)]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]+$")]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
ServicePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~!$&'()*+,;=:@%/-]*$", max_length=500)]


class CompaniesTable(Strict):
    """Where a service keeps its companies, if its entity sets lie inside of them."""

    entity_set: Name
    by: tuple[Name, ...] = Field(min_length=1)  # properties that people know a company by


class ConnectionOptions(HttpOptions):
    """`[options]` of a connection file."""

    service: ServicePath = ""  # for streams that name none; a path below `url`
    services: tuple[ServicePath, ...] = ()  # more of them, for `discover`
    version: Literal[2, 4] | None = None  # otherwise as $metadata says
    query: dict[str, str] = Field(default_factory=dict)  # in every request, such as sap-client
    company: str = ""  # its id or name, for the services of `companies`
    companies: dict[ServicePath, CompaniesTable] = Field(default_factory=dict)  # by the path of the service
    read_headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)  # of the reading of pages alone
    csrf: Literal["fetch", "none"] = "none"
    page_size: int = Field(default=5_000, ge=1, le=100_000)  # records of a page, at most
    url_chars: int = Field(default=6_000, ge=1_000, le=60_000)  # the longest URL that the server takes
    keys_per_request: int | None = Field(default=None, ge=1)  # where a service takes fewer than fit a URL
    max_metadata_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)

    def spared(self, call_rows: int | None) -> Self:
        """With no more rows to an answer than this."""
        if call_rows is None or call_rows > self.page_size:
            return self
        # One more is asked for, to see whether there is another.
        return self.model_copy(update={"page_size": max(1, call_rows - 1)})


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    expand: Path | None = None  # navigation properties, or a collection inside the record
    entity_set: Name | None = None  # or a set of its own, with `parent`
    service: ServicePath | None = None  # of that set, where it is not the stream's
    parent: tuple[Name, ...] = ()
    order_by: tuple[Name, ...] = ()
    filter: str | None = Field(default=None, min_length=1)


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    service: ServicePath | None = None
    entity_set: Name
    key: tuple[Name, ...] = ()
    order_by: tuple[Name, ...] = ()  # unique together, where the server cannot compare the key
    paging: Literal["keys", "links"] = "keys"  # links: the server's own, where it cannot order by key
    replication_key: Name | None = None
    replication_kind: Literal["timestamp", "date", "integer"] | None = None
    replication_step: Literal["exact", "1ms", "1s", "1d"] | None = None
    replication_nulls: bool | None = None
    time_zone: str = "UTC"  # of the server, for stamps without an offset and for dates
    filter: str | None = Field(default=None, min_length=1)
    expand: tuple[Path, ...] = ()  # navigation properties that lead to one record each
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    return parse_table(ConnectionOptions, options, where="options", page=PAGE)


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    where = f"streams.{name}.read"
    stream = parse_table(StreamOptions, options, where=where, page=PAGE)
    if stream.replication_key is None:
        for option in ("replication_kind", "replication_step", "replication_nulls"):
            if getattr(stream, option) is not None:
                raise BadConfiguration(
                    f"{option} is set, but no replication_key",
                    where=f"{where}.{option}",
                    hint=f"Name the property in replication_key, or remove {option}.",
                )
    if stream.paging == "links":
        _check_linked(stream, where)
    for set_name, lines in stream.lines.items():
        _check_lines(lines, f"{where}.lines.{set_name}")
    _check_filters(stream, where)
    time_zone(stream, where)
    return stream


def _check_linked(stream: StreamOptions, where: str) -> None:
    if stream.replication_key is not None:
        raise BadConfiguration(
            'a stream with paging = "links" is compared in full, so it has no replication_key',
            where=f"{where}.replication_key",
            hint="Remove replication_key, or read the stream by key.",
        )
    if stream.order_by:
        raise BadConfiguration(
            'a stream with paging = "links" comes in the server\'s order',
            where=f"{where}.order_by",
            hint="Remove order_by, or paging: a set that order_by can put in order is read by it.",
        )
    for name, lines in stream.lines.items():
        if lines.entity_set is not None:
            raise BadConfiguration(
                'the lines of a stream with paging = "links" come with their header',
                where=f"{where}.lines.{name}.entity_set",
                hint="Use expand, or read the stream by key.",
            )


def time_zone(stream: StreamOptions, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(stream.time_zone)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(
            f"{stream.time_zone!r} is not a time zone",
            where=f"{where}.time_zone",
            hint='Write a name such as "Europe/Berlin".',
        ) from None


def _check_lines(lines: LineOptions, where: str) -> None:
    if (lines.expand is None) == (lines.entity_set is None):
        raise BadConfiguration(
            "a line set is read by exactly one of expand and entity_set",
            where=where,
            hint='Write expand = "to_Item", or entity_set = "A_Item" with parent = ["Order"].',
        )
    if bool(lines.parent) != (lines.entity_set is not None):
        raise BadConfiguration(
            "parent belongs to entity_set, and entity_set needs it",
            where=f"{where}.parent",
            hint="Name the properties of the line set that hold the header's key, in the key's order.",
        )
    if lines.service is not None and lines.entity_set is None:
        raise BadConfiguration(
            "service belongs to entity_set",
            where=f"{where}.service",
            hint="What is expanded comes from the stream's own service.",
        )
    if lines.filter is not None and lines.entity_set is None:
        raise BadConfiguration(
            "filter belongs to entity_set",
            where=f"{where}.filter",
            hint="Leave lines out in the mapping, or read them from a set of their own.",
        )


def _check_filters(stream: StreamOptions, where: str) -> None:
    """The operator's own text is taken as it is, but it stays inside its brackets."""
    texts = {f"{where}.filter": stream.filter}
    texts |= {f"{where}.lines.{name}.filter": each.filter for name, each in stream.lines.items()}
    for place, text in texts.items():
        if text is not None and not is_closed(text):
            raise BadConfiguration(
                "quotes or brackets of the filter are not closed",
                where=place,
                hint="Write a quote inside a literal twice: 'O''Brien'.",
            )


def is_closed(text: str) -> bool:
    depth, quoted = 0, False
    for character in text:
        if character == "'":
            quoted = not quoted  # a doubled quote closes and opens again
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0:
                return False
    return depth == 0 and not quoted
