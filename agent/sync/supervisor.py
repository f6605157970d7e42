"""One connection's streams: run when wanted, one at a time unless the connection allows more, retried when that can help, paused when it cannot.

- a transient error is retried with growing pauses, for ever;
- refused credentials end everything that was wanted of the connection, and nothing but a person at this host tries them
  again, so that no account is locked; any other error that needs a person is looked at again at the next tick, so that
  it resumes by itself once mended; both are told once;
- a run asked for while one is under way follows it; several such wishes are one;
- the source is spared: no more streams at once than the connection allows, nothing of a schedule in quiet hours, and
  nothing but what a person at this host asks for while the source wants a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import structlog

from agent.clock import Clock
from agent.errors import (
    CredentialsRefused,
    GroundwireError,
    NeedsPersonError,
    Paused,
    QuietHours,
    Throttled,
    UnexpectedError,
)
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger
from agent.sync.cursor import Reconciled
from agent.sync.news import TroubleNews
from agent.sync.quiet import Rest, Source, Spared
from agent.sync.runner import Runner, RunResult, Stream
from agent.sync.window import Since
from agent.sync.wishes import Wish, asked_for
from agent.telemetry.context import of_run

log = structlog.get_logger(__name__)

RETRY_FIRST_SECONDS: Final = 5.0
RETRY_MOST_SECONDS: Final = 300.0
RETRY_GROWTH: Final = 2.0
HOLD_MOST_SECONDS: Final = 3_600.0  # a source that asks for a longer pause is tried again after this
QUIET_LOOK_SECONDS: Final = 60.0  # between two looks at the wall clock, which may be set meanwhile


class StreamState(StrEnum):
    IDLE = "idle"
    RUNNING = "running"
    RETRYING = "retrying"  # a transient error; tried again by itself
    NEEDS_PERSON = "needs_person"
    NEEDS_REAUTHORISATION = (
        "needs_reauthorisation"  # credentials refused: nothing is tried until they are changed
    )


@dataclass(frozen=True, slots=True)
class StreamView:
    """What an operator sees of a stream."""

    state: StreamState = StreamState.IDLE
    report: RunReport | None = None  # of the run under way or the last one
    error: GroundwireError | None = None
    failures: int = 0  # in a row
    remap: bool = False  # the relay may hold records of an older form
    reconciled: Reconciled | None = None  # the last time that the whole set was compared


class MakeRunner(Protocol):
    def __call__(self, stream: Stream, source: Source, progress: Callable[[RunReport], None]) -> Runner: ...


@dataclass(slots=True)
class Supervisor:
    """Runs the streams of one connection. `run` is its life; everything else may be called meanwhile."""

    connection: str
    streams: Mapping[str, Stream]  # by stream name
    source: Source
    make_runner: MakeRunner
    new_run: Callable[[], str]
    clock: Clock
    gate: asyncio.Semaphore  # shared by all connections: how many runs at a time
    faults: Mapping[str, GroundwireError] = field(
        default_factory=dict
    )  # streams that cannot run as configured
    views: dict[str, StreamView] = field(default_factory=dict)
    _wishes: dict[str, Wish] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    on_change: Callable[[], None] = lambda: None
    on_progress: Callable[[RunReport], None] = lambda _: None
    on_refused: Callable[[CredentialsRefused], None] = lambda _: None
    on_restored: Callable[[], None] = lambda: None
    refused: CredentialsRefused | None = None  # since when nothing but a person tries the source
    doubted: bool = False  # others were refused before these were put in force
    paused: bool = False  # somebody wants nothing to run
    held_back: bool = (
        False  # the relay takes nothing of it: what the schedule read would only fill the outbox
    )
    further: Sequence[
        Source
    ] = ()  # for streams that may be read beside the first: each is a session of its own
    _under_way: dict[str, tuple[Wish, asyncio.Task[RunResult]]] = field(default_factory=dict)
    _free: list[Source] = field(default_factory=list)
    _news_of_trouble: TroubleNews = field(init=False)
    _held_until: float = 0.0  # on the monotonic clock: the source wants a pause

    def __post_init__(self) -> None:
        self._news_of_trouble = TroubleNews(self.connection, self.clock)
        self._free = [self.source, *self.further]
        self.views = {name: StreamView() for name in self.streams}
        if self.refused is not None:
            self._show_refused(self.refused)
            error = self.refused
            log.warning(
                "credentials_still_refused", connection=self.connection, error=str(error), hint=error.hint
            )
        for name, fault in self.faults.items():
            self.views[name] = StreamView(state=StreamState.NEEDS_PERSON, error=fault)

    def look(self, stream: str) -> None:
        """A tick of the schedule: run the stream unless only a person can help."""
        if stream in self.faults or self.refused is not None or self.paused or self.held_back:
            return
        self._want(stream, Wish(RunTrigger.SCHEDULE))

    def look_to_reconcile(self, stream: str) -> None:
        """The hours begin in which the whole set may be compared: do so, if it is time again."""
        if stream in self.faults or self.refused is not None or self.paused or self.held_back:
            return
        last = self.views[stream].reconciled
        if self.streams[stream].reconcile.due(last.at if last else None, self.clock.utcnow()):
            self._want(stream, Wish(RunTrigger.SCHEDULE, reconcile=True))

    def ask(
        self,
        stream: str,
        trigger: RunTrigger,
        *,
        full: bool = False,
        since: Since | None = None,
        accept_deletions: bool = False,
        reconcile: bool = False,
    ) -> asyncio.Future[RunResult]:
        """Somebody wants the stream synced now, or reconciled too; the future ends with that run.

        A run that only a command wanted ends when the command is cancelled, and with it the future. Raises the
        stream's fault when it cannot run as it is configured, Paused, and CredentialsRefused to the relay when the
        source has refused them: only a person at this host may try again.
        """
        self._require(stream, trigger)
        answer = self._promise(stream)
        wish = replace(asked_for(trigger, answer), full=full, since=since, accept_deletions=accept_deletions)
        self._want(stream, replace(wish, reconcile=reconcile, reconcile_now=reconcile))
        return answer

    def fetch(self, stream: str, trigger: RunTrigger, keys: tuple[str, ...]) -> asyncio.Future[RunResult]:
        """Somebody wants these records read again, with the mapping in force now. Raises as `ask` does."""
        self._require(stream, trigger)
        answer = self._promise(stream)
        self._want(stream, replace(asked_for(trigger, answer), keys=keys, walk=False))
        return answer

    def require(self, stream: str) -> None:
        """Raise what keeps the stream from running as it is configured, if anything does."""
        if stream in self.faults:
            raise self.faults[stream]

    def require_running(self) -> None:
        """Raise Paused while somebody wants nothing to run."""
        if self.paused:
            raise Paused(where=self.connection)

    def pause(self) -> None:
        """End the run under way behind its last durable page, and let nothing run until `resume`."""
        self.paused = True
        self._end_wishes(Paused(where=self.connection))
        for _, run in self._under_way.values():
            run.cancel()
        self.on_change()

    def resume(self) -> None:
        self.paused = False
        for name in self.streams:
            self.look(name)
            self.look_to_reconcile(name)  # its hours may have begun meanwhile
        self.on_change()

    def require_credentials(self) -> None:
        """Raise CredentialsRefused while the source refuses the credentials that are in force."""
        if self.refused is not None:
            raise self.refused

    def refuse(self, error: CredentialsRefused) -> None:
        """The source refused the credentials that all streams share: end whatever waits for a run."""
        first = self.refused is None
        self.refused, self.doubted = error, False
        self._end_wishes(error)
        self._show_refused(error)
        if first:
            log.warning("credentials_refused", connection=self.connection, error=str(error), hint=error.hint)
            self.on_refused(error)

    def restore(self) -> None:
        """The credentials work again: look at every stream that waited for them."""
        if self.refused is None and not self.doubted:
            return
        self.refused, self.doubted = None, False
        log.info("credentials_restored", connection=self.connection)
        self.on_restored()
        for name, view in self.views.items():
            if view.state is StreamState.NEEDS_REAUTHORISATION:
                self._show(name, state=StreamState.IDLE, error=None, failures=0)
                self._want(name, Wish(RunTrigger.SCHEDULE))
                self.look_to_reconcile(name)

    @property
    def held_seconds(self) -> float:
        """For how long the source still wants to be left alone."""
        return max(0.0, self._held_until - self.clock.monotonic())

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._news.clear()
                    stream = self._due() if self._free else None
                    if stream is None:
                        await self._wait()
                    else:
                        group.create_task(self._begin(stream), name=f"serve {stream}")
        finally:
            for wish, run in self._under_way.values():  # begun so lately that nothing serves it yet
                run.cancel()
                _cancel(wish)
            for wish in self._wishes.values():
                _cancel(wish)

    def _require(self, stream: str, trigger: RunTrigger) -> None:
        self.require(stream)
        self.require_running()
        if trigger is RunTrigger.COMMAND:
            self.require_credentials()

    def _promise(self, stream: str) -> asyncio.Future[RunResult]:
        answer: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: self._look_for_abandoned(stream) if done.cancelled() else None)
        return answer

    def _look_for_abandoned(self, stream: str) -> None:
        """Nobody waits any more for what only they wanted."""
        wish = self._wishes.get(stream)
        if wish is not None and wish.abandoned:
            del self._wishes[stream]
        under_way = self._under_way.get(stream)
        if under_way is not None and under_way[0].abandoned:
            under_way[1].cancel()

    def _end_wishes(self, error: GroundwireError) -> None:
        """Whoever waits for a run is told why there will be none."""
        for name in list(self._wishes):
            wish = self._wishes.pop(name)
            _answer(wish, RunResult(_unreported(self.streams[name], wish, self.clock.utcnow()), error))

    def _show_refused(self, error: CredentialsRefused) -> None:
        """A run that is under way goes on: it signed in before, and says itself how it ended."""
        for name in self.streams:
            if self.views[name].state is not StreamState.RUNNING:
                self._show(name, state=StreamState.NEEDS_REAUTHORISATION, error=error)

    def _want(self, stream: str, wish: Wish) -> None:
        if self.paused:
            return  # a retry, or a look for what waited; `resume` looks at everything
        before = self._wishes.get(stream)
        self._wishes[stream] = before.joined(wish) if before else wish
        self._news.set()

    def _due(self) -> str | None:
        now = self.clock.monotonic()
        for name, wish in self._startable():
            if wish.not_before > now or (self._held_until > now and not wish.by_hand):
                continue
            if not wish.asked and self._rest_of(name, wish).until(self.clock.utcnow()) is not None:
                # Once its hours are over nothing is reconciled; the sync that would have come before is still due.
                self._wishes[name] = replace(wish, reconcile=False, not_before=now + QUIET_LOOK_SECONDS)
                continue
            return name
        return None

    def _rest_of(self, stream: str, wish: Wish) -> Rest:
        """When the source of a scheduled run is left alone: hours for reconciling may lie in the quiet hours."""
        there = self.streams[stream]
        return there.reconcile.hours if wish.reconcile else there.rest

    def _startable(self) -> list[tuple[str, Wish]]:
        return [(name, wish) for name, wish in self._wishes.items() if name not in self._under_way]

    async def _wait(self) -> None:
        """Until a new wish, a free place, or until the next retry is due."""
        news = asyncio.ensure_future(self._news.wait())
        pause = self._pause() if self._free else None
        pauses = [asyncio.ensure_future(self.clock.sleep(pause))] if pause is not None else []
        try:
            await asyncio.wait({news, *pauses}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, *pauses):
                task.cancel()

    def _pause(self) -> float | None:
        starts = [
            wish.not_before if wish.by_hand else max(wish.not_before, self._held_until)
            for _, wish in self._startable()
        ]
        return max(0.0, min(starts) - self.clock.monotonic()) if starts else None

    def _begin(self, stream: str) -> Coroutine[Any, Any, None]:
        """Start the run that is wanted of a stream; what comes back sees it to its end."""
        source, wish, before = self._free.pop(0), self._wishes.pop(stream), self.views[stream]
        run = asyncio.create_task(self._run_in_turn(stream, wish, source), name=f"run {stream}")
        self._under_way[stream] = (wish, run)
        return self._serve(stream, wish, run, source, before)

    async def _serve(
        self,
        stream: str,
        wish: Wish,
        run: asyncio.Task[RunResult],
        source: Source,
        before: StreamView,
    ) -> None:
        try:
            await asyncio.wait({run})
        except asyncio.CancelledError:
            run.cancel()
            await asyncio.wait({run})
            _cancel(wish)
            raise
        finally:
            del self._under_way[stream]
            self._free.append(source)
            self._news.set()
        if run.cancelled():  # the connection was paused, or nobody waits any more
            self._show(stream, state=before.state)
            result = RunResult(
                _unreported(self.streams[stream], wish, self.clock.utcnow()), Paused(where=self.connection)
            )
        else:
            result = _result_of(run, wish)
        _answer(wish, result)

    async def _run_in_turn(self, stream: str, wish: Wish, source: Source) -> RunResult:
        async with self.gate:
            return await self._run_once(stream, wish, source)

    async def _run_once(self, stream: str, wish: Wish, source: Source) -> RunResult:
        def progress(report: RunReport) -> None:
            self.views[stream] = replace(self.views[stream], report=report)
            self.on_progress(report)

        refused_before = self.refused is not None
        there = self.streams[stream]
        rest = self._rest_of(stream, wish)
        spared = source if wish.asked else Spared(source, rest, self.clock, there.address)
        compared = source if wish.reconcile_now else Spared(source, rest, self.clock, there.address)
        # What a schedule wanted may have been joined by somebody who asks, and wait until its hours were over.
        reconcile = wish.reconcile_now or (wish.reconcile and rest.until(self.clock.utcnow()) is None)
        runner = self.make_runner(there, spared, progress)
        again = self.views[stream].error is not None
        self._show(stream, state=StreamState.RUNNING)
        run = self.new_run()
        try:
            with of_run(run, there.address):
                result = await runner.run(
                    run,
                    wish.trigger,
                    full=wish.full,
                    since=wish.since,
                    accept_deletions=wish.accept_deletions,
                    keys=wish.keys,
                    walk=wish.walk,
                    reconcile=compared if reconcile else None,
                    again=again,
                )
        except GroundwireError as error:
            # The outbox itself failed, so not even a report could be kept.
            result = RunResult(_unreported(self.streams[stream], wish, self.clock.utcnow()), error)
        except Exception as error:  # the other streams must go on
            log.exception("run_broke", stream=self.streams[stream].address)
            fault = UnexpectedError(
                f"the run ended with {type(error).__name__}", where=self.streams[stream].address
            )
            result = RunResult(_unreported(self.streams[stream], wish, self.clock.utcnow()), fault)
        self._settle(stream, wish, result, refused_before=refused_before)
        return result

    def _settle(self, stream: str, wish: Wish, result: RunResult, *, refused_before: bool) -> None:
        """Decide from how a run ended what happens to its stream next."""
        error, before = result.error, self.views[stream]
        if result.remap is not None:
            self.views[stream] = replace(before, remap=result.remap)
        if result.reconciled is not None:
            self.views[stream] = replace(self.views[stream], reconciled=result.reconciled)
        if error is None:
            self._settle_well(stream, refused_before=refused_before)
            return
        if isinstance(error, CredentialsRefused):
            self._show(stream, state=StreamState.NEEDS_REAUTHORISATION, failures=before.failures + 1)
            self.refuse(error)
            return
        if isinstance(error, QuietHours):
            log.info("run_interrupted", stream=self.streams[stream].address, why=error.message)
            self._show(stream, state=StreamState.IDLE, error=None, failures=0)
            self._want(stream, Wish(RunTrigger.SCHEDULE))
            return
        self._news_of_trouble.failed(self.streams[stream].address, error)
        failures = before.failures + 1
        if self.refused is not None:  # no retry: that would be a try of what was refused
            self._show(stream, state=StreamState.NEEDS_REAUTHORISATION, error=self.refused, failures=failures)
        elif isinstance(error, NeedsPersonError):
            self._show(stream, state=StreamState.NEEDS_PERSON, error=error, failures=failures)
        else:
            self._show(stream, state=StreamState.RETRYING, error=error, failures=failures)
            pause = retry_pause(failures, error)
            if isinstance(error, Throttled):  # it said so of itself, not of one stream
                self._held_until = max(self._held_until, self.clock.monotonic() + pause)
            again = Wish(RunTrigger.SCHEDULE, not_before=self.clock.monotonic() + pause)
            self._want(stream, replace(again, reconcile=wish.reconcile and not wish.reconcile_now))

    def _settle_well(self, stream: str, *, refused_before: bool) -> None:
        self._news_of_trouble.well(self.streams[stream].address)
        self._show(stream, state=StreamState.IDLE, error=None, failures=0)
        if refused_before or self.doubted:
            self.restore()
        elif self.refused is not None:  # this run had signed in before they were refused: that proves nothing
            self._show(stream, state=StreamState.NEEDS_REAUTHORISATION, error=self.refused)

    def _show(self, stream: str, **change: Any) -> None:
        self.views[stream] = replace(self.views[stream], **change)
        self.on_change()


def retry_pause(failures: int, error: GroundwireError) -> float:
    """Seconds before the next try after so many failures in a row. Pure."""
    pause = min(RETRY_MOST_SECONDS, RETRY_FIRST_SECONDS * RETRY_GROWTH ** min(failures - 1, 16))
    return max(pause, min(error.retry_after, HOLD_MOST_SECONDS)) if isinstance(error, Throttled) else pause


def _result_of(run: asyncio.Task[RunResult], wish: Wish) -> RunResult:
    error = run.exception()
    if error is not None:
        _cancel(wish)
        raise error
    return run.result()


def _answer(wish: Wish, result: RunResult) -> None:
    for answer in wish.waiting:
        if not answer.done():
            answer.set_result(result)


def _cancel(wish: Wish) -> None:
    for answer in wish.waiting:
        answer.cancel()


def _unreported(stream: Stream, wish: Wish, now: datetime) -> RunReport:
    return RunReport(
        run="",
        stream=stream.address,
        connection=stream.facts.connection,
        entity=stream.facts.entity,
        trigger=wish.trigger,
        mode=RunMode.INCREMENTAL,
        status=RunStatus.FAILED,
        started_at=now,
        finished_at=now,
    )
