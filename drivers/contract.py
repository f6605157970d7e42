"""What a driver is.

A driver speaks one protocol (ODBC, OData, SOAP, RFC, SuiteQL) to one configured connection. It runs in a child
process of the agent, keeps no progress of its own, and yields pages of source rows as Arrow tables. It knows
nothing of the unified model, the outbox or the tunnel, and imports nothing from `agent`.

Every page of every driver has these properties, and `tests/conformance` checks them:

- a column `__key` (string, never null): the source key, unique in the stream, made by `drivers.keys.encode_key`
  from the stream's key columns;
- the other columns are the source's own, named as the source (or the stream's query) names them, one row per record;
- lines nested under their header: one column per line set, named after the set, of type list<struct<...>>,
  in the order the set declares; a header without lines has an empty list, never null;
- amounts are decimals or exact text, never floating point, unless the source itself stores floating point;
- a text that is in no character set which the connection declares is no reason to fail: its column is of the type
  `drivers.unreadable.UnreadableText` on that page, and the record becomes a dead letter where the value is used;
- timestamps are Arrow timestamps; one without a time zone is in the source's own local time;
- one read never repeats a key, except in CHANGES mode when a row changed while it was being read;
- the last page has `complete=True`, also when it is empty; a read that ends without it was cut short.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

import pyarrow as pa

KEY_COLUMN: Final = "__key"
PLAN_SECONDS: Final = 10  # a driver that plans a read gives up counting after this long


class MarkKind(StrEnum):
    """What a replication key is made of; says how a `Mark` is compared and moved back by an overlap."""

    TIMESTAMP = "timestamp"  # ISO 8601, with offset or in the source's local time, up to microseconds
    DATE = "date"  # ISO 8601 date in the source's local time
    INTEGER = "integer"  # decimal digits, may be negative
    BINARY = "binary"  # big-endian hex of fixed length, such as a SQL Server rowversion


@dataclass(frozen=True, slots=True)
class Mark:
    """A position of a replication key."""

    kind: MarkKind
    value: str


class ReadMode(StrEnum):
    WINDOW = "window"  # rows whose replication key is at or after `start`, or null; ordered by key. The initial sync
    # Rows with start <= replication key <= end; ordered by (replication key, key), or by key where the source orders
    # by nothing else.
    CHANGES = "changes"
    SCAN = (
        "scan"  # every row, ordered by key; for sources without a change column, and for a sync of everything
    )
    KEYS = "keys"  # as SCAN, but the pages hold only `__key`
    # Of the rows named in `keys` those that the stream has: one that left the stream's filter is not there.
    BY_KEYS = "by_keys"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream as the connection file describes it: `[streams.NAME.read]` is `options`, the driver's own language."""

    name: str
    entity: str
    options: Mapping[str, Any] = field(default_factory=dict)
    # What the agent will use, a column of a line set as "set.column"; None: everything. A driver may give more, and
    # leaves out a line set of which nothing is named.
    columns: Sequence[str] | None = None
    # `[streams.NAME.write]` of the connection file: how to write, in the driver's own language.
    write: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    stream: StreamSpec
    mode: ReadMode
    start: Mark | None = None  # inclusive
    end: Mark | None = None  # inclusive; the signpost that a CHANGES read may not pass
    after: str | None = None  # the cursor of the last page that is durable; the read goes on right behind it
    page_rows: int = 2_000  # header rows per page, at most
    # Rows that any one call to the source may ask for, about, lines and looked-up rows too; None: as the driver's own
    # options say. `page_rows` is less, so that one more row can be asked for.
    call_rows: int | None = None
    keys: Sequence[str] = ()  # BY_KEYS only


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a read would ask of the source, for a person to see before it does. Estimates bind nobody."""

    # What is read or called, as the source's administrator knows it: tables, entity sets, function modules.
    objects: tuple[str, ...]
    rows_per_call: int  # records that one call asks for at most
    rows: int | None = None  # records that the read would yield; None: the source cannot say cheaply
    exact: bool = False  # whether `rows` was counted just now, or the source estimates it
    calls: int | None = None  # to the source, about; None: nobody can say
    sessions: int = 1  # connections or requests that are open at the source at once, at most
    notes: tuple[str, ...] = ()  # sentences: why something is not known, what else is asked


@dataclass(frozen=True, slots=True)
class Page:
    table: pa.Table
    cursor: str | None  # opaque and versioned; None only on an empty page
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    incremental: bool  # can read CHANGES where the stream names a replication key
    keys: bool  # can read KEYS, so deletions can be found by comparison
    by_keys: bool
    consistent_snapshot: bool  # header and lines of one page come from one state of the source
    max_parallel_reads: int = 1
    granularity: timedelta = timedelta(0)  # the coarsest step of the source's change stamps
    visibility_lag: timedelta = timedelta(0)  # how late a committed change may become readable


@dataclass(frozen=True, slots=True)
class Description:
    driver: str
    version: str
    capabilities: Capabilities
    product: str = ""  # what answered, such as "PostgreSQL 15.18"; empty before the first `check`


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of `groundwire check`, in the order tried: the connection's hops, then its streams.

    After a failed hop nothing more is tried; a stream that fails leaves the other streams to be tried.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""
    stream: str = ""  # the stream that it is about; empty for a hop of the connection
    code: str = ""  # of the DriverError behind a failed step


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # the source's own word for it
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: str  # that they lead to, named as the catalogue names it
    references: tuple[str, ...]  # its columns, in the order of `columns`


@dataclass(frozen=True, slots=True)
class Table:
    name: str  # qualified as a query needs it
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    rows: int | None = None  # an estimate where the source keeps one
    replication_key: str | None = None  # a column that looks as if it ordered changes
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    tables: tuple[Table, ...]


class OperationKind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SET_STATUS = "set_status"


@dataclass(frozen=True, slots=True)
class Operation:
    """One cell of a connection's operation matrix: what the system can do with one entity, and what it needs for that.

    Fields are named as in the entity's JSON form, a member of a list or an object behind a dot: `lineItems.quantity`,
    `customFields.project`.
    """

    stream: str
    entity: str
    kind: OperationKind
    # What must be given. A list that is named needs at least one line. A member is required of every line, or of the
    # object, that is given; it does not make the list or the object itself required.
    required: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()  # all that may be given, the required ones too; `key` is understood
    # Of each group at least one must be given; the members of a group lie in the same list or object.
    any_of: tuple[tuple[str, ...], ...] = ()
    # update, set_status: the statuses of the record in which a field may be changed; one that is not named: in all
    updatable_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statuses: tuple[str, ...] = ()  # set_status: those it can be set to
    # Whether `find_effect` can tell a write that was carried out from one that was not. None: it cannot, and an effect
    # whose reply was lost stays in doubt. Else: how long after the call an effect may still appear; then absence is final.
    effect_settles_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class WriteCommand:
    """A write in terms of the unified model: `record` is the entity's JSON form (amounts as strings).

    `record` of a create has no `key`; that of an update has `key` and only what is to change; that of a delete only
    `key`; that of set_status `key` and `status`. `idempotency_key` is unique per command, at most 64 characters of
    `A-Za-z0-9_.:-`; a driver leaves it at the record as external reference where the system has room for one.
    """

    operation: OperationKind
    entity: str
    record: Mapping[str, Any]
    idempotency_key: str
    stream: StreamSpec


class OutcomeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: OutcomeStatus
    key: str = (
        ""  # of the record in its stream, as `drivers.keys.encode_key` writes it; empty: unknown or not there
    )
    reference: str = ""  # the number the system gave, as its users know it
    messages: tuple[Message, ...] = ()
    # The entity's JSON form after the write, from a driver that knows it; None: the agent reads it back by `key`.
    record: Mapping[str, Any] | None = None


class Hop(StrEnum):
    """What a connection of the driver leads to, by its part and never by its name: names of hosts are told to nobody."""

    SOURCE = "source"
    TOKEN = "token"  # noqa: S105 - the server that gives out tokens
    PROXY = "proxy"
    PACKAGES = "packages"  # a store of files beside the source
    CLIENT = "client"  # the certificate that the driver itself shows


@dataclass(frozen=True, slots=True)
class HopCertificate:
    """The certificate that a hop showed in the handshake of a connection which the driver made anyway."""

    hop: Hop
    expires_at: datetime  # aware


# Whom a driver tells of each certificate, at each handshake; it returns at once and may be called in any thread. A driver
# whose library does not show certificates (ODBC, RFC) tells of none.
SeenCertificate = Callable[[HopCertificate], None]


def unseen(_: HopCertificate) -> None:
    """For whoever wants to know of no certificate."""


class Driver(Protocol):
    """One configured connection. Every method may raise a `DriverError`, and nothing else."""

    def describe(self) -> Description: ...

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        """Try the way to the source hop by hop, then each stream: its queries, key, replication key and line sets."""
        ...

    async def discover(self) -> Catalogue: ...

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        """The highest replication key that is safe to read up to now, before any configured lag; None: no change column.

        For a timestamp it is the source's own present time, never the agent's; for other kinds the highest value
        whose predecessors are all visible.
        """
        ...

    def read(self, request: ReadRequest) -> AsyncIterator[Page]: ...

    async def plan(self, request: ReadRequest) -> ReadPlan:
        """What this read would ask of the source.

        Ask little: a count that takes longer than `PLAN_SECONDS`, or a right that is missing for it, leaves `rows`
        None with a note. Whatever would keep the read itself from working is raised, as by `read`.
        """
        ...

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        """What the stream could give, whatever `stream.columns` asks for; a column of a line set as "set.column"."""
        ...

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        """The operation matrix: what can be written through these streams."""
        ...

    async def execute(self, command: WriteCommand) -> Outcome:
        """Carry out a write. It has one effect or none.

        FAILED: the system said no, and nothing was changed. A DriverError of the kinds CredentialsRefused,
        NotPermitted, BadConfiguration, SourceChanged and RecordFault also promises that nothing was changed. After
        any other error, and after IN_DOUBT, the effect is looked up.
        """
        ...

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        """The outcome of the write with this idempotency key, if its effect is there now; None: it is not."""
        ...

    async def aclose(self) -> None: ...


class Rotation(Protocol):
    """The sole right to have one secret changed by the source."""

    @property
    def value(self) -> str:
        """The newest value: another driver of the connection may have changed it since this one was opened."""
        ...

    async def keep(self, value: str | None) -> None:
        """Store what the source gave; it is durable when this returns, and only then may it be used.

        None or empty: the source gave none, and the old value stays.
        """
        ...


class SecretKeeper(Protocol):
    """For drivers whose source changes a secret as it is used, such as a refresh token.

        async with keeper.rotation("refresh_token") as rotation:
            answer = await ask_for_tokens(rotation.value)
            await rotation.keep(answer.get("refresh_token"))

    Between the two nothing else should be waited for. A driver may be cancelled at the end of it, not within.
    """

    def rotation(self, name: str) -> AbstractAsyncContextManager[Rotation]:
        """`name` as in the connection's `[secrets]`. Raises BadConfiguration for a secret that cannot be stored, and
        another DriverError where there is no room for a new value now: then the source is not asked.
        """
        ...


class DriverError(Exception):
    """A failure in terms of what to do about it; `code` is one of the agent's error codes.

    The agent's hosting room turns it into the error class of that code, on the far side of the process boundary.
    """

    code = "transient"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


class Unreachable(DriverError):
    """Nothing answered, or the link broke; the same call may work later."""

    code = "unreachable"


class Throttled(DriverError):
    """The source asked for a pause."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after: float, where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.retry_after = retry_after


class SourceBusy(DriverError):
    """Deadlock, lock timeout, snapshot too old: try the same again."""

    code = "transient"


class BadConfiguration(DriverError):
    """The connection's options cannot work; `where` names the option."""

    code = "configuration"


class CredentialsRefused(DriverError):
    code = "credentials_refused"


class NotPermitted(DriverError):
    code = "not_permitted"


class SourceChanged(DriverError):
    """A column, table or key that the stream names is not as the stream says."""

    code = "source_changed"


class RecordFault(DriverError):
    """One record cannot be read or written; the rest can."""

    code = "record"
