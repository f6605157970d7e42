"""Brings events to endpoints: at least once, in order per connection where asked, no endpoint waiting for another.

What waits lies in the store; here are only the deliveries that are on their way, whose number is bounded. A
delivery is settled in the store before its place is given to another: a relay that is killed at any moment delivers
again what it had not settled, and nothing is forgotten.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.bus.base import Bus, Hint, Hints
from relay.bus.memory import Mailbox
from relay.bus.subjects import EVENTS
from relay.observing import Observer
from relay.webhooks.attempts import request_of, result_of
from relay.webhooks.base import Due, Endpoint, Result, SealedSecret
from relay.webhooks.courier import Courier, Outcome
from relay.webhooks.keyring import Keyring
from relay.webhooks.pacing import SLOW_SECONDS, Pace, Places, Turns
from relay.webhooks.plan import Verdict, verdict_of
from relay.webhooks.store import WebhookStore

log = structlog.get_logger()

FANNED_AT_ONCE: Final = 200  # events of one transaction
POLL_SECONDS: Final = 1.0  # between looks for events and changed endpoints, should no hint come
LONGEST_LOOK_SECONDS: Final = 120.0  # between looks at one endpoint: clocks jump
STORE_RETRY_SECONDS: Final = 1.0
_WAKE: Final = Hint(EVENTS)
FAULT_OF_OURS: Final = "not sent: a fault in the relay itself, which its log tells of"
SECRET_UNREADABLE: Final = (
    "not sent: the relay cannot open the endpoint's secret, its key file has changed. Rotate the secret."  # noqa: S105 - a sentence
)


@dataclass(slots=True)
class _Flight:
    """A delivery on its way."""

    begun: float  # monotonic
    suspect: bool  # by the place that it has


@dataclass(slots=True, eq=False)
class _Course:
    """One endpoint, as far as this process serves it."""

    endpoint: Endpoint
    secrets: list[SealedSecret]
    pace: Pace = field(default_factory=Pace)
    on_their_way: dict[int, _Flight] = field(default_factory=dict)  # by the positions of the deliveries
    look_at: float = 0.0  # monotonic

    def __post_init__(self) -> None:
        if self.endpoint.failing_since is not None:
            self.pace.width = 1


class Dispatcher:
    def __init__(
        self,
        store: WebhookStore,
        courier: Courier,
        keyring: Keyring,
        *,
        indexed: Callable[[], Awaitable[int]],
        bus: Bus,
        clock: Clock,
        chance: Callable[[], float],
        observer: Observer | None = None,
    ) -> None:
        """`indexed`: the last batch that lists show. `chance`: 0 to 1, for the jitter of retries."""
        self._store = store
        self._courier = courier
        self._keyring = keyring
        self._indexed = indexed
        self._bus = bus
        self._clock = clock
        self._chance = chance
        self._observer = observer or Observer()
        self._places = Places()
        self._turns = Turns()
        self._courses: dict[str, _Course] = {}
        self._flown: set[_Course] = set()  # that have something on its way
        self._results: list[tuple[_Course, Result]] = []
        self._came = asyncio.Event()  # a result
        self._wakes = Mailbox(clock, room=1)
        self._news = True  # events or endpoints may have changed
        self._healthy = True

    async def run(self) -> None:
        """Until cancelled. Begins anew with what the store says."""
        self._courses.clear()
        self._results.clear()
        self._places = Places()
        self._flown.clear()
        self._news = True
        with self._bus.subscribe(EVENTS) as hints:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(hints), name="webhook-hints")
                group.create_task(self._settle_for_ever(), name="webhook-results")
                while True:
                    await self._round(group)

    async def _round(self, group: asyncio.TaskGroup) -> None:
        try:
            if self._news:
                await self._look_for_news()
            await self._begin_due(group)
        except GroundwireError as error:
            self._note(error)
            self._news = True
            await self._clock.sleep(STORE_RETRY_SECONDS)
            return
        self._note(None)
        if not self._news:
            await self._rest()

    async def _look_for_news(self) -> None:
        self._news = False
        await self._refresh()
        if not await self._store.events_waiting():
            return
        fanned = await self._store.fan_out(await self._indexed(), self._clock.utcnow(), FANNED_AT_ONCE)
        for endpoint in fanned.endpoints & self._courses.keys():
            self._courses[endpoint].look_at = 0.0
        # Those that are held back come a moment later, by the next poll.
        self._news = fanned.events == FANNED_AT_ONCE

    async def _refresh(self) -> None:
        known = {endpoint.id: (endpoint, secrets) for endpoint, secrets in await self._store.enabled()}
        for gone in self._courses.keys() - known.keys():
            del self._courses[gone]
            self._turns.forget(gone)
        for endpoint_id, (endpoint, secrets) in known.items():
            course = self._courses.get(endpoint_id)
            if course is None:
                self._courses[endpoint_id] = _Course(endpoint, secrets)
            else:
                course.endpoint, course.secrets = endpoint, secrets

    def _demote_slow(self, now: float) -> None:
        for course in self._flown:
            for flight in course.on_their_way.values():
                if not flight.suspect and now - flight.begun >= SLOW_SECONDS:
                    flight.suspect = self._places.demote(course.pace)

    async def _begin_due(self, group: asyncio.TaskGroup) -> None:
        now = self._clock.monotonic()
        self._demote_slow(now)
        waiting = [
            course
            for course in self._courses.values()
            if course.look_at <= now and course.pace.on_their_way < course.pace.width
        ]
        waiting.sort(key=lambda course: self._turns.before(course.endpoint.id))
        for course in waiting:
            sharers = sum(other.pace.suspect == course.pace.suspect for other in waiting)
            room = self._places.room(course.pace, sharers=sharers)
            if room > 0:
                await self._look_at(course, room, group)

    async def _look_at(self, course: _Course, room: int, group: asyncio.TaskGroup) -> None:
        now = self._clock.utcnow()
        found = await self._store.look(course.endpoint.id, now, room, frozenset(course.on_their_way))
        for due in found.due:
            suspect = self._places.take(course.pace)
            course.on_their_way[due.delivery.position] = _Flight(self._clock.monotonic(), suspect)
            group.create_task(self._deliver(course, due), name="webhook-delivery")
        if found.due:
            self._flown.add(course)
            self._turns.served(course.endpoint.id)
        wait = LONGEST_LOOK_SECONDS
        if found.next_due is not None:
            wait = min(max((found.next_due - now).total_seconds(), 0.0), wait)
        course.look_at = self._clock.monotonic() + wait

    async def _deliver(self, course: _Course, due: Due) -> None:
        begun = self._clock.utcnow()
        try:
            outcome = await self._attempt(course, due)
        except Exception as error:  # noqa: BLE001 - one delivery must not end those of everybody
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400 - a traceback may show what is in the variables: keys
                "webhook_crashed",
                delivery=due.delivery.id,
                error=type(error).__name__,
                place=f"{place.name} {place.lineno}",
            )
            outcome = Outcome(0.0, failure=FAULT_OF_OURS)
        now = self._clock.utcnow()
        result = result_of(due.delivery, outcome, begun=begun, now=now, chance=self._chance())
        course.pace.answered(well=verdict_of(outcome.status) is Verdict.DELIVERED)
        self._observer.webhook_attempted(result.state.value, outcome.seconds)
        log.debug(
            "webhook_attempted",
            endpoint=course.endpoint.id,
            delivery=due.delivery.id,
            status=outcome.status,
            state=result.state.value,
        )
        self._results.append((course, result))
        self._came.set()

    async def _attempt(self, course: _Course, due: Due) -> Outcome:
        endpoint = course.endpoint
        now = self._clock.utcnow()
        opened = [
            self._keyring.open(endpoint.tenant, endpoint.id, kept)
            for kept in course.secrets
            if kept.lives(now)
        ]
        keys = [key for key in opened if key is not None]
        if not keys:
            return Outcome(0.0, failure=SECRET_UNREADABLE)
        headers, body = request_of(due, keys, now)
        return await self._courier.post(endpoint.id, endpoint.wish.url, headers, body)

    async def _settle_for_ever(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            taken, self._results = self._results, []
            await self._settle([result for _, result in taken])
            for course, result in taken:
                flight = course.on_their_way.pop(result.delivery.position)
                self._places.give_back(course.pace, suspect=flight.suspect)
                course.look_at = 0.0
                if not course.on_their_way:
                    self._flown.discard(course)
            self._wakes.put(_WAKE)

    async def _settle(self, results: list[Result]) -> None:
        """What was tried must not be forgotten: nothing else is begun in its place until it is written down."""
        while True:
            try:
                await self._store.settle(results, self._clock.utcnow())
            except GroundwireError as error:
                self._note(error)
                await self._clock.sleep(STORE_RETRY_SECONDS)
            else:
                if any(result.gone for result in results):
                    self._news = True
                return

    async def _listen(self, hints: Hints) -> None:
        while True:
            await hints.next(within=POLL_SECONDS)
            self._news = True
            self._wakes.put(_WAKE)

    async def _rest(self) -> None:
        """Until something may be due."""
        now = self._clock.monotonic()
        looks = [
            course.look_at
            for course in self._courses.values()
            if self._places.room(course.pace, sharers=1) > 0
        ]
        wait = min([look - now for look in looks], default=LONGEST_LOOK_SECONDS)
        if wait <= 0:
            return
        await self._wakes.next(within=wait)

    def _note(self, error: GroundwireError | None) -> None:
        healthy = error is None
        if healthy != self._healthy:
            if error is None:
                log.info("webhooks_recovered")
            else:
                log.error("webhooks_failed", code=error.code, error=str(error), hint=error.hint)
        self._healthy = healthy
