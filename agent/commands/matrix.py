"""The operation matrix of each connection: what its system can do, asked from its driver, and what the policy allows.

A driver is asked once a write is possible at all, that is where the policy names one for the connection, and again
after each restart of the connection. Until it has answered the matrix is empty.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from agent.clock import Clock
from agent.commands.ports import Refused
from agent.errors import ConfigurationError, GroundwireError, SourceChanged
from agent.model.entities import ENTITIES
from agent.policy.decide import field_allowed
from agent.policy.model import Policy, WriteRule
from drivers.contract import Operation, OperationKind, StreamSpec

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0  # between two looks at the policy, and at who is to be asked
RETRY_FIRST_SECONDS: Final = 30.0  # between two tries to ask a driver whose source does not answer
RETRY_MOST_SECONDS: Final = 600.0
# Of one connection in a status frame. A control frame has 64 KiB, which its streams share.
OPERATIONS_BYTES: Final = 24 * 1024


@dataclass(frozen=True, slots=True)
class Cell:
    """One operation that the system can do, and the stream through which."""

    operation: Operation
    stream: StreamSpec


Matrix = Mapping[tuple[str, OperationKind], Cell]
EMPTY: Final[Matrix] = {}


class Asked(Protocol):
    """A driver, as far as the matrix needs it."""

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]: ...


class Systems(Protocol):
    """The connections in force."""

    def names(self) -> Sequence[str]: ...

    def incarnation(self, connection: str) -> object:
        """What is another object after each restart. Raises ConfigurationError for a connection that is not there."""
        ...

    def streams(self, connection: str) -> Sequence[StreamSpec]: ...

    def driver(self, connection: str) -> Asked:
        """Raises a GroundwireError while there is none: CredentialsRefused, its configuration."""
        ...


@dataclass(slots=True)
class _Known:
    incarnation: object
    matrix: Matrix
    asked: bool = False
    failures: int = 0
    again_at: float = 0.0  # on the monotonic clock
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Matrices:
    """`run` is its life; `look` is told whenever connections may have changed; `changed` hears of every new matrix."""

    systems: Systems
    policy: Callable[[], Policy]
    clock: Clock
    changed: Callable[[], None] = lambda: None
    _policy_seen: Policy | None = None
    _known: dict[str, _Known] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """For ever: ask every driver that is to be asked and was not."""
        while True:
            self._news.clear()
            policy = self.policy()
            if policy is not self._policy_seen:
                self._policy_seen = policy
                self.changed()
            for name in self.systems.names():
                if self._to_be_asked(name):
                    await self._ask_quietly(name)
            await self._rest()

    async def cell(self, connection: str, entity: str, kind: OperationKind) -> Cell:
        """Raises Refused for what the system cannot do, GroundwireError where its driver cannot be asked."""
        matrix = await self.of(connection)
        found = matrix.get((entity, kind))
        if found is None:
            raise Refused("not_supported")
        return found

    async def of(self, connection: str) -> Matrix:
        """The matrix of a connection; the driver is asked now if it was not yet."""
        known = self._current(connection)
        if known.asked:
            return known.matrix
        async with known.asking:  # its own: a driver that hangs holds up no other connection
            if known is self._current(connection) and not known.asked:
                await self._ask(connection, known)
        return known.matrix if known.asked else await self.of(connection)

    def published(self, connection: str) -> list[dict[str, Any]] | None:
        """For the connection's status: what is known now, with what the policy allows of it; None: not known yet."""
        policy = self.policy()
        if not _may_write(policy, connection):
            return []
        try:
            known = self._current(connection)
        except GroundwireError:
            return None  # stopped meanwhile
        return (
            documents([cell.operation for cell in known.matrix.values()], policy, connection)
            if known.asked
            else None
        )

    def _current(self, connection: str) -> _Known:
        incarnation = self.systems.incarnation(connection)
        known = self._known.get(connection)
        if known is None or known.incarnation is not incarnation:
            known = self._known[connection] = _Known(incarnation, EMPTY)
        return known

    def _to_be_asked(self, name: str) -> bool:
        if not _may_write(self.policy(), name):
            return False
        try:
            known = self._current(name)
        except GroundwireError:
            return False
        return not known.asked and known.again_at <= self.clock.monotonic()

    async def _ask_quietly(self, name: str) -> None:
        try:
            await self.of(name)
        except GroundwireError as error:
            log.warning("operations_unknown", connection=name, code=error.code, error=str(error))

    async def _ask(self, name: str, known: _Known) -> None:
        try:
            streams, driver = self.systems.streams(name), self.systems.driver(name)
            operations = [one for stream in streams for one in await _operations(driver, name, stream)]
        except GroundwireError:
            known.failures += 1
            pause = RETRY_FIRST_SECONDS * 2 ** min(known.failures - 1, 10)
            known.again_at = self.clock.monotonic() + min(pause, RETRY_MOST_SECONDS)
            raise
        known.matrix, known.asked, known.failures = matrix_of(operations, streams), True, 0
        log.info("operations_known", connection=name, operations=len(known.matrix))
        self.changed()

    async def _rest(self) -> None:
        """Until connections changed, or it is time to look at the policy and at drivers that did not answer."""
        news = asyncio.ensure_future(self._news.wait())
        pause = asyncio.ensure_future(self.clock.sleep(LOOK_SECONDS))
        try:
            await asyncio.wait({news, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, pause):
                task.cancel()


async def _operations(driver: Asked, name: str, stream: StreamSpec) -> Sequence[Operation]:
    """Of each stream by itself: a recipe that is wrong leaves the other streams writable."""
    try:
        return await driver.operations([stream])
    except (ConfigurationError, SourceChanged) as error:
        log.warning(
            "operations_misconfigured", stream=f"{name}/{stream.name}", error=str(error), hint=error.hint
        )
        return ()


def matrix_of(operations: Iterable[Operation], streams: Sequence[StreamSpec]) -> Matrix:
    """By entity and operation; where several streams of an entity can do it, the first in the connection's order. Pure."""
    order = {stream.name: (place, stream) for place, stream in enumerate(streams)}
    found: dict[tuple[str, OperationKind], Cell] = {}
    known = [
        operation for operation in operations if operation.stream in order and operation.entity in ENTITIES
    ]
    for operation in sorted(known, key=lambda one: (order[one.stream][0], one.kind)):
        found.setdefault((operation.entity, operation.kind), Cell(operation, order[operation.stream][1]))
    return found


def documents(operations: Sequence[Operation], policy: Policy, connection: str) -> list[dict[str, Any]]:
    """The matrix as the platform sees it, in a size that fits into its frame. Pure.

    Where it is too large as a whole, `updatableIn` is left out first and then `fields`, of all operations alike, as
    `leftOut` says: what cannot be told here is told by the refusal of a write.
    """
    whole = [_document(operation, policy.write(connection, operation.entity)) for operation in operations]
    for name in ("updatableIn", "fields"):
        if _size(whole) <= OPERATIONS_BYTES:
            return whole
        whole = [{**one, name: _EMPTY[name], "leftOut": [*one.get("leftOut", []), name]} for one in whole]
    return whole if _size(whole) <= OPERATIONS_BYTES else []


_EMPTY: Final[Mapping[str, Any]] = {"updatableIn": {}, "fields": []}


def _document(operation: Operation, rule: WriteRule | None) -> dict[str, Any]:
    entity, kind = ENTITIES[operation.entity], operation.kind
    sets_status = kind is OperationKind.SET_STATUS
    allowed = rule is not None and kind.value in rule.operations
    fields = [
        name
        for name in operation.fields
        if rule is None or not allowed or sets_status or field_allowed(rule, entity, name)
    ]
    return {
        "entity": operation.entity,
        "operation": kind.value,
        "allowed": allowed,
        "required": list(operation.required),
        "anyOf": [list(group) for group in operation.any_of],
        "fields": fields,
        "updatableIn": {
            name: list(statuses)
            for name, statuses in operation.updatable_in.items()
            if any(one == name or one.startswith(f"{name}.") for one in fields)
        },
        "statuses": [
            status for status in operation.statuses if rule is None or not allowed or status in rule.statuses
        ],
        "lookup": operation.effect_settles_after is not None,
    }


def _may_write(policy: Policy, connection: str) -> bool:
    rule = policy.connection(connection)
    return rule is not None and any(write.operations for write in rule.write.values())


def _size(value: Any) -> int:
    return len(json.dumps(value))
