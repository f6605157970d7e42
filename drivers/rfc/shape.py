"""What a stream is made of: the options with what the dictionary says of each name in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.contract import MarkKind
from drivers.rfc.abap import Field, Table
from drivers.rfc.conditions import EVERYTHING, Condition


@dataclass(frozen=True, slots=True)
class Currency:
    """Where the currency of an amount stands: in a column beside it, in one of the header, or in the options."""

    column: str = ""
    of_header: bool = False
    constant: str = ""


@dataclass(frozen=True)
class Lookup:
    name: str
    table: Table
    on: tuple[tuple[Field, str], ...]  # its column, ours
    columns: Mapping[str, Field]
    condition: Condition
    where: str


@dataclass(frozen=True)
class Rows:
    """The header's rows, or those of one line set."""

    name: str
    table: Table
    where: str  # its place in the connection file
    columns: Mapping[str, Field]  # what is read of the table, by the page's name
    lookups: tuple[Lookup, ...] = ()
    condition: Condition = EVERYTHING
    outputs: tuple[str, ...] = ()  # what goes into the page, in its order
    currencies: Mapping[str, Currency] = field(default_factory=dict)

    @property
    def fields(self) -> Mapping[str, Field]:
        """Everything there is by the page's name, looked-up columns too."""
        found = dict(self.columns)
        for lookup in self.lookups:
            found |= lookup.columns
        return found


@dataclass(frozen=True)
class Lines:
    rows: Rows
    parent: tuple[str, ...]  # names in `rows.columns`
    of: tuple[str, ...]  # names of the header's columns
    order_by: tuple[str, ...]
    by_key: bool  # whether `of` is the stream's key


@dataclass(frozen=True)
class DetailLines:
    name: str
    parameter: str
    columns: Mapping[str, Field]


@dataclass(frozen=True)
class Detail:
    function: str
    parameters: Mapping[str, str]  # parameter: our column
    constants: Mapping[str, str | int | bool]
    tables: tuple[str, ...]  # named in the call, so that they come back
    columns: Mapping[str, tuple[str, str, Field]]  # name: parameter, field in it or nothing
    lines: tuple[DetailLines, ...]
    stops: bool  # at a record that the function gives an error for
    where: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells when something changed: a date, a date and a time beside it, or a moment in UTC."""

    day: Field
    clock: Field | None = None
    utc: bool = False

    @property
    def kind(self) -> MarkKind:
        return MarkKind.TIMESTAMP if self.utc or self.clock is not None else MarkKind.DATE

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.day,) if self.clock is None else (self.day, self.clock)


@dataclass(frozen=True)
class Source:
    """One table that tells that records changed."""

    table: Table
    stamp: Stamp
    condition: Condition
    parent: tuple[Field, ...]  # columns with the record's key, of `via` if there is one
    where: str
    via: Table | None = None
    on: tuple[tuple[Field, Field], ...] = ()  # of `via`, of `table`
    object_key: tuple[Field, ...] = ()  # OBJECTID cut into these columns of the key
    prefix: str = ""


@dataclass(frozen=True)
class StreamShape:
    name: str
    header: Rows
    key: tuple[str, ...]  # names in `header.columns`
    lines: tuple[Lines, ...] = ()
    details: tuple[Detail, ...] = ()
    own: Source | None = None  # the header's own stamp
    others: tuple[Source, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        return (*((self.own,) if self.own else ()), *self.others)

    @property
    def mark_kind(self) -> MarkKind | None:
        """The coarsest of what the sources tell; None: nothing tells of changes."""
        kinds = {source.stamp.kind for source in self.sources}
        if not kinds:
            return None
        return MarkKind.DATE if MarkKind.DATE in kinds else MarkKind.TIMESTAMP

    @property
    def in_utc(self) -> bool:
        return any(source.stamp.utc for source in self.sources)

    @property
    def key_fields(self) -> tuple[Field, ...]:
        return tuple(self.header.columns[name] for name in self.key)
