"""What the relay needs kept, as values and two ports.

`Store` holds what cannot be made again: who may do what, and the batches as they came. `RecordIndex` holds what is
made from the batches and can be dropped and rebuilt at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from agent.errors import TransientError
from relay.health.facts import Certificate
from relay.lifecycle import Command, CommandState
from relay.store.sql import Engine

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    return EPOCH + micros * MICROSECOND


def optional_micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def optional_moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    created_at: datetime
    disabled_at: datetime | None = (
        None  # its tokens open nothing and its agents are sent away until it is enabled
    )
    remove_after: datetime | None = (
        None  # then everything of it goes; it can be taken back until it has begun
    )
    removing: bool = False


class TokenScope(StrEnum):
    """What a token may be used for."""

    READ = "read"  # everything that changes nothing
    COMMAND = "command"  # to ask agents for something
    ENROL = "enrol"  # to let agents in, and to shut them out
    WEBHOOKS = "webhooks"  # to say where events go
    MANAGE = "manage"  # tokens, the audit log, and who holds connection credits


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it is kept: its secret half only as a hash."""

    id: str
    tenant: str
    name: str
    secret_hash: bytes
    created_at: datetime
    scopes: frozenset[TokenScope] = frozenset()
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the hour
    revoked_at: datetime | None = None
    previous_hash: bytes | None = None  # of the secret before the last rotation,
    previous_until: datetime | None = None  # which is taken until then

    def lives(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A one-time right to enrol; bound to `agent_name` it also takes over the agent of that name."""

    id: str  # its public part
    verifier: str  # kept instead of the code
    tenant: str
    agent_name: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an agent brings along with its code."""

    agent_id: str  # used when the name is new
    name: str
    public_key: bytes
    software: str


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    tenant: str
    name: str
    public_key: bytes
    epoch: int
    pending_epoch: int | None  # offered, not yet confirmed; both are accepted until it is
    lineage: int  # grows with each enrolment: a new outbox counts its batches from one again
    software: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    tenant_disabled_at: datetime | None = None  # it is sent away meanwhile


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """A connection as its agent describes it."""

    name: str
    system: str | None = None
    driver: str | None = None
    state: str = "unknown"
    error: Mapping[str, Any] | None = None
    streams: tuple[Mapping[str, Any], ...] = ()
    paused: bool | None = None  # None: its agent does not say
    commands: tuple[str, ...] | None = None  # the words of the protocol that its policy lets pass
    operations: tuple[Mapping[str, Any], ...] | None = None  # the operation matrix
    certificates: tuple[Certificate, ...] | None = None  # kept with its health, see store/health.py


@dataclass(frozen=True, slots=True)
class Connection:
    """`id` is the agent's name for it while that is free in the tenant, else with the agent's name behind it."""

    id: str
    tenant: str
    agent: str
    status: ConnectionStatus
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A verified batch on its way into the store."""

    tenant: str
    agent: str
    lineage: int
    epoch: int  # of the session that it came over
    stream: str  # connection/stream
    entity: str
    run: str
    kind: str
    seq: int
    prev: int
    count: int
    hash: str  # sha256 of the payload, hex
    payload: bytes
    received_at: datetime
    damaged: str = ""  # why the payload cannot be read; empty: it can

    @property
    def connection(self) -> str:
        return self.stream.partition("/")[0]


class AppendOutcome(StrEnum):
    APPENDED = "appended"
    REPEATED = "repeated"  # stored before, with the same hash: acked again
    GAP = "gap"  # `prev` is not the stream's last batch
    REWOUND = "rewound"  # this seq was stored before with another hash: the agent's folder went back in time
    UNKNOWN_AGENT = "unknown_agent"
    SUPERSEDED = "superseded"  # the agent has a newer session: what an older one brings counts nothing


@dataclass(frozen=True, slots=True)
class Appended:
    outcome: AppendOutcome
    last_seq: int  # of the stream, after this batch


@dataclass(frozen=True, slots=True)
class BatchHeader:
    position: int
    tenant: str
    agent: str
    connection: str  # the connection's id
    stream: str
    entity: str
    run: str
    kind: str
    seq: int
    count: int
    received_at: datetime
    size: int  # bytes of payload
    damaged: str = ""  # why the payload cannot be read; empty: it can


@dataclass(frozen=True, slots=True)
class Batch:
    header: BatchHeader
    payload: bytes
    hash: bytes  # what it was when it came


@dataclass(frozen=True, slots=True)
class StreamPosition:
    stream: str
    entity: str
    last_seq: int
    records: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last batch of a stream that is durable."""

    seq: int
    hash: str  # of its payload, hex


class Admission(StrEnum):
    """What became of a command that the API brought."""

    NEW = "new"
    REPEATED = "repeated"  # the idempotency key stands for this command already
    CONFLICT = "conflict"  # the idempotency key stands for another request
    TOO_MANY = "too_many"  # the tenant has all the open commands that it may have


@dataclass(frozen=True, slots=True)
class Added:
    admission: Admission
    command: Command  # the stored one


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What a wish to cancel found."""

    target: Command
    wish: Added | None  # None: the target has ended already


@dataclass(frozen=True, slots=True)
class CommandFilter:
    connection: str = ""
    kind: str = ""
    state: CommandState | None = None
    agent: str = ""


class Store(Protocol):
    """The store of record. Every method that writes returns once its transaction is durable."""

    @property
    def engine(self) -> Engine:
        """For tables whose functions are not named here."""
        ...

    async def add_tenant(self, tenant: Tenant) -> bool: ...  # False: it was there
    async def tenant(self, tenant: str) -> Tenant | None: ...
    async def add_code(self, code: EnrolmentCode) -> None: ...
    async def code(self, code_id: str, now: datetime) -> EnrolmentCode | None: ...
    async def enrol(self, code_id: str, enrolment: Enrolment, now: datetime) -> Agent | None: ...

    async def agent(self, agent_id: str) -> Agent | None: ...
    async def agent_by_key(self, public_key: bytes) -> Agent | None: ...
    async def agents(self, tenant: str) -> list[Agent]: ...
    async def saw_agent(self, agent_id: str, software: str, now: datetime) -> None: ...

    async def save_connections(
        self, agent: Agent, statuses: Sequence[ConnectionStatus], now: datetime
    ) -> None: ...
    async def connections(self, tenant: str) -> list[Connection]: ...
    async def connection(self, tenant: str, connection_id: str) -> Connection | None: ...
    async def stream_positions(self, tenant: str, connection_id: str) -> list[StreamPosition]: ...

    async def stream_ends(self, agent: Agent) -> dict[str, StreamEnd]: ...
    async def append_batches(self, new: Sequence[NewBatch]) -> list[Appended]: ...
    async def last_position(self) -> int: ...
    async def headers(
        self, after: int, limit: int, *, tenant: str | None = None, connection: str = "", entity: str = ""
    ) -> list[BatchHeader]: ...
    async def batch(self, position: int) -> Batch | None: ...
    async def quarantine(self, position: int, reason: str) -> None: ...

    async def add_command(self, command: Command, now: datetime, *, most_open: int) -> Added: ...
    async def cancel_command(
        self, target: str, cancel: Command, now: datetime, *, most_open: int
    ) -> Cancelling | None: ...
    async def command(self, tenant: str, command_id: str) -> Command | None: ...
    async def commands(
        self, tenant: str, wanted: CommandFilter, *, before: str, limit: int
    ) -> list[Command]: ...  # newest first
    async def send_command(
        self, agent: Agent, command_id: str, now: datetime, *, session: str | None = None
    ) -> Command | None: ...
    async def send_commands(
        self, agent: Agent, now: datetime, *, session: str | None = None
    ) -> list[Command]: ...
    async def answer_command(
        self, agent_id: str, command_id: str, state: CommandState, result: Mapping[str, Any], now: datetime
    ) -> bool: ...  # whether it changed anything
    async def expire_commands(self, now: datetime) -> int: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Records are unique by key within one of these."""

    tenant: str
    connection: str
    entity: str


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """A batch of records prepared for the index: parallel lists, one member per row of the batch."""

    position: int
    scope: Scope
    keys: list[str]
    codes: list[str | None]
    statuses: list[str | None]
    vendor_keys: list[str | None]
    updated_at: list[int]  # epoch microseconds


@dataclass(frozen=True, slots=True)
class RemovedKeys:
    position: int
    scope: Scope
    keys: list[str]
    deleted_at: int  # epoch microseconds


@dataclass(frozen=True, slots=True)
class RunRow:
    position: int
    tenant: str
    connection: str
    stream: str
    entity: str
    run: str
    status: str
    started_at: str
    report: Mapping[str, Any]


class DeadLetterState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"  # its record, or its tombstone, came behind it; or it was told anew


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    position: int
    row: int
    tenant: str
    connection: str
    stream: str
    entity: str
    run: str
    key: str
    field: str
    reason: str
    message: str
    received_at: datetime
    state: DeadLetterState = DeadLetterState.OPEN  # as of when it was asked for; it is not kept


@dataclass(frozen=True, slots=True)
class LetterFilter:
    connection: str = ""
    entity: str = ""
    run: str = ""
    key: str = ""
    field: str = ""
    reason: str = ""
    since: int | None = None  # came then or later; epoch microseconds
    state: DeadLetterState | None = DeadLetterState.OPEN  # None: all


@dataclass(frozen=True, slots=True)
class LetterCause:
    """Dead letters with one cause."""

    connection: str
    entity: str
    field: str
    reason: str
    count: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What a stretch of batches does to the index, in position order; applied in one transaction."""

    upto: int  # the last position that these changes cover
    records: tuple[RecordColumns | RemovedKeys, ...] = ()
    runs: tuple[RunRow, ...] = ()
    dead_letters: tuple[DeadLetterRow, ...] = ()
    after: int = (
        0  # where the index stood when they were made; an index that lacks what came before takes none
    )


class Deleted(StrEnum):
    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class RecordFilter:
    connection: str = ""
    key: str = ""
    code: str = ""
    status: str = ""
    vendor_key: str = ""
    updated_after: int | None = None
    deleted: Deleted = Deleted.EXCLUDE


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands in change order."""

    position: int = 0
    row: int = -1


@dataclass(frozen=True, slots=True)
class IndexedRecord:
    place: Place  # of the newest change
    connection: str
    key: str
    document: Place | None  # of the newest version that was not a deletion; None: only its deletion is known
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    records: list[IndexedRecord] = field(default_factory=list)
    reached: Place = field(default_factory=Place)  # go on behind this
    more: bool = False


@dataclass(frozen=True, slots=True)
class FoundLetters:
    letters: list[DeadLetterRow]
    reached: Place | None  # go on behind this; None: nothing was found behind where it began
    more: bool


@dataclass(frozen=True, slots=True)
class Counted:
    causes: list[LetterCause]
    whole: bool  # False: there are more letters than were looked at


class Need(StrEnum):
    """What the index still has from a batch."""

    NOTHING = "nothing"  # all of it has been replaced, or settled
    TOLD = "told"  # a run's report, or dead letters: good until they are too old
    SHOWN = "shown"  # records, deleted ones too; or the last run of its stream


class OutcomeUnknown(TransientError):
    """Nobody knows whether the write was stored: the database went away at its commit."""

    code = "outcome_unknown"
    default_hint = "Ask again with the same idempotency key: it is done once at most."


class StoreClosed(TransientError):
    """The relay's store is closed: the relay is stopping."""

    code = "store_closed"
    default_hint = "Ask again when the relay has started again."


class IndexIncomplete(TransientError):
    """The index is being made anew."""

    code = "index_incomplete"
    default_hint = "Nothing to do: ask again in a few seconds."


class RecordIndex(Protocol):
    """Made from the batches, in position order; may lag behind them, never ahead."""

    damaged: bool  # something of it could not be read: `remake` is due
    on_damage: Callable[[], None]

    async def position(self) -> int: ...
    async def apply(self, changes: Changes) -> None: ...
    async def reset(self, *, complete_at: int = 0) -> None:
        """Empty it. Until it has come to `complete_at` again, everything that shows it raises IndexIncomplete."""
        ...

    async def remake(self) -> None: ...
    async def find(
        self, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int
    ) -> Found: ...
    async def living(self, wanted: Mapping[Scope, Sequence[str]]) -> dict[Scope, set[str]]:
        """Of these keys, those of records that are here and not deleted."""
        ...

    async def runs(
        self, tenant: str, *, connection: str, status: str, before: str, limit: int
    ) -> list[RunRow]: ...
    async def run(self, tenant: str, run: str) -> RunRow | None: ...
    async def last_runs(self, tenant: str, connection: str) -> list[RunRow]: ...
    async def dead_letters(
        self, tenant: str, wanted: LetterFilter, *, after: Place, limit: int
    ) -> FoundLetters: ...
    async def letter_causes(self, tenant: str, wanted: LetterFilter, *, most: int) -> Counted:
        """How many there are of each cause, the most first; `most`: how many letters are looked at."""
        ...

    async def needs(self, batches: Sequence[BatchHeader]) -> list[Need]: ...  # one for each
    async def forget(self, batches: Sequence[BatchHeader]) -> None: ...  # their runs and dead letters
    async def forget_tenant(self, tenant: str, limit: int) -> int: ...  # rows that went; 0: nothing is left
    async def aclose(self) -> None: ...
