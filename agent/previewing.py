"""What a sync would ask of a source and make of its records: read, mapped and shown, and nothing else.

Nothing is enqueued, no cursor moves, nothing is remembered. The records of one small page cross the driver's boundary
(a driver that reads ahead fetches a second one); everything else is asked by the driver's `plan`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa

from agent.clock import Clock
from agent.control import error_document
from agent.errors import (
    CredentialsRefused,
    DriverCrashed,
    GroundwireError,
    PolicyDenied,
    TransientError,
    Unreachable,
)
from agent.model.render import to_documents
from agent.model.run import rfc3339
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING
from agent.policy.treatment import Treatment
from agent.settings import ConnectionSettings, StreamSettings, SyncSettings
from agent.stream_status import schedule_document
from agent.streams import build_stream
from agent.sync.cursor import Checkpoint, Pass
from agent.sync.hours import quiet_until
from agent.sync.reconcile import KEYS_PER_PAGE
from agent.sync.runner import Stream
from agent.sync.window import comparison_due, next_pass
from drivers.contract import Mark, Page, ReadMode, ReadPlan, ReadRequest, StreamSpec
from drivers.planning import pages_of

MAX_RECORDS: Final = 50  # of each stream
MAX_EMPTY_PAGES: Final = 10
AT_ONCE: Final = (
    4  # connections that are looked at beside each other: one that hangs costs the others nothing
)
QUICK_DEATH_SECONDS: Final = 20.0  # a driver that dies within them may have died of one stream
_UNSEEN: Final = ("contentHash", "connection", "system", "syncRun", "readAt", "sourceKey")

Document = dict[str, Any]


class Previewed(Protocol):
    """What a preview needs of a driver."""

    async def signpost(self, stream: StreamSpec) -> Mark | None: ...

    async def plan(self, request: ReadRequest) -> ReadPlan: ...

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """One stream to be looked at."""

    settings: StreamSettings
    checkpoint: Checkpoint  # where its syncs stand; the empty one where none has run


async def preview(
    driver: Previewed,
    connection: ConnectionSettings,
    wanted: Sequence[Wanted],
    leaving: Leaves,
    *,
    clock: Clock,
    records: int,
) -> list[Document]:
    """One document a stream, JSON-ready; what is wrong with a stream stands in its document.

    Once the way to the source is known to be closed, no further stream is tried: each try may lock the account, or
    take as long as a driver may be silent. So whatever its streams do, a connection costs one such silence.
    """
    now = clock.utcnow()
    found: list[Document] = []
    closed: GroundwireError | None = None
    crashed = False  # the driver, over the stream before: over two in a row is no stream's fault
    for one in wanted:
        document = _blank(connection, one.settings, now)
        began = clock.monotonic()
        try:
            if closed is not None:
                raise closed
            await _look(driver, connection, one, leaving, now, min(records, MAX_RECORDS), document)
            crashed = False
        except GroundwireError as error:
            again, crashed = crashed, isinstance(error, DriverCrashed)
            hung = crashed and clock.monotonic() - began > QUICK_DEATH_SECONDS
            if isinstance(error, CredentialsRefused | Unreachable) or hung or (crashed and again):
                closed = error
            document["error"] = error_document(error)
        found.append(document)
    return found


async def beside_each_other(looks: Sequence[Callable[[], Awaitable[list[Document]]]]) -> list[Document]:
    """The documents of several connections, in their order; so many of them are asked at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(look: Callable[[], Awaitable[list[Document]]]) -> list[Document]:
        async with free:
            return await look()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(look)) for look in looks]
    return [document for task in tasks for document in task.result()]


def unasked(
    connection: ConnectionSettings, streams: Sequence[str], error: GroundwireError, *, now: datetime
) -> list[Document]:
    """The documents of streams whose connection cannot even be asked; those of others are shown beside them."""
    blank = [_blank(connection, connection.streams[name], now) for name in streams]
    return [{**document, "error": error_document(error)} for document in blank]


def _blank(connection: ConnectionSettings, settings: StreamSettings, now: datetime) -> Document:
    return {
        "stream": f"{connection.name}/{settings.name}",
        "entity": settings.entity,
        "schedule": _schedule(settings.sync, now),
        "policy": None,
        "reads": [],
        "sample": None,
        "error": None,
    }


async def _look(
    driver: Previewed,
    connection: ConnectionSettings,
    wanted: Wanted,
    leaving: Leaves,
    now: datetime,
    records: int,
    document: Document,
) -> None:
    """Fill the document as far as it goes."""
    settings, checkpoint = wanted.settings, wanted.checkpoint
    denied: PolicyDenied | None = None
    leave = EVERYTHING
    try:
        leave = leaving(connection.name, settings.entity, send_raw=settings.sync.send_raw)
    except PolicyDenied as error:
        denied = error
    document["policy"] = {
        "leaves": denied is None,
        "why": denied.message if denied is not None else "",
        "hint": denied.hint if denied is not None else "",
    }
    stream = build_stream(connection, settings, leave)
    full = denied is None and checkpoint.needs_resend(leave.fingerprint)
    signpost = await driver.signpost(stream.spec)
    step = next_pass(checkpoint, signpost, stream.window, full=full, reading=stream.reading)
    document["reads"].append(await _read(driver, stream, step))
    if (comparison := await _comparison(driver, stream, step, checkpoint, now)) is not None:
        document["reads"].append(comparison)
    document["sample"] = await _sample(driver, stream, step, records, hidden=denied is not None)


def _schedule(sync: SyncSettings, now: datetime) -> Document:
    until = quiet_until(now, ZoneInfo(sync.time_zone), sync.quiet_hours)
    return {**schedule_document(sync), "quiet_until": rfc3339(until) if until is not None else None}


# --- what is asked of the source


async def _read(driver: Previewed, stream: Stream, step: Pass) -> Document:
    request = _request(stream, step)
    plan = await driver.plan(replace(request, after=None))
    return {
        "purpose": "resend" if step.resend else step.kind.value,
        "resumes": step.cursor is not None,
        **_planned(request, plan),
    }


async def _comparison(
    driver: Previewed, stream: Stream, step: Pass, checkpoint: Checkpoint, now: datetime
) -> Document | None:
    """The second walk that finds what is gone; None where the first shows it, or none is due."""
    settings = stream.deletions
    if not settings.compare_keys or (step.mode is ReadMode.SCAN and not step.resumed):
        return None
    if not comparison_due(checkpoint, now, settings.every):
        return None
    request = ReadRequest(stream.spec, ReadMode.KEYS, page_rows=KEYS_PER_PAGE)
    return {"purpose": "deletions", "resumes": False, **_planned(request, await driver.plan(request))}


def _planned(request: ReadRequest, plan: ReadPlan) -> Document:
    known = asdict(plan)
    return {
        "mode": request.mode.value,
        "start": request.start.value if request.start else None,
        "end": request.end.value if request.end else None,
        "pages": pages_of(known["rows"], min(request.page_rows, known["rows_per_call"])),
        **known,
        "objects": list(known["objects"]),
        "notes": list(known["notes"]),
    }


def _request(stream: Stream, step: Pass) -> ReadRequest:
    return ReadRequest(
        stream.spec, step.mode, step.start, step.end, after=step.cursor, page_rows=stream.page_rows
    )


# --- what becomes of a few records


async def _sample(driver: Previewed, stream: Stream, step: Pass, records: int, *, hidden: bool) -> Document:
    """`hidden`: nothing of the entity may leave; its records are shown as they are mapped all the same."""
    request = replace(_request(stream, step), page_rows=records)
    page = await _first_page(driver, request)
    of = "pass"
    if not page.table.num_rows and step.mode is not ReadMode.SCAN:
        page = await _first_page(driver, ReadRequest(stream.spec, ReadMode.SCAN, page_rows=records))
        of = "everything"
    # Beside the event loop of an agent that has other work to do: a few records may have very many lines.
    mapped = await asyncio.to_thread(stream.mapping.apply, page.table)
    leaving = stream.leave.apply(mapped.records)
    # Where nothing leaves there is no rule to show records by: the person at this host sees what the mapping makes.
    shown = _documents(mapped.records if hidden else leaving.records, stream)
    return {
        "of": of,
        "tried": page.table.num_rows,
        "mapped": mapped.records.num_rows,
        "unknown_statuses": mapped.unknown_statuses,
        "withheld_records": mapped.records.num_rows - leaving.records.num_rows,
        "withheld_fields": {} if hidden else _withheld(stream, _documents(mapped.records, stream)),
        "records": shown,
        "rejects": [
            {"key": one.key, "field": one.field, "reason": one.reason, "message": one.message}
            for one in mapped.rejects
        ],
    }


async def _first_page(driver: Previewed, request: ReadRequest) -> Page:
    """The first that holds something; a driver may give empty ones before it, of which few are waited for."""
    looked = 0
    async with aclosing(driver.read(request)) as pages:
        async for page in pages:
            looked += 1
            if page.table.num_rows or page.complete or looked == MAX_EMPTY_PAGES:
                return page
    raise TransientError("the source ended before its first page", where=request.stream.name)


def _documents(records: pa.Table, stream: Stream) -> list[Document]:
    """As their JSON forms, without what nothing was given for and what every record has anyway."""
    found = to_documents(records, range(records.num_rows), entity=stream.facts.entity)
    return [{name: value for name, value in _filled(one).items() if name not in _UNSEEN} for one in found]


def _filled(value: Any) -> Any:
    """Without the members that hold nothing, at every depth."""
    if isinstance(value, Mapping):
        return {name: _filled(below) for name, below in value.items() if below not in (None, [], {})}
    return [_filled(each) for each in value] if isinstance(value, list) else value


def _withheld(stream: Stream, documents: Sequence[Document]) -> dict[str, list[str]]:
    """By what becomes of them: the fields of these records that do not leave as they are."""
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(path for one in documents for path in _paths(one)):
        treatment = stream.leave.treatment(path)
        if treatment is not Treatment.LEAVES:
            found.setdefault(treatment.value, []).append(path)
    return found


def _paths(document: Mapping[str, Any]) -> Iterator[str]:
    """`orderNo`, `lineItems.quantity`: each place that holds something, without the numbers of lines.

    A policy names no deeper places.
    """
    for name, value in document.items():
        below = value if isinstance(value, list) else [value]
        members = [
            member
            for one in below
            if isinstance(one, Mapping)
            for member, held in one.items()
            if held is not None
        ]
        yield from (f"{name}.{member}" for member in members) if members else (name,)
