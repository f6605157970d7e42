"""What is in flight: batches that the relay has not acked, and the records in them, for the people of this host.

The command line and the console use the same calls, whose documents docs/cli.md has:

    in_flight  {connection?, stream?, after_seq?, limit?}
               -> {batches: [...], next, why: {code, text, hint, retry_at}, held: {connection: reason}, waiting: {stream: ...}}
    batch      {seq, offset?, limit?}  -> the batch, with its records (or keys) from `offset` on, and `next`

Contents are of the business: they are shown here and never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final, Protocol

from agent.calls.arguments import maybe_text, number
from agent.control import Handler, Progress
from agent.errors import GroundwireError
from agent.model.payload import decode
from agent.model.render import to_documents
from agent.model.run import rfc3339
from agent.outbox.values import Listed, StoredBatch, Waiting
from agent.tunnel.link import LinkPhase, LinkState

MAX_BATCHES: Final = 1_000  # of one answer
MAX_RECORDS: Final = 200


class BatchGone(GroundwireError):
    """The batch does not wait any more."""

    code = "not_found"
    default_hint = "The relay has acked it meanwhile; what it holds of these records is there."


class Queue(Protocol):
    """What these calls need of the outbox."""

    async def listed(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        after_seq: int = 0,
        limit: int = 100,
    ) -> list[Listed]: ...

    async def batch(self, seq: int) -> StoredBatch | None: ...

    async def waiting(self) -> dict[str, Waiting]: ...


class QueueCalls:
    def __init__(self, queue: Queue, link: Callable[[], LinkState], settled: Callable[[], bool]) -> None:
        """`settled`: whether the policy in force lets batches be sent now."""
        self._queue = queue
        self._link = link
        self._settled = settled

    def handlers(self) -> Mapping[str, Handler]:
        return {"in_flight": self._in_flight, "batch": self._batch}

    async def _in_flight(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        limit = min(number(args, "limit", 100), MAX_BATCHES)
        found = await self._queue.listed(
            connection=maybe_text(args, "connection"),
            stream=maybe_text(args, "stream"),
            after_seq=number(args, "after_seq", 0),
            limit=limit + 1,
        )
        shown = found[:limit]
        state = self._link()
        return {
            "batches": [
                {**asdict(one), "kind": one.kind.value, "enqueued_at": rfc3339(one.enqueued_at)}
                for one in shown
            ],
            "next": shown[-1].seq if shown and len(found) > limit else None,
            "why": why_waiting(state, settled=self._settled()),
            "held": dict.fromkeys(state.held_back, state.held_back_reason),
            "waiting": {
                name: {**asdict(one), "oldest_at": rfc3339(one.oldest_at) if one.oldest_at else None}
                for name, one in (await self._queue.waiting()).items()
            },
        }

    async def _batch(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        seq = number(args, "seq", None)
        found = await self._queue.batch(seq)
        if found is None:
            raise BatchGone(where=f"batch {seq}")
        offset, limit = number(args, "offset", 0), min(number(args, "limit", 20), MAX_RECORDS)
        contents = await asyncio.to_thread(contents_of, found, offset, limit)
        return {
            "seq": found.seq,
            "stream": found.stream,
            "entity": found.entity,
            "run": found.run,
            "kind": found.kind.value,
            "count": found.count,
            "bytes": len(found.payload),
            "enqueued_at": rfc3339(found.enqueued_at),
            "offset": offset,
            "next": offset + limit if offset + limit < found.count else None,
            **contents,
        }


def contents_of(batch: StoredBatch, offset: int, limit: int) -> dict[str, Any]:
    """What is in a batch from `offset` on: documents as the platform will see them, or keys. Pure."""
    held = decode(batch.kind.value, batch.payload, count=batch.count)
    here = slice(offset, offset + limit)
    if held.table is not None:
        rows = range(held.table.num_rows)[here]
        return {"records": to_documents(held.table, rows, entity=batch.entity, include_raw=True)}
    if held.report is not None:
        return {"report": held.report.to_document()}
    if held.letters:
        told = [{"key": one.key, "field": one.field, "reason": one.reason} for one in held.letters[here]]
        return {"letters": told}
    deleted_at = rfc3339(held.deleted_at) if held.deleted_at else None
    return {"keys": list(held.keys[here]), "deleted_at": deleted_at}


def why_waiting(state: LinkState, *, settled: bool) -> dict[str, str | None]:
    """Why the oldest batch is still here. Pure."""
    if not settled:
        return _why(
            "policy",
            "Nothing is sent until the policy is in force.",
            "`groundwire policy check` says what is wrong with policy.toml, if anything is.",
        )
    if state.phase is LinkPhase.CONNECTED:
        return _why("on_its_way", "The relay takes batches in order and acks each once it is on its disk.")
    if state.error_code:
        retry_at = rfc3339(state.retry_at) if state.retry_at else None
        return _why(state.error_code, f"The relay cannot be reached: {state.error}.", state.hint, retry_at)
    return _why("connecting", "The link to the relay is being opened.")


def _why(code: str, text: str, hint: str = "", retry_at: str | None = None) -> dict[str, str | None]:
    return {"code": code, "text": text, "hint": hint or None, "retry_at": retry_at}
