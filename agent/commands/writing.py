"""The kinds create, update, delete and set_status: one way to write to every system.

    judge (policy) -> prepare (matrix, validation) -> run (agent/commands/effects.py) -> read back -> fetch

What a system cannot do, and what is wrong with the record, is said before anything is tried.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import structlog
from pydantic import BaseModel

from agent.clock import Clock
from agent.commands.answers import fits
from agent.commands.arguments import EntityName, KeyText, Name
from agent.commands.effects import (
    LOOK_LIMIT_SECONDS,
    LOOKUP_FAILED,
    Effect,
    Effects,
    GetDriver,
    WritingDriver,
)
from agent.commands.matrix import Cell, Matrices
from agent.commands.ports import Answer, Arguments, Call, FieldFault, Refused, State
from agent.commands.standing import standing
from agent.commands.validation import find_faults, find_faults_of_status, known_part, needs_present_status
from agent.errors import GroundwireError, RecordError
from agent.policy.decide import AMOUNT_UNKNOWN, decide_write
from agent.policy.decision import Decision
from agent.policy.model import Policy
from drivers.contract import Message, OperationKind, Outcome, OutcomeStatus, WriteCommand

log = structlog.get_logger(__name__)

MAX_MESSAGES: Final = 50  # of the system, told of one write
MAX_MESSAGE_CHARS: Final = 500
CELL_SECONDS: Final = 30.0  # between two tries to ask what a system can do, before a lookup

Record = Mapping[str, Any]
HOUR: Final = timedelta(hours=1)


class CreateArguments(Arguments):
    connection: Name
    entity: EntityName
    record: dict[str, Any]


class UpdateArguments(Arguments):
    connection: Name
    entity: EntityName
    key: KeyText
    record: dict[str, Any]


class DeleteArguments(Arguments):
    connection: Name
    entity: EntityName
    key: KeyText


class SetStatusArguments(Arguments):
    connection: Name
    entity: EntityName
    key: KeyText
    status: str


class Systems(Protocol):
    """The connections in force, as far as a write needs them. All raise a GroundwireError for one that is not there."""

    def require(self, connection: str) -> None:
        """Raise what keeps the connection from being written to now: CredentialsRefused, Paused, its configuration."""
        ...

    def driver(self, connection: str) -> WritingDriver:
        """Also of a paused connection: what became of a write is asked all the same."""
        ...

    def fetch(self, connection: str, stream: str, key: str) -> None:
        """Have a record read again soon, so that what is stored of it is as it is now."""
        ...

    def compare(self, connection: str, stream: str) -> None:
        """Have a stream synced soon: a record that is gone is found by comparison, not by its key."""
        ...


class Records(Protocol):
    """Single records, read now."""

    async def present(self, connection: str, entity: str, key: str) -> Record | None:
        """As it is at the source; for decisions on this host alone."""
        ...

    async def leaving(self, connection: str, entity: str, key: str) -> Record | None:
        """What the local policy lets leave of it."""
        ...


class WriteCounts(Protocol):
    async def writes_since(self, connection: str, entity: str | None, moment: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A write in the words of the protocol: `record` without key; of set_status the status alone."""

    connection: str
    entity: str
    kind: OperationKind
    key: str
    record: Record


class Writer:
    """What the four kinds share."""

    def __init__(
        self,
        matrices: Matrices,
        systems: Systems,
        records: Records,
        counts: WriteCounts,
        policy: Callable[[], Policy],
        clock: Clock,
        effects: Effects | None = None,
    ) -> None:
        self._matrices = matrices
        self._systems = systems
        self._records = records
        self._counts = counts
        self._policy = policy
        self._clock = clock
        self._effects = effects or Effects(clock)

    async def judge(self, wanted: Wanted, now: datetime) -> Decision:
        written = await self._counts.writes_since(wanted.connection, wanted.entity, now - HOUR)
        # What the entity does not have is told with everything else that is wrong with the record.
        record = known_part(wanted.entity, wanted.record)

        def decide(present: Record | None = None) -> Decision:
            policy, kind = self._policy(), wanted.kind.value
            whole = None if present is None else standing(wanted.kind, present, wanted.record)
            return decide_write(
                policy,
                wanted.connection,
                wanted.entity,
                kind,
                record,
                now,
                written,
                whole=whole,
                present=present,
            )

        decision = decide()
        if decision.code != AMOUNT_UNKNOWN or not wanted.key:
            return decision
        # Only where a limit on amounts asks for it: what the record comes to depends on what is there.
        present = await self._records.present(wanted.connection, wanted.entity, wanted.key)
        return decision if present is None else decide(present)

    async def prepare(self, wanted: Wanted) -> None:
        cell = await self._matrices.cell(wanted.connection, wanted.entity, wanted.kind)
        self._systems.require(wanted.connection)
        faults = find_faults(cell.operation, wanted.record)
        if not faults and needs_present_status(cell.operation, wanted.record):
            faults = await self._faults_of_status(cell, wanted)
        if faults:
            raise Refused("invalid_record", faults)

    async def run(self, wanted: Wanted, call: Call) -> Answer:
        """Raises a GroundwireError only before anything was tried."""
        cell = await self._matrices.cell(wanted.connection, wanted.entity, wanted.kind)
        await call.progress({"step": "writing"})
        command = _command(wanted, cell, call)
        effect = await self._effects.cause(command, cell.operation, self._driver(wanted), call)
        return await self._answer(wanted, cell, effect)

    async def recover(self, wanted: Wanted, call: Call) -> Answer:
        """The call was made, or was about to be made, by a process that is gone: only its effect can tell."""
        cell = await self._cell_at_last(wanted)
        if cell is None:
            return Answer(State.IN_DOUBT, _result(LOOKUP_FAILED, wanted.key))
        command = _command(wanted, cell, call)
        effect = await self._effects.look_up(command, cell.operation, self._driver(wanted), call)
        return await self._answer(wanted, cell, effect)

    async def _cell_at_last(self, wanted: Wanted) -> Cell | None:
        """After a restart the source may not answer at once."""
        until = self._clock.monotonic() + LOOK_LIMIT_SECONDS
        while True:
            try:
                return await self._matrices.cell(wanted.connection, wanted.entity, wanted.kind)
            except Refused:
                return None
            except GroundwireError as error:
                log.warning("effect_lookup_failed", connection=wanted.connection, error=error.code)
                if self._clock.monotonic() >= until:
                    return None
            await self._clock.sleep(CELL_SECONDS)

    def _driver(self, wanted: Wanted) -> GetDriver:
        return lambda: self._systems.driver(wanted.connection)

    async def _faults_of_status(self, cell: Cell, wanted: Wanted) -> tuple[FieldFault, ...]:
        present = await self._records.present(wanted.connection, wanted.entity, wanted.key)
        if present is None:
            return (FieldFault("key", "not_found", "there is no record with this key"),)
        status = present.get("status")
        return find_faults_of_status(
            cell.operation, wanted.record, status if isinstance(status, str) else None
        )

    async def _answer(self, wanted: Wanted, cell: Cell, effect: Effect) -> Answer:
        told = self._messages(wanted, effect)
        if effect.status is OutcomeStatus.FAILED:
            return Answer(State.FAILED, _result(effect.code, wanted.key, messages=told))
        if effect.status is OutcomeStatus.IN_DOUBT or effect.outcome is None:
            return Answer(State.IN_DOUBT, _result(effect.code, wanted.key))
        outcome = effect.outcome
        key = outcome.key or wanted.key
        self._freshen(wanted, cell, key)
        record = await self._read_back(wanted, outcome, key)
        result = _result("", key, reference=outcome.reference, messages=told, record=record)
        if not fits(result):  # what the system gave must not be lost for the size of what it holds
            result = _result("", key, reference=outcome.reference)
        return Answer(State.SUCCEEDED, result)

    def _freshen(self, wanted: Wanted, cell: Cell, key: str) -> None:
        try:
            if wanted.kind is OperationKind.DELETE:
                self._systems.compare(wanted.connection, cell.stream.name)
            elif key:
                self._systems.fetch(wanted.connection, cell.stream.name, key)
        except GroundwireError as error:
            log.info("record_not_fetched", connection=wanted.connection, code=error.code)

    async def _read_back(self, wanted: Wanted, outcome: Outcome, key: str) -> Record | None:
        """The record as it is now, as far as the policy lets it leave; that it cannot be read changes nothing."""
        rule = self._policy().leave(wanted.connection, wanted.entity)
        if rule is None or wanted.kind is OperationKind.DELETE:
            return None
        if outcome.record is not None and not rule.hides and not rule.rows:
            return outcome.record
        if not key:
            return None
        try:
            return await self._records.leaving(wanted.connection, wanted.entity, key)
        except asyncio.CancelledError:  # the agent stops: what is known of the write must not go with it
            return None
        except Exception as error:  # noqa: BLE001 - the write stands, whatever went wrong behind it
            name = error.code if isinstance(error, GroundwireError) else type(error).__name__
            log.warning("record_not_read_back", connection=wanted.connection, error=name)
            return None

    def _messages(self, wanted: Wanted, effect: Effect) -> list[dict[str, str]]:
        """The system's words may repeat what it holds: they leave where all of the entity's records leave as they are."""
        rule = self._policy().leave(wanted.connection, wanted.entity)
        open_ = rule is not None and not rule.hides and not rule.rows
        return [_told(message, with_text=open_) for message in effect.messages[:MAX_MESSAGES]]


ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


class _WriteKind(ABC, Generic[ArgumentsT]):
    """A word of the protocol over the writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @abstractmethod
    def wanted(self, arguments: ArgumentsT) -> Wanted:
        """The write in the words that all four kinds share."""

    async def judge(self, arguments: ArgumentsT, now: datetime) -> Decision:
        return await self._writer.judge(self.wanted(arguments), now)

    async def prepare(self, arguments: ArgumentsT) -> None:
        await self._writer.prepare(self.wanted(arguments))

    async def run(self, call: Call, arguments: ArgumentsT) -> Answer:
        try:
            return await self._writer.run(self.wanted(arguments), call)
        except Refused as error:  # the connection was restarted and can no longer do it; nothing was tried
            raise RecordError("the system can no longer do this", where=error.code) from error

    async def recover(self, call: Call, arguments: ArgumentsT) -> Answer:
        return await self._writer.recover(self.wanted(arguments), call)


class Create(_WriteKind[CreateArguments]):
    name: ClassVar[str] = OperationKind.CREATE.value
    arguments: ClassVar[type[BaseModel]] = CreateArguments

    def wanted(self, arguments: CreateArguments) -> Wanted:
        return Wanted(arguments.connection, arguments.entity, OperationKind.CREATE, "", arguments.record)


class Update(_WriteKind[UpdateArguments]):
    name: ClassVar[str] = OperationKind.UPDATE.value
    arguments: ClassVar[type[BaseModel]] = UpdateArguments

    def wanted(self, arguments: UpdateArguments) -> Wanted:
        return Wanted(
            arguments.connection, arguments.entity, OperationKind.UPDATE, arguments.key, arguments.record
        )


class Delete(_WriteKind[DeleteArguments]):
    name: ClassVar[str] = OperationKind.DELETE.value
    arguments: ClassVar[type[BaseModel]] = DeleteArguments

    def wanted(self, arguments: DeleteArguments) -> Wanted:
        return Wanted(arguments.connection, arguments.entity, OperationKind.DELETE, arguments.key, {})


class SetStatus(_WriteKind[SetStatusArguments]):
    name: ClassVar[str] = OperationKind.SET_STATUS.value
    arguments: ClassVar[type[BaseModel]] = SetStatusArguments

    def wanted(self, arguments: SetStatusArguments) -> Wanted:
        record = {"status": arguments.status}
        return Wanted(arguments.connection, arguments.entity, OperationKind.SET_STATUS, arguments.key, record)


def write_kinds(writer: Writer) -> tuple[Create, Update, Delete, SetStatus]:
    return Create(writer), Update(writer), Delete(writer), SetStatus(writer)


def _command(wanted: Wanted, cell: Cell, call: Call) -> WriteCommand:
    record = {**wanted.record, "key": wanted.key} if wanted.key else wanted.record
    return WriteCommand(wanted.kind, wanted.entity, record, call.id, cell.stream)


def _result(
    code: str,
    key: str,
    *,
    reference: str = "",
    messages: Sequence[Mapping[str, str]] = (),
    record: Record | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code} if code else {}
    return found | {
        "key": key or None,
        "reference": reference or None,
        "messages": list(messages),
        "record": record,
    }


def _told(message: Message, *, with_text: bool) -> dict[str, str]:
    text = message.text[:MAX_MESSAGE_CHARS] if with_text else ""
    return {"text": text, "code": message.code[:64], "field": message.field[:128]}
