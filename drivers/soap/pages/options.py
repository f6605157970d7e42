"""The options of NAV page services: the connection's and the streams'."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from drivers.contract import BadConfiguration
from drivers.envelopes import unwritable
from drivers.option_tables import Strict, parse_table
from drivers.soap.options import PAGE, SoapOptions

# Orders of a date that cultures have, tried with a day that only one of them can read.
DATE_FORMATS: Final = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d")


def _checked_name(name: str) -> str:
    if not name.replace(".", "_").replace("-", "_").isidentifier() or len(name) > 240:  # noqa: PLR2004 - NAV's own limit
        raise ValueError("should be a name as the page's WSDL has it, such as Last_Date_Modified")
    return name


def _checked_format(text: str) -> str:
    """The day and nothing but the day: a date without its year, or with a time, would be another in a filter."""
    day, later = date(2026, 2, 28), timedelta(hours=13, minutes=14, seconds=15)
    moment = datetime(2026, 2, 28, tzinfo=UTC)
    try:
        read = datetime.strptime(day.strftime(text), text).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        read = None
    if read != day or moment.strftime(text) != (moment + later).strftime(text):
        raise ValueError('should be a day, month and year such as "%d/%m/%Y"')
    return text


def _checked_criteria(text: str) -> str:
    if unwritable(text) is not None:
        raise ValueError("holds a character that XML cannot hold")
    return text


Name = Annotated[str, AfterValidator(_checked_name)]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
Criteria = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_checked_criteria)]


class PageConnection(SoapOptions):
    """`[options]` of a connection file."""

    company: str = ""  # its name, as NAV shows it; without it the service's default company
    tenant: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")  # of a server with several
    time_zone: str = "UTC"  # `Services Default Time Zone`: of dates, and of stamps without an offset
    # How the server's culture writes a day in a filter; without it the usual ways are tried.
    date_format: Annotated[str, AfterValidator(_checked_format)] | None = None
    keys_per_request: int = Field(default=50, ge=1, le=500)


class PageLines(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    part: Name  # the element of the record that holds the sub-page's lines
    where: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict
    )  # only lines that have one of these values


class PageStream(Strict):
    """`[streams.NAME.read]`."""

    page: Name  # the service name under which the page is published
    key: tuple[Name, ...] = ()
    replication_key: Name | None = None
    filter: dict[Name, Criteria] = Field(default_factory=dict)  # field = criteria, as NAV writes filters
    lines: dict[SetName, PageLines] = Field(default_factory=dict)


def parse_connection(options: Mapping[str, Any]) -> PageConnection:
    parsed = parse_table(PageConnection, options, where="options", page=PAGE)
    zone_of(parsed)
    return parsed


def parse_stream(name: str, options: Mapping[str, Any]) -> PageStream:
    return parse_table(PageStream, options, where=f"streams.{name}.read", page=PAGE)


def zone_of(options: PageConnection) -> ZoneInfo:
    try:
        return ZoneInfo(options.time_zone)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(
            f"{options.time_zone!r} is not a time zone",
            where="options.time_zone",
            hint='Write it as "Europe/Berlin".',
        ) from None
