"""Pure: what platforms are told of stored batches: which records came, changed or went, and how runs go.

One event for each batch and kind of change, with keys as far as they fit. The keys that were known before are the
index's to say, so it is asked before the batches are applied to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from agent.model.run import RunReport, RunStatus
from relay.documents import OpenBatch
from relay.events import Event, EventType, event_id
from relay.store.base import BatchHeader, Scope

MAX_KEYS: Final = 200  # of one event; further ones are found in the feed
MAX_KEY_BYTES: Final = 8 * 1024  # of all of them: an event stays below what receivers commonly take
MAX_TEXT: Final = 1_024  # characters of a run's error

_OF_RUNS: Final[Mapping[RunStatus, EventType]] = {
    RunStatus.RUNNING: EventType.SYNC_STARTED,
    RunStatus.SUCCEEDED: EventType.SYNC_COMPLETED,
    RunStatus.FAILED: EventType.SYNC_FAILED,
    RunStatus.CANCELLED: EventType.SYNC_FAILED,
}

Living = dict[Scope, set[str]]


def keys_to_look_up(batches: Iterable[OpenBatch]) -> dict[Scope, list[str]]:
    """The keys of which has to be known whether they are there already."""
    wanted: dict[Scope, dict[str, None]] = {}
    for batch in batches:
        keys = _keys(batch)
        if keys:
            wanted.setdefault(scope_of(batch.header), {}).update(dict.fromkeys(keys))
    return {scope: list(keys) for scope, keys in wanted.items()}


def events_of(batches: Sequence[OpenBatch], living: Mapping[Scope, Collection[str]]) -> list[Event]:
    """`living`: of the keys above, those of records that were there, not deleted, before the first of the batches."""
    there: Living = {scope: set(keys) for scope, keys in living.items()}
    return [event for batch in batches for event in _of_batch(batch, there)]


def scope_of(header: BatchHeader) -> Scope:
    return Scope(header.tenant, header.connection, header.entity)


def _of_batch(batch: OpenBatch, there: Living) -> list[Event]:
    decoded = batch.decoded
    if decoded.report is not None:
        return [_of_run(batch.header, decoded.report)]
    keys = dict.fromkeys(_keys(batch))
    if not keys:
        return []
    known = there.setdefault(scope_of(batch.header), set())
    old = [key for key in keys if key in known]
    if decoded.table is None:
        known.difference_update(keys)
        return _of_records(batch.header, {EventType.RECORD_DELETED: old})
    new = [key for key in keys if key not in known]
    known.update(new)
    return _of_records(batch.header, {EventType.RECORD_CREATED: new, EventType.RECORD_UPDATED: old})


def _keys(batch: OpenBatch) -> list[str]:
    table = batch.decoded.table
    if table is not None:
        keys: list[str] = table.column("key").to_pylist()
        return keys
    return list(batch.decoded.keys)


def _of_records(header: BatchHeader, kinds: Mapping[EventType, list[str]]) -> list[Event]:
    return [
        Event(
            id=event_id(header.tenant, "batch", header.position, kind),
            tenant=header.tenant,
            at=header.received_at,
            type=kind,
            connection=header.connection,
            agent=header.agent,
            subject=header.entity,
            source=header.position,
            data={"entity": header.entity, "syncRun": header.run, "count": len(keys)} | _bounded(keys),
        )
        for kind, keys in kinds.items()
        if keys
    ]


def _bounded(keys: list[str]) -> dict[str, Any]:
    shown: list[str] = []
    size = 0
    for key in keys[:MAX_KEYS]:
        size += len(key.encode())
        if size > MAX_KEY_BYTES:
            break
        shown.append(key)
    return {"keys": shown, "allKeys": len(shown) == len(keys)}


def _of_run(header: BatchHeader, report: RunReport) -> Event:
    kind = _OF_RUNS[report.status]
    document = report.to_document()
    error = document["error"]
    return Event(
        id=event_id(header.tenant, "run", header.run, kind),
        tenant=header.tenant,
        at=header.received_at,
        type=kind,
        connection=header.connection,
        agent=header.agent,
        subject=header.run,
        source=header.position,
        data={
            "syncRun": header.run,
            "entity": header.entity,
            "stream": header.stream,
            "trigger": document["trigger"],
            "mode": document["mode"],
            "status": document["status"],
            "startedAt": document["startedAt"],
            "finishedAt": document["finishedAt"],
            "counts": document["counts"],
            "error": None if error is None else {name: str(text)[:MAX_TEXT] for name, text in error.items()},
        },
    )
