"""One run of one stream: the whole way of a record from the source into the outbox. Read this first.

    signpost -> pass -> page by page: read -> unchanged left out -> mapped -> enqueued with the checkpoint -> deletions

Each page becomes one transaction of the outbox: its batches, its dead letters, its fingerprints and the checkpoint
behind it. A page that fails appends nothing, so the checkpoint never stands before its records. What the run counts is
told to the relay by a run report, which travels through the outbox behind the records it speaks of.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pyarrow as pa
import structlog

from agent.clock import Clock
from agent.errors import DeletionsHeld, GroundwireError, QuietHours, TransientError, UnexpectedError
from agent.mapping.compile import CompiledMapping
from agent.model.payload import encode_tombstones
from agent.model.run import RunCounts, RunError, RunReport, RunStatus, RunTrigger
from agent.outbox.store import BatchDraft, BatchKind, DeadLetter, Entry, Outbox, Segment
from agent.policy.leave import LeaveFilter
from agent.sync.cursor import Checkpoint, Pass, Reconciled, read_checkpoint
from agent.sync.interrupted import close_interrupted_runs
from agent.sync.known import Hashes, Known
from agent.sync.page import Recalled, StreamFacts, prepare_page
from agent.sync.pages import every_page
from agent.sync.quiet import Rest, Source
from agent.sync.reconcile import (
    MAX_LOOKED_UP,
    MAX_MISSED,
    TOMBSTONES_PER_BATCH,
    Comparison,
    DeletionSettings,
    SeenKeys,
    check_share,
    compare_with_source,
)
from agent.sync.reconciliation import MAX_EXAMPLES, Found, ReconcileSettings, Reconciliation, log_differences
from agent.sync.reports import mode_of, record_of, told_to_relay
from agent.sync.window import Since, WindowSettings, comparison_due, next_pass
from agent.sync.withheld import Withheld
from drivers.contract import ReadMode, ReadRequest, StreamSpec

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as configured, with its mapping compiled."""

    facts: StreamFacts
    spec: StreamSpec
    mapping: CompiledMapping
    window: WindowSettings
    deletions: DeletionSettings
    page_rows: int
    leave: LeaveFilter
    withheld: Withheld = field(default_factory=Withheld, compare=False)
    rest: Rest = field(default_factory=Rest)  # when its source is left alone
    reconcile: ReconcileSettings = field(default_factory=ReconcileSettings)
    form: str = ""  # stands for what mapping and policy make of a record, see `mapping.form`; empty: not kept track of

    @property
    def address(self) -> str:
        return self.facts.address

    @property
    def reading(self) -> str:
        """Equal for equal queries and keys: a cursor is a place in these alone."""
        return hashlib.sha256(
            json.dumps(self.spec.options, sort_keys=True, default=str).encode()
        ).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RunResult:
    report: RunReport
    error: GroundwireError | None = None
    reconciled: Reconciled | None = None  # the last time that the whole set was compared
    remap: bool | None = None  # whether the relay may hold records of an older form; None: not known


Progress = Callable[[RunReport], None]


class Runner:
    """Runs one stream once. Made anew for every run; keeps nothing between runs."""

    def __init__(
        self,
        stream: Stream,
        source: Source,
        outbox: Outbox,
        clock: Clock,
        progress: Progress,
        *,
        look: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`look` is called once the source has answered, for what may be asked of it beside the run; never raises."""
        self._stream = stream
        self._source = source
        self._outbox = outbox
        self._clock = clock
        self._progress = progress
        self._look = look
        self._again = False
        self._counts = RunCounts()
        self._found = Found()
        self._checkpoint = Checkpoint()  # the last that is known to be durable behind a whole pass
        self._log = log.bind(stream=stream.address)

    async def run(
        self,
        run: str,
        trigger: RunTrigger,
        *,
        full: bool = False,
        since: Since | None = None,
        accept_deletions: bool = False,
        keys: Sequence[str] = (),
        walk: bool = True,
        reconcile: Source | None = None,
        again: bool = False,
    ) -> RunResult:
        """Sync the stream once and return how it ended; a GroundwireError ends the run, not the caller.

        `full` sends every record again, `since` those that changed at or after it.
        `keys` are read again first, whatever is known of them; without `walk` that is all.
        `reconcile` is what the whole set is read from behind the sync, to be compared; None: it is not.
        `again`: the run before failed, so that another failure is no news for the log.
        """
        self._again = again
        await close_interrupted_runs(self._outbox, self._clock, stream=self._stream.address)
        before = read_checkpoint(await self._outbox.checkpoint(self._stream.address))
        self._checkpoint = checkpoint = before.in_form(self._stream.form) if self._stream.form else before
        # Under another rule than the relay's records left under, every one of them is sent again as it may leave now.
        full = full or (walk and checkpoint.needs_resend(self._stream.leave.fingerprint))
        report = RunReport(
            run=run,
            stream=self._stream.address,
            connection=self._stream.facts.connection,
            entity=self._stream.facts.entity,
            trigger=trigger,
            mode=mode_of(checkpoint, full=full or since is not None),
            status=RunStatus.RUNNING,
            started_at=self._clock.utcnow(),
        )
        await self._tell(report)
        say = self._log.debug if again else self._log.info
        say("run_started", run=run, mode=report.mode.value, trigger=trigger.value)
        try:
            if checkpoint != before:
                # Before the first record of the new form: whatever stops this run, forms are mixed from here on.
                await self._outbox.append(self._entry(report, checkpoint=checkpoint))
            if keys:
                await self._fetch(report, keys, await self._known(), resend=True)
            if walk:
                await self._sync(
                    report,
                    checkpoint,
                    full=full,
                    since=since,
                    accept_deletions=accept_deletions,
                    reconcile=reconcile,
                )
        except asyncio.CancelledError:
            # Only the report of the stop is still to be written; where that fails the next process closes the run.
            with contextlib.suppress(GroundwireError):
                await asyncio.shield(self._finish(report, RunStatus.CANCELLED))
            raise
        except QuietHours as error:
            # What is left is still to be read: a run that was cut short, and no failure.
            return self._result(await self._finish(report, RunStatus.CANCELLED), error)
        except GroundwireError as error:
            return self._result(await self._finish(report, RunStatus.FAILED, error), error)
        except Exception:
            # A fault of ours: the supervisor says so, but the run must not be shown as running for ever.
            with contextlib.suppress(GroundwireError):
                await self._finish(report, RunStatus.FAILED, UnexpectedError(where=report.stream))
            raise
        return self._result(await self._finish(report, RunStatus.SUCCEEDED))

    def _result(self, report: RunReport, error: GroundwireError | None = None) -> RunResult:
        form = self._stream.form
        there = self._checkpoint
        return RunResult(report, error, there.reconciled, there.needs_remap(form) if form else None)

    async def _sync(
        self,
        report: RunReport,
        checkpoint: Checkpoint,
        *,
        full: bool,
        since: Since | None,
        accept_deletions: bool,
        reconcile: Source | None,
    ) -> None:
        signpost = await self._source.signpost(self._stream.spec)
        if self._look is not None:
            await self._look()
        step = next_pass(
            checkpoint,
            signpost,
            self._stream.window,
            full=full,
            since=since,
            reading=self._stream.reading,
        )
        if step is not checkpoint.under_way:
            step = replace(step, form=self._stream.form)
        checkpoint = checkpoint.under_rule(self._stream.leave.fingerprint)
        known = await self._known()
        seen = SeenKeys()

        checkpoint = self._checkpoint = await self._walk(report, checkpoint, step, known, seen)

        if checkpoint.overtaken:
            checkpoint = self._checkpoint = await self._catch_up(
                report, checkpoint, known, seen, accept=accept_deletions
            )
        met = seen.all() if step.mode is ReadMode.SCAN and not step.resumed else None
        if reconcile is not None:
            await self._reconcile(report, checkpoint, reconcile, known, met, accept=accept_deletions)
        elif self._comparison_due(checkpoint):
            comparison = (
                Comparison(known.missing_from(met)) if met is not None else await self._compare(known)
            )
            if checkpoint.covers_everything and comparison.missed:
                missed = comparison.missed
                await self._reconciliation(report, known).fetch_missed(self._source, checkpoint, missed)
            gone = await self._still_gone(report, comparison.gone, known)
            await self._bury(report, gone, known, accept=accept_deletions)
            await self._outbox.append(
                self._entry(report, checkpoint=checkpoint.compared(self._clock.utcnow()))
            )
        await self._outbox.compact_fingerprints(self._stream.address)

    async def _walk(
        self, report: RunReport, checkpoint: Checkpoint, step: Pass, known: Known, seen: SeenKeys
    ) -> Checkpoint:
        """Take the pass page by page to its end; return the checkpoint behind it."""
        request = ReadRequest(
            self._stream.spec,
            step.mode,
            step.start,
            step.end,
            after=step.cursor,
            page_rows=self._stream.page_rows,
        )
        async with aclosing(self._source.read(request)) as pages:
            async for page in pages:
                step = step.at(page.cursor)
                checkpoint = checkpoint.completed(step) if page.complete else checkpoint.within(step)
                seen.add(await self._take(report, page.table, known, checkpoint, resend=step.resend))
                if page.complete:
                    return checkpoint
        raise TransientError(
            "the source ended before its last page",
            where=self._stream.address,
            hint="The next run goes on behind the last page that arrived whole.",
        )

    async def _take(
        self, report: RunReport, table: pa.Table, known: Known, checkpoint: Checkpoint | None, *, resend: bool
    ) -> Hashes:
        """Map one page and make it durable, in one transaction with the checkpoint behind it; return its key hashes."""
        await self._outbox.wait_for_room()
        page = await asyncio.to_thread(
            prepare_page,
            table,
            known,
            self._stream.mapping,
            self._stream.facts,
            report.run,
            self._clock.utcnow(),
            leave=self._stream.leave,
            resend=resend,
        )
        self._stream.withheld.add(page.withheld)
        if page.recalled is not None:
            await self._recall(report, page.recalled, known)
        # The checkpoint moves only together with the records it covers.
        await self._outbox.append(
            self._entry(
                report,
                checkpoint=checkpoint,
                batches=page.batches,
                dead_letters=page.dead_letters,
                segment=page.segment,
            )
        )
        self._found.add(page, known)
        known.learn(page.changed_key_hashes, page.changed_content_hashes)
        self._count(
            report,
            pages=1,
            read=len(page.key_hashes),
            changed=page.changed,
            unchanged=page.unchanged,
            mapped=page.mapped,
            enqueued=page.mapped,
            dead_letters=len(page.dead_letters),
        )
        return page.key_hashes

    async def _recall(self, report: RunReport, recalled: Recalled, known: Known) -> None:
        """Before the page and without a checkpoint: cut short behind it, the page is read again and finds them gone."""
        await self._outbox.append(self._entry(report, batches=(recalled.batch,), segment=recalled.segment))
        known.forget(recalled.segment.key_hashes)
        self._count(report, tombstones=recalled.batch.count, enqueued=recalled.batch.count)

    async def _known(self) -> Known:
        fingerprints = await self._outbox.fingerprints(self._stream.address)
        return Known(fingerprints.key_hashes, fingerprints.content_hashes)

    async def _fetch(self, report: RunReport, keys: Sequence[str], known: Known, *, resend: bool) -> Hashes:
        """Read records by key: dead letters tried again, or what is at the source and no pass has brought.

        Return the hashes of the keys that are there.
        """
        seen = SeenKeys()
        request = ReadRequest(
            self._stream.spec, ReadMode.BY_KEYS, page_rows=self._stream.page_rows, keys=keys
        )
        async with aclosing(every_page(self._source, request, where=self._stream.address)) as pages:
            async for page in pages:
                seen.add(await self._take(report, page.table, known, None, resend=resend))
        return seen.all()

    async def _reconcile(
        self,
        report: RunReport,
        checkpoint: Checkpoint,
        source: Source,
        known: Known,
        met: Hashes | None,
        *,
        accept: bool,
    ) -> None:
        """Behind the sync: compare the whole set, and repair what is other. `met`: all of it, if the sync walked it."""
        compared = await self._reconciliation(report, known).compare(source, checkpoint, met)
        gone = await self._still_gone(report, known.missing_from(compared.seen), known)
        if self._stream.deletions.compare_keys:
            await self._bury(report, gone, known, accept=accept)
        else:
            await self._note_gone(gone)
        self._found.noting = False
        held = (await self._known()).count_at_start()
        found = self._found.whole(len(compared.seen) if compared.at_source else None, held)
        self._checkpoint = replace(
            checkpoint.compared(self._clock.utcnow()), reconciled=Reconciled(report.started_at, found)
        )
        await self._outbox.append(self._entry(report, checkpoint=self._checkpoint))

    async def _note_gone(self, gone: Hashes) -> None:
        """Gone, and no tombstone for it."""
        names = await self._outbox.keys_of(self._stream.address, gone[:MAX_EXAMPLES])
        self._found.add_gone(len(gone), pa.array(list(names.values()), pa.string()))

    def _reconciliation(self, report: RunReport, known: Known) -> Reconciliation:
        async def take(table: pa.Table) -> Hashes:
            return await self._take(report, table, known, None, resend=False)

        def met(rows: int) -> None:
            self._count(report, pages=1, read=rows, unchanged=rows)

        return Reconciliation(self._stream, known, self._found, take, met)

    async def _catch_up(
        self, report: RunReport, checkpoint: Checkpoint, known: Known, seen: SeenKeys, *, accept: bool
    ) -> Checkpoint:
        """Behind a pass under a new rule: the records at the relay that it did not meet, such as those before its window.

        They are sent as they leave now; what is not at the source any more is taken back.
        """
        missed = known.missing_from(seen.all())
        met = await self._look_up(report, missed, known, resend=True)
        if not self._comparison_due(checkpoint):  # which finds them too
            await self._bury(report, np.setdiff1d(missed, met), known, accept=accept)
        checkpoint = checkpoint.caught_up()
        await self._outbox.append(self._entry(report, checkpoint=checkpoint))
        return checkpoint

    async def _compare(self, known: Known) -> Comparison:
        stream = self._stream
        return await compare_with_source(
            self._source, stream.spec, known, stream.withheld, where=stream.address
        )

    async def _still_gone(self, report: RunReport, gone: Hashes, known: Known) -> Hashes:
        """What of it is gone indeed: not met by the walk, and not found when it is looked for.

        A walk passes a record by that meanwhile is given a place behind it, such as another number where the source is
        walked by numbers. A few are read by their keys; for many that would cost more than to walk the keys again, and
        what two walks in a row do not meet is gone.
        """
        if len(gone) > MAX_LOOKED_UP:
            return np.intersect1d(gone, (await self._compare(known)).gone)
        return np.setdiff1d(gone, await self._look_up(report, gone, known, resend=False))

    async def _look_up(self, report: RunReport, missed: Hashes, known: Known, *, resend: bool) -> Hashes:
        """Read records by their keys; return the hashes of those that are there."""
        met = SeenKeys()
        for start in range(0, len(missed), MAX_MISSED):
            names = await self._outbox.keys_of(self._stream.address, missed[start : start + MAX_MISSED])
            met.add(await self._fetch(report, list(names.values()), known, resend=resend))
        return met.all()

    async def _bury(self, report: RunReport, gone: Hashes, known: Known, *, accept: bool) -> None:
        """Enqueue tombstones for what is gone at the source."""
        if not accept:
            try:
                where, settings = self._stream.address, self._stream.deletions
                check_share(len(gone), known.count_at_start(), settings, where=where)
            except DeletionsHeld:
                await self._note_gone(gone)
                raise
        for start in range(0, len(gone), TOMBSTONES_PER_BATCH):
            hashes = gone[start : start + TOMBSTONES_PER_BATCH]
            names = await self._outbox.keys_of(self._stream.address, hashes)
            keys = pa.array([names[int(value)] for value in hashes], pa.string())
            now = self._clock.utcnow()
            payload = encode_tombstones(keys, now, self._stream.facts.meta(report.run, now))
            await self._outbox.append(
                self._entry(
                    report,
                    batches=(BatchDraft(BatchKind.TOMBSTONES, len(keys), payload),),
                    segment=Segment(hashes, np.zeros_like(hashes), keys, removed=True),
                )
            )
            known.forget(hashes)
            self._found.add_gone(len(keys), keys)
            self._count(report, tombstones=len(keys), enqueued=len(keys))

    def _comparison_due(self, checkpoint: Checkpoint) -> bool:
        settings = self._stream.deletions
        return settings.compare_keys and comparison_due(checkpoint, self._clock.utcnow(), settings.every)

    def _count(self, report: RunReport, **more: int) -> None:
        counts = {name: getattr(self._counts, name) + number for name, number in more.items()}
        self._counts = replace(self._counts, **counts)
        self._progress(replace(report, counts=self._counts))

    def _entry(
        self,
        report: RunReport,
        *,
        batches: tuple[BatchDraft, ...] = (),
        checkpoint: Checkpoint | None = None,
        dead_letters: tuple[DeadLetter, ...] = (),
        segment: Segment | None = None,
    ) -> Entry:
        return Entry(
            stream=self._stream.address,
            run=report.run,
            entity=report.entity,
            batches=batches,
            checkpoint=checkpoint.to_text() if checkpoint else None,
            dead_letters=dead_letters,
            segment=segment,
            run_record=None,
        )

    async def _finish(
        self, report: RunReport, status: RunStatus, error: GroundwireError | None = None
    ) -> RunReport:
        finished = replace(
            report,
            status=status,
            finished_at=self._clock.utcnow(),
            counts=self._counts,
            error=RunError(error.code, error.message, error.where, error.hint) if error else None,
            differences=self._found.told(),
        )
        log_differences(self._log, finished)
        (self._log.debug if self._again and status is RunStatus.FAILED else self._log.info)(
            "run_finished",
            run=report.run,
            status=status.value,
            error=error.code if error else None,
            **asdict(self._counts),
        )
        await self._tell(finished)
        self._progress(finished)
        return finished

    async def _tell(self, report: RunReport) -> None:
        entry = self._entry(report, batches=(told_to_relay(report),))
        await self._outbox.append(replace(entry, run_record=record_of(report)))
