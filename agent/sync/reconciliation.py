"""The whole set of the source held against what the relay is known to hold: by count, keys and content hashes.

    ordinary sync -> walk of everything, nothing sent -> what changed meanwhile -> the rest are differences -> repaired

A record that a walk shows otherwise than it was sent may only have changed since the sync. So what changed is read once
more, by stamp and up to the source's present time; what no stamp explains is a difference. It is counted as it is
repaired, through the ordinary way of a page, so a number in the report is a record in the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from agent.mapping.hashes import content_hashes, key_hashes
from agent.model.run import Differences, RunReport
from agent.outbox.store import Segment
from agent.sync.cursor import Checkpoint
from agent.sync.known import Hashes, Known, among
from agent.sync.page import Prepared, kept_here
from agent.sync.pages import every_page
from agent.sync.quiet import OnlyWithin, Source
from agent.sync.reconcile import SeenKeys
from agent.sync.window import WindowSettings, begin_of_changes, comparable, later
from drivers.contract import KEY_COLUMN, Mark, ReadMode, ReadRequest, StreamSpec

if TYPE_CHECKING:
    from agent.sync.runner import Stream

Take = Callable[[pa.Table], Awaitable[Hashes]]

MAX_EXAMPLES: Final = 10
MAX_EXAMPLE_CHARACTERS: Final = 200
MAX_NAMED: Final = 1_000  # differences that are repaired by key; more are repaired by one more walk


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """When the whole set is compared by itself; without hours never."""

    every: timedelta = timedelta(days=7)
    hours: OnlyWithin = field(default_factory=OnlyWithin)

    def due(self, last: datetime | None, now: datetime) -> bool:
        """Whether it is time, here and now; a last time in the future (the clock was set back) counts as due."""
        if not self.hours.parts or self.hours.until(now) is not None:
            return False
        # The last one may have waited late into its hours for its turn; this is asked at their beginning.
        early = min(self.hours.longest, self.every / 2)
        return last is None or not timedelta(0) <= now - last < self.every - early


@dataclass(slots=True)
class Found:
    """Differences, counted as they are repaired."""

    differences: Differences = field(default_factory=Differences)
    noting: bool = False  # whether what is enqueued now is a difference

    def add(self, page: Prepared, known: Known) -> None:
        """A page that was just made durable, before `known` learns of it."""
        if not self.noting:
            return
        was_known = known.is_known(page.changed_key_hashes)
        there = self.differences
        missing, changed = int(np.count_nonzero(~was_known)), int(np.count_nonzero(was_known))
        self.differences = replace(there, missing=there.missing + missing, changed=there.changed + changed)
        self._name(page.segment)
        if page.recalled is not None:  # other, and such that it may not leave any more
            self.differences = replace(
                self.differences, changed=self.differences.changed + page.recalled.batch.count
            )
            self._name(page.recalled.segment)

    def _name(self, segment: Segment | None) -> None:
        keys = segment.keys if segment is not None else None
        self.differences = replace(self.differences, examples=_examples(self.differences.examples, keys))

    def add_gone(self, number: int, keys: pa.Array) -> None:
        if not self.noting:
            return
        there = self.differences
        self.differences = replace(there, gone=there.gone + number, examples=_examples(there.examples, keys))

    def whole(self, at_source: int | None, held: int | None) -> Differences:
        self.differences = replace(self.differences, at_source=at_source, held=held)
        return self.differences

    def told(self) -> Differences | None:
        """None where there is nothing to tell."""
        compared = self.differences.held is not None
        return self.differences if compared or self.differences.total else None


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk of everything has shown."""

    seen: Hashes
    other: Hashes  # those of it that are not as they were sent
    names: tuple[str, ...] = ()  # the keys of `other`; none where they are too many
    at_source: bool = True  # whether `seen` is every record that belongs to the stream


@dataclass(frozen=True, slots=True)
class Whole:
    """How the whole set of a stream is walked."""

    request: ReadRequest
    known_only: bool = False  # which other records belong to the stream cannot be told
    at_source: bool = True  # the walk shows every record that belongs to it


class Reconciliation:
    """What compares one stream's set during a run; `take` makes what is other of a page durable, as in any sync."""

    def __init__(
        self, stream: Stream, known: Known, found: Found, take: Take, met: Callable[[int], None]
    ) -> None:
        """`met` is told how many records a page of the walk showed as they were sent."""
        self._stream = stream
        self._known = known
        self._found = found
        self._take = take
        self._met = met

    async def compare(self, source: Source, checkpoint: Checkpoint, met: Hashes | None) -> Walked:
        """Walk the whole set and repair what is other; what follows in this run, deletions too, are differences.

        `met`: the set, where the sync itself has walked all of it: what was other has been sent by it.
        """
        stream = self._stream
        signpost = await source.signpost(stream.spec)
        if met is not None:
            return Walked(np.unique(met), met[:0])
        whole = whole_of(stream.spec, checkpoint, signpost, stream.page_rows)
        walked = await self._walk(source, whole)
        explained = await self._explained(source, checkpoint)
        # Without a change stamp nothing was to be told by one: each sync compares everything by itself.
        self._found.noting = explained is not None
        left = walked.other
        if explained is not None:
            left = np.setdiff1d(left, explained)
            walked = replace(walked, seen=np.union1d(walked.seen, explained))
        if len(left):
            names = names_left(walked, left)
            await self._repair(source, whole.request if names is None else self._by_keys(names), left)
        return walked

    async def fetch_missed(self, source: Source, checkpoint: Checkpoint, missed: Sequence[str]) -> None:
        """Records that a comparison of keys met and no pass had brought: new since it began, or committed late."""
        explained = await self._explained(source, checkpoint)
        left = key_hashes(pa.array(missed, pa.string()))
        if explained is not None:
            there = ~np.isin(left, explained)
            left, missed = left[there], [name for name, stays in zip(missed, there, strict=True) if stays]
        self._found.noting = explained is not None
        if missed:
            await self._repair(source, self._by_keys(missed), left)
        self._found.noting = False

    async def _walk(self, source: Source, whole: Whole) -> Walked:
        """Walk everything, send nothing."""
        stream, known = self._stream, self._known
        seen, other, names = SeenKeys(), SeenKeys(), list[str]()
        async with aclosing(every_page(source, whole.request, where=stream.address)) as pages:
            async for page in pages:
                keys, is_other = await asyncio.to_thread(
                    compare_page, page.table, known, stream, known_only=whole.known_only
                )
                seen.add(keys)
                other.add(keys[is_other])
                self._met(int(np.count_nonzero(~is_other)))
                if is_other.any() and len(names) <= MAX_NAMED:
                    names += page.table[KEY_COLUMN].filter(pa.array(is_other)).to_pylist()
        few = tuple(dict.fromkeys(names)) if len(names) <= MAX_NAMED else ()
        return Walked(np.unique(seen.all()), np.unique(other.all()), few, whole.at_source)

    async def _explained(self, source: Source, checkpoint: Checkpoint) -> Hashes | None:
        """Take what changed since the floor, and return its key hashes; None: the stream has no marks to tell by."""
        stream = self._stream
        signpost = await source.signpost(stream.spec)
        request = changes_since(stream.spec, checkpoint, signpost, stream.window, stream.page_rows)
        if request is None:
            return None
        seen = SeenKeys()
        async with aclosing(every_page(source, request, where=stream.address)) as pages:
            async for page in pages:
                seen.add(await self._take(page.table))
        return seen.all()

    async def _repair(self, source: Source, request: ReadRequest, left: Hashes) -> None:
        left = np.unique(left)
        async with aclosing(every_page(source, request, where=self._stream.address)) as pages:
            async for page in pages:
                if (table := only(page.table, left)).num_rows:
                    await self._take(table)

    def _by_keys(self, names: Sequence[str]) -> ReadRequest:
        stream = self._stream
        return ReadRequest(stream.spec, ReadMode.BY_KEYS, page_rows=stream.page_rows, keys=names)


def whole_of(stream: StreamSpec, checkpoint: Checkpoint, signpost: Mark | None, page_rows: int) -> Whole:
    """Everything, or what lies in the window that the first sync began with. Pure."""
    scan = ReadRequest(stream, ReadMode.SCAN, page_rows=page_rows)
    if checkpoint.covers_everything:
        return Whole(scan)
    begin = checkpoint.covers_from
    if begin is None or signpost is None or not comparable(begin, signpost):
        return Whole(scan, known_only=True, at_source=False)
    return Whole(replace(scan, mode=ReadMode.WINDOW, start=begin))


def compare_page(
    table: pa.Table, known: Known, stream: Stream, *, known_only: bool
) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """The key hashes of a page, and which of its records are not as they were sent, or should have been."""
    keys = key_hashes(table[KEY_COLUMN])
    other = known.is_changed(keys, content_hashes(table))
    if known_only:
        other &= known.is_known(keys)
    if other.any():
        # Judged anew, because what was kept here may have changed too.
        staying = kept_here(table.filter(pa.array(other)), known, stream.mapping, stream.leave)
        other &= ~np.isin(keys, staying)
    return keys, other


def only(table: pa.Table, wanted: Hashes) -> pa.Table:
    """The rows of a page with these key hashes, which are sorted."""
    return table.filter(pa.array(among(key_hashes(table[KEY_COLUMN]), wanted)))


def names_left(walked: Walked, left: Hashes) -> Sequence[str] | None:
    """The keys of what is left of `other`; None where they are not known by name."""
    if len(walked.names) != len(walked.other):
        return None
    hashes = key_hashes(pa.array(walked.names, pa.string()))
    return [name for name, stays in zip(walked.names, np.isin(hashes, left), strict=True) if stays]


def changes_since(
    stream: StreamSpec, checkpoint: Checkpoint, signpost: Mark | None, window: WindowSettings, page_rows: int
) -> ReadRequest | None:
    """What changed since the floor, up to the source's present time, also what the lag still holds back; None: there are no marks to tell by. Pure."""
    floor = checkpoint.floor
    if floor is None or signpost is None or not comparable(floor, signpost):
        return None
    return ReadRequest(
        stream,
        ReadMode.CHANGES,
        start=begin_of_changes(floor, window),
        end=later(floor, signpost),
        page_rows=page_rows,
    )


def _examples(there: tuple[str, ...], keys: pa.Array | None) -> tuple[str, ...]:
    more = keys.slice(0, 2 * MAX_EXAMPLES).to_pylist() if keys is not None else []
    short = [key for key in more if len(key) <= MAX_EXAMPLE_CHARACTERS]
    return (*there, *short)[:MAX_EXAMPLES]


def log_differences(log: structlog.stdlib.BoundLogger, report: RunReport) -> None:
    """Numbers alone: keys of a customer's records are told to those who may see the records."""
    found = report.differences
    if found is None:
        return
    numbers = {name: number for name, number in asdict(found).items() if name != "examples"}
    if found.total:
        log.warning("differences_found", run=report.run, **numbers)
    else:
        log.info("no_differences", run=report.run, **numbers)
