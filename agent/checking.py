"""What `groundwire check` tries of one connection: its hops, each stream at the source, and its first records mapped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from agent.errors import ConfigurationError, GroundwireError, RecordError
from agent.model.entities import ENTITIES
from agent.policy.leave import EVERYTHING
from agent.policy.names import ALWAYS, fields_of, is_custom, nearest
from agent.settings import ConnectionSettings
from agent.streams import build_stream
from agent.sync.runner import Stream
from drivers.contract import CheckStep, Operation, Page, ReadMode, ReadRequest, StreamSpec

WRITES: Final = "writes"  # `writes of STREAM` is what every driver calls its steps about writing
TRIAL_RECORDS: Final = 20  # enough to tell a mapping that is wrong from a record that is


class Checked(Protocol):
    """What a check needs of a driver."""

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]: ...

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]: ...

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


async def check_connection(driver: Checked, settings: ConnectionSettings) -> list[CheckStep]:
    """Every step tried, in order. Raises what keeps the driver itself from starting; enqueues nothing."""
    streams: list[Stream] = []
    faults: list[CheckStep] = []
    for name, stream in settings.streams.items():
        try:
            streams.append(build_stream(settings, stream, EVERYTHING))  # nothing of it is enqueued
        except GroundwireError as error:
            faults.append(_failed(name, error))
    steps = [*await driver.check([stream.spec for stream in streams]), *faults]
    if any(not step.ok and not step.stream for step in steps):
        return steps  # without a connection a stream has nothing to read
    broken = {step.stream for step in steps if not step.ok}
    writable = [one.spec for one in streams if one.spec.write and one.facts.stream not in broken]
    steps += [step for spec in writable for step in await _try_names(driver, spec)]
    # A stream that cannot be written can be read all the same.
    unread = {step.stream for step in steps if not step.ok and not step.name.startswith(f"{WRITES} of ")}
    return [*steps, *[await _try_records(driver, one) for one in streams if one.facts.stream not in unread]]


def mapping_problems(settings: ConnectionSettings) -> list[ConfigurationError]:
    """What keeps streams of a connection from running as they are configured, with their places in the file."""
    problems: list[ConfigurationError] = []
    for stream in settings.streams.values():
        try:
            build_stream(settings, stream, EVERYTHING)
        except ConfigurationError as error:
            error.where = f"{stream.where}: {error.where}"
            problems.append(error)
    return problems


async def _try_names(driver: Checked, spec: StreamSpec) -> list[CheckStep]:
    """A step for each operation that asks for what the unified model does not have, and no write could ever give."""
    try:
        operations = await driver.operations([spec])
    except GroundwireError as error:
        return [_failed(spec.name, error, WRITES)]
    return [
        _failed(spec.name, fault, WRITES) for operation in operations for fault in _unknown_names(operation)
    ]


def _unknown_names(operation: Operation) -> Iterator[ConfigurationError]:
    entity = ENTITIES[operation.entity]
    where = f"streams.{operation.stream}.write.{operation.kind.value}"
    known = fields_of(entity)
    for name in dict.fromkeys((*operation.fields, *operation.required, *operation.updatable_in)):
        if name not in known and not is_custom(name) and name.rpartition(".")[2] not in ALWAYS:
            yield ConfigurationError(
                f"the entity {entity.name} has no field {name!r}", where=where, hint=nearest(name, known)
            )
    given = {*operation.statuses, *(each for some in operation.updatable_in.values() for each in some)}
    for status in sorted(given - (entity.statuses or given)):
        yield ConfigurationError(
            f"the entity {entity.name} has no status {status!r}",
            where=where,
            hint=nearest(status, tuple(sorted(entity.statuses or ()))),
        )


async def _try_records(driver: Checked, stream: Stream) -> CheckStep:
    request = ReadRequest(stream.spec, ReadMode.SCAN, page_rows=TRIAL_RECORDS)
    try:
        async with aclosing(driver.read(request)) as pages:
            async for page in pages:
                return _judge(stream, page)
    except GroundwireError as error:
        return _failed(stream.facts.stream, error)
    return _step(stream.facts.stream, "the source gave no page")


def _judge(stream: Stream, page: Page) -> CheckStep:
    """Raises SourceChanged where the source does not deliver a column that the mapping names."""
    mapped = stream.mapping.apply(page.table)
    name, tried, rejects = stream.facts.stream, page.table.num_rows, mapped.rejects
    if not tried:
        return _step(name, "every column is there, but no record yet to try it with")
    if not rejects:
        return _step(name, f"the first {tried} records map" if tried > 1 else "the first record maps")
    first = f"{rejects[0].field}: {rejects[0].message}"
    if mapped.records.num_rows:
        return _step(
            name, f"{mapped.records.num_rows} of the first {tried} records map; the first other one: {first}"
        )
    error = RecordError(
        f"none of the first {tried} records maps; the first one: {first}",
        where=stream.address,
        hint="Correct the field's rule in the stream's `map`; until then such records become dead letters.",
    )
    return _failed(name, error)


def _step(stream: str, detail: str) -> CheckStep:
    return CheckStep(f"mapping of {stream}", ok=True, detail=detail, stream=stream)


def _failed(stream: str, error: GroundwireError, what: str = "mapping") -> CheckStep:
    return CheckStep(
        f"{what} of {stream}",
        ok=False,
        detail=str(error),
        hint=error.hint,
        stream=stream,
        code=error.code,
    )
